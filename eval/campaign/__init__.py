"""Campaigns: ask what to train next, tell how it went; on Optuna, so that several machines can share one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval.campaign.campaign import Campaign
    from eval.campaign.sampler import RankerSampler

__all__ = ["Campaign", "RankerSampler"]

_LAZY = {"Campaign": "eval.campaign.campaign", "RankerSampler": "eval.campaign.sampler"}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import a public class when it is first used: `--help` needs no Optuna."""
    if name not in _LAZY:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
