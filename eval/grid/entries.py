"""Predictors as users name them ("gcn", "gcn:loss=mse", a file, a class, an instance) -> entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.base import Benchmark
from data.errors import InputError
from data.names import check_name
from eval.grid.written import parse_value, shorten_name, split_items, split_name, split_parameter
from eval.provenance import code_hash
from eval.task import Entry, Task
from predictors import REGISTRY
from predictors.adapter import as_predictor, source_modules
from predictors.base import Predictor
from predictors.device import AUTO, CPU, choose_device
from predictors.hyperparameters import parameter_defaults
from predictors.pretraining import Pretrains
from predictors.weak_label import WeakLabel

DEFAULT, NONE, SUPERNET = "default", "none", "supernet"


@dataclass(frozen=True)
class Asked:
    """A predictor that was asked for, before a benchmark is known.

    Attributes:
        name: Name in reports, without hyper-parameters and weak labels.
        predictor: The unfitted predictor.
        weak: Weak labels of its own as written ("flops+params", "none", ...); None for the default.
    """

    name: str
    predictor: Predictor
    weak: str | None = None

    @property
    def title(self) -> str:
        """Name in reports: the predictor's, and what differs from its defaults."""
        shown = self.predictor.changed() | ({} if self.weak is None else {"weak": self.weak})
        if self.predictor.has_device and self.predictor.device != CPU:
            shown["device"] = self.predictor.device
        return ":".join([self.name, *(f"{key}={shown[key]}" for key in sorted(shown))])


def parse(
    predictors: str | Iterable[object], settings: Iterable[str] = (), *, distinct: bool = False
) -> list[Asked]:
    """Return the predictors that are asked for.

    Args:
        predictors: Names separated by commas, or a sequence of names, classes and instances. A name may carry
            hyper-parameters after colons ("gcn:loss=mse"), and may be a place in code ("./my_ranker.py",
            "my_package.rankers:Best"). A class or instance needs no more than fit(graphs, y) and
            predict(graphs).
        settings: "PREDICTOR.PARAMETER=VALUE" for every predictor of that name.
        distinct: Take a predictor that is listed twice once, instead of refusing.

    Raises:
        UnknownNameError: An unknown predictor or hyper-parameter; the closest names are given.
        InputError: Not of this form, a value of the wrong type, or one predictor twice.
    """
    given = split_items(predictors)
    if not given:
        raise InputError("no predictors were named")
    named = [split_name(item, REGISTRY)[0] for item in given if isinstance(item, str)]
    shared = _settings(settings, named)
    asked = [_from_text(item, shared) if isinstance(item, str) else _from_object(item) for item in given]
    titles = [each.title for each in asked]
    if distinct:
        return list({each.title: each for each in asked}.values())
    if twice := sorted({title for title in titles if titles.count(title) > 1}):
        raise InputError(f"listed twice: {', '.join(twice)}")
    return asked


def _from_text(text: str, shared: Mapping[str, list[tuple[str, str]]]) -> Asked:
    name, items = split_name(text, REGISTRY)
    found: object = REGISTRY[name]
    kind = found if isinstance(found, type) else type(found)
    pretrains, defaults = issubclass(kind, Pretrains), parameter_defaults(kind)
    placed = getattr(kind, "has_device", False) is True and "device" not in defaults
    special = [*(["weak"] if pretrains else []), *(["device"] if placed else [])]
    changed: dict[str, Any] = {}
    weak: str | None = None
    device = CPU
    for key, value in [*shared.get(name, []), *(split_parameter(item, text) for item in items)]:
        if key == "weak" and pretrains:
            weak = value
            continue
        if key == "device" and placed:
            device = choose_device(value) if value == AUTO else value
            continue
        check_name(f"hyper-parameter of {name}", key, [*defaults, *special])
        changed[key] = parse_value(f"{name}.{key}", value, defaults[key])
    short = shorten_name(name)
    predictor = as_predictor(found, short, **changed)
    return Asked(short, predictor.on(device) if placed else predictor, None if weak == DEFAULT else weak)


def _from_object(item: object) -> Asked:
    predictor = as_predictor(item)
    return Asked(predictor.name, predictor)


