"""What makes a stored result stale: the arrays and the code that shaped it, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.base import Benchmark
from eval.grid.tasks import build_tasks
from eval.provenance import code_hash


def write(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return folder / "ranker.py"


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        ('"""Another docstring."""\nimport helper\n\nX = 1\n', False),
        ("import helper  # a comment\nX   =   1\n", False),
        ("import helper\nX = 2\n", True),
        ("X = 1\n", True),
    ],
)
def test_docstrings_comments_and_formatting_do_not_count(changed: str, stale: bool, tmp_path: Path) -> None:
    file = write(tmp_path, ranker='"""Old."""\nimport helper\nX = 1\n', helper="Y = 1\n")
    before = code_hash([file])
    write(tmp_path, ranker=changed)
    assert (code_hash([file]) != before) is stale


def test_what_a_users_file_imports_counts(tmp_path: Path) -> None:
    file = write(tmp_path, ranker="from helper import Y\nimport data.encode\n", helper="Y = 1\n")
    before = code_hash([file])
    write(tmp_path, helper="Y = 2\n")
    assert code_hash([file]) != before


def test_places_named_in_texts_are_followed_and_type_checking_is_not(tmp_path: Path) -> None:
    plain = code_hash([write(tmp_path, ranker="X = ''\n")])
    named = code_hash([write(tmp_path, ranker="X = 'data.spaces.chains:MACRO'\n")])
    chains = code_hash(["data.spaces.chains"])
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import data.spaces.chains\n"
    only_typed = code_hash([write(tmp_path, ranker=typed)])
    untyped = code_hash([write(tmp_path, ranker=typed.replace("    import data.spaces.chains", "    pass"))])
    assert len({plain, named, chains}) == 3
    assert only_typed != untyped  # the text itself differs
    assert only_typed != named


def test_progress_bars_and_downloads_shape_no_score() -> None:
    """Their files are not in the hash of the evaluator: it is the same with or without them."""
    import eval.provenance as provenance

    seen = set()
    waiting = [provenance._file("eval.evaluator")]
    while waiting:
        file = waiting.pop()
        if file is not None and file not in seen:
            seen.add(file)
            waiting.extend(provenance._uses(file, provenance._stamp(file)))
    names = {str(file.relative_to(provenance.ROOT)) for file in seen}
    assert {"eval/evaluator.py", "data/split.py", "predictors/base.py", "data/canonical.py"} <= names
    for name in ("data/progress.py", "data/download.py", "data/cli.py", "benchmarks/base.py"):
        assert name not in names


def test_an_edit_of_a_feature_is_an_edit_of_the_graphs(nb201: Benchmark) -> None:
    """The width feature of a space, the spelling of an operation, one edge: each makes another task."""
    (task,) = build_tasks(nb201, train_sizes=[20])
    before = task.content
    graphs = nb201.graphs
    edges = np.array(graphs.adjacency)
    edges[7, 0, 7] ^= 1
    for changed in (
        replace(graphs, adjacency=edges),
        replace(graphs, space=replace(graphs.space, identity=())),
        replace(graphs, stage=np.ones_like(graphs.stage)),
        graphs.with_weak({**graphs.weak, "flops": graphs.weak["flops"] + 1}),
    ):
        other = replace(task)
        other.bench.__dict__["graphs"] = changed
        try:
            assert other.content != before
        finally:
            other.bench.__dict__["graphs"] = graphs
    assert replace(task).content == before
    assert replace(task, seed=1).content != before
