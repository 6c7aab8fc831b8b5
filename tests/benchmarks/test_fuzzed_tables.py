"""Two thousand tables with faults, from file bytes to graphs and labels: right, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.table_fuzz import fuzzed_table

import benchmarks
from data.errors import AcerankError

BLOCK, BLOCKS = 250, 8


def read_all(path: Path) -> None:
    """Read everything that an evaluation would; raise AcerankError or nothing."""
    bench = benchmarks.load(str(path))
    n = len(bench)
    assert n == len(bench.graphs.validate()) == len(bench.classes) == len(bench.row_names)
    for dataset in bench.datasets:
        for name in bench.labels(dataset):
            target = bench.target(dataset, name)
            assert target.shape == (n,)
            assert not np.isinf(target).any()
            seeds = bench.seeds(dataset, name)
            assert seeds is None or seeds.shape[0] == n
    assert all(np.shape(bench.weak(name)) == (n,) for name in bench.weak_names)
    assert not any("\n" in line for line in bench.notices)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_table_ends_in_a_traceback(block: int, tmp_path: Path) -> None:
    right, refused = 0, 0
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        suffix, content = fuzzed_table(seed)
        path = tmp_path / f"table{suffix}"
        path.write_bytes(content)
        try:
            read_all(path)
            right += 1
        except AcerankError as error:
            assert len(str(error).splitlines()) == 1, (seed, str(error))
            refused += 1
    assert right > BLOCK / 4
    assert refused > BLOCK / 4
