"""Whether workers run the same code and libraries as the client, before anything runs on them."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from functools import cache
from importlib import metadata
from typing import Any

from data.cluster.connect import Cluster
from data.errors import InputError

Fingerprint = Callable[[tuple[str, ...]], dict[str, str]]
_SHOWN = 3  # differences and workers that an error names


class WorkerDiffersError(InputError):
    """A worker runs other code, or another version of a library."""


def engine() -> dict[str, str]:
    """Return what every worker must share with the client, whatever it computes."""
    versions = {name: metadata.version(name) for name in ("distributed", "cloudpickle")}
    return {"python": platform.python_version(), "machine": platform.machine(), **versions}


def take(fingerprint: Fingerprint, modules: tuple[str, ...]) -> dict[str, str]:
    """Return what a process runs: versions and hashes of code, by name."""
    return {**engine(), **fingerprint(modules)}


@cache
def digest(fingerprint: Fingerprint, modules: tuple[str, ...]) -> str:
    """Return sixteen hex digits for what this process runs."""
    text = json.dumps(take(fingerprint, modules), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_workers(cluster: Cluster, fingerprint: Fingerprint, modules: tuple[str, ...]) -> None:
    """Compare every worker with this process.

    Raises:
        WorkerDiffersError: A worker differs; names it, and what it has and what is here.
    """
    own = take(fingerprint, modules)
    found: dict[str, Any] = cluster.client.run(take, fingerprint, modules, on_error="return")
    lines = [f"{worker}: {why}" for worker, other in found.items() if (why := _describe(own, other))]
    if lines:
        more = f", and {len(lines) - _SHOWN} more workers" if len(lines) > _SHOWN else ""
        raise WorkerDiffersError(
            f"workers differ from this process: {'; '.join(lines[:_SHOWN])}{more}; install the same version "
            "of the code and of the libraries there"
        )


def _describe(own: Mapping[str, str], other: object) -> str:
    """Return what a worker has in place of what is here; "" if they agree."""
    if isinstance(other, OSError):
        return ""  # it left while it was asked
    if not isinstance(other, Mapping):
        return f"it cannot run this version ({type(other).__name__}: {other})"
    changed = [
        f"{name} {other.get(name, 'none')}, here {own.get(name, 'none')}"
        for name in sorted({*own, *other})
        if own.get(name) != other.get(name)
    ]
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return ", ".join(changed[:_SHOWN]) + more
