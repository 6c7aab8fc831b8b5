"""Which column of a user's table is the label to evaluate on, when nobody says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from data.column import Column
from data.errors import InputError
from data.names import check_name

ROW_COUNTERS = frozenset(
    {
        "id", "index", "idx", "row", "row_id", "row_number", "no", "nr", "number", "#", "uid", "key",
        "arch_id", "arch_index", "model_id", "config_id", "net_id", "network_id", "level_0", "unnamed",
    }
)  # fmt: skip
"""Numeric columns that count rows: never labels."""
SETTINGS = frozenset(
    {
        "lr", "learning_rate", "base_lr", "seed", "seeds", "random_seed", "epoch", "epochs", "num_epochs",
        "batch", "batch_size", "bs", "weight_decay", "wd", "momentum", "dropout", "drop_path", "gpu", "gpus",
        "device", "worker", "run", "trial", "repeat", "fold", "step", "steps", "iteration", "iterations",
        "width", "depth", "resolution", "layers", "num_layers", "channels", "init_channels", "time",
        "seconds", "train_time", "training_time", "train_seconds", "duration", "runtime", "wall_time", "year",
        "date", "timestamp", "time_stamp", "optimizer", "temperature",
    }
)  # fmt: skip
"""Numeric columns that say how networks were trained: labels only if somebody names them."""
SIZES = frozenset(
    {"width", "depth", "resolution", "layers", "num_layers", "channels", "init_channels", "image_size"}
)
"""Numeric columns of the sizes of networks: labels only if somebody names them."""
OF_ONE_RUN = frozenset(
    {
        "seed",
        "seeds",
        "random_seed",
        "run",
        "trial",
        "repeat",
        "fold",
        "gpu",
        "gpus",
        "device",
        "worker",
        "time",
        "seconds",
        "train_time",
        "training_time",
        "train_seconds",
        "duration",
        "runtime",
        "wall_time",
        "year",
        "date",
        "timestamp",
        "time_stamp",
    }
)
"""Settings in which repeated trainings of one network differ."""
_COST = re.compile(
    r"(n|num|numberof|total|model)?[kmg]?(flops?|params?|parameters|macs|madds|multadds)([kmg]b?|millions?|billions?)?"
)
_SMALLER = frozenset(
    {
        "loss", "error", "err", "latency", "perplexity", "ppl", "rank", "ranking", "energy", "mse", "rmse",
        "mae", "regret", "delay", "cost",
    }
)  # fmt: skip


def counts_rows(name: str) -> bool:
    """Return whether a numeric column of this name numbers rows."""
    return re.sub(r"(^unnamed)(_|: ?)\d+$", r"\1", name.strip().lower()) in ROW_COUNTERS


def is_setting(name: str) -> bool:
    """Return whether a column of this name says how networks were trained, not how well they do."""
    return name.strip().lower().replace(" ", "_").replace("-", "_") in SETTINGS


def is_cost(name: str) -> bool:
    """Return whether a column of this name counts operations or parameters, e.g. "FLOPs" or "Params (M)"."""
    return _COST.fullmatch(re.sub(r"[^a-z]", "", name.lower())) is not None


def is_size(name: str) -> bool:
    """Return whether a column of this name is a size of a network."""
    return name.strip().lower() in SIZES


def differs_between_repeats(name: str) -> bool:
    """Return whether a setting of this name differs between repeated trainings of one network."""
    return name.strip().lower().replace(" ", "_").replace("-", "_") in OF_ONE_RUN


def seems_smaller_is_better(name: str) -> bool:
    """Return whether a name has a word that stands for what should be small."""
    return bool(set(re.split(r"[\W_]+", name.lower())) & _SMALLER)


def split_target(text: str) -> tuple[str, Literal[1, -1] | None]:
    """Return (name, direction) of "NAME", "NAME:min" or "NAME:max"; InputError for another direction."""
    name, colon, direction = text.partition(":")
    if not colon:
        return text, None
    if direction not in ("min", "max"):
        raise InputError(f"'{text}': a direction is min or max, not '{direction}'")
    return name, -1 if direction == "min" else 1


def choose_target(labels: Sequence[Column], asked: str) -> tuple[str, list[str]]:
    """Return the default target among the labels of a data set, "" where several could be it, and a notice.

    Args:
        labels: Descriptions of the labels.
        asked: The target that was asked for; "" if none was.

    Raises:
        UnknownNameError: The target that was asked for is no label.
    """
    names = [column.target for column in labels]
    if asked:
        return check_name("target", asked, names), []
    likely = [name for name in names if not is_setting(name)]
    if "test_acc" in likely:
        target = "test_acc"
    elif len(likely) == 1:
        target = likely[0]
    else:
        reason = "could be it" if likely else "says how networks were trained, by its name"
        return "", [f"no default target: {', '.join(likely or names)} {reason}"]
    others = [name for name in names if name != target]
    return target, [f"default target: {target}; other labels: {', '.join(others)}"] if others else []
