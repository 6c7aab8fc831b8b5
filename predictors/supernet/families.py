"""The class of networks of each search space; a family of spaces is one module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from data.errors import InputError
from data.registry import Registry
from data.spaces import SPACES

if TYPE_CHECKING:
    from predictors.supernet.network import Network

FAMILIES: Registry[type[Network]] = Registry(
    "space with a supernet",
    table={
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
        "ofa": "predictors.supernet.ofa:OfaNetwork",
        "nats_size": "predictors.supernet.sizes:SizeNetwork",
        "channel_macro": "predictors.supernet.channels:ChannelNetwork",
        "transnas_macro": "predictors.supernet.modules:ModuleNetwork",
        "nds_resnet": "predictors.supernet.stages:StageNetwork",
        "nds_vanilla": "predictors.supernet.stages:StageNetwork",
        "nds_resnext_a": "predictors.supernet.stages:StageNetwork",
        "nds_resnext_b": "predictors.supernet.stages:StageNetwork",
    },
)


def network_class(space: str) -> type[Network]:
    """Return the class of networks of a search space.

    Raises:
        UnknownNameError: There is no such space; the message gives the closest names.
        InputError: The space has no supernet here.
    """
    _check_space(space)
    return FAMILIES[space]


_CELLS = {"epochs": 600, "batch": 192, "lr": 0.05, "weight_decay": 1e-4, "clip": 5.0}
_TWO_CELLS = _CELLS | {"batch": 128}
_CHAINS = {"epochs": 360, "batch": 128, "lr": 0.03, "weight_decay": 5e-5, "smoothing": 0.1, "warmup": 5 / 360}


def default_recipe(space: str) -> dict[str, Any]:
    """Return the default settings for training a space's supernet, by name.

    These are the settings of AceNAS (Zhang et al., 2021): SGD and a cosine, 600 epochs for cells, 360 for
    chains of mobile blocks. Spaces of widths or stages have those of cells for the cells of NATS-Bench, else
    those of chains.
    """
    _check_space(space)
    if space in ("nb101", "nb201", "transnas_micro", "nats_size"):
        return dict(_CELLS)
    two_cells = space in ("darts", "nds_darts", "nds_enas", "nds_pnas", "nds_nasnet", "nds_amoeba")
    return dict(_TWO_CELLS if two_cells else _CHAINS)


def _check_space(space: str) -> None:
    if space in SPACES and space not in FAMILIES:
        raise InputError(f"space '{space}' has no supernet here; spaces that have one: {', '.join(FAMILIES)}")
    FAMILIES.place(space)
