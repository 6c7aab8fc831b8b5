"""Choose what to train next from a spreadsheet export: semicolons, decimal commas, gaps and duplicates.

    python examples/rank_candidates.py

The table is made here from the embedded benchmark: 60 networks with an accuracy, 400 without. In front of the
list stands what the ranker is worth at 60 labels, estimated by cross-validation on the labelled rows alone.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import load
from eval import rank
from eval.metrics import METRICS


def write_messy_table(path: Path) -> dict[str, float]:
    """Write a CSV as a spreadsheet exports it; return the true accuracy of every row, by its name."""
    bench = load("nb201_mini")
    truth = bench.target("mini", "test_acc")
    archs = bench.table.column("arch").to_pylist()
    rows = np.random.default_rng(0).permutation(len(archs))[:460]
    lines = ["id;arch;acc;date"]
    for place, row in enumerate(rows):
        acc = f"{truth[row]:.2f}".replace(".", ",") if place < 60 else "-"
        lines.append(f"run-{place:03d};{archs[row]};{acc};2024-05-{1 + place % 30:02d}")
    lines.append(lines[1].replace("run-000", "run-000-again"))  # the same training, entered twice
    path.write_text("\n".join(lines), "latin-1")
    return {f"run-{place:03d}": float(truth[row]) for place, row in enumerate(rows)}


def main() -> None:
    """Rank the candidates, then look up how good the first twenty really are."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "trained.csv"
        truth = write_messy_table(table)
        ranked = rank(table, target="acc", progress=False)
    print("\n".join(ranked.attrs["notes"]))
    print(ranked.attrs["verdict"])
    print(ranked[["rank", "score", "name", "note"]].head(10).to_string(index=False))

    true = np.array([truth[name] for name in ranked["name"]])  # candidates only: none of them was trained on
    scores = ranked["score"].to_numpy()
    print(f"predictor: {ranked.attrs['predictor']}; mean accuracy of all candidates: {true.mean():.2f} %,")
    print(f"of the first twenty: {true[:20].mean():.2f} %; ndcg@10 {METRICS['ndcg@10'](true, scores):.3f}")


if __name__ == "__main__":
    main()
