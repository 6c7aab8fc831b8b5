"""The contract of predictors that say how sure they are: deviations of `predict(..., return_std=True)`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from predictors.contract_case import (
    SEED,
    BrokenError,
    Case,
    check_close,
    check_equal,
    check_shape,
)

STD_RULES: dict[str, Callable[[Case], None]] = {}


def _rule(name: str) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    def add(test: Callable[[Case], None]) -> Callable[[Case], None]:
        STD_RULES[name] = test
        return test

    return add


@_rule("return_std adds one deviation for each architecture and leaves the scores alone")
def _std(case: Case) -> None:
    std = case.std
    check_shape(std, (len(case.test),))
    if not (std > 0).any():
        raise BrokenError("every deviation is 0: the predictor would be certain of everything")
    scores, again = case.fitted.predict(case.test, return_std=True)
    check_close(scores, case.scores, "with return_std")
    check_equal(again, std, "predicting again changes the deviations")
    refitted = case.fit().predict(case.test, return_std=True)[1]
    check_equal(refitted, std, "fitting again with the same seed changes the deviations")


@_rule("a deviation does not depend on what else is scored")
def _std_batch(case: Case) -> None:
    std = case.std
    mixed = np.random.default_rng(0).permutation(len(std))
    for rows in (np.array([len(std) // 2]), np.arange(0, len(std), 3), mixed):
        found = case.fitted.predict(case.test.take(rows), return_std=True)[1]
        when = f"when {len(rows)} of {len(std)} are scored"
        check_close(found, std[rows], when, noun="deviations")


@_rule("repeats have deviations")
def _std_repeats(case: Case) -> None:
    expected = (2, len(case.std))
    fitted = case.make().fit_repeats([case.train] * 2, [case.y, case.y[::-1]], [0, 1])
    scores, std = fitted.predict(case.test, return_std=True)
    check_shape(std, expected)
    check_close(scores, fitted.predict(case.test), "with return_std")


@_rule("constant labels and one or two labels have deviations")
def _std_poor_labels(case: Case) -> None:
    n = len(case.std)
    for count, y in ((1, case.y), (2, case.y), (len(case.y), np.full(len(case.y), 91.0))):
        made = case.make().fit(case.train.take(np.arange(count)), y[:count], seed=SEED)
        check_shape(made.predict(case.test, return_std=True)[1], (n,))
