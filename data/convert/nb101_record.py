"""One record of NAS-Bench-101's TFRecord files, read and written: one training of one cell.

It is a JSON list: module hash, epochs, adjacency (row-major, 0 and 1), operations (separated by commas) and
a protobuf in base64, in lines of 76: evaluations at the start, halfway and at the end, trainable parameters,
total seconds. Files written like this have exactly the published sizes of the official ones.
Source: `api.py` and `model_metrics.proto` of github.com/google-research/nasbench.
"""

from __future__ import annotations

import json
import struct
from base64 import encodebytes
from binascii import a2b_base64
from typing import NamedTuple

from data.convert.protobuf import fields, message

Evaluation = tuple[float, float, float, float, float]
"""Epoch, training seconds so far, then training, validation and test accuracy as fractions."""

_TYPES = [str, int, str, str, str]
_EVALUATION = struct.Struct("<xdxdxdxdxd")  # the five fields as they are always written: a tag, a double
_TAGS = bytes(number << 3 | 1 for number in range(1, 6))


class Run(NamedTuple):
    """One training of one cell.

    Attributes:
        hash: Module hash of the cell.
        epochs: Epochs that it was trained for.
        adjacency: Digits 0 and 1, row by row.
        operations: Operations of the nodes, separated by commas.
        evaluations: At the start, halfway and at the end; a value that is missing is NaN.
        params: Trainable parameters.
        seconds: Training and evaluation together.
    """

    hash: str
    epochs: int
    adjacency: str
    operations: str
    evaluations: tuple[Evaluation, ...]
    params: int
    seconds: float = 0.0


def decode(data: bytes) -> Run:
    """Return the content of a record, without validating it.

    Raises:
        ValueError: It is not in the format.
    """
    try:
        row = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if type(row) is not list or [type(value) for value in row] != _TYPES:
        raise ValueError("not a list of hash, epochs, adjacency, operations and metrics")
    try:
        metrics = a2b_base64(row[4].replace("\n", ""), strict_mode=True)
    except ValueError as error:
        raise ValueError(f"the metrics are not base64: {error}") from error
    evaluations, params, seconds = [], 0, 0.0
    for number, value in fields(metrics):
        if number == 1 and type(value) is bytes:
            evaluations.append(_evaluation(value))
        elif number == 2 and type(value) is int:
            params = value
        elif number == 3 and type(value) is float:
            seconds = value
    return Run(row[0], row[1], row[2], row[3], tuple(evaluations), params, seconds)


def encode(run: Run) -> bytes:
    """Return the record that says `run`."""
    parts = [(1, message(enumerate(evaluation, 1))) for evaluation in run.evaluations]
    metrics = message([*parts, (2, run.params), (3, run.seconds)])
    return json.dumps([*run[:4], encodebytes(metrics).decode()]).encode()


def _evaluation(data: bytes) -> Evaluation:
    if len(data) == _EVALUATION.size and data[::9] == _TAGS:
        return _EVALUATION.unpack(data)
    nan = float("nan")
    values = {number: value for number, value in fields(data) if type(value) is float}
    return values.get(1, nan), values.get(2, nan), values.get(3, nan), values.get(4, nan), values.get(5, nan)
