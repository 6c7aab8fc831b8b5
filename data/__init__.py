"""What flows: architectures as arrays, tables, splits, and where they come from."""
