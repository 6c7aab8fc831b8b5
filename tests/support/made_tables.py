"""Small tables that have no real rows here, made by converting files in their official formats.

`MADE[name](rng, n)` returns `n` rows of table `name`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from support.official_formats import (
    channel_json,
    nb301_log,
    nds_record,
    random_blocks,
    random_cell,
    random_net,
    tunas_row,
    write_csv,
    write_json,
)

from data.convert import convert_path, nb301, nds
from data.table import Table

Make = Callable[[np.random.Generator, int], Table]

SPACES = {
    "nds_darts": nds.DARTS,
    "nds_enas": nds.ENAS,
    "nds_pnas": nds.PNAS,
    "nds_nasnet": nds.NASNET,
    "nds_amoeba": nds.AMOEBA,
    "nds_resnet": nds.RESNET,
    "nds_vanilla": nds.VANILLA,
    "nds_resnext_a": nds.RESNEXT_A,
    "nds_resnext_b": nds.RESNEXT_B,
}


def _nds(key: str, rng: np.random.Generator, n: int) -> Table:
    space = SPACES[key]
    records = [nds_record(rng, *random_net(rng, space)) for _ in range(n)]
    with tempfile.TemporaryDirectory() as folder:
        return convert_path(key, write_json(Path(folder) / f"{space.stem}.json", records))


def _nb301(rng: np.random.Generator, n: int) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        for number in range(n):
            normal, reduce = (random_cell(rng, nb301.OPS, 4, distinct=True) for _ in range(2))
            write_json(Path(folder) / "rs" / f"results_{number}.json", nb301_log(rng, normal, reduce))
        return convert_path("nb301", Path(folder))


def _proxyless(rng: np.random.Generator, n: int) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        rows = [tunas_row(rng, random_blocks(rng)) for _ in range(n)]
        supernet = [
            {
                "indices": row["indices"],
                "ws_accuracy": float(row["90epoch_validation_accuracy"]) - 0.2 + float(rng.normal(0, 0.01)),
                "flops": 350_000_000 + 1_000_000 * place,
                "params": 4_000_000 + 10_000 * place,
            }
            for place, row in enumerate(rows)
        ]
        write_csv(Path(folder) / "random_architectures.csv", rows)
        write_csv(Path(folder) / "proxyless-ws-results.csv", supernet)
        return convert_path("proxyless", Path(folder))


def _channel_macro(rng: np.random.Generator, n: int) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("MobileNet", "ResNet"):
            write_json(Path(folder) / f"Results_{name}.json", channel_json(rng))
        table = convert_path("channel_macro", Path(folder))
    return table.take(np.sort(rng.choice(len(table), n, replace=False)))


MADE: Mapping[str, Make] = {
    **{key: partial(_nds, key) for key in SPACES},
    "nb301": _nb301,
    "proxyless": _proxyless,
    "channel_macro": _channel_macro,
}
