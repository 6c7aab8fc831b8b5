"""What holds for every encoding."""

from __future__ import annotations

import numpy as np
import pytest
from support.small_benchmarks import small

import data.encode


@pytest.mark.parametrize("name", data.encode.__all__)
@pytest.mark.parametrize("key", ["nb201_mini", "nb101", "transnas_macro", "nds_darts", "ofa"])
def test_no_architectures_have_the_columns_of_some(name: str, key: str, real_tables) -> None:
    graphs, encode = small(key).graphs, getattr(data.encode, name)
    if name == "wl_counts":
        some, vocabulary = encode(graphs.take(np.arange(3)))
        none, _ = encode(graphs.take(np.arange(0)), vocabulary=vocabulary)
    else:
        some, none = encode(graphs.take(np.arange(3))), encode(graphs.take(np.arange(0)))
    assert none.shape == (0, some.shape[1])