def _settings(settings: Iterable[str], named: list[str]) -> dict[str, list[tuple[str, str]]]:
    shared: dict[str, list[tuple[str, str]]] = {}
    for setting in settings:
        name, dot, rest = setting.partition(".")
        if not dot:
            raise InputError(f"'{setting}' is not of the form PREDICTOR.PARAMETER=VALUE")
        check_name("predictor", name, [*REGISTRY, *named])
        if name not in named:
            raise InputError(f"'{setting}' sets a predictor that is not run; run are {', '.join(named)}")
        shared.setdefault(name, []).append(split_parameter(rest, setting))
    return shared


def build_entries(
    asked: Sequence[Asked],
    tasks: Sequence[Task],
    *,
    weak: Sequence[str] | None = None,
    encoder: str = "",
    encoder_hash: str = "",
) -> list[Entry]:
    """Return the entries of a comparison on the tasks of one benchmark, weak labels written out by name.

    Args:
        asked: Predictors. Weak labels of their own may be "none", names joined by "+", "supernet" among them,
            or labels of another data set as "DATASET/TARGET".
        tasks: Tasks of one benchmark; true labels of their data sets are refused.
        weak: Weak labels in place of the predictors' defaults; None for the defaults. A `weak_label` floor
            without a column becomes one floor for each of them.
        encoder: Path of a saved encoder to use in place of pretraining; "" for none.
        encoder_hash: Its checksum.

    Raises:
        UnknownNameError: An unknown weak label.
        InputError: A true label in place of a weak one, or weak labels that no predictor uses.
    """
    bench = tasks[0].bench
    names = None if weak is None else _weak_names(weak, bench)
    if names is not None and encoder:
        raise InputError("a saved encoder takes the place of weak labels: give one of them")
    given = bool(encoder) or bool(names)  # no weak labels is what one that learns from none has anyway
    if given and not any(_uses(each, names, bench) for each in asked):
        option = "a saved encoder" if encoder else "weak labels"
        raise InputError(
            f"{option} would have no effect: none of "
            f"{', '.join(each.title for each in asked)} learns from them"
        )
    entries = []
    for each in asked:
        for task in tasks:
            each.predictor.check_train_size(task.train_size)
        for lacking in each.predictor.lacks(bench.weak_names):
            check_name(f"weak label (predictor '{each.title}' needs it)", lacking, bench.weak_names)
        _check_covered(each, tasks)
        code = _code(each.predictor)
        if isinstance(each.predictor, Pretrains):
            own = _used(each, names, bench)
            for name in own:
                for dataset in dict.fromkeys(task.dataset for task in tasks):
                    bench.weak_for(name, dataset)
            loaded = encoder if each.weak is None else ""
            used = () if loaded else own
            if each.predictor.needs_weak and not (used or loaded):
                raise InputError(f"predictor '{each.title}' needs weak labels: leave it out, or name some")
            entries.append(
                Entry(each.title, each.predictor, used, loaded, encoder_hash if loaded else "", code)
            )
        elif _is_open_floor(each) and (floors := names or _first_weak(bench, tasks)):
            several = len(floors) > 1
            entries += [_floor(each, name, bench, tasks, several, code) for name in floors]
        else:
            entries.append(Entry(each.title, each.predictor, code=code))
    return entries


def _check_covered(asked: Asked, tasks: Sequence[Task]) -> None:
    """Refuse a floor whose weak label is unknown wherever a task has its target."""
    if not isinstance(asked.predictor, WeakLabel) or not asked.predictor.column:
        return
    for task in tasks:
        rows = np.flatnonzero(np.isfinite(task.truth))
        if len(rows) and not asked.predictor.covers(task.graphs.take(rows)).any():
            raise InputError(
                f"predictor '{asked.title}' has no value for any of the {len(rows):,} architectures with "
                f"{task.target} of {task.bench.info.key} {task.dataset}: leave it out"
            )


def _uses(asked: Asked, names: Sequence[str] | None, bench: Benchmark) -> bool:
    """Return whether a predictor uses the weak labels that are named, or an encoder where None are.

    One that pretrains does if it has no weak labels of its own, or some of these; a floor if it ranks by one
    of them, or by whichever there are.
    """
    if isinstance(asked.predictor, Pretrains):
        return asked.weak is None or bool(names and set(_own_weak(asked, bench)) & set(names))
    return (
        names is not None
        and isinstance(asked.predictor, WeakLabel)
        and asked.predictor.column in ("", *names)
    )


