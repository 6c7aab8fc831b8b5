"""Search under a budget of labels, guided by a predictor."""
