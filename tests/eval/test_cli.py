"""The command line as people and scripts meet it: whole processes, real tables."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.base import Benchmark
from data.cli import run_cli
from eval.grid import PREDICTORS
from eval.run import app
from predictors import get, names

JSON_KEYS = {
    "bench", "dataset", "protocol", "train_size", "predictor", "metric", "mean", "ci_low", "ci_high",
    "repeats", "chance", "ceiling", "fit_seconds", "predict_seconds",
}  # fmt: skip
SCRIPT = str(Path(sysconfig.get_path("scripts")) / "acerank")
QUICK = ["--predictors", "random_forest:n_estimators=10,flops", "--train-size", "20", "--repeats", "2"]


def call(
    folder: Path, *args: str, command: list[str] | None = None, **environment: str
) -> tuple[int, str, str]:
    """Run `python -m eval.run` (or another command) in a folder; return its code, stdout and stderr."""
    command = command or [sys.executable, "-m", "eval.run"]
    done = subprocess.run(
        [*command, *args],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def here(tmp_path: Path, real_tables: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inside(capfd: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    """Run the command line in this process, which saves the imports; by default a random order of nb201."""
    defaults = {"--bench": "nb201", "--jobs": "1"}
    if "--set" not in args:
        defaults["--predictors"] = "random_order"
    more = [word for option in defaults.items() if option[0] not in args for word in option]
    with pytest.raises(SystemExit) as caught:
        run_cli(app, [*args, *more])
    out, err = capfd.readouterr()
    return caught.value.code, out, err


def refused(result: tuple[int, str, str], message: str) -> None:
    """Check that a run ended with exit code 2 and one line that says why."""
    code, out, err = result
    lines = err.splitlines()
    assert "Traceback" not in err, err
    assert code == 2, err
    assert out == ""
    assert [line.startswith("error: ") for line in lines].count(True) == 1, err
    assert lines[-1].startswith("error: "), err
    assert re.search(message, lines[-1]), lines[-1]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, real_tables: Path) -> Path:
    """The results of one quick run; asking for them again takes no fit."""
    folder = tmp_path_factory.mktemp("cli") / "results"
    code, _, err = call(folder.parent, "--bench", "nb201", *QUICK, "--out", str(folder), "--jobs", "1")
    assert code == 0, err
    return folder


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, nb201: Benchmark) -> Path:
    """A user's CSV file with 80 rows of the real table."""
    path = tmp_path_factory.mktemp("table") / "mine.csv"
    rows = np.random.default_rng(0).permutation(len(nb201))[:80]
    arch, acc = nb201.table.column("arch").to_pylist(), nb201.target("cifar100", "test_acc")
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["arch", "acc", "note"], *([arch[r], acc[r], "text"] for r in rows)])
    return path


# What it offers.


@pytest.mark.parametrize("option", ["--help", "--list"])
def test_help_and_list_are_light(option: str, tmp_path: Path) -> None:
    code = (
        "import sys\nsys.argv = ['acerank', sys.argv[1]]\nfrom eval.run import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        "heavy = [m for m in ('torch', 'sklearn', 'lightgbm', 'pandas', 'httpx') if m in sys.modules]\n"
        "print(code, heavy, file=sys.stderr)\n"
    )
    _, out, err = call(tmp_path, option, command=[sys.executable, "-c", code], ACERANK_DATA="")
    assert err == "0 []\n"
    assert len(out.splitlines()) > 20
    assert list(tmp_path.iterdir()) == []


def test_list_names_everything(tmp_path: Path) -> None:
    code, out, err = call(tmp_path, "--list")
    assert (code, err) == (0, "")
    for name in (*names(), "nb201", "leakfree", "acenas", "pinat-5", "ta-gates", "ndcg@k", "kendall_tau"):
        assert re.search(rf"(^|\s|\()(--bench )?{re.escape(name)}(\s|\)|$)", out, re.MULTILINE), name
    for name in ("cifar10 valid_acc", "cifar100 test_acc", "weak label gdas249_acc", "weak label synflow"):
        assert name in out


def test_help_names_every_option(tmp_path: Path) -> None:
    code, out, err = call(tmp_path, "--help", COLUMNS="200")
    assert (code, err) == (0, "")
    for option in (
        "bench", "list", "predictors", "set", "dataset", "label", "target", "protocol", "train-size",
        "repeats", "seed", "metrics", "jobs", "out", "format", "offline",
    ):  # fmt: skip
        assert f"--{option} " in out


# What it prints.


