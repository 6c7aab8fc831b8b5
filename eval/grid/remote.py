"""Trials on a cluster: tables and encoders travel once, results come back whole and are stored here.

A trial is sent without its table: the pickle names it, and a worker puts the table in that it was sent.
"""

from __future__ import annotations

import copy
import hashlib
import io
import pickle
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, is_dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import cloudpickle

from benchmarks.base import Benchmark
from data.cluster import Cell, Cluster, Run, Source
from data.files import atomic_path
from data.folders import cache_folder
from eval.grid.pretraining import cached_encoder, pretrain
from eval.provenance import PACKAGES, code_hash, versions
from eval.task import Entry, Task, Trial
from predictors.pretraining import Pretrains
from predictors.sources import source_modules

TASKS = 16  # tasks whose labels and splits a worker keeps
_OWN = ("dataset", "target", "label", "protocol", "train_size", "seed")
_TABLE, _ENCODER = "table-", "encoder-"


class Titled(Protocol):
    """What is sent: a trial, or a search trial, that has a title."""

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        ...


@dataclass
class Remote:
    """Trials on the workers of a cluster.

    Attributes:
        cluster: The cluster.
        function: A function of a module, called with a trial and `argument` in a worker.
        argument: What all trials are called with, e.g. the metrics.
        get_trial: Returns the trial with table and predictor of what is sent.
        sources: Modules and files of code that shape results, besides those of tables and predictors.
    """

    cluster: Cluster
    function: Callable[[Any, Any], Any]
    argument: object
    get_trial: Callable[[Any], Trial]
    sources: Sequence[str | Path]
    _sources: dict[str, Source] = field(default_factory=dict)
    _tables: dict[int, str] = field(default_factory=dict)
    _encoders: dict[str, Path] = field(default_factory=dict)

    def run(self, items: Sequence[Titled]) -> Iterator[tuple[int, Any]]:
        """Yield (position, result) of every trial, in the order in which they finish.

        Encoders that workers pretrain end up in the cache of this machine as well.
        """
        trials = [self.get_trial(item) for item in items]

        def get_cell(position: int) -> Cell:
            trial, item = trials[position], items[position]
            payload = self._pack((self.function, self.argument, item))
            needs = self._send_table(trial.task.bench), self._send_encoder(trial)
            return Cell(item.title, payload, tuple(name for name in needs if name))

        own, foreign = self._get_modules(trials)
        run = Run(self.cluster, call, len(items), get_cell, self._sources, fingerprint, own)
        with by_value(foreign):
            for position, result in run.results():
                if self._encoders and (name := self._send_encoder(trials[position])) in self._encoders:
                    write_once(self._encoders.pop(name), run.value(name))
                yield position, result

    def _send_table(self, bench: Benchmark) -> str:
        """Return the name of the source of a benchmark, with what is derived from its table."""
        if id(bench) not in self._tables:
            _ = bench.graphs, bench.classes, bench.content_hash
            payload = cloudpickle.dumps(bench, protocol=pickle.HIGHEST_PROTOCOL)
            name = _TABLE + hashlib.sha256(payload).hexdigest()[:16]
            self._tables[id(bench)] = name
            self._sources[name] = Source(payload)
        return self._tables[id(bench)]

    def _send_encoder(self, trial: Trial) -> str:
        """Return the name of the source of a trial's encoder; "" if it needs none."""
        predictor, entry = trial.entry.predictor, trial.entry
        if not isinstance(predictor, Pretrains) or not (entry.weak or entry.encoder):
            return ""
        path = Path(entry.encoder) if entry.encoder else cached_encoder(predictor, trial)
        name = _ENCODER + (f"{entry.encoder_hash}.safetensors" if entry.encoder else path.name)
        if name in self._sources:
            return name
        if path.is_file():
            self._sources[name] = Source(path.read_bytes(), get_payload)
        else:
            table = self._send_table(trial.task.bench)
            self._sources[name] = Source(self._pack(trial), pretrain_encoder, (table,))
            self._encoders[name] = path
        return name

    def _pack(self, item: object) -> bytes:
        file = io.BytesIO()
        _Packer(file, self._send_table).dump(item)
        return file.getvalue()

    def _get_modules(self, trials: Sequence[Trial]) -> tuple[list[str], set[Path]]:
        """Return what workers must have alike, and the files of the user's that they are sent.

        The first are modules of this project whose code shapes results, and installed packages.
        """
        entries = {id(trial.entry): trial.entry for trial in trials}.values()
        benches = {id(trial.task.bench): trial.task.bench for trial in trials}.values()
        used = [*self.sources, *(each for entry in entries for each in source_modules(entry.predictor) or ())]
        names = ["data.cluster.run", *(type(bench).__module__ for bench in benches)]
        names += [each for each in used if isinstance(each, str)]
        own = dict.fromkeys(name for name in names if name.partition(".")[0] in PACKAGES)
        files = {each for each in used if isinstance(each, Path)}
        files |= {
            Path(file)
            for bench in benches
            if (file := getattr(sys.modules.get(type(bench).__module__), "__file__", None))
            and type(bench).__module__.partition(".")[0] not in PACKAGES
        }
        installed = {file: name for file in files if (name := installed_package(file))}
        return [*own, *sorted(set(installed.values()))], {file.resolve() for file in files - set(installed)}


