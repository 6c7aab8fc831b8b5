"""Which network a search space has; a family of spaces is one module."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from data.errors import InputError
from data.names import check_name
from data.spaces import SPACES

if TYPE_CHECKING:
    from predictors.supernet.network import Network

FAMILIES: Mapping[str, str] = {
    "nb101": "predictors.supernet.nb101:Nb101Network",
    "nb201": "predictors.supernet.edges:EdgeNetwork",
    "transnas_micro": "predictors.supernet.edges:EdgeNetwork",
    "darts": "predictors.supernet.cells:CellsNetwork",
    "nds_darts": "predictors.supernet.cells:CellsNetwork",
    "nds_enas": "predictors.supernet.cells:CellsNetwork",
    "nds_pnas": "predictors.supernet.cells:CellsNetwork",
    "nds_nasnet": "predictors.supernet.cells:CellsNetwork",
    "nds_amoeba": "predictors.supernet.cells:CellsNetwork",
    "proxyless": "predictors.supernet.chains:ChainNetwork",
    "macro": "predictors.supernet.chains:ChainNetwork",
    "mnasnet": "predictors.supernet.chains:ChainNetwork",
    "ofa": "predictors.supernet.chains:ChainNetwork",
}


def network_class(space: str) -> type[Network]:
    """Return the network of a search space; UnknownNameError with the closest names if there is none."""
    module, name = FAMILIES[_known(space)].split(":")
    return getattr(import_module(module), name)


_CELLS = {"epochs": 600, "batch": 192, "lr": 0.05, "weight_decay": 1e-4, "clip": 5.0}
_TWO_CELLS = _CELLS | {"batch": 128}
_CHAINS = {"epochs": 360, "batch": 128, "lr": 0.03, "weight_decay": 5e-5, "smoothing": 0.1, "warmup": 5 / 360}


def default_recipe(space: str) -> dict[str, Any]:
    """Return how a space's supernet is trained where nothing else is asked for.

    These are the settings of AceNAS (Zhang et al., 2021): SGD and a cosine, 600 epochs for cells, 360 for
    chains of mobile blocks.
    """
    if _known(space) in ("nb101", "nb201", "transnas_micro"):
        return dict(_CELLS)
    return dict(_TWO_CELLS if space == "darts" or space.startswith("nds_") else _CHAINS)


def _known(space: str) -> str:
    """Return the name of a space that has a supernet."""
    if space in SPACES and space not in FAMILIES:
        raise InputError(f"space '{space}' has no supernet here; those that have: {', '.join(FAMILIES)}")
    return check_name("space with a supernet", space, FAMILIES)
