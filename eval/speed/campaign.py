"""What an ask of a campaign costs on a space of 10^18 networks."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from eval.speed.figures import Figure

SPACE = "darts"  # 10^18 pairs of cells
RESULTS = 100
ASKED = 20
RANKERS = ("gaussian_process", "random_forest", "graf", "ace")


def figures() -> Iterator[Figure]:
    """Time `ask` with a new fit, and while a fit is used again, for each ranker."""
    for ranker in RANKERS:
        with tempfile.TemporaryDirectory() as folder:
            fitting, again = _ask_twice(Path(folder) / "campaign", ranker)
        yield Figure(f"campaign, ask {ASKED}, {ranker}, new fit", fitting, 30, "s", f"{RESULTS} results")
        note = "or after `prepare`; processor seconds, without the command's start"
        yield Figure("  its fit used again", again, 2, "s", note)


def _ask_twice(folder: Path, ranker: str) -> tuple[float, float]:
    """Return the processor seconds of an ask that fits and of the next one, that does not."""
    import numpy as np
    import pandas as pd

    from eval.campaign import Campaign

    campaign = Campaign.create(folder, space=SPACE, predictor=ranker)
    asked = campaign.ask(RESULTS)
    known = campaign.architectures.features(
        np.stack([campaign.architectures.parse(a) for a in asked["arch"]])
    )
    weights = np.random.default_rng(0).normal(size=known.shape[1])
    values = known @ weights
    values = 90 + 5 * (values - values.min()) / np.ptp(values)  # something that can be learned
    campaign.tell(pd.DataFrame({"id": asked["id"], "acc": values}))
    seconds = []
    for _ in range(2):
        start = time.process_time()
        campaign.ask(ASKED)
        seconds.append(time.process_time() - start)
    return seconds[0], seconds[1]
