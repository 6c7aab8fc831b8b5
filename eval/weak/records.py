"""An account as records and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.files import atomic_path
from eval.report.numbers import count, number
from eval.weak.agreement import Agreement

if TYPE_CHECKING:
    from benchmarks.prices import Price
    from eval.weak import Account

FILE = "weak.json"
UNKNOWN = "unknown"
_OWN = (
    "known", "total", "kendall_tau", "ndcg", "precision_top", "tau_top", "place_top", "place_bottom",
    "tau_beyond_size", "tau_beyond_operations", "additive_error", "main_position", "main_share",
    "duplicate_noise",
)  # fmt: skip


def get_records(account: Account) -> list[dict[str, Any]]:
    """Return a flat record for each label, kind of comparison, budget and metric."""
    own = {a.label: a for a in account.agreements}
    records = []
    for worth in account.worth:
        agreement = own.get(worth.label)
        known = {f"own_{name}": None if agreement is None else getattr(agreement, name) for name in _OWN}
        prices = account.prices.get(worth.label, [None])
        rows = agreement.known if agreement else 0
        records.append(
            {
                "bench": account.results.rows[0]["bench"],
                "dataset": account.dataset,
                "target": account.target,
                "predictor": account.predictor,
                **vars(worth),
                "price_seconds": get_seconds(prices, rows),
                "price_trainings": get_trainings(prices),
                **known,
            }
        )
    return records


def write_json(path: Path, account: Account) -> None:
    """Write the whole account: labels with their prices and errors, worth, greedy sums, what teaches."""
    first = account.results.rows[0]
    content = {
        "bench": first["bench"],
        "table": first["table_hash"],
        "dataset": account.dataset,
        "target": account.target,
        "predictor": account.predictor,
        "beside": account.beside,
        "labels": [
            {
                **asdict(a),
                "price": get_price_text(account.prices.get(a.label, [None]), a),
                "prices": [None if p is None else asdict(p) for p in account.prices.get(a.label, [])],
            }
            for a in account.agreements
        ],
        "worth": [asdict(each) for each in account.worth],
        "sums": account.sums,
        "fidelities": [asdict(each) for each in account.fidelities],
        "teaching": [asdict(each) for each in account.teaching],
        "notes": [*account.notes, *account.results.notes],
        "settings": account.results.settings,
    }
    with atomic_path(path) as part:
        part.write_text(json.dumps(_finite(content), indent=2, ensure_ascii=False, default=str), "utf-8")


def get_seconds(prices: Sequence[Price | None], n: int) -> float | None:
    """Return the seconds that all parts of a label cost for n architectures; None if any is unknown."""
    parts = [None if price is None else price.seconds(n) for price in prices]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def get_trainings(prices: Sequence[Price | None]) -> float | None:
    """Return the share of a full training that all parts take for one architecture; None where unknown."""
    parts = [None if price is None else price.trainings for price in prices]
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None


def get_price_text(prices: Sequence[Price | None], agreement: Agreement) -> str:
    """Return the price of a label in a few words, as far as it is known."""
    return " + ".join(dict.fromkeys(_name_price(price, agreement.known) for price in prices))


def _name_price(price: Price | None, n: int) -> str:
    if price is None:
        return UNKNOWN
    if price.trainings is not None:
        if price.trainings >= 1:
            return f"{count(round(price.trainings), 'training')} each"
        return f"{number(price.trainings, 2)} trainings each"
    seconds = price.seconds(n)
    if seconds is None:
        return UNKNOWN
    if seconds == 0:
        return "0 s"
    if price.each and not price.once:
        return f"{number(price.each, 2 if price.each < 10 else 0)} s each"
    return f"{number(seconds, 0)} s once"


def _finite(value: Any) -> Any:  # noqa: ANN401
    """Return JSON values with null for NaN and infinity."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
