"""Costs of NAS-Bench-201's CIFAR-10 networks, by two definitions of FLOPs.

`flops`, in use for the tables of this project, counts all arithmetic that depends on the input: a
multiply-add of a convolution 1, a batch norm 2 and a ReLU 1 for each value, a pooling its window for each
value. `official_flops`, which the official files and the papers that quote them have, counts the
multiply-adds of convolutions and classifier alone: pooling, batch norm and ReLU are free there. A cell of
three 3×3 convolutions and one pooling has 116.692672 M and 113.951370 M. Architectures that differ in
poolings only are tied by the second, whose order is that of the parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.spaces.edges import NB201

# Three stages of five cells, with 16, 32, 64 channels on 32, 16, 8 pixels square.
_STAGES = ((16, 32 * 32), (32, 16 * 16), (64, 8 * 8))
_CELLS_PER_STAGE = 5
_KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 9}
# Of the stem, two reduction blocks and the classifier.
_FIXED_FLOPS, _FIXED_OFFICIAL, _FIXED_PARAMS = 7_943_872, 7_783_050, 73_306


@dataclass(frozen=True)
class Costs:
    """Costs of n networks on CIFAR-10.

    Attributes:
        flops: (n,) M, all operations.
        official_flops: (n,) M, multiply-adds of convolutions and classifier, as in the official files.
        params: (n,) M.
    """

    flops: np.ndarray
    official_flops: np.ndarray
    params: np.ndarray


def get_costs(codes: np.ndarray) -> Costs:
    """Return the costs of codes (n, 6) of NAS-Bench-201."""
    flops, official, params = (dict.fromkeys(NB201.edge_ops, 0) for _ in range(3))
    for channels, pixels in _STAGES:
        for op, kernel in _KERNELS.items():
            adds = _CELLS_PER_STAGE * pixels * kernel * channels**2
            official[op] += adds
            flops[op] += adds + _CELLS_PER_STAGE * pixels * 3 * channels  # batch norm and ReLU
            params[op] += _CELLS_PER_STAGE * (kernel * channels**2 + 2 * channels)
        flops["avg_pool_3x3"] += _CELLS_PER_STAGE * pixels * 9 * channels
    # In units, not millions: the published numbers come out without rounding errors.
    fixed = (_FIXED_FLOPS, _FIXED_OFFICIAL, _FIXED_PARAMS)
    return Costs(
        *(
            (np.array([cost[op] for op in NB201.edge_ops])[codes].sum(1) + rest) / 1e6
            for cost, rest in zip((flops, official, params), fixed, strict=True)
        )
    )
