"""Losses against slow loops over their papers' formulas, and by property; the batteries come from LOSSES."""

import inspect
import math

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from data.errors import AcerankError, UnknownNameError
from predictors.nn import losses
from predictors.nn.losses import LOSSES, lambdarank, relevance
from predictors.nn.sorting import neural_sort, sinkhorn

ON_RAW_LABELS = {"mse", "huber"}
DRAW_TOGETHER = {"listnet", "listmle"}  # distributions over items: equal labels ask for equal scores
TOP_HEAVY = {"lambdarank", "lambdarank_by_label", "lambdaloss", "approx_ndcg", "neural_ndcg"}

every_loss = pytest.mark.parametrize("name", LOSSES)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def lists(seed, repeats=3, items=7, ties=False):
    """Scores and labels (repeats, items) in double precision; with ties, labels are small integers."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, (repeats, items)) if ties else rng.normal(size=(repeats, items))
    return torch.from_numpy(1.5 * rng.normal(size=(repeats, items))), torch.from_numpy(y.astype(float))


def value_and_gradient(name, scores, y):
    scores = scores.clone().requires_grad_()
    loss = LOSSES[name](scores, y)
    (gradient,) = torch.autograd.grad(loss.sum(), scores)
    return loss.detach(), gradient


# Slow and direct: one list, plain numbers, loops.


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def better_pairs(y):
    return [(i, j) for i in range(len(y)) for j in range(len(y)) if y[i] > y[j]]


def mean(values):
    return sum(values) / len(values) if values else 0.0


def standard(y):
    deviation = math.sqrt(mean([(v - mean(y)) ** 2 for v in y]))
    return [(v - mean(y)) / deviation for v in y]


def softmax(x):
    return [math.exp(v) / sum(math.exp(u) for u in x) for v in x]


def gains(y):
    low, high = np.quantile(y, 0.2), max(y)
    return [2 ** (20 * min(max((v - low) / (high - low), 0), 1)) - 1 for v in y]


def discount(place):
    return 1 / math.log2(place + 1)


def best_dcg(gain):
    return sum(g * discount(place) for place, g in enumerate(sorted(gain, reverse=True), 1))


def places(s):
    return [1 + sum(other > mine for other in s) for mine in s]


def slow_lambda(s, y, place, extra=lambda i, j: 0.0, log=math.log):
    gain = gains(y)
    total = 0.0
    for i, j in better_pairs(y):
        change = abs(discount(place[i]) - discount(place[j])) + extra(i, j)
        total += (gain[i] - gain[j]) / best_dcg(gain) * change * log(1 + math.exp(s[j] - s[i]))
    return total


def slow_lambdarank(s, y):
    return slow_lambda(s, y, places(s))


def slow_lambdarank_by_label(s, y):
    ascending = sorted(range(len(y)), key=lambda i: (y[i], -s[i]))
    return slow_lambda(s, y, [1 + ascending.index(i) for i in range(len(y))])


def slow_lambdaloss(s, y):
    place = places(s)

    def bound(i, j):
        apart = abs(place[i] - place[j])
        return 10 * abs(discount(apart) - discount(apart + 1))

    return slow_lambda(s, y, place, bound, math.log2)


def slow_ranknet(s, y):
    return mean([-math.log(sigmoid(s[i] - s[j])) for i, j in better_pairs(y)])


def slow_binary_relation(s, y):
    z = standard(y)
    losses = []
    for i, j in better_pairs(y):
        target, predicted = softmax([z[i], z[j]]), softmax([s[i], s[j]])
        losses.append(-sum(t * math.log(p) for t, p in zip(target, predicted, strict=True)))
    return mean(losses)


def slow_hinge(s, y):
    return mean([max(0, 0.1 - (s[i] - s[j])) for i, j in better_pairs(y)])


def slow_warp(s, y):
    losses = []
    for i in range(len(y)):
        worse = [j for j in range(len(y)) if y[j] < y[i]]
        rank = sum(1 + s[j] > s[i] for j in worse)
        weight = sum(1 / k for k in range(1, rank + 1)) / max(rank, 1)
        losses += [weight * sum(max(0, 1 - s[i] + s[j]) for j in worse)] if worse else []
    return mean(losses)


def slow_soft_kendall(s, y):
    return 1 - mean([math.tanh(s[i] - s[j]) for i, j in better_pairs(y)])


def slow_listnet(s, y):
    return -sum(t * math.log(p) for t, p in zip(softmax(standard(y)), softmax(s), strict=True))


def slow_listmle(s, y):
    n = range(len(y))
    return mean([math.log(sum(math.exp(s[k]) for k in n if y[k] <= y[i])) - s[i] for i in n])


def slow_approx_ndcg(s, y):
    n, gain = range(len(y)), gains(y)
    position = [1 + sum(sigmoid(s[j] - s[i]) for j in n if j != i) for i in n]
    return 1 - sum(gain[i] * discount(position[i]) for i in n) / best_dcg(gain)


def slow_neural_ndcg(s, y):
    n, gain = range(len(y)), gains(y)
    spread = [sum(abs(s[j] - s[k]) for k in n) for j in n]
    order = np.array([softmax([(len(y) + 1 - 2 * (i + 1)) * s[j] - spread[j] for j in n]) for i in n])
    for _ in range(30):
        for j in n:
            order[:, j] /= sum(order[:, j])
        for i in n:
            order[i] /= sum(order[i])
    return 1 - sum(discount(i + 1) * order[i, j] * gain[j] for i in n for j in n) / best_dcg(gain)


def slow_mape(s, y):
    z = standard(y)
    bound = max(z) + 0.1
    return mean([abs(((bound - v) - (bound - u)) / (bound - v)) for u, v in zip(s, z, strict=True)])


def slow_exp_weighted(s, y):
    weight = [math.exp(0.05 + 0.95 * (v - min(y)) / (max(y) - min(y))) - 1 for v in y]
    errors = [(u - v) ** 2 for u, v in zip(s, standard(y), strict=True)]
    return sum(w * e for w, e in zip(weight, errors, strict=True)) / sum(weight)


def slow_mse(s, y):
    return mean([(u - v) ** 2 for u, v in zip(s, y, strict=True)])


def slow_huber(s, y):
    errors = [abs(u - v) for u, v in zip(s, y, strict=True)]
    return mean([e**2 / 2 if e <= 1 else e - 0.5 for e in errors])


def slow_gradient(slow, s, y, step=1e-6):
    """Central differences: weights that the papers hold constant are piecewise constant, so drop out."""
    gradient = []
    for i in range(len(s)):
        up, down = list(s), list(s)
        up[i], down[i] = s[i] + step, s[i] - step
        gradient.append((slow(up, y) - slow(down, y)) / (2 * step))
    return gradient


def test_every_loss_is_registered():
    public = {
        name
        for name, function in inspect.getmembers(losses, inspect.isfunction)
        if not name.startswith("_") and list(inspect.signature(function).parameters)[:2] == ["scores", "y"]
    }
    assert public == set(LOSSES)


@every_loss
def test_signature_and_source(name):
    parameters = list(inspect.signature(LOSSES[name]).parameters.values())
    assert [p.name for p in parameters[:2]] == ["scores", "y"]
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in parameters[2:])
    assert LOSSES[name].__name__ == name
    assert "Source: " in (inspect.getdoc(LOSSES[name]) or "").replace("\n", " ")


@every_loss
@pytest.mark.parametrize("ties", [False, True])
def test_equals_the_direct_formula(name, ties):
    slow = globals()[f"slow_{name}"]
    scores, y = lists(1 + ties, ties=ties)
    value, gradient = value_and_gradient(name, scores, y)
    rows = list(zip(scores.tolist(), y.tolist(), strict=True))
    np.testing.assert_allclose(value, [slow(s, labels) for s, labels in rows], rtol=1e-8, atol=1e-9)
    expected = [slow_gradient(slow, s, labels) for s, labels in rows]
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


@every_loss
def test_gradcheck(name):
    scores, y = lists(3, repeats=2, items=5)
    assert torch.autograd.gradcheck(lambda s: LOSSES[name](s, y), scores.requires_grad_())


@every_loss
@pytest.mark.parametrize("ties", [False, True])
def test_order_of_items_does_not_matter(name, ties):
    scores, y = lists(4, items=9, ties=ties)
    order = torch.from_numpy(np.random.default_rng(5).permutation(9))
    value, gradient = value_and_gradient(name, scores, y)
    permuted, permuted_gradient = value_and_gradient(name, scores[:, order], y[:, order])
    torch.testing.assert_close(permuted, value)
    torch.testing.assert_close(permuted_gradient, gradient[:, order])


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in ON_RAW_LABELS])
@pytest.mark.parametrize(("scale", "shift"), [(100.0, 0.0), (0.01, 93.5), (1.0, -7.0)])
def test_unit_of_labels_does_not_matter(name, scale, shift):
    scores, y = lists(6)
    for one, other in zip(
        value_and_gradient(name, scores, y), value_and_gradient(name, scores, scale * y + shift), strict=True
    ):
        torch.testing.assert_close(other, one, rtol=1e-6, atol=1e-9)


@every_loss
@pytest.mark.parametrize("ties", [False, True])
def test_lists_do_not_mix(name, ties):
    scores, y = lists(7, repeats=4, ties=ties)
    value, gradient = value_and_gradient(name, scores, y)
    assert value.shape == (4,)
    for i in range(4):
        alone, alone_gradient = value_and_gradient(name, scores[i : i + 1], y[i : i + 1])
        torch.testing.assert_close(alone, value[i : i + 1])
        torch.testing.assert_close(alone_gradient, gradient[i : i + 1])


@every_loss
def test_same_twice_and_leaves_its_inputs(name):
    scores, y = lists(8)
    before = scores.clone(), y.clone()
    first, again = value_and_gradient(name, scores, y), value_and_gradient(name, scores, y)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert torch.equal(scores, before[0])
    assert torch.equal(y, before[1])


@every_loss
def test_descent_orders_the_list(name):
    scores, y = lists(9, repeats=4, items=12)
    scores = (0.1 * scores).float().requires_grad_()  # close together, as a fresh network's are
    optimiser = torch.optim.Adam([scores], lr=0.1)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=200)
    for _ in range(200):
        optimiser.zero_grad()
        LOSSES[name](scores, y.float()).sum().backward()
        optimiser.step()
        schedule.step()
    for s, labels in zip(scores.tolist(), y.tolist(), strict=True):
        if name in TOP_HEAVY:
            gain = gains(labels)
            dcg = sum(g * discount(place) for g, place in zip(gain, places(s), strict=True))
            assert dcg / best_dcg(gain) > 0.95
        else:
            assert kendalltau(s, labels).statistic > 0.9


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
@pytest.mark.parametrize("labels", ["distinct", "equal", "two", "single"])
def test_stays_finite(name, dtype, scale, labels):
    scores, y = lists(10, items=1 if labels == "single" else 12)
    y = {"equal": torch.full_like(y, 0.1), "two": (y > 0).double()}.get(labels, y)
    value, gradient = value_and_gradient(name, (scale * scores).to(dtype), y.to(dtype))
    assert value.dtype == dtype
    assert value.isfinite().all()
    assert gradient.isfinite().all()
    if labels == "single" and name not in ON_RAW_LABELS:
        assert not value.any()
        assert not gradient.any()


@every_loss
def test_scores_far_apart_stay_finite(name):
    y = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    for scores in ([[1e4, -1e4, 1e4, -1e4]], [[1e4, 1e4, -1e4, -1e4]], [[-1e4, 0.0, 1e-4, 1e4]]):
        value, gradient = value_and_gradient(name, torch.tensor(scores), y)
        assert value.isfinite().all()
        assert gradient.isfinite().all()


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in ON_RAW_LABELS | DRAW_TOGETHER])
def test_equal_labels_do_not_pull(name):
    scores, _ = lists(11)
    value, gradient = value_and_gradient(name, scores, torch.full_like(scores, 0.1))
    assert not value.any()
    assert not gradient.any()


def test_relevance_by_hand():
    graded = relevance(torch.tensor([[0.0, 1.0, 2.0, 3.0, 4.0, 11.0], [5.0] * 6]))
    assert graded.tolist() == [[0, 0, 2, 4, 6, 20], [0] * 6]


def best_pair_weight(rank_by):
    """LambdaRank's weight of the two best of 20 rightly ordered items, up to a factor."""
    scores = torch.arange(20, 0, -1, dtype=torch.double)[None]
    hessian = torch.autograd.functional.hessian(
        lambda s: lambdarank(s[None], scores, rank_by=rank_by).sum(), scores[0]
    )
    return hessian[0, 1].item()  # no other pair depends on both