def test_json_on_stdout_and_the_rest_on_stderr(out: Path, tmp_path: Path) -> None:
    code, stdout, err = call(tmp_path, "--bench", "nb201", *QUICK, "--out", str(out), "--format", "json")
    assert code == 0
    found = json.loads(stdout)
    assert len(found) == 2 * 11
    for entry in found:
        assert entry.keys() >= JSON_KEYS
        assert (entry["bench"], entry["dataset"], entry["protocol"]) == ("nb201", "cifar10", "leakfree")
        assert (entry["train_size"], entry["repeats"]) == (20, 2)
        assert entry["ci_low"] <= entry["mean"] <= entry["ci_high"]
        assert isinstance(entry["chance"], float)
        assert isinstance(entry["ceiling"], float) == (entry["metric"] in ("kendall_tau", "spearman"))
    assert {entry["predictor"] for entry in found} == {"random_forest:n_estimators=10", "flops"}
    assert "NAS-Bench-201: 15,625 cells, 4,930 networks" in err
    assert "trained on 20 × valid_acc (validation split, 200 epochs, one seed)" in err
    assert str(out) in err
    assert "\x1b" not in stdout + err
    assert sorted(p.name for p in out.iterdir()) == [
        "architectures.parquet",
        "report.html",
        "rows.jsonl",
        "scores.parquet",
        "settings.json",
        "trials",
    ]
    settings = json.loads((out / "settings.json").read_text())
    assert settings["options"]["bench"] == ["nb201"]


