"""The ledger: what Optuna's trials say of every network of a campaign, read afresh each time.

Optuna does not change a finished trial. So the first result of a network finishes the trial that asked for
it, and what is told later (another seed, a correction) is a finished trial of its own that names the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.trial import TrialState

from eval.campaign.architectures import Architectures, stack
from eval.campaign.objectives import Objective, oriented

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

HASH = "acerank:hash"  # canonical hash, 16 hex digits: the claim on a network
ARCH = "acerank:arch"  # the architecture's text
WHOLE = "acerank:whole"  # the claim was written together with the trial
RESULT = "acerank:result"  # values, seed and seconds of a result; of part of the values until all are told
OF = "acerank:of"  # number of the trial whose network a further result belongs to
CORRECTS = "acerank:corrects"  # this result replaces earlier ones: of its seed, or all
WITHDRAWN = "acerank:withdrawn"  # another process had claimed the same network
IMPORTED = "acerank:imported"

Values = tuple[float, ...]


@dataclass(frozen=True)
class Result:
    """One training of a network.

    Attributes:
        number: Optuna's number of the trial that holds it.
        values: Value of each objective, in the unit and direction it was told; None if the training failed.
        seed: Seed of the training; None if unknown.
        seconds: What it cost; None if unknown.
        told: When.
        corrects: Whether it replaces earlier results.
        token: What tells it apart from any other result; "" if unknown.
    """

    number: int
    values: Values | None
    seed: int | None = None
    seconds: float | None = None
    told: datetime | None = None
    corrects: bool = False
    token: str = ""


@dataclass
class Network:
    """A network that was asked for or told.

    Attributes:
        number: Optuna's number of the trial that asked for it, or that told it first.
        code: (places,) its code.
        hash: Its canonical hash.
        arch: Its text.
        state: "pending", "done", "failed" or "enqueued".
        asked: When.
        imported: Whether it was trained outside of the campaign.
        partial: Objectives known so far of a pending network.
        results: Every result that was ever told, oldest first.
    """

    number: int
    code: np.ndarray
    hash: int
    arch: str
    state: str
    asked: datetime | None
    imported: bool = False
    partial: dict[str, float] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)

    @property
    def current(self) -> list[Result]:
        """The results that count: one for each seed, those corrected left out."""
        kept: dict[int | None, Result] = {}
        for result in self.results:
            if result.corrects and result.seed is None:
                kept.clear()
            if result.values is not None:
                kept[result.seed] = result
            elif result.corrects:
                kept.pop(result.seed, None)
        return list(kept.values())

    @property
    def trainings(self) -> list[Result]:
        """The trainings, failed ones included; results that a correction replaced are left out."""
        current = self.current
        return [r for r in self.results if r.values is None or any(r is each for each in current)]

    @property
    def values(self) -> Values | None:
        """Mean value of each objective over the seeds; None if there is no result."""
        known = [result.values for result in self.current if result.values is not None]
        return tuple(np.mean(known, axis=0).tolist()) if known else None

    @property
    def seconds(self) -> float | None:
        """Seconds of all trainings that say so."""
        known = [result.seconds for result in self.trainings if result.seconds is not None]
        return float(sum(known)) if known else None


@dataclass(frozen=True)
class Ledger:
    """All networks of a campaign.

    Attributes:
        networks: By number of their first trial, oldest first.
        withdrawn: Numbers of trials that gave up their network to another process.
        architectures: What the codes mean.
        objectives: What is measured.
    """

    networks: dict[int, Network]
    withdrawn: frozenset[int]
    architectures: Architectures
    objectives: tuple[Objective, ...]

    @classmethod
    def read(
        cls,
        trials: Iterable[FrozenTrial],
        architectures: Architectures,
        objectives: tuple[Objective, ...],
    ) -> Ledger:
        """Read trials of any sampler; those whose parameters are not of the campaign are left out."""
        networks: dict[int, Network] = {}
        withdrawn: set[int] = set()
        further: list[FrozenTrial] = []
        rooted = [t for t in trials if OF not in t.user_attrs or further.append(t)]
        codes = [_code(trial, architectures) for trial in rooted]
        unhashed = [i for i, t in enumerate(rooted) if codes[i] is not None and HASH not in t.user_attrs]
        places = len(architectures.distributions)
        hashes = architectures.hashes(stack([codes[i] for i in unhashed], places))  # pyright: ignore
        computed = dict(zip(unhashed, map(int, hashes), strict=True))
        for i, trial in enumerate(rooted):
            code = codes[i]
            if WITHDRAWN in trial.user_attrs:
                withdrawn.add(trial.number)
            elif code is not None:
                hashed = computed[i] if i in computed else int(trial.user_attrs[HASH], 16)
                networks[trial.number] = _network(trial, code, hashed, objectives, architectures)
        for trial in further:
            if (root := networks.get(int(trial.user_attrs[OF]))) is not None:
                root.results.append(_result(trial))
        for network in networks.values():
            if network.results:
                network.state = "done" if network.current else "failed"
        unfinished = {trial.number for trial in rooted if WHOLE in trial.user_attrs}
        withdrawn |= _outrun(networks, unfinished)
        kept = {number: network for number, network in networks.items() if number not in withdrawn}
        return cls(kept, frozenset(withdrawn), architectures, objectives)

    @property
    def taken(self) -> np.ndarray:
        """Sorted canonical hashes (t,) of everything that was asked or told."""
        return np.unique(np.array([n.hash for n in self.networks.values()], np.uint64))

    def having(self, *states: str) -> list[Network]:
        """Return the networks in one of these states, oldest first."""
        return [network for network in self.networks.values() if network.state in states]

    def codes(self, networks: Sequence[Network]) -> np.ndarray:
        """Return the codes (n, places) of networks."""
        return stack([network.code for network in networks], len(self.architectures.distributions))

    def labelled(self) -> tuple[list[Network], np.ndarray]:
        """Return one network for each canonical hash that has a result, and values (q, d), larger better.

        Networks that are told under several numbers have the mean of their results.
        """
        by_hash: dict[int, list[Network]] = {}
        for network in self.having("done"):
            by_hash.setdefault(network.hash, []).append(network)
        values = [
            np.mean([r.values for n in twins for r in n.current if r.values is not None], axis=0)
            for twins in by_hash.values()
        ]
        return [twins[0] for twins in by_hash.values()], oriented(np.array(values), self.objectives)


def _outrun(networks: dict[int, Network], whole: set[int]) -> set[int]:
    """Return pending networks that an earlier trial has, too: whoever asked died before it withdrew them."""
    first: dict[int, int] = {}
    for number in sorted(networks):
        first.setdefault(networks[number].hash, number)
    return {
        n for n in whole & networks.keys() if networks[n].state == "pending" and first[networks[n].hash] < n
    }


def _code(trial: FrozenTrial, architectures: Architectures) -> np.ndarray | None:
    params = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    code = architectures.from_params(params)
    if code is None and ARCH in trial.user_attrs and HASH in trial.user_attrs:
        # Claimed by a sampler whose study has not asked for the parameters yet.
        code = architectures.parse(trial.user_attrs[ARCH])
    return code


def _network(
    trial: FrozenTrial,
    code: np.ndarray,
    hashed: int,
    objectives: tuple[Objective, ...],
    architectures: Architectures,
) -> Network:
    states = {TrialState.RUNNING: "pending", TrialState.WAITING: "enqueued", TrialState.COMPLETE: "done"}
    network = Network(
        trial.number,
        code,
        hashed,
        trial.user_attrs.get(ARCH) or architectures.format(code[None])[0],
        states.get(trial.state, "failed"),
        trial.datetime_start,
        bool(trial.user_attrs.get(IMPORTED)),
    )
    if trial.state == TrialState.RUNNING:
        told = trial.user_attrs.get(RESULT, {}).get("values", {})
        network.partial = {o.name: float(told[o.name]) for o in objectives if o.name in told}
    elif trial.state.is_finished():
        network.results.append(_result(trial))
    return network


def _result(trial: FrozenTrial) -> Result:
    values = tuple(trial.values) if trial.state == TrialState.COMPLETE and trial.values else None
    told: dict[str, Any] = trial.user_attrs.get(RESULT, {})
    if values is not None and tuple(told.get("values", {}).values()) not in ((), values):
        told = {}  # two machines told one network at once: the description is that of the other result
    return Result(
        trial.number,
        values,
        told.get("seed"),
        told.get("seconds"),
        trial.datetime_complete,
        bool(trial.user_attrs.get(CORRECTS)),
        told.get("token", ""),
    )
