"""Architectures as arrays, tables, splits, and the files they come from."""