def test_rank_by_label_discounts_the_best_by_the_last_places():
    ratio = (discount(19) - discount(20)) / (discount(1) - discount(2))
    assert ratio == pytest.approx(0.01, rel=0.02)
    assert best_pair_weight("label") == pytest.approx(ratio * best_pair_weight("score"))


def test_unknown_rank_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean label"):
        lambdarank(*lists(12), rank_by="labels")


def test_truncation_keeps_pairs_with_an_item_in_the_predicted_top():
    scores = torch.tensor([[4.0, 3.0, 2.0, 1.0]], requires_grad=True)
    y = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    (top,) = torch.autograd.grad(lambdarank(scores, y, truncation=1).sum(), scores)
    whole = lambdarank(scores, y).item()
    assert top[0, 0].item() == pytest.approx(-top[0, 1:].sum().item())  # no pairs among the others
    assert lambdarank(scores, y, truncation=4).item() == whole
    assert 0 < lambdarank(scores, y, truncation=1).item() < whole


def test_relaxed_sort_hardens_to_the_sort():
    scores, y = lists(13)
    order = sinkhorn(neural_sort(scores, 0.01), 30)
    torch.testing.assert_close(order.sum(1), torch.ones_like(y), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(
        (order @ scores[:, :, None]).squeeze(-1),
        scores.sort(-1, descending=True).values,
        rtol=1e-2,
        atol=1e-2,
    )


def test_losses_as_users_write_them():
    scores, y = torch.randn(2, 9), torch.randn(2, 9)
    found = losses.parse_loss("ranknet@sigma=2+0.5*lambdarank@truncation=3@sigma=0.5")(scores, y)
    expected = losses.ranknet(scores, y, sigma=2) + 0.5 * losses.lambdarank(
        scores, y, truncation=3, sigma=0.5
    )
    torch.testing.assert_close(found, expected)
    for text, message in {
        "lambdarnk": "did you mean lambdarank",
        "lambdarank@trunction=3": "did you mean truncation",
        "lambdarank@truncation=few": "'few' is not a number",
        "much*mse": "'much' is not a number",
    }.items():
        with pytest.raises(AcerankError, match=message):
            losses.parse_loss(text)