@pytest.mark.parametrize("form", ["table", "tsv", "markdown"])
def test_other_formats(
    form: str, out: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    code, stdout, _ = inside(capfd, *QUICK, "--out", str(out), "--format", form)
    assert code == 0
    for name in ("random_forest", "flops", "ndcg@10", "kendall_tau", "regret@10"):
        assert name in stdout
    lines = stdout.splitlines()
    if form == "tsv":
        header, *rows = (line.split("\t") for line in lines)
        assert set(header) >= JSON_KEYS
        assert len(rows) == 22
        assert all(len(row) == len(header) for row in rows)
    if form == "markdown":
        assert sum(line.startswith("|") for line in lines) >= 4
    assert "chance" in stdout
    assert "ceiling" in stdout
    assert "\x1b" not in stdout


def test_the_default_folder_is_named_after_the_benchmark(table: Path, tmp_path: Path) -> None:
    code, _, err = call(
        tmp_path,
        "--bench",
        str(table),
        "--target",
        "acc",
        "--predictors",
        "random_order",
        "--train-size",
        "9",
    )
    assert code == 0, err
    assert (tmp_path / "runs" / "mine" / "report.html").is_file()


# Hyper-parameters and protocols.


def test_set_and_the_short_form(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, stdout, err = inside(
        capfd, "--train-size", "20", "--repeats", "2", "--out", "set",
        "--predictors", "gcn,gcn:loss=mse", "--set", "gcn.epochs=2", "--set", "gcn.width=8",
        "--format", "json", "--metrics", "kendall_tau",
    )  # fmt: skip
    assert code == 0, err
    assert [entry["predictor"] for entry in json.loads(stdout)] == [
        "gcn:epochs=2:width=8",
        "gcn:epochs=2:loss=mse:width=8",
    ]
    rows = [json.loads(line) for line in (here / "set" / "rows.jsonl").read_text().splitlines()]
    assert {row["params"]["loss"] for row in rows} == {"lambdarank", "mse"}
    assert {row["params"]["epochs"] for row in rows} == {2}


MISTAKES = {
    "--bench nb2o1": "unknown benchmark 'nb2o1'; did you mean nb201",
    "--bench mine.csv": "there is no file 'mine.csv'",
    "--predictors gnc": "unknown predictor 'gnc'; did you mean gcn",
    "--predictors flops,flops": "listed twice: flops",
    "--predictors gcn:lss=mse": "unknown hyper-parameter of gcn 'lss'; did you mean loss",
    "--predictors gcn:loss": "'loss' in 'gcn:loss' is not of the form PARAMETER=VALUE",
    "--set gcn.lss=mse": "unknown hyper-parameter of gcn 'lss'; did you mean loss",
    "--set gcn.width=wide": "gcn.width=wide: expected a value like the default",
    "--set gnc.width=1": "unknown predictor 'gnc'; did you mean gcn",
    "--metrics kendal_tau": "unknown metric 'kendal_tau'; did you mean kendall_tau",
    "--metrics ndcg": "unknown metric 'ndcg'; did you mean ndcg@k",
    "--metrics ndcg@k": "ndcg@k is a family",
    "--metrics ndcg@0": "k >= 1",
    "--metrics ndcg@9999": "ndcg@9999: only 4830 architectures are tested",
    "--protocol leekfree": "unknown protocol 'leekfree'; did you mean leakfree",
    "--protocol pinat-1 --train-size 100": "protocol 'pinat-1' has 78 training labels",
    "--label valid_acc_mean": "no label 'valid_acc_mean', the mean over several trainings",
    "--dataset cifar": "unknown data set 'cifar'; did you mean cifar10",
    "--label val_acc": "unknown label of cifar10 'val_acc'; did you mean valid_acc",
    "--target tset_acc": "unknown label of cifar10 'tset_acc'; did you mean test_acc",
    "--train-size 5000": "can train on 4,930 architectures here, fewer than the 5,000 asked for",
    "--train-size many": "'many' is not a list of whole numbers",
    "--train-size 0": "train size must be at least 1, not 0",
    "--repeats 0": "--repeats",
    "--seed -1": "--seed",
    "--jobs -1": "--jobs",
    "--format xml": "xml.*markdown",
    "--predictorss gcn": "--predictors",
    "nb201": "'nb201' stands alone",
}


@pytest.mark.parametrize("args", MISTAKES)
def test_mistakes_are_one_line(args: str, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    refused(inside(capfd, *args.split()), MISTAKES[args])
    assert list(here.iterdir()) == []  # before anything was fitted or written


def test_a_benchmark_must_be_named(tmp_path: Path) -> None:
    refused(call(tmp_path), "name a benchmark, e.g. --bench nb201")


@pytest.mark.parametrize(
    ("predictor", "message"),
    [
        ("weak_label:column=synflw", "'synflw'; did you mean synflow"),
        ("gcn:loss=lamdarank", "unknown loss 'lamdarank'; did you mean lambdarank"),
        ("gcn:width=0", "gcn"),
        ("mlp:epochs=-1", "predictor 'mlp': batch, epochs and max_steps must be at least 1"),
        ("random_forest:n_estimators=0", "random_forest"),
        ("lambdamart:num_leaves=1", "lambdamart"),
        ("gaussian_process:nu=-1", "gaussian_process"),
    ],
)
def test_impossible_hyper_parameters_are_one_line(
    predictor: str, message: str, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    refused(inside(capfd, "--train-size", "30", "--repeats", "1", "--predictors", predictor), message)


def test_mistakes_found_by_other_processes_are_one_line_too(tmp_path: Path, real_tables: Path) -> None:
    args = ["--bench", "nb201", "--predictors", "random_order,mlp:epochs=0", "--repeats", "11", "--jobs", "2"]
    refused(call(tmp_path, *args), "predictor 'mlp': batch, epochs and max_steps must be at least 1")


def test_results_cannot_be_where_a_file_is(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "taken").write_text("mine")
    refused(inside(capfd, "--predictors", "random_order", "--out", "taken"), "taken")
    refused(inside(capfd, "--predictors", "random_order", "--out", "taken/here"), "taken")
    assert (here / "taken").read_text() == "mine"


def test_a_damaged_cell_is_one_line(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    args = ["--predictors", "random_order", "--train-size", "20", "--repeats", "1", "--out", "results"]
    assert inside(capfd, *args)[0] == 0
    (cell,) = (here / "results" / "trials").iterdir()
    cell.write_bytes(cell.read_bytes()[:-100])
    refused(inside(capfd, *args), f"{cell.name} is damaged.*delete it and run again")


# Without tables, and with one's own.


def test_nothing_found_and_no_network(tmp_path: Path) -> None:
    result = call(
        tmp_path, "--bench", "nb101", "--offline", ACERANK_DATA="", ACERANK_CACHE=str(tmp_path / "c")
    )
    refused(result, r"table 'nb101' not found.*python -m data\.fetch nb101.*MB.*ACERANK_DATA")
    assert len(result[2].splitlines()) == 1


def test_a_fresh_offline_machine_runs_on_the_embedded_table_and_says_so(tmp_path: Path) -> None:
    code, stdout, err = call(
        tmp_path, "--bench", "nb201", "--predictors", "random_forest,random_order", "--repeats", "2",
        "--format", "json", ACERANK_DATA="", ACERANK_CACHE=str(tmp_path / "c"), ACERANK_OFFLINE="1",
    )  # fmt: skip
    assert code == 0, err
    first = err.splitlines()[0]
    assert first.startswith("WARNING: THIS IS NAS-BENCH-201 MINI")
    assert "python -m data.fetch nb201" in first
    assert {entry["dataset"] for entry in json.loads(stdout)} == {"mini"}
    rows = [json.loads(line) for line in (tmp_path / "runs/nb201_mini/rows.jsonl").read_text().splitlines()]
    assert {row["dataset"] for row in rows} == {"mini"}
    assert (
        "MINI"
        in re.findall(r"<title>(.*?)</title>", (tmp_path / "runs/nb201_mini/report.html").read_text())[0]
    )


def test_a_table_of_ones_own(table: Path, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, stdout, err = inside(
        capfd, "--bench", str(table), "--target", "acc", "--predictors", "random_forest,random_order",
        "--train-size", "20", "--repeats", "3", "--format", "json",
    )  # fmt: skip
    assert code == 0, err
    assert "80 architectures" in err
    by_key = {(entry["predictor"], entry["metric"]): entry for entry in json.loads(stdout)}
    forest, chance = by_key["random_forest", "kendall_tau"], by_key["random_order", "kendall_tau"]
    assert forest["mean"] > 0.3 > chance["mean"]
    assert "ndcg@10" in {metric for _, metric in by_key}
    assert "ndcg@100" not in {metric for _, metric in by_key}  # fewer than 100 are tested


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--target", "accu"], "unknown target 'accu'; did you mean acc"),
        (["--metrics", "ndcg@70"], "ndcg@70: only [56][0-9] architectures are tested"),
        (["--train-size", "81"], "architectures here, fewer than the 81 asked for"),
        (["--predictors", "flops"], "flops"),
        (["--protocol", "ta-gates"], "ta_gates_split"),
    ],
)
def test_mistakes_with_ones_own_table(
    args: list[str], message: str, table: Path, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    base = ["--bench", str(table), "--predictors", "random_order", "--train-size", "15"]
    refused(inside(capfd, *base, *args), message)


def test_predictors_that_cannot_run_are_left_out_unless_named(
    table: Path, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, stdout, err = inside(
        capfd, "--bench", str(table), "--train-size", "10", "--repeats", "1", "--format", "json",
        "--metrics", "kendall_tau", "--set", "gcn.epochs=1", "--set", "mlp.epochs=1",
    )  # fmt: skip
    assert code == 0, err
    named = list(PREDICTORS)
    left_out = {name for name in named if get(name)().lacks(())}
    assert left_out >= {"weak_label", "flops", "params"}
    ran = {entry["predictor"].partition(":")[0] for entry in json.loads(stdout)}
    assert ran == set(named) - left_out
    for name in left_out:
        assert f"{name} is left out: " in err


def test_a_bad_row_of_ones_own_table(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "mine.csv").write_text("arch,acc\n|none~0|,1.0\n")
    refused(inside(capfd, "--bench", "mine.csv"), r"row 0: '\|none~0\|' is not a NAS-Bench-201 string")


def test_several_labels_and_none_chosen(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arch = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    (here / "mine.csv").write_text(f"arch,top1,top5\n{arch},1.0,2.0\n")
    refused(inside(capfd, "--bench", "mine.csv"), "top1.*top5.*name the target")


def test_a_table_with_a_column_of_large_numbers(
    table: Path, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = table.read_text().splitlines()
    numbered = [f"{line},{2**60 + i if i else 'id'}" for i, line in enumerate(lines)]
    (here / "mine.csv").write_text("\n".join(numbered) + "\n")
    args = ["--target", "acc", "--predictors", "random_order", "--train-size", "9", "--repeats", "1"]
    code, _, err = inside(capfd, "--bench", "mine.csv", *args)
    assert code == 0, err


# The names of our packages are common words.

INTRUDER = ["--bench", "nb201", "--predictors", "random_order,flops", "--train-size", "20", "--repeats", "1"]


def test_an_intruder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "__init__.py").write_text("")
    refused(call(tmp_path, "--list"), f"package 'data' comes from {tmp_path}/data/__init__.py.*acerank")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_console_script_works_beside_an_intruder(jobs: str, tmp_path: Path, real_tables: Path) -> None:
    for name in ("data", "benchmarks", "predictors", "eval"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong package')")
    code, stdout, err = call(tmp_path, *INTRUDER, "--format", "json", "--jobs", jobs, command=[SCRIPT])
    assert code == 0, err
    assert json.loads(stdout)


def test_a_folder_of_ones_own_data_is_no_intruder(tmp_path: Path, table: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.csv").write_text(table.read_text())
    args = ["--predictors", "random_order", "--train-size", "9", "--jobs", "1"]
    code, _, err = call(tmp_path, "--bench", "data/mine.csv", *args)
    assert code == 0, err
    assert (tmp_path / "runs" / "mine" / "rows.jsonl").is_file()


def test_interrupted_runs_say_so(tmp_path: Path, real_tables: Path) -> None:
    command = [sys.executable, "-m", "eval.run", "--bench", "nb201", "--jobs", "1", "--out", "here"]
    command += ["--predictors", "random_order,random_forest:n_estimators=3000"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True)
    end = time.monotonic() + 60
    while not list(tmp_path.glob("here/trials/*.parquet")):
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
