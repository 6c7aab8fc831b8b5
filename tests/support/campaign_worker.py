"""A worker of a campaign that notes what it was given and what it told, and may be killed at any moment."""

from __future__ import annotations

import os
import sys
import zlib
from pathlib import Path

import numpy as np


def label(arch: str) -> float:
    """Return the made-up accuracy of an architecture: anybody can check what was told."""
    return 50 + zlib.crc32(arch.encode()) % 4000 / 100


def main(folder: Path, log: Path, seed: int, batch: int) -> None:
    import pandas as pd

    from data.errors import InputError
    from eval.campaign import Campaign

    rng = np.random.default_rng(seed)
    campaign = Campaign(folder)
    with log.open("a") as file:

        def note(word: str, names) -> None:
            file.write("".join(f"{word} {name}\n" for name in names))
            file.flush()
            os.fsync(file.fileno())

        while True:
            try:
                asked = campaign.ask(int(rng.integers(1, batch + 1)))
            except InputError:
                return
            note("asked", (f"{i} {a}" for i, a in zip(asked["id"], asked["arch"], strict=True)))
            results = pd.DataFrame({"id": asked["id"], "acc": [label(arch) for arch in asked["arch"]]})
            results = results.sample(frac=1, random_state=int(rng.integers(1000)))
            told = campaign.tell(results, all_or_nothing=bool(rng.integers(2)))
            assert not told.refused, told.refused
            note("told", results["id"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
