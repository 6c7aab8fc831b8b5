"""How much an architecture learns in a step: a learning rate that decays by its complexity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data.errors import InputError
from data.spaces.codes import CodeSpace

POOL = 1000  # random architectures that say how small and large architectures are


class ComplexityDecay:
    """A learning rate that falls quickly for small architectures and late for large ones.

    At a share t of the training it is (1 − t)^γ times the peak, with γ from `steepest` for the smallest to
    1 / `steepest` for the largest architecture, evenly in the logarithm of γ and of the parameters. With
    shared weights large architectures are under-trained at the end, small ones are done early.
    Source: CaLR, CVPR 2025 (with γ from 3 to 1/3); here the factor weights the architecture's gradient, which
    is the same where each weight belongs to one architecture of a step.
    """

    def __init__(
        self, space: CodeSpace, params: Callable[[np.ndarray], np.ndarray], steepest: float, seed: int
    ) -> None:
        """Find out how small and large architectures are.

        Args:
            space: The search space.
            params: Parameters of codes (n, places), any unit.
            steepest: γ of the smallest architecture, at least 1.
            seed: Seed of the sample from which sizes are taken.

        Raises:
            InputError: `steepest` is below 1.
        """
        if steepest < 1:
            raise InputError(f"the decay of the smallest architecture must be at least 1, not {steepest}")
        self.params, self.steepest = params, steepest
        logs = np.log(params(space.sample(POOL, np.random.default_rng(seed))))
        self.smallest, self.largest = float(logs.min()), float(logs.max())

    def exponents(self, codes: np.ndarray) -> np.ndarray:
        """Return γ (n,) of codes (n, places)."""
        span = self.largest - self.smallest
        size = (np.log(self.params(codes)) - self.smallest) / (span or 1.0)
        return self.steepest ** (1 - 2 * size.clip(0, 1))

    def weights(self, codes: np.ndarray, step: int, steps: int) -> np.ndarray:
        """Return each architecture's learning rate (n,) in a step, as a multiple of that with γ = 1."""
        return (1 - step / steps) ** (self.exponents(codes) - 1)
