"""Where a campaign stands, as JSON values; what it found; and all of it as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import InputError
from data.files import atomic_path
from eval.campaign.ledger import Ledger, Network, Result
from eval.campaign.quality import Quality, advise, as_records, cross_validate, expect_gain, get_curve
from eval.campaign.settings import QUALITY
from eval.choose.pareto import non_dominated
from eval.task import digest

if TYPE_CHECKING:
    import pandas as pd

    from eval.campaign.campaign import Campaign

WRITTEN = (".csv", ".tsv", ".json", ".parquet")


def get_status(campaign: Campaign, *, batch: int = 20, top: int = 5, quick: bool = False) -> dict[str, Any]:
    """Return where a campaign stands.

    Args:
        campaign: The campaign.
        batch: Size of the next batch, for its expected gain.
        top: How many of the best networks.
        quick: Leave out what needs the ranker: its quality, the expected gain, the advice.
    """
    ledger = campaign.read()
    settings = campaign.settings
    networks = list(ledger.networks.values())
    trainings = [result for network in networks for result in network.trainings]
    status: dict[str, Any] = {
        "campaign": settings.id,
        "architectures": campaign.architectures.key,
        "predictor": settings.predictor,
        "weak": list(settings.weak),
        "objectives": [f"{o.name}:{o.direction}" for o in settings.objectives],
        "queried": len(networks),
        **{state: len(ledger.having(state)) for state in ("done", "pending", "enqueued", "failed")},
        "imported": sum(network.imported for network in networks),
        "trainings": len(trainings),
        "seconds": float(sum(result.seconds or 0.0 for result in trainings)),
        "best": get_best(campaign, top, ledger).to_dict("records"),
        "curve": get_curve(ledger),
    }
    if quick:
        return status
    quality = _cached_quality(campaign, ledger)
    with campaign.locked("ask"):
        ranking = campaign.get_ranking(ledger, batch)
    gain = expect_gain(campaign.engine, ledger, ranking, batch)
    left = len(campaign.architectures.draw(1, campaign.engine.random(5), ledger.taken)) > 0
    advice = advise(ledger, quality, gain, left=left)
    return status | {
        "quality": as_records(quality),
        "next_batch": {"size": gain.size, "expected_gain": gain.gain, "chance": gain.chance},
        "stop": advice.stop,
        "reason": advice.reason,
    }


def _cached_quality(campaign: Campaign, ledger: Ledger) -> list[Quality]:
    """Return the cross-validation, computed again only if a result is new."""
    networks, labels = ledger.labelled()
    key = digest(
        {
            "engine": campaign.engine.key,
            "networks": [network.hash for network in networks],
            "labels": np.asarray(labels).tolist(),
        }
    )
    path = campaign.folder / QUALITY
    try:
        saved = json.loads(path.read_text("utf-8"))
        if saved["key"] == key:
            return [Quality(**record) for record in saved["quality"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # missing, or of another version: computed again below
    quality = cross_validate(campaign.engine, ledger)
    with atomic_path(path) as part:
        part.write_text(json.dumps({"key": key, "quality": as_records(quality)}), "utf-8")
    return quality


def get_best(campaign: Campaign, top: int = 5, ledger: Ledger | None = None) -> pd.DataFrame:
    """Return the best networks: of one objective the top ones, of several all that no other dominates.

    Columns: id, arch, the mean of each objective over the confirmed seeds, trainings (how many there are),
    spread (their standard deviation, of the first objective; None for one training), seconds.
    """
    import pandas as pd

    ledger = campaign.read() if ledger is None else ledger
    networks, values = ledger.labelled()
    if len(campaign.objectives) == 1:
        order = np.argsort(-values[:, 0], kind="stable")[:top]
    else:
        front = np.flatnonzero(non_dominated(values)) if len(values) else np.empty(0, np.int64)
        order = front[np.argsort(-values[front, 0], kind="stable")]
    rows = [_describe(campaign, networks[i]) for i in order]
    names = [o.name for o in campaign.objectives]
    return pd.DataFrame(rows, columns=["id", "arch", *names, "trainings", "spread", "seconds"])


def _describe(campaign: Campaign, network: Network) -> list[Any]:
    current = [result.values for result in network.current if result.values is not None]
    spread = float(np.std([values[0] for values in current], ddof=1)) if len(current) > 1 else None
    return [
        campaign.id(network.number),
        network.arch,
        *(network.values or ()),
        len(current),
        spread,
        network.seconds,
    ]


def export(campaign: Campaign) -> pd.DataFrame:
    """Return every training that was told, and every network that waits for its first.

    Columns: id, space, arch, hash, status ("done", "failed", "pending", "enqueued", or "corrected" for a
    result that another replaced), the objectives, seed, seconds, asked, told, imported.
    """
    import pandas as pd

    ledger = campaign.read()
    names = [o.name for o in campaign.objectives]
    columns = [
        "id", "space", "arch", "hash", "status", *names, "seed", "seconds", "asked", "told", "imported"
    ]  # fmt: skip
    rows = [
        row
        for network in ledger.networks.values()
        for row in (
            [_export(campaign, network, result) for result in network.results]
            or [_export(campaign, network, None)]
        )
    ]
    frame = pd.DataFrame(rows, columns=columns)
    frame["seed"] = frame["seed"].astype("Int64")
    return frame


def _export(campaign: Campaign, network: Network, result: Result | None) -> list[Any]:
    if result is None:
        status = network.state
    elif result.values is None:
        status = "failed"
    else:
        status = "done" if any(result is each for each in network.current) else "corrected"
    values = result.values if result is not None and result.values is not None else None
    partial = [network.partial.get(o.name) for o in campaign.objectives]
    return [
        campaign.id(network.number),
        campaign.architectures.key,
        network.arch,
        f"{network.hash:016x}",
        status,
        *(values or partial),
        result and result.seed,
        result and result.seconds,
        network.asked and network.asked.isoformat(" ", "seconds"),
        result and result.told and result.told.isoformat(" ", "seconds"),
        network.imported,
    ]


def check_written(path: Path) -> None:
    """Refuse a file that `write` cannot write."""
    if path.suffix.lower() not in WRITTEN:
        raise InputError(f"'{path}': tables are written to {', '.join(WRITTEN)}")


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a table, whole or not at all.

    Raises:
        InputError: The name says no known format.
    """
    check_written(path)
    with atomic_path(path) as part:
        match path.suffix.lower():
            case ".parquet":
                frame.to_parquet(part, index=False)
            case ".json":
                frame.to_json(part, orient="records", indent=2)
            case suffix:
                frame.to_csv(part, index=False, sep="\t" if suffix == ".tsv" else ",")
