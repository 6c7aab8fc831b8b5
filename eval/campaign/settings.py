"""Settings of a campaign, in its study; where the study is, in a folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError, TableError
from data.files import atomic_path
from data.table_files import table_suffix
from eval.campaign.architectures import Architectures, SpaceArchitectures, TableArchitectures
from eval.campaign.objectives import Objective

SCHEMA = 1
ATTRIBUTE = "acerank:campaign"
POINTER = "campaign.json"
TABLE = "candidates"
ENCODER, RANKING, WEAK, QUALITY = "encoder.safetensors", "ranking.npz", "weak.npz", "quality.json"


@dataclass(frozen=True)
class Settings:
    """What a campaign is.

    Attributes:
        id: Prefix of its ids.
        space: Name of the code space; "" for a table.
        bench: Key of a registered table, or name of the table's file in the folder; "" for a space.
        table_hash: Hash of the table's content.
        objectives: What is measured.
        weak: Names of the weak labels.
        weak_hash: Hash of the weak labels.
        predictor: The ranker, as users write it.
        seed: Seed of everything random.
        acquisition: See Engine.
        refit: See Engine.
        schema: Version of this record.
    """

    id: str
    space: str
    bench: str
    table_hash: str
    objectives: tuple[Objective, ...]
    weak: tuple[str, ...] = ()
    weak_hash: str = ""
    predictor: str = "ace"
    seed: int = 0
    acquisition: str = "mixed"
    refit: float = 0.05
    schema: int = field(default=SCHEMA)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; infinite bounds are null."""
        record = asdict(self)
        for objective in record["objectives"]:
            for bound in ("low", "high"):
                if not np.isfinite(objective[bound]):
                    objective[bound] = None
        return record

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Settings:
        """Read what `to_json` wrote.

        Raises:
            InputError: A newer version wrote it.
        """
        if record.get("schema", 0) != SCHEMA:
            raise InputError(
                f"the campaign has format {record.get('schema')}, this version reads {SCHEMA}: update acerank"
            )
        objectives = []
        for each in record["objectives"]:
            known = {name: value for name, value in each.items() if value is not None}
            objectives.append(Objective(**known))
        return cls(**{**record, "objectives": tuple(objectives), "weak": tuple(record["weak"])})


@dataclass(frozen=True)
class Pointer:
    """Where a campaign's study is."""

    storage: str
    study: str

    def save(self, folder: Path) -> None:
        """Write it; a campaign's folder is complete once this file is there."""
        with atomic_path(folder / POINTER) as part:
            part.write_text(json.dumps({**asdict(self), "schema": SCHEMA}, indent=2) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Pointer:
        """Read it.

        Raises:
            InputError: The folder holds no campaign.
        """
        path = folder / POINTER
        if not path.is_file():
            raise InputError(f"{folder} holds no campaign; begin one: acerank campaign init --dir {folder}")
        try:
            record = json.loads(path.read_text("utf-8"))
            return cls(record["storage"], record["study"])
        except (ValueError, KeyError, TypeError) as error:
            raise TableError(f"{path} does not say where a campaign is: {error}") from error


def copy_table(path: Path, folder: Path) -> str:
    """Copy a user's table, and the descriptions next to it, into the folder; return its new name."""
    from data.readers import DESCRIPTIONS

    suffix = table_suffix(path)
    name = f"{TABLE}{suffix}"
    described = path.with_name(path.name[: -len(suffix) or None] + DESCRIPTIONS)
    if described.is_file():
        shutil.copyfile(described, folder / f"{TABLE}{DESCRIPTIONS}")
    shutil.copyfile(path, folder / name)
    return name


def is_copy(bench: str) -> bool:
    """Return whether a campaign's table is a file in its folder."""
    return bench.partition(".")[0] == TABLE


def open_architectures(settings: Settings, folder: Path, *, offline: bool = False) -> Architectures:
    """Return what a campaign may train.

    Raises:
        InputError: Its table has changed.
    """
    if settings.space:
        from data.spaces import get

        return SpaceArchitectures(get(settings.space))
    if is_copy(settings.bench):
        from eval.campaign.candidates import Candidates

        bench = Candidates.read_for(folder / settings.bench, settings.objectives)
    else:
        import benchmarks

        bench = benchmarks.load(settings.bench, offline=offline)
    if bench.content_hash != settings.table_hash:
        raise InputError(
            f"the table {settings.bench} is not the one that the campaign began with (its hash was "
            f"{settings.table_hash}, is {bench.content_hash})"
        )
    return TableArchitectures(bench)
