"""Search spaces by name: enumerated or sampled, mutated, as graphs. Importing this imports none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.registry import Registry

if TYPE_CHECKING:
    from data.spaces.codes import CodeSpace

SPACES: Registry[CodeSpace] = Registry(
    "search space",
    table={
        "nb101": "data.spaces.nb101:NB101",
        "nb201": "data.spaces.edges:NB201",
        "nats_size": "data.spaces.chains:NATS_SIZE",
        "darts": "data.spaces.cells:DARTS",
        "nds_darts": "data.spaces.cells:NDS_DARTS",
        "nds_enas": "data.spaces.cells:NDS_ENAS",
        "nds_pnas": "data.spaces.cells:NDS_PNAS",
        "nds_nasnet": "data.spaces.cells:NDS_NASNET",
        "nds_amoeba": "data.spaces.cells:NDS_AMOEBA",
        "nds_resnet": "data.spaces.stages:NDS_RESNET",
        "nds_vanilla": "data.spaces.stages:NDS_VANILLA",
        "nds_resnext_a": "data.spaces.stages:NDS_RESNEXT_A",
        "nds_resnext_b": "data.spaces.stages:NDS_RESNEXT_B",
        "proxyless": "data.spaces.chains:PROXYLESS",
        "macro": "data.spaces.chains:MACRO",
        "channel_macro": "data.spaces.chains:CHANNEL_MACRO",
        "transnas_micro": "data.spaces.edges:TRANSNAS_MICRO",
        "transnas_macro": "data.spaces.chains:TRANSNAS_MACRO",
        "mnasnet": "data.spaces.mobile:MNASNET",
        "ofa": "data.spaces.mobile:OFA",
    },
)


def get(name: str) -> CodeSpace:
    """Return the search space `name`; UnknownNameError with the closest names if it does not exist."""
    return SPACES[name]
