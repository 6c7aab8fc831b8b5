"""A grid of cells: what a request comes to, run on any number of processes."""

PREDICTORS = (
    "ace", "acenas", "gcn", "mlp", "lambdamart", "random_forest", "gaussian_process",
    "weak_label", "weak_sum", "flops", "params", "random_order",
)  # fmt: skip
