"""The one evaluator, and what people read."""
