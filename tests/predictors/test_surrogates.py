"""NAS-BOWL's Gaussian process and BANANAS's ensemble: what they compute, checked by other means."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.stats import multivariate_normal

from benchmarks import load
from data.encode.subtrees import wl_counts
from data.errors import AcerankError
from data.graphs import Graphs
from predictors.bananas import COPIES, FOLDS, Bananas, _Plan, _RelativeErrors
from predictors.nasbowl import NOISES, Nasbowl, _choose_noise


@pytest.fixture(scope="module")
def labelled() -> tuple[Graphs, np.ndarray]:
    bench = load("nb201_mini", offline=True)
    rows = bench.graphs.unique()[0][:60]
    return bench.graphs.take(rows), bench.target(bench.info.dataset, bench.info.target)[rows]


@pytest.mark.parametrize("kernel", ["assignment", "counts"])
def test_the_posterior_is_that_of_the_kernel(kernel: str, labelled: tuple[Graphs, np.ndarray]) -> None:
    graphs, y = labelled
    train, test = graphs.take(slice(0, 40)), graphs.take(slice(40, 60))
    model = Nasbowl(kernel=kernel).fit(train, y[:40])
    counts, _ = wl_counts(graphs.effective(), depth=model.depth_)
    shared = counts @ counts.T
    if kernel == "assignment":
        shared = np.minimum(counts[:, None], counts[None]).sum(2)
    size = np.sqrt(np.diag(shared))
    similar = model.signal_ * shared / size[:, None] / size
    noise = model.signal_ * model.ratio_
    solved = np.linalg.solve(similar[:40, :40] + noise * np.eye(40), similar[:40, 40:])
    mean, std = model.predict(test, return_std=True)
    labels = model.label_units(y[:40])
    assert mean == pytest.approx(labels.mean() + solved.T @ (labels - labels.mean()), abs=1e-4)
    explained = (similar[:40, 40:] * solved).sum(0)
    assert std == pytest.approx(np.sqrt(model.signal_ - explained + noise), abs=1e-4)


def test_the_noise_maximises_the_marginal_likelihood() -> None:
    rng = np.random.default_rng(0)
    features, y = rng.normal(size=(20, 6)), rng.normal(size=20)
    found = _choose_noise(csr_array(features), y)
    kernel = features @ features.T

    def likelihood(ratio: float, signal: float) -> float:
        cov = signal * (kernel + ratio * np.eye(20))
        return float(multivariate_normal.logpdf(y, cov=cov))  # pyright: ignore[reportArgumentType]

    best = likelihood(found.ratio, found.signal)
    assert found.likelihood == pytest.approx(best + 10 * (1 + np.log(2 * np.pi)))
    others = [likelihood(r, found.signal * f) for r in NOISES for f in (0.5, 0.9, 1.0, 1.1, 2.0)]
    assert best == pytest.approx(max(others))


def test_wrong_settings_are_refused(labelled: tuple[Graphs, np.ndarray]) -> None:
    for wrong in (Nasbowl(kernel="count"), Nasbowl(max_depth=-1), Bananas(margin=0), Bananas(networks=0)):
        with pytest.raises(AcerankError):
            wrong.fit(*labelled)


@pytest.mark.parametrize(("n", "folds"), [(1, 0), (2, 2), (23, FOLDS)])
def test_folds_are_unseen_and_training_sets_have_one_size(n: int, folds: int) -> None:
    plan = _Plan(n, 3, seed=4)
    assert plan.rows.shape == (3 + COPIES * folds, n)
    assert (plan.rows[:3] == np.arange(n)).all()
    for fold in range(folds):
        unseen = np.flatnonzero(plan.fold == fold)
        for rows in plan.rows[3 + COPIES * fold :][:COPIES]:
            assert set(rows) == set(range(n)) - set(unseen)


def test_the_noise_is_the_error_of_networks_that_have_not_seen_a_label() -> None:
    plan = _Plan(10, 1, seed=0)
    outputs = np.full((len(plan.rows), 10), 50.0)
    for fold in range(FOLDS):
        outputs[1 + COPIES * fold :][:COPIES, plan.fold == fold] = 2.0
    assert plan.measure_noise(outputs, np.zeros(10)) == pytest.approx(4)


def test_errors_are_relative_to_the_distance_from_the_bound() -> None:
    """Labels 1, 0 and a margin of 1: distances 1 and 2; outputs of 3 err by 2 and by 3."""

    class Three(torch.nn.Module):
        def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
            return torch.full(inputs["paths"].shape[:2], 3.0)

    objective = _RelativeErrors(Three(), {"paths": torch.zeros(1, 2, 4)}, torch.tensor([[1.0, 0.0]]), 1.0)
    assert objective.loss(torch.tensor([[0, 1]])).tolist() == [(2 / 1 + 3 / 2) / 2]


def test_only_the_ensemble_is_kept(labelled: tuple[Graphs, np.ndarray]) -> None:
    model = Bananas(networks=3, epochs=2).fit(*labelled)
    assert {len(p) for p in model.net_.parameters()} == {3}
