"""Telling: rows of results are judged one by one, noted in the ledger, and written to the storage."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.trial import TrialState, create_trial

from data.errors import InputError
from eval.campaign.claims import to_hex
from eval.campaign.ledger import ARCH, CORRECTS, HASH, IMPORTED, OF, RESULT, WHOLE, Ledger, Network, Result
from eval.campaign.rows import Row, parse_seconds, parse_seed
from eval.campaign.scales import Scales

if TYPE_CHECKING:
    from optuna.study import Study

DONE = ("done", "ok", "complete", "completed", "success")
_DESCRIBED = ("values", "seed", "seconds", "token")
PENDING = "pending"
FAILED = ("failed", "fail", "failure", "error", "crashed")


@dataclass(frozen=True)
class Entry:
    """One accepted row.

    Attributes:
        number: Number of the network's first trial; None for a network that is imported.
        arch: The architecture's text.
        values: Value of each objective that is known, by name; empty for a failed training.
        seed, seconds: Of the training.
        failed: Whether the training failed.
        corrects: Whether it replaces earlier results.
        token: What tells it apart from any other entry.
    """

    number: int | None
    arch: str
    values: Mapping[str, float]
    seed: int | None = None
    seconds: float | None = None
    failed: bool = False
    corrects: bool = False
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


@dataclass
class Told:
    """What became of the rows.

    Attributes:
        results: Trainings that were told.
        failed: Failed trainings that were told.
        partial: Rows that gave some objectives of a network and leave others open.
        repeated: Rows that were told before, with the same values.
        empty: Rows without a value.
        refused: Place, id and reason of every row that was refused.
        kept: Whether the good rows were kept.
        notices: What may be a mistake, though nothing was refused: columns that are ignored, values of
            another order of magnitude than all earlier ones.
    """

    results: int = 0
    failed: int = 0
    partial: int = 0
    repeated: int = 0
    empty: int = 0
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    kept: bool = True
    notices: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """The same in a line."""
        counts = {
            "results": self.results,
            "failed": self.failed,
            "in part": self.partial,
            "told before": self.repeated,
            "without a value yet": self.empty,
            "refused": len(self.refused),
        }
        shown = [f"{n} {name}" for name, n in counts.items() if n or name == "results"]
        return ", ".join(shown) + ("" if self.kept else "; nothing was kept")


class Teller:
    """Judges rows against a ledger, which it keeps up to date, and writes what it accepts."""

    def __init__(self, study: Study, ledger: Ledger, prefix: str) -> None:
        """Take the study, its ledger, and the prefix of the campaign's ids."""
        self.study, self.ledger, self.prefix = study, ledger, prefix
        self.told = Told()
        self._by_hash = {n.hash: n for n in reversed(list(ledger.networks.values()))}
        self._noted: set[int] = set()
        self._scales = Scales(ledger)
        self._parsed: dict[str, tuple[np.ndarray, int]] = {}
        for network in ledger.networks.values():
            self._parsed.setdefault(network.arch, (network.code, network.hash))

    def parse(self, archs: Iterable[str]) -> None:
        """Hash architectures together, which is much quicker than one by one."""
        architectures, codes = self.ledger.architectures, {}
        for arch in dict.fromkeys(archs):
            if arch not in self._parsed:
                with suppress(InputError):  # the row is refused when it is judged
                    codes[arch] = architectures.parse(arch)
        if codes:
            hashes = architectures.hashes(np.stack(list(codes.values()))).tolist()
            self._parsed |= dict(zip(codes, zip(codes.values(), hashes, strict=True), strict=True))

    def _parse(self, arch: str) -> tuple[np.ndarray, int]:
        """Return code and canonical hash of an architecture; InputError if it is none of the campaign."""
        if arch not in self._parsed:
            code = self.ledger.architectures.parse(arch)
            self._parsed[arch] = code, int(self.ledger.architectures.hashes(code[None])[0])
        return self._parsed[arch]

    def judge(self, row: Row, *, correct: bool = False, imports: bool = False) -> Entry | None:
        """Return what a row says; None if it says nothing new.

        Raises:
            InputError: The row is refused, with the reason.
        """
        if row.broken:
            raise InputError(row.broken)
        cells = row.cells
        arch, network = self._find_import(cells) if imports else self._find(cells)
        status = str(cells.get("status", "")).strip().lower()
        if status and status not in (*DONE, *FAILED, PENDING):
            raise InputError(
                f"status {status!r} is not known; a failure is {', '.join(FAILED)}; a success is "
                f"{', '.join(DONE)}, or nothing; a network that still trains is {PENDING}"
            )
        values = {o.name: o.parse(cells[o.name]) for o in self.ledger.objectives if o.name in cells}
        failed = status in FAILED
        if failed and values:
            raise InputError("status is failed, but there is a value")
        try:
            seed, seconds = parse_seed(cells.get("seed")), parse_seconds(cells.get("seconds"))
        except ValueError as error:
            raise InputError(str(error)) from None
        if not values and not failed:
            self.told.empty += 1
            return None
        number = None if network is None or network.number < 0 else network.number
        entry = Entry(number, arch, values, seed, seconds, failed, correct)
        if network is None and not failed and len(values) < len(self.ledger.objectives):
            raise InputError(f"an imported network needs {self._missing(values)}, too")
        judged = _without_correction(entry) if network is None else self._judge(entry, network)
        if judged is None:
            self.told.repeated += 1
        return judged

    def _find(self, cells: Mapping[str, Any]) -> tuple[str, Network]:
        if "id" not in cells:
            raise InputError("there is no id")
        text = str(cells["id"]).strip()
        prefix, _, number = text.rpartition("-")
        if not prefix or not number.isascii() or not number.isdecimal():
            raise InputError(f"{text[:60]!r} is no id of this campaign, such as {self.prefix}-0")
        if prefix != self.prefix:
            raise InputError(f"{text[:60]!r} is of another campaign; this one's begin with {self.prefix}-")
        if int(number) in self.ledger.withdrawn:
            raise InputError(f"{text} was withdrawn: another process had asked for the same network")
        network = self.ledger.networks.get(int(number))
        if network is None:
            raise InputError(f"unknown id {text}")
        return network.arch, network

    def _find_import(self, cells: Mapping[str, Any]) -> tuple[str, Network | None]:
        if "arch" not in cells:
            raise InputError("there is no arch")
        arch = str(cells["arch"]).strip()
        space = str(cells.get("space", self.ledger.architectures.key))
        if space != self.ledger.architectures.key:
            raise InputError(
                f"an architecture of {space!r}; this campaign is on {self.ledger.architectures.key!r}"
            )
        return arch, self._by_hash.get(self._parse(arch)[1])

    def _judge(self, entry: Entry, network: Network) -> Entry | None:
        """Return an entry on a network that is known; None if it repeats what was told."""
        if network.state in ("pending", "enqueued"):
            return self._judge_pending(entry, network)
        if network.state == "failed" and entry.failed:
            return None
        replaced = [r for r in network.current if entry.seed in (None, r.seed)] if entry.corrects else []
        if replaced:
            entry = self._complete(entry, replaced)
        if not entry.failed and len(entry.values) < len(self.ledger.objectives):
            raise InputError(f"another result needs {self._missing(entry.values)}, too")
        current = {result.seed: result.values for result in network.current}
        values = tuple(entry.values.values()) or None
        if not current:
            return _without_correction(entry)
        shown = ", ".join(f"{number:g}" for number in (network.values or ()))
        if entry.failed and not entry.corrects:
            raise InputError(f"a result was told already ({shown}); --correct withdraws it")
        same = values in current.values() if entry.seed is None else current.get(entry.seed) == values
        if not entry.failed and same and (entry.seed is not None or not entry.corrects or len(current) == 1):
            return None
        if any(result.number < 0 for result in replaced):
            raise InputError(f"an earlier row gives another result of this training ({shown})")
        if entry.corrects:
            return entry if replaced else _without_correction(entry)
        if entry.seed is None or entry.seed in current:
            raise InputError(
                f"another result was told already ({shown}): a further training is told with its seed, a "
                "correction with --correct"
            )
        return entry

    def _complete(self, entry: Entry, replaced: Sequence[Result]) -> Entry:
        """Return a correction with the values and seconds of what it replaces, where it gives none."""
        known = [result.seconds for result in replaced if result.seconds is not None]
        if entry.seconds is None and known:
            entry = replace(entry, seconds=sum(known))
        if entry.failed or len(entry.values) == len(self.ledger.objectives):
            return entry
        if len(replaced) > 1:
            raise InputError(
                f"{len(replaced)} trainings were told: name the seed of the one to correct, or give "
                f"{self._missing(entry.values)}, too"
            )
        names = [o.name for o in self.ledger.objectives]
        old = dict(zip(names, replaced[0].values or (), strict=True))
        return replace(entry, values={**old, **entry.values})

    def _judge_pending(self, entry: Entry, network: Network) -> Entry | None:
        if entry.failed:
            return _without_correction(entry)
        for name, value in entry.values.items():
            told = network.partial.get(name, value)
            if told != value and network.hash in self._noted:
                raise InputError(f"an earlier row gives {name} {told:g}")
            if told != value and not entry.corrects:
                raise InputError(f"{name} was told as {told:g}; a correction needs --correct")
        if entry.values.items() <= network.partial.items():
            return None
        known = {**network.partial, **entry.values}
        ordered = {o.name: known[o.name] for o in self.ledger.objectives if o.name in known}
        return Entry(network.number, network.arch, ordered, entry.seed, entry.seconds)

    def _missing(self, values: Mapping[str, float]) -> str:
        return ", ".join(o.name for o in self.ledger.objectives if o.name not in values)

    def note(self, entry: Entry) -> None:
        """Count an entry and bring the ledger up to date."""
        complete = len(entry.values) == len(self.ledger.objectives)
        if entry.failed:
            self.told.failed += 1
        elif complete:
            self.told.results += 1
        else:
            self.told.partial += 1
        network = self._network(entry)
        self._noted.add(network.hash)
        name = entry.arch if entry.number is None else f"{self.prefix}-{entry.number}"
        self.told.notices += self._scales.add(name, entry.values)
        if not entry.failed and not complete:
            network.partial.update(entry.values)
            return
        values = tuple(entry.values.values()) if complete else None
        network.results.append(Result(-1, values, entry.seed, entry.seconds, datetime.now(), entry.corrects))
        network.state = "done" if network.current else "failed"

    def _network(self, entry: Entry) -> Network:
        """Return an entry's network; one that is imported gets a place in the ledger, without a number."""
        if entry.number is not None:
            return self.ledger.networks[entry.number]
        code, hashed = self._parse(entry.arch)
        return self._by_hash.setdefault(
            hashed, Network(-1, np.asarray(code), hashed, entry.arch, "done", None, imported=True)
        )

    def has(self, entry: Entry) -> bool:
        """Return whether the ledger has an entry already."""
        return any(result.token == entry.token for result in self._network(entry).results)

    def write(self, entry: Entry) -> None:
        """Write an entry; once this returns it is on the disk."""
        described = {name: value for name, value in entry.to_json().items() if name in _DESCRIBED}
        state = TrialState.FAIL if entry.failed else TrialState.COMPLETE
        values = None if entry.failed else list(entry.values.values())
        network = self._network(entry)
        storage, study_id = self.study._storage, self.study._study_id
        if network.number < 0:
            network.number = self._add(entry, described, state, values, None)
            self.ledger.networks[network.number] = network
            return
        trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, network.number)
        try:
            if storage.get_trial(trial_id).state == TrialState.WAITING:
                storage.set_trial_state_values(trial_id, TrialState.RUNNING)
            storage.set_trial_user_attr(trial_id, RESULT, described)
            if entry.failed or len(entry.values) == len(self.ledger.objectives):
                storage.set_trial_state_values(trial_id, state, values)
        except optuna.exceptions.UpdateFinishedTrialError:
            if not entry.failed and len(entry.values) < len(self.ledger.objectives):
                return  # somebody told the whole in the meantime
            self._add(entry, described, state, values, network.number)

    def _add(
        self,
        entry: Entry,
        described: dict[str, Any],
        state: TrialState,
        values: list[float] | None,
        root: int | None,
    ) -> int:
        """Add a finished trial: of a network that is imported, or a further result of a known one."""
        architectures = self.ledger.architectures
        code, hashed = self._parse(entry.arch)
        attrs: dict[str, Any] = {ARCH: entry.arch, HASH: to_hex(hashed), RESULT: described, WHOLE: True}
        attrs |= {IMPORTED: True} if root is None else {OF: root}
        if entry.corrects:
            attrs[CORRECTS] = True
        storage = self.study._storage
        trial = create_trial(
            state=state,
            values=values,
            params=architectures.to_params(code),
            distributions=architectures.distributions,
            user_attrs=attrs,
        )
        return storage.get_trial_number_from_id(storage.create_new_trial(self.study._study_id, trial))


def _without_correction(entry: Entry) -> Entry:
    """Return an entry that corrects nothing, because there is nothing to correct."""
    return replace(entry, corrects=False)
