"""Claims: no network is handed out twice, whoever asks at the same time.

A claim is written, then all claims are read again; who finds another claim on the same network withdraws its
own. Of two claims the one written later is followed by a reading that sees the earlier one, so never do both
stay, on any storage that shows a write to every reading after it. A claim that is written in one piece with
its trial only yields to earlier trials and to claims written otherwise, so that one of two always stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import optuna
from optuna.trial import TrialState, create_trial

from eval.campaign.architectures import Architectures
from eval.campaign.ledger import ARCH, HASH, OF, WHOLE, WITHDRAWN

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


def to_hex(hashed: int) -> str:
    """Return a canonical hash as it is stored."""
    return f"{int(hashed):016x}"


def claim_new(
    study: Study, architectures: Architectures, codes: np.ndarray, hashes: np.ndarray
) -> tuple[list[int], list[int]]:
    """Create a running trial for each network, and withdraw those that somebody else claimed.

    Args:
        study: The study.
        architectures: What codes mean.
        codes: (n, places) codes of distinct networks.
        hashes: (n,) their canonical hashes.

    Returns:
        Positions of the networks that are now ours, and the numbers of their trials.
    """
    storage, study_id = study._storage, study._study_id
    ids = []
    for code, hashed, text in zip(codes, hashes, architectures.format(codes), strict=True):
        trial = create_trial(
            state=TrialState.RUNNING,
            params=architectures.to_params(code),
            distributions=architectures.distributions,
            user_attrs={HASH: to_hex(hashed), ARCH: text, WHOLE: True},
        )
        ids.append(storage.create_new_trial(study_id, template_trial=trial))
    numbers = [storage.get_trial_number_from_id(trial_id) for trial_id in ids]
    others = read_claims(study.get_trials(deepcopy=False), without=numbers)
    kept: list[int] = []
    for position, (trial_id, number) in enumerate(zip(ids, numbers, strict=True)):
        rivals = others.get(to_hex(hashes[position]), [])
        if any(rival < number or not whole for rival, whole in rivals):
            withdraw(study, trial_id)
        else:
            kept.append(position)
    return kept, [numbers[position] for position in kept]


def withdraw(study: Study, trial_id: int) -> None:
    """Give a network up to whoever claimed it first."""
    study._storage.set_trial_user_attr(trial_id, WITHDRAWN, True)
    study._storage.set_trial_state_values(trial_id, TrialState.FAIL)


def claim_running(study: Study, trial: FrozenTrial, architectures: Architectures, code: np.ndarray) -> bool:
    """Claim a network for a trial that runs already; return whether nobody else has claimed it.

    If somebody has, the trial has to claim another: its next claim takes the place of this one.
    """
    hashed = to_hex(architectures.hashes(code[None])[0])
    study._storage.set_trial_user_attr(trial._trial_id, ARCH, architectures.format(code[None])[0])
    study._storage.set_trial_user_attr(trial._trial_id, HASH, hashed)
    trials = study.get_trials(deepcopy=False)
    return hashed not in read_claims(trials, without=[trial.number])


def read_claims(
    trials: Iterable[FrozenTrial], *, without: Sequence[int]
) -> dict[str, list[tuple[int, bool]]]:
    """Return for each claimed network the numbers of the trials that claim it, and whether in one piece."""
    mine = set(without)
    claims: dict[str, list[tuple[int, bool]]] = {}
    for trial in trials:
        attrs = trial.user_attrs
        if HASH in attrs and OF not in attrs and WITHDRAWN not in attrs and trial.number not in mine:
            claims.setdefault(attrs[HASH], []).append((trial.number, WHOLE in attrs))
    return claims


def is_finished_elsewhere(error: Exception) -> bool:
    """Return whether an error says that another process finished a trial first."""
    return isinstance(error, optuna.exceptions.UpdateFinishedTrialError)
