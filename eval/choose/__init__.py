"""Which architectures to choose, given scores and how sure they are: pure functions of arrays."""
