"""A grid of cells: what a request comes to, run on any number of processes."""
