"""Runs on a Dask cluster: two real worker processes, one killed in the middle, rows as on one process."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data.cluster import Cell, Cluster, LostCellError, Run, Source, connect
from data.cluster.check import WorkerDiffersError, check_workers, digest
from data.cluster.connect import check_address
from data.cluster.run import work
from data.errors import InputError
from eval import evaluate
from eval.grid.pace import Pace
from eval.search import search
from predictors.supernet.remote import Job, run_remote

RANKER = '''
import os, signal
from pathlib import Path
import numpy as np
from helper_of_ranker import weights

class Mortal:
    """Ranks by a weighted sum; kills its process once."""

    def __init__(self, mark: str = ""):
        self.mark = mark

    def fit(self, graphs, y):
        self.first_ = float(y[0])

    def predict(self, graphs):
        mark = Path(self.mark)
        if len(list(mark.parent.glob("fitted-*"))) > 2 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        (mark.parent / f"fitted-{self.first_}").touch()
        return graphs.ops @ weights(graphs.ops.shape[1]) * self.first_
'''
ENCODED = '''
import json
from pathlib import Path
import numpy as np
from predictors import Predictor, Pretrains

class Encoded(Pretrains, Predictor):
    """Ranks by a number that it was pretrained to."""

    def __init__(self, *, marks: str = "") -> None:
        self.marks = marks

    def pretrain(self, graphs, weak_labels, *, seed=0):
        (Path(self.marks) / f"pretrained-{len(list(Path(self.marks).iterdir()))}").touch()
        self.scale_, self.pretrain_seconds_ = float(sum(np.nanmean(v) for v in weak_labels.values())), 0.5
        return self

    @property
    def pretrained_on(self):
        return ("flops",)

    def pretrain_params(self):
        return {}

    def save_encoder(self, path, *, cost=True):
        Path(path).write_text(json.dumps(self.scale_))

    def _twin(self):
        twin = self.clone()
        twin.scale_, twin.pretrain_seconds_ = self.scale_, self.pretrain_seconds_
        return twin

    def load_encoder(self, path):
        self.scale_, self.pretrain_seconds_ = json.loads(Path(path).read_text()), 0.5
        return self

    def _fit(self, graphs, y, seed):
        self.mean_ = float(np.mean(y))

    def _predict(self, graphs):
        return graphs.ops @ np.arange(graphs.ops.shape[1]) * self.scale_ + self.mean_
'''


def fingerprint(modules: tuple[str, ...]) -> dict[str, str]:
    return {"part": modules[0] if modules else "", "process": str(os.getpid()) if "own" in modules else ""}


def add(payload: bytes, values: Mapping[str, Any]) -> int:
    return pickle.loads(payload) + sum(values.values())


def slow(payload: bytes, values: Mapping[str, Any]) -> float:
    time.sleep(pickle.loads(payload))
    return pickle.loads(payload)


def die(payload: bytes, values: Mapping[str, Any]) -> int:
    """Kill the process if the cell is the first."""
    number = pickle.loads(payload)
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse(payload: bytes, values: Mapping[str, Any]) -> int:
    raise InputError(f"{pickle.loads(payload)} is refused")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two worker processes."""
    with connect("local:2") as opened:
        yield opened


def get_run(cluster: Cluster, function: Any, items: list[Any], *, needs: tuple[str, ...] = ()) -> Run:
    sources = {"ten": Source(pickle.dumps(10)), "more": Source(pickle.dumps(1), add, ("ten",))}
    return Run(
        cluster,
        function,
        len(items),
        lambda index: Cell(f"cell {index}", pickle.dumps(items[index]), needs),
        sources,
        fingerprint,
    )


