"""Ablations: what each part of a predictor is worth."""