def _is_open_floor(asked: Asked) -> bool:
    return isinstance(asked.predictor, WeakLabel) and asked.predictor.column == ""


def _first_weak(bench: Benchmark, tasks: Sequence[Task]) -> tuple[str, ...]:
    """Return the first weak label that is known for test rows of every task."""
    for name, values in bench.graphs.weak.items():
        if all((np.isfinite(values) & np.isfinite(task.truth)).any() for task in tasks):
            return (name,)
    return ()


def _floor(
    asked: Asked, name: str, bench: Benchmark, tasks: Sequence[Task], several: bool, code: str | None
) -> Entry:
    if "/" in name:
        raise InputError(f"the floor '{asked.title}' ranks by a weak label of the table, not by '{name}'")
    for task in tasks:
        bench.weak_for(name, task.dataset)
    return Entry(f"{asked.name}:column={name}" if several else asked.title, WeakLabel(column=name), code=code)


def _used(asked: Asked, names: tuple[str, ...] | None, bench: Benchmark) -> tuple[str, ...]:
    """Return the weak labels of a predictor that pretrains: its own, else those that are named."""
    return _own_weak(asked, bench) if names is None or asked.weak is not None else names


def _own_weak(asked: Asked, bench: Benchmark) -> tuple[str, ...]:
    """Return the weak labels of a predictor that pretrains: its own, else the benchmark's."""
    if asked.weak is not None:
        return _weak_names(asked.weak.split("+"), bench)
    default = asked.predictor.default_weak  # pyright: ignore[reportAttributeAccessIssue]
    return _weak_names([DEFAULT] if default is None else default, bench)


def _weak_names(weak: Sequence[str], bench: Benchmark) -> tuple[str, ...]:
    names: list[str] = []
    for name in weak:
        if name == NONE:
            if len(weak) > 1:
                raise InputError(f"'none' stands alone among weak labels, not in {'+'.join(weak)}")
        elif name == DEFAULT:
            names += [each for each in bench.info.weak if each in bench.weak_names]
        elif name == SUPERNET:
            if not bench.info.supernet:
                raise InputError(
                    f"{bench.info.key} has no supernet accuracy; weak labels: {', '.join(bench.weak_names)}"
                )
            names.append(bench.info.supernet)
        else:
            names.append(name)
    return tuple(dict.fromkeys(names))


def _code(predictor: Predictor) -> str | None:
    sources = source_modules(predictor)
    return None if sources is None else code_hash(sources)


def leave_out(
    asked: Sequence[Asked], bench: Benchmark, tasks: Sequence[Task], weak: Sequence[str] | None = None
) -> tuple[list[Asked], list[str]]:
    """Return the predictors that have the weak labels they need, and a line for each that lacks them.

    Args:
        asked: Predictors.
        bench: The benchmark.
        tasks: Its tasks.
        weak: Weak labels in place of the predictors' defaults; None for the defaults.
    """
    names = None if weak is None else _weak_names(weak, bench)
    evaluated = [np.isfinite(task.truth) for task in tasks]
    known = [
        name
        for name, values in bench.graphs.weak.items()
        if all(np.isfinite(values[rows]).any() for rows in evaluated)
    ]
    kept, lines = [], []
    for each in asked:
        if lacking := (*each.predictor.lacks(known), *_lacking_defaults(each, bench)):
            lines.append(f"{each.title} is left out: {bench.info.key} has no weak label {', '.join(lacking)}")
        elif (
            isinstance(each.predictor, Pretrains)
            and each.predictor.needs_weak
            and not _used(each, names, bench)
        ):
            lines.append(
                f"{each.title} is left out: it adds up weak labels, and there are none to pretrain on"
            )
        else:
            kept.append(each)
    return kept, lines


def _lacking_defaults(asked: Asked, bench: Benchmark) -> list[str]:
    """Return the weak labels that a predictor pretrains on by default and that the benchmark has not."""
    if asked.weak is not None or not isinstance(asked.predictor, Pretrains):
        return []
    return [name for name in asked.predictor.default_weak or () if name not in bench.weak_names]
