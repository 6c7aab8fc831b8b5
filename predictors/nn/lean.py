"""torch's optimisers without its compiler, whose import takes as long as that of torch itself.

Their methods tell the compiler to leave them alone, and import it to do so when they are first called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

_step: Callable[[Optimizer], Any] = inspect.unwrap(torch.optim.Adam.step)  # AdamW's is the same


class Adam(torch.optim.Adam):
    """Adam whose steps do not involve the compiler (Kingma & Ba, ICLR 2015)."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Move the parameters."""
        del closure
        _step(self)


class AdamW(torch.optim.AdamW):
    """AdamW whose steps do not involve the compiler (Loshchilov & Hutter, ICLR 2019)."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Move the parameters."""
        del closure
        _step(self)


def _spare_compiler() -> None:
    """Mark methods of all optimisers as those that have told the compiler; no effect without such a mark."""
    for name in ("zero_grad", "add_param_group", "state_dict", "load_state_dict"):
        plain = getattr(getattr(Optimizer, name), "__wrapped__", None)
        if plain is not None and not hasattr(plain, "__dynamo_disable"):
            setattr(plain, "__dynamo_disable", plain)  # pyright knows no such attribute


_spare_compiler()