def strip(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows without what depends on the clock."""
    return [{k: v for k, v in row.items() if not k.endswith("seconds") and k != "time"} for row in rows]


def write_ranker(folder: Path, name: str, text: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    return str(folder / f"{name}.py")


def test_every_cell_is_computed_once_from_what_it_shares(cluster: Cluster) -> None:
    run = get_run(cluster, add, list(range(9)), needs=("ten", "more"))
    assert sorted(run.results()) == [(i, i + 10 + 11) for i in range(9)]


def test_stragglers_do_not_hold_the_rest(cluster: Cluster) -> None:
    order = [index for index, _ in get_run(cluster, slow, [1.5, *[0.01] * 8]).results()]
    assert order[-1] == 0


def test_an_encoder_is_pretrained_once_and_travels(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write_ranker(tmp_path / "code", "encoded_ranker", ENCODED)
    marks = tmp_path / "marks"
    marks.mkdir()
    options = {"train_sizes": 10, "repeats": 30, "progress": False, "weak": "flops", "metrics": "kendall_tau"}
    monkeypatch.setenv("ACERANK_CACHE", str(tmp_path / "cache"))  # of the client alone
    found = evaluate("nb201_mini", f"{place}:marks={marks}", cluster=cluster.client, **options)
    assert len(list(marks.iterdir())) == 1
    wanted = evaluate("nb201_mini", f"{place}:marks={marks}", **options)
    assert len(list(marks.iterdir())) == 1  # it has come back to the client's cache
    assert strip(found.rows) == strip(wanted.rows)


def test_a_search_has_the_same_rows(cluster: Cluster) -> None:
    options = {"budget": 12, "rounds": 2, "final_top": 2, "repeats": 20, "progress": False}
    found = search("nb201_mini", "params", strategies="greedy", cluster=cluster.client, **options)
    assert strip(found.rows) == strip(search("nb201_mini", "params", strategies="greedy", **options).rows)


def test_a_worker_killed_in_the_middle_changes_no_row(cluster: Cluster, tmp_path: Path) -> None:
    write_ranker(tmp_path / "code", "helper_of_ranker", "import numpy as np\n\nweights = np.arange\n")
    place = write_ranker(tmp_path / "code", "mortal_ranker", RANKER)
    mark = tmp_path / "killed"
    ranker = f"{place}:mark={mark}"
    options = {"train_sizes": [10, 15], "repeats": 20, "progress": False, "metrics": "kendall_tau,ndcg@10"}
    found = evaluate("nb201_mini", ranker, cluster=cluster.client, out=tmp_path / "run", **options)
    assert mark.exists()
    wanted = evaluate("nb201_mini", ranker, **options)
    assert strip(found.rows) == strip(wanted.rows)
    assert found.scores().equals(wanted.scores())
    again = evaluate("nb201_mini", ranker, out=tmp_path / "run", **options)
    assert again.rows == found.rows  # what came back was stored, so nothing was run


def set_up(shift: int, images: Any) -> None:
    global _shift
    _shift = shift + images.shift


def compute_part(item: list[int]) -> dict[str, list[int]]:
    return {"value": [number + _shift for number in item]}


@dataclass
class FewImages:
    shift: int
    content_hash: str = "few"


def test_parts_of_a_job_are_computed_with_what_was_sent(cluster: Cluster) -> None:
    job = Job(compute_part, set_up, (100,))
    address = cluster.client.scheduler.address
    found = dict(run_remote(address, job, FewImages(1000), {"a": [1, 2], "b": [3]}))  # pyright: ignore
    assert found == {"a": {"value": [1101, 1102]}, "b": {"value": [1103]}}


def test_an_error_of_a_cell_is_raised_here(cluster: Cluster) -> None:
    with pytest.raises(InputError, match="is refused"):
        list(get_run(cluster, refuse, [1, 2, 3]).results())


def test_stopping_takes_back_what_is_queued(cluster: Cluster) -> None:
    run = get_run(cluster, slow, [0.05] * 20)
    results = run.results()
    next(results)
    results.close()
    deadline = time.monotonic() + 10
    while left := cluster.client.run_on_scheduler(list_tasks, run._token):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def list_tasks(token: str, dask_scheduler: Any = None) -> list[str]:
    return [key for key in dask_scheduler.tasks if token in key]


def test_a_worker_that_differs_is_refused_with_the_difference(cluster: Cluster) -> None:
    check_workers(cluster, fingerprint, ("same",))
    with pytest.raises(WorkerDiffersError, match=rf"process \d+, here {os.getpid()}"):
        check_workers(cluster, fingerprint, ("own",))


def test_a_cell_that_kills_its_workers_is_named_after_all_others_are_done(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["data.cluster.run"], "TRIES", 2)
    found: set[int] = set()
    with pytest.raises(LostCellError, match="cell 0: 2 workers died"):
        found.update(number for _, number in _keep(found, get_run(cluster, die, list(range(6)))))
    assert found == {1, 2, 3, 4, 5}


def _keep(found: set[int], run: Run) -> Iterator[tuple[int, int]]:
    """Yield results, and keep those that came before an error."""
    for index, number in run.results():
        found.add(number)
        yield index, number


def test_a_worker_that_comes_later_is_compared_too() -> None:
    good = digest(fingerprint, ())
    assert work(add, pickle.dumps(1), {}, (fingerprint, (), good)) == 1
    with pytest.raises(WorkerDiffersError):
        work(add, pickle.dumps(1), {}, (fingerprint, (), "other"))


@pytest.mark.parametrize("address", ["local:0", "local:two", "nowhere", "/nowhere/scheduler.json"])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(InputError):
        check_address(address)


def test_no_scheduler_at_an_address_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["data.cluster.connect"], "TIMEOUT", 0.5)
    with pytest.raises(InputError, match="no Dask scheduler answers"), connect("tcp://127.0.0.1:9"):
        pass


def test_jobs_next_to_a_cluster_are_refused() -> None:
    with pytest.raises(InputError, match="2 jobs would have no effect"):
        evaluate("nb201_mini", "params", cluster="local:2", jobs=2, progress=False)


def test_the_pace_leaves_out_what_was_stored() -> None:
    now = [0.0]
    pace = Pace(12, lambda: 3, lambda: now[0])
    pace.count(was_stored=True)
    now[0] = 100.0  # workers start
    assert pace.count(was_stored=False) == "3 workers"
    now[0] = 110.0
    assert pace.count(was_stored=False) == "3 workers, 6 cells a minute, 90 s left"
