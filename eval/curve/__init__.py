"""Few-shot curves: quality against the number of labels."""
