"""Which architectures a training step of a supernet computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from data.errors import InputError
from data.spaces.codes import CodeSpace

Sampler = Callable[[int], np.ndarray]
"""The codes (paths, places) of a step: a function of the step alone, so that a resumed run needs no state."""

SANDWICH_POOL = 1000  # random architectures among which the sandwich rule takes the largest and smallest


def uniform(space: CodeSpace, paths: int, seed: int, flops: Callable[[np.ndarray], np.ndarray]) -> Sampler:
    """Return a sampler of `paths` random architectures a step.

    Source: Guo et al., Single Path One-Shot Neural Architecture Search, ECCV 2020 (with one path).
    """
    del flops
    return lambda step: space.sample(paths, np.random.default_rng([seed, step]))


def fair(space: CodeSpace, paths: int, seed: int, flops: Callable[[np.ndarray], np.ndarray]) -> Sampler:
    """Return a sampler of as many architectures as a place has options, each option in one of them.

    Where a place has fewer options than another, its options recur as evenly as they can. `paths` such sets
    make a step.
    Source: Chu et al., FairNAS, ICCV 2021, strict fairness.

    Raises:
        InputError: Not every code of the space is an architecture, so options cannot be drawn place by place.
    """
    del flops
    most = max(space.choices)
    if not any_combination(space):
        raise InputError(
            f"space '{space.name}': not every combination of options is an architecture, so strict fairness "
            "is impossible; choose another sampling"
        )

    def sample(step: int) -> np.ndarray:
        rng = np.random.default_rng([seed, step])
        sets = [
            [_recurring(rng, choices, most) for choices in space.choices] for _ in range(paths)
        ]  # (paths, places, most)
        return np.concatenate([np.stack(columns, 1) for columns in sets]).astype(np.int8)

    return sample


def any_combination(space: CodeSpace) -> bool:
    """Return whether every combination of options is an architecture, as a thousand random ones are."""
    trial = np.random.default_rng(0).integers(space.choices, size=(1000, len(space.choices)))
    return bool(space.valid(trial).all())


def _recurring(rng: np.random.Generator, choices: int, n: int) -> np.ndarray:
    """Return n of the options 0 ... choices − 1 in random order, each equally often, give or take one."""
    rounds = [rng.permutation(choices) for _ in range(-(-n // choices))]
    return np.concatenate(rounds)[:n]


def sandwich(space: CodeSpace, paths: int, seed: int, flops: Callable[[np.ndarray], np.ndarray]) -> Sampler:
    """Return a sampler of the largest and the smallest architecture and `paths` random ones a step.

    Largest and smallest by FLOPs among a thousand random architectures.
    Source: Yu & Huang, Universally Slimmable Networks and Improved Training Techniques, ICCV 2019.
    """
    pool = space.sample(SANDWICH_POOL, np.random.default_rng(seed))
    cost = flops(pool)
    ends = pool[[int(cost.argmax()), int(cost.argmin())]]
    inner = uniform(space, paths, seed, flops)
    return lambda step: np.concatenate([ends, inner(step)])


SAMPLINGS: Mapping[str, Callable[..., Sampler]] = {"uniform": uniform, "fair": fair, "sandwich": sandwich}
