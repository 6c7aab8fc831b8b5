"""Weak supervision: which weak labels a predictor is pretrained on, and the cache of pretrained encoders."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import TABLE_SUFFIXES
from benchmarks.base import Benchmark
from benchmarks.weak_labels import get_weak_columns, read_table
from data.download import checksum, locked
from data.errors import InputError
from data.fetch import cache_folder
from eval.provenance import code_hash, versions
from eval.task import Cell, Spec, digest
from predictors import get
from predictors.base import Predictor

DEFAULT, NONE, SUPERNET, ENCODER = "default", "none", "supernet", "encoder"


def resolve(
    specs: Sequence[Spec],
    bench: Benchmark,
    datasets: Sequence[str],
    weak: str | None,
    encoder: str = "",
) -> list[Spec]:
    """Return the predictors with their weak labels written out by name.

    Args:
        specs: Predictors; what those that pretrain have as `weak` may be "default", "none", weak labels
            joined by "+", "supernet" among them, or labels of another data set as "DATASET/TARGET".
        bench: The benchmark.
        datasets: Data sets of the tasks; their own labels are refused.
        weak: What replaces a predictor's own default, e.g. from --weak; None for that default.
        encoder: Path of a saved encoder that replaces it instead; "" for none.

    Raises:
        UnknownNameError: An unknown weak label.
        InputError: A true label where a weak one is asked for, or no predictor that could use them.
    """
    if (weak is not None or encoder) and not any(get(spec.name).pretrains for spec in specs):
        from eval.evaluator import make

        # A floor may be one weak label as it is.
        if encoder or not any(make(spec).lacks(()) for spec in specs):
            raise InputError("--weak and --encoder are for predictors that pretrain, and none of these does")
    if weak is not None and encoder:
        raise InputError("--encoder takes the place of --weak: give one of them")
    resolved = []
    for spec in specs:
        params = dict(spec.params)
        if get(spec.name).pretrains:
            asked = params["weak"]
            if asked == get(spec.name).defaults()["weak"]:
                asked = ENCODER if encoder else asked if weak is None else weak
            names = [] if asked == ENCODER else _names(asked, bench)
            for name in names:
                for dataset in datasets:
                    bench.weak_for(name, dataset)
            params["weak"] = ENCODER if asked == ENCODER else "+".join(names) or NONE
            spec = replace(spec, params=tuple(sorted(params.items())))
        resolved.append(spec)
    return resolved


def _names(weak: str, bench: Benchmark) -> list[str]:
    if weak == NONE:
        return []
    if weak == DEFAULT:
        return [name for name in bench.info.weak if name in bench.weak_names]
    names = []
    for name in weak.split("+"):
        if name == SUPERNET and not bench.info.supernet:
            raise InputError(f"{bench.info.key} has no supernet accuracy; weak labels: {bench.weak_names}")
        names.append(bench.info.supernet if name == SUPERNET else name)
    return list(dict.fromkeys(names))


def prepare(predictor: Predictor, cell: Cell, bench: Benchmark) -> str:
    """Pretrain a predictor on the weak labels of its cell, or load what was pretrained before.

    Returns:
        A hash of the weak labels; "" if the predictor does without.
    """
    weak = _weak_of(predictor, cell)
    if weak == NONE:
        return ""
    if weak == ENCODER:
        predictor.load_encoder(Path(cell.task.encoder))
        own = [name for name in predictor.pretrained_on if name.startswith(f"{cell.task.dataset}/")]
        if own:
            raise InputError(
                f"{cell.task.encoder} was pretrained on {', '.join(own)}: true labels of the task's data set"
            )
        return cell.task.encoder_hash
    labels = _labels(weak, cell, bench)
    weak_hash = hash_of(labels)
    path = cached_encoder(predictor, cell, weak_hash)
    with locked(path.with_suffix(".lock"), lambda: None):
        if path.is_file():
            predictor.load_encoder(path)
        else:
            predictor.pretrain(bench.graphs.with_weak({}), labels, seed=cell.task.seed)
            predictor.save_encoder(path)
    return weak_hash


def _weak_of(predictor: Predictor, cell: Cell) -> str:
    return dict(cell.spec.params).get("weak", NONE) if predictor.pretrains else NONE


def _labels(weak: str, cell: Cell, bench: Benchmark) -> dict[str, np.ndarray]:
    return {name: bench.weak_for(name, cell.task.dataset) for name in weak.split("+")}


def cached_encoder(predictor: Predictor, cell: Cell, weak_hash: str) -> Path:
    """Return where the encoder of a cell is cached, under the hash of everything that determines it."""
    identity = {
        "predictor": predictor.name,
        "params": predictor.pretrain_params(),
        "bench": cell.task.bench,
        "table": cell.task.table_hash,
        "weak": weak_hash,
        "seed": cell.task.seed,
        "code": code_hash([f"predictors.{predictor.name}"]),
        "versions": versions(),
    }
    return cache_folder() / "encoders" / f"{digest(identity, 24)}.safetensors"


def hash_of(labels: dict[str, np.ndarray]) -> str:
    """Return twelve hex digits for the names and values of weak labels."""
    content = hashlib.sha256()
    for name, values in labels.items():
        content.update(f"{name}\0".encode())
        content.update(np.ascontiguousarray(values, np.float64).tobytes())
    return content.hexdigest()[:12]


def file_hash(path: str) -> str:
    """Return twelve hex digits for the content of a file; InputError if there is none."""
    if not Path(path).is_file():
        raise InputError(f"there is no file '{path}'")
    return checksum(Path(path))[:12]


def weak_option(items: Sequence[str] | None, bench: Benchmark) -> tuple[str | None, Path | None, Benchmark]:
    """Return --weak as names joined by "+", the table among them, and the benchmark with its columns.

    Raises:
        InputError: More than one table.
        TableError: The table does not belong to the benchmark.
    """
    if items is None:
        return None, None, bench
    tables = [item for item in items if Path(item).suffix in TABLE_SUFFIXES]
    if len(tables) > 1:
        raise InputError(f"one table of weak labels at a time, not {', '.join(tables)}")
    if tables:
        file_hash(tables[0])
    added: list[str] = []
    if tables:
        table = read_table(Path(tables[0]))
        added = get_weak_columns(bench, table)
        before = bench.notices
        bench = bench.with_weak(table, source=tables[0])
        sys.stderr.writelines(f"{line}\n" for line in bench.notices[len(before) :])
    names = [name for item in items for name in (added if item in tables else [item])]
    return "+".join(names), Path(tables[0]) if tables else None, bench


def encoder_cell(cells: Sequence[Cell]) -> Cell:
    """Return a cell whose encoder is the one that the whole grid pretrains.

    Raises:
        InputError: Not exactly one encoder is pretrained.
    """
    from eval.evaluator import bench_of, make

    found: dict[Path, Cell] = {}
    for cell in cells:
        predictor = make(cell.spec)
        weak = _weak_of(predictor, cell)
        if weak not in (NONE, ENCODER):
            labels = _labels(weak, cell, bench_of(cell.task))
            found.setdefault(cached_encoder(predictor, cell, hash_of(labels)), cell)
    if len(found) != 1:
        raise InputError(f"--save-encoder needs exactly one encoder to be pretrained; here are {len(found)}")
    return next(iter(found.values()))


def save_encoder(cell: Cell, path: Path) -> None:
    """Save the encoder of a cell, from the cache or pretrained now."""
    from eval.evaluator import bench_of, make

    predictor = make(cell.spec)
    prepare(predictor, cell, bench_of(cell.task))
    predictor.save_encoder(path)
