"""RankerSampler in studies of Optuna's."""

import warnings

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from benchmarks import load
from data.errors import InputError
from eval.campaign import RankerSampler


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    yield
    optuna.logging.set_verbosity(before)


def convolutions(sampler: RankerSampler, trial: optuna.Trial) -> float:
    return float(sampler.suggest(trial).count("nor_conv_3x3"))


def networks(sampler: RankerSampler, study: optuna.Study) -> list[int]:
    names = list(sampler.distributions)
    codes = np.array([[trial.params[name] for name in names] for trial in study.trials])
    return sampler.architectures.hashes(codes).tolist()


def test_a_study_is_optimised_without_a_network_twice():
    sampler = RankerSampler("nb201", "gaussian_process", seed=3)
    study = optuna.create_study(direction="maximize", sampler=sampler)

    def objective(trial: optuna.Trial) -> float:
        value = convolutions(sampler, trial)
        trial.suggest_float("lr", 1e-3, 1e-1, log=True)
        if trial.number == 3:
            raise RuntimeError("a training fails")
        return value

    sampler.enqueue(study, "|none~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|")
    study.optimize(objective, n_trials=25, catch=(RuntimeError,))
    hashes = networks(sampler, study)
    assert len(set(hashes)) == len(hashes)
    assert study.trials[3].state == TrialState.FAIL
    assert study.best_value >= 5
    values = [trial.value for trial in study.trials if trial.value is not None]
    assert np.mean(values[-8:]) > np.mean(values[:8]) + 1


def test_a_seed_decides():
    def run(seed: int) -> list:
        sampler = RankerSampler("nb201", "gaussian_process", seed=seed)
        study = optuna.create_study(sampler=sampler)
        study.optimize(lambda trial: convolutions(sampler, trial), n_trials=9)
        return [trial.params for trial in study.trials]

    assert run(1) == run(1) != run(2)


def test_running_enqueued_and_foreign_trials_count():
    bench = load("nb201_mini")
    sampler = RankerSampler(bench, "gaussian_process", weak=None)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    study.sampler = optuna.samplers.RandomSampler(seed=0)
    for _ in range(8):
        trial = study.ask(sampler.distributions)
        study.tell(trial, [float(trial.params["row"]), 1.0])
    study.enqueue_trial({"row": 17})
    study.sampler = sampler
    for _ in range(12):
        study.ask(sampler.distributions)  # never told: they stay running
    assert study.trials[8].params == {"row": 17}
    rows = [trial.params["row"] for trial in study.trials]
    later = bench.classes[rows[8:]]
    assert len(set(later.tolist())) == 12
    assert not set(later.tolist()) & set(bench.classes[rows[:8]].tolist())


def test_threads_and_a_shared_storage(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    sampler = RankerSampler("nb201", "random_order", refit=1)
    study = optuna.create_study(storage=url, sampler=sampler, study_name="s")
    other = optuna.load_study(
        storage=url, study_name="s", sampler=RankerSampler("nb201", "random_order", refit=1)
    )
    trials = [each.ask(sampler.distributions) for _ in range(4) for each in (study, other)]
    assert len(trials) == 8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study.optimize(lambda trial: convolutions(sampler, trial), n_trials=6, n_jobs=2)
    hashes = networks(sampler, study)
    assert len(set(hashes)) == len(hashes) == 14


def test_what_is_no_space_is_refused():
    with pytest.raises(InputError):
        RankerSampler(3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(KeyError):
        RankerSampler("nb201", "asse")
    with pytest.raises(KeyError):
        RankerSampler("nb201", acquisition="magic")
