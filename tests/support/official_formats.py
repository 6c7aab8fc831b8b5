"""Makers of files in the official JSON and CSV formats: random networks with results that depend on them.

Every maker takes a Generator, so that a test's file is the same each time. A result is the mean of a fixed
"quality" of the network's parts plus noise: enough for a predictor to learn something, and nothing more.
"""

from __future__ import annotations

import csv
import itertools
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.convert import nb201, nb301, nds, proxyless
from data.spaces.edges import NB201
from data.table import Table

Cell = Sequence[str]
"""Edges "operation:input", as in the tables."""


def quality(*parts: object) -> float:
    """Return a fixed number in [0, 1] for these parts of a network: the mean of one for each."""
    return float(np.mean([zlib.crc32(repr(part).encode()) / 0xFFFFFFFF for part in parts]))


def write_json(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


Change = Callable[[dict], object]
"""What spoils the content of a file."""


def put(*path: str | int, to: object = ...) -> Change:
    """Return a change that sets what is at `path`, or takes it away."""

    def apply(content: dict) -> None:
        at: Any = content
        for step in path[:-1]:
            at = at[step]
        if to is ...:
            del at[path[-1]]
        else:
            at[path[-1]] = to

    return apply


# NDS


def random_cell(rng: np.random.Generator, ops: Sequence[str], nodes: int, *, distinct: bool = False) -> Cell:
    """Return a cell of `nodes` blocks; with `distinct`, a block's two inputs differ and are in order."""
    edges = []
    for node in range(nodes):
        sources = rng.choice(node + 2, size=2, replace=not distinct)
        sources = np.sort(sources) if distinct else sources
        edges += [f"{ops[rng.integers(len(ops))]}:{source}" for source in sources]
    return edges


def nds_record(rng: np.random.Generator, net: Mapping[str, Any], score: float, epochs: int = 100) -> dict:
    """Return a model of an NDS file, with the accuracy that `score` in [0, 1] stands for."""
    final = 12 - 6 * score
    steps = np.arange(1, epochs + 1) / epochs
    test = np.clip(final + (80 - final) * np.exp(-8 * steps) + rng.normal(0, 0.3, epochs), 0, 100).round(3)
    train = np.clip(0.8 * test, 0, 100).round(3)
    params = int(1e5 * (1 + 20 * score))
    return {
        "job_id": int(rng.integers(1 << 30)),
        "rng_seed": int(rng.integers(1, 1000)),
        "exp_mem": 1.5,
        "act_mem": 1.2,
        "params": params,
        "flops": 150 * params,
        "net": dict(net),
        "optim": {"base_lr": 0.1, "wd": 5e-4, "max_ep": epochs, "lr_policy": "cos"},
        "prec_time": {"train_fw_bw": 0.11, "test_fw": 0.03},
        "iter_time": 0.12,
        "train_ep_loss": [float("nan"), *(0.02 * train[1:]).tolist()],
        "train_ep_top1": train.tolist(),
        "test_ep_top1": test.tolist(),
        "train_it_loss": [2.3, 1.9],
        "train_it_top1": [90.0, 70.0],
        "min_test_top1": float(test.min()),
    }


def genotype(normal: Cell, reduce: Cell) -> dict[str, list]:
    """Return cells in the form of NDS: every node is an output of its cell."""

    def split(cell: Cell) -> list[list]:
        return [[edge.rpartition(":")[0], int(edge.rpartition(":")[2])] for edge in cell]

    ends = list(range(2, 2 + len(normal) // 2))
    return {"normal": split(normal), "normal_concat": ends, "reduce": split(reduce), "reduce_concat": ends}


def cell_net(normal: Cell, reduce: Cell, width: int, depth: int) -> dict:
    return {
        "genotype": genotype(normal, reduce),
        "width": width,
        "depth": depth,
        "aux": True,
        "drop_prob": 0.0,
    }


def random_net(rng: np.random.Generator, space: nds.Space) -> tuple[dict, float]:
    """Return a network of an NDS space and its score."""
    if space.ops:
        normal, reduce = (random_cell(rng, space.ops, space.nodes) for _ in range(2))
        width, depth = int(rng.choice([16, 24, 32])), int(rng.choice([4, 8, 12, 16, 20]))
        return cell_net(normal, reduce, width, depth), quality(*normal, *reduce, width, depth)
    depths, widths = [1, *rng.integers(1, 16, 3).tolist()], [16, *(16 << rng.integers(0, 5, 3)).tolist()]
    kind = "double_plain_block" if space is nds.VANILLA else "res_basic_block"
    net = {"block_type": kind, "ds": depths, "ws": widths, "ss": [1, 1, 2, 2], "bot_muls": [], "num_gs": []}
    if space.groups:
        net |= {
            "block_type": "res_bottleneck_block",
            "bot_muls": [0.0, *rng.choice([0.25, 0.5, 1.0], 3).tolist()],
            "num_gs": [1, *(1 << rng.integers(0, 5, 3)).tolist()],
        }
    return net, quality(*depths, *widths, *net["bot_muls"], *net["num_gs"])


# NAS-Bench-301


def nb301_log(
    rng: np.random.Generator, normal: Cell, reduce: Cell, *, curve: bool = True, epochs: int = 98
) -> dict:
    """Return a log of training this network of the DARTS space; inputs of a node in ascending order."""
    valid = round(90 + 5 * quality(*normal, *reduce) + float(rng.normal(0, 0.1)), 2)
    steps = np.arange(1, epochs + 1) / epochs
    prefix = "NetworkSelectorDatasetInfo:darts:"
    config: dict[str, Any] = {
        f"{prefix}layers": 8,
        f"{prefix}init_channels": 32,
        f"{prefix}drop_path_prob": 0.2,
        "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max": epochs,
        "OptimizerSelector:sgd:learning_rate": 0.025,
    }
    for kind, cell in (("normal", normal), ("reduce", reduce)):
        first = 0
        for node, (left, right) in zip(nb301.NODES, zip(cell[::2], cell[1::2], strict=True), strict=True):
            sources = []
            for op, _, source in (left.rpartition(":"), right.rpartition(":")):
                config[f"{prefix}edge_{kind}_{first + int(source)}"] = op
                sources.append(source)
            if node > nb301.NODES[0]:
                config[f"{prefix}inputs_node_{kind}_{node}"] = "_".join(sources)
            first += node
    log = {
        "final_metric_score": -valid,
        "optimized_hyperparamater_config": config,
        "budget": epochs,
        "info": [
            {"val_accuracy": valid, "epochs": epochs, "model_parameters": 3_000_000, "train_accuracy": 90.0}
        ],
        "test_accuracy": round(valid - 0.3, 2),
        "runtime": 7200.5,
    }
    if curve:
        log["learning_curves"] = {"Train/val_accuracy": (valid * (1 - np.exp(-6 * steps))).tolist()}
    return log


# ProxylessNAS


def tunas_indices(ops: Sequence[int], stem: int = 0, *, unused: int = 0) -> str:
    """Return TuNAS's 73 numbers; `unused` is the kernel size and expansion of blocks that are skipped."""
    numbers, block = [0, stem, 0], 0
    for blocks in proxyless.STAGES:
        for op in ops[block : block + blocks]:
            numbers += [unused, unused, 1] if op == proxyless.SKIP else [op // 2, op % 2, 0]
        numbers.append(0)
        block += blocks
    return ":".join(map(str, [*numbers, 0]))


def random_blocks(rng: np.random.Generator) -> list[int]:
    return [int(rng.integers(6 + (block not in proxyless.FIRSTS))) for block in range(proxyless.N_BLOCKS)]


def tunas_row(rng: np.random.Generator, ops: Sequence[int]) -> dict[str, object]:
    accuracy = 0.73 + 0.03 * quality(*enumerate(ops)) + float(rng.normal(0, 0.0005))
    return {
        "ssd": proxyless.SPACE,
        "indices": tunas_indices(ops),
        "simulated_pixel1_time_ms": 83 + 2 * float(rng.random()),
        "90epoch_validation_accuracy": accuracy,
        "360epoch_test_accuracy": "",
    }


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


# NAS-Bench-Macro, Channel-Bench-Macro


def channel_json(rng: np.random.Generator) -> dict[str, dict]:
    """Return all 16,384 codes of one of the two files."""
    codes = np.array(list(itertools.product((1, 2, 3, 4), repeat=7)))
    best = 85 + codes.mean(1, keepdims=True)
    tests = best + rng.normal(0, 0.2, (len(codes), 3))
    return {
        "".join(map(str, code)): {
            "acc": runs,
            "mean": mean,
            "std": std,
            "params": 1000 * sum(code),
            "flops": 100_000 * sum(code),
        }
        for code, runs, mean, std in zip(
            codes.tolist(), tests.tolist(), tests.mean(1).tolist(), tests.std(1).tolist(), strict=True
        )
    }


def macro_json(table: Table) -> dict[str, dict]:
    """Return the official form of the table macro."""
    return {
        row["arch"]: {
            "test_acc": [row[f"test_acc_{run}"] for run in range(3)],
            "mean_acc": row["test_acc_mean"],
            "std": row["test_acc_std"],
            "params": row["params"],
            "flops": row["flops"],
        }
        for row in table.arrow.to_pylist()
    }


# NAS-Bench-Suite-Zero, HW-NAS-Bench


def zero_cost_json(table: Table, dataset: str = "cifar10") -> dict[str, dict]:
    """Return the official form of the table nb201_zero_cost."""
    export = {op: code for code, op in enumerate(nb201.EXPORT_OPS)}
    by_source = [NB201.edges.index(edge) for edge in sorted(NB201.edges)]
    content = {}
    for row in table.arrow.to_pylist():
        names = [edge.partition("~")[0] for edge in row["arch"].replace("+", "").split("|") if edge]
        cell = str(tuple(export[names[edge]] for edge in by_source))
        content[cell] = {
            "id": "0",
            **{proxy: {"score": row[proxy], "time": 0.1} for proxy in nb201.PROXIES},
            "val_accuracy": 90.0,
        }
    return {dataset: content}


def hardware_content(table: Table) -> dict[str, dict]:
    """Return what the official pickle of the table nb201_hardware holds."""
    archs = table.column("arch").to_pylist()
    config = [{"name": "infer.tiny", "C": 16, "N": 5, "arch_str": arch, "num_classes": 10} for arch in archs]
    metrics = {name: table.values(name).tolist() for name in nb201.HARDWARE}
    return {"nasbench201": {"cifar10": {**metrics, "config": config}}, "fbnet": {"edgegpu_latency": {}}}


# OnceNAS, once-for-all supernets


def oncenas_rows(table: Table) -> list[dict[str, object]]:
    """Return the lines of the original of the table oncenas_darts."""

    def cell(edges: Cell) -> str:
        return ", ".join(f"('{op}', {source})" for op, _, source in (edge.rpartition(":") for edge in edges))

    def time(seconds: float) -> str:
        return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}"

    return [
        {
            "weights_index": row["id"],
            "architecture": f"Genotype(normal=[{cell(row['normal'])}], normal_concat=range(2, 6), "
            f"reduce=[{cell(row['reduce'])}], reduce_concat=range(2, 6))",
            "flop": row["flops_m"],
            "params": row["params_m"],
            "gpu_latency": row["gpu_latency_ms"],
            "rasp_latency": 250.44,
            **{f"{part}_acc{e}": row[f"{part}_acc_{e}"] for part in ("train", "valid") for e in (10, 50)},
            **{f"train_time{e}": time(row[f"train_time_{e}"]) for e in (10, 50)},
        }
        for row in table.arrow.to_pylist()
    ]


def ofa_dataset(rows: Sequence[Mapping[str, Any]]) -> dict[str, list]:
    """Return what the pickle of a supernet holds."""
    return {
        "configs": [
            {name: row[name] for name in ("ks", "e", "d", "image_size")} | {"wid": None} for row in rows
        ],
        "accuracies": [row["acc"] / 100 for row in rows],
        "features": [np.zeros(3) for _ in rows],
        "efficiencies": [row["peak_memory"] for row in rows],
    }


def ofa_search(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """Return the lines of a search of DyNAS-T."""
    return [
        {
            "Sub-network": str(
                {
                    "wid": None,
                    "ks": row["ks"],
                    "e": list(map(int, row["e"])),
                    "d": row["d"],
                    "r": [row["image_size"]],
                }
            ),
            "Date": "2022-11-01 05:39:29.374648",
            "Model Parameters": row["params"],
            "Latency (ms)": 0,
            "MACs": row["macs"],
            "Top-1 Acc (%)": row["acc"],
        }
        for row in rows
    ]
