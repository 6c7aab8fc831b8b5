"""Choosing what to train next: pure functions on arrays, without benchmarks and predictors."""