class _Packer(cloudpickle.Pickler):
    """Writes tasks as the name of their table and what they do with it."""

    def __init__(self, file: io.BytesIO, send: Callable[[Benchmark], str]) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._send = send

    def persistent_id(self, obj: object) -> object:
        if isinstance(obj, Task):
            return self._send(obj.bench), tuple(getattr(obj, name) for name in _OWN), obj.content
        return None

    def reducer_override(self, obj: Any) -> Any:  # noqa: ANN401
        if is_dataclass(obj) and not isinstance(obj, type) and "identity" in vars(obj):
            light = copy.copy(obj)
            del vars(light)["identity"]  # long; its hash goes along
            return light.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        return super().reducer_override(obj)


class _Unpacker(pickle.Unpickler):
    """Reads what `_Packer` wrote."""

    def __init__(self, payload: bytes, values: Mapping[str, Any]) -> None:
        super().__init__(io.BytesIO(payload))
        self._values = values

    def persistent_load(self, pid: tuple[str, tuple[Any, ...], dict[str, Any]]) -> Task:
        table, own, content = pid
        task = _build_task(_Sent(table, self._values[table]), own)
        task.__dict__.setdefault("content", content)
        return task


@dataclass(frozen=True)
class _Sent:
    """A benchmark that was sent, equal to others of that name."""

    name: str
    bench: Benchmark = field(compare=False)


@lru_cache(maxsize=TASKS)
def _build_task(sent: _Sent, own: tuple[Any, ...]) -> Task:
    """Return a task; a process keeps it for other trials, with its labels and splits."""
    return Task(sent.bench, **dict(zip(_OWN, own, strict=True)))


def call(payload: bytes, values: Mapping[str, Any]) -> object:
    """In a worker: run a trial."""
    for name, value in values.items():
        if name.startswith(_ENCODER):
            write_once(encoder_path(name), value)
    function, argument, item = _Unpacker(payload, values).load()
    trial = item if isinstance(item, Trial) else item.trial
    if trial.entry.encoder:
        _use_sent_encoder(trial.entry)
    return function(item, argument)


def pretrain_encoder(payload: bytes, values: Mapping[str, Any]) -> bytes:
    """In a worker: pretrain the encoder of a trial, and return its file."""
    from threadpoolctl import threadpool_limits

    trial = _Unpacker(payload, values).load()
    predictor = trial.entry.predictor.clone()
    with threadpool_limits(1):
        pretrain(predictor, trial)
    return cached_encoder(predictor, trial).read_bytes()


def get_payload(payload: bytes, values: Mapping[str, Any]) -> bytes:
    """Return what was sent as it is."""
    del values
    return payload


def encoder_path(name: str) -> Path:
    """Return where a worker keeps an encoder: where pretraining looks for it."""
    return cache_folder() / "encoders" / name.removeprefix(_ENCODER)


def write_once(path: Path, content: bytes) -> None:
    """Write a file that is not there yet."""
    if not path.is_file():
        with atomic_path(path) as part:
            part.write_bytes(content)


def _use_sent_encoder(entry: Entry) -> None:
    """Point an entry to the copy of its encoder that was sent."""
    path = encoder_path(f"{_ENCODER}{entry.encoder_hash}.safetensors")
    object.__setattr__(entry, "encoder", str(path))


def fingerprint(modules: tuple[str, ...]) -> dict[str, str]:
    """Return what results depend on: versions of libraries, and the code of modules.

    Args:
        modules: Modules of this project, and names of installed packages.
    """
    own = [name for name in modules if name.partition(".")[0] in PACKAGES]
    others = [name for name in modules if name not in own]
    return {
        **versions(),
        **{name: installed_version(name) for name in others},
        **{f"code of {name}": code_hash([name]) for name in own},
    }


def installed_package(file: Path) -> str:
    """Return the package of site-packages that a file belongs to; "" if it is the user's own."""
    for kind in ("purelib", "platlib"):
        folder = Path(sysconfig.get_path(kind)).resolve()
        if file.resolve().is_relative_to(folder):
            return file.resolve().relative_to(folder).parts[0].removesuffix(".py")
    return ""


def installed_version(package: str) -> str:
    """Return the version of the distribution that a package comes from; "none" if it is not installed."""
    found = metadata.packages_distributions().get(package, [])
    return ", ".join(f"{name} {metadata.version(name)}" for name in sorted(set(found))) or "none"


@contextmanager
def by_value(files: set[Path]) -> Iterator[None]:
    """Have cloudpickle send the modules of these files whole: workers have no folder of the user's."""
    if not files:
        yield
        return
    known = cloudpickle.list_registry_pickle_by_value()
    modules = [
        module
        for name, module in list(sys.modules.items())
        if (file := getattr(module, "__file__", None)) and name not in known and Path(file).resolve() in files
    ]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
