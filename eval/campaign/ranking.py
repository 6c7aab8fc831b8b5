"""A ranking: candidates with what the predictor says of them, kept until enough new results are told."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from data.files import atomic_path
from predictors.label_scale import LabelScale


@dataclass(frozen=True)
class Ranking:
    """m distinct candidates, and their d objectives in the unit that the predictor learned.

    Attributes:
        key: Hash of what it was made from besides the results.
        labelled: (q,) canonical hashes of the networks that the predictor learned from.
        labels: (q, d) their values, larger being better.
        codes: (m, places).
        hashes: (m,) canonical hashes.
        mean: (d, m) predictions, larger being better.
        std: (d, m) standard deviations of a label; NaN where the predictor does not say.
    """

    key: str
    labelled: np.ndarray
    labels: np.ndarray
    codes: np.ndarray
    hashes: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    def without(self, taken: np.ndarray) -> Ranking:
        """Return the ranking without networks of these hashes."""
        kept = ~np.isin(self.hashes, taken)
        return Ranking(
            self.key, self.labelled, self.labels, self.codes[kept], self.hashes[kept],
            self.mean[:, kept], self.std[:, kept],
        )  # fmt: skip

    def is_fresh(self, hashes: np.ndarray, labels: np.ndarray, share: float) -> bool:
        """Return whether at most a share of the results (q,), (q, d) are new, and no old one has changed."""
        old = np.isin(hashes, self.labelled)
        if old.sum() != len(self.labelled) or (~old).sum() > share * len(self.labelled):
            return False
        mine, theirs = np.argsort(self.labelled), np.argsort(hashes[old])
        return bool(np.array_equal(self.labels[mine], labels[old][theirs]))

    def to_labels(self, units: np.ndarray, normal: bool) -> np.ndarray:
        """Return predictions (d, ...) in the unit of the labels, larger being better."""
        scales = [LabelScale.fit(y, normal=normal) for y in self.labels.T]
        return np.stack([scale.to_labels(z) for scale, z in zip(scales, units, strict=True)])

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        with atomic_path(path) as part, part.open("wb") as file:
            np.savez(
                file,
                key=np.asarray(self.key),
                labelled=self.labelled,
                labels=self.labels,
                codes=self.codes,
                hashes=self.hashes,
                mean=self.mean,
                std=self.std,
            )

    @classmethod
    def load(cls, path: Path) -> Ranking | None:
        """Read what `save` wrote; None if it is missing or damaged: a ranking can be made again."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(str(file["key"]), *(file[f.name] for f in fields(cls)[1:]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
