"""The command: a campaign from init to export, as a user would type it."""

import json
import subprocess
import sys

import pandas as pd
import pytest
from support.commands import run_module
from typer.testing import CliRunner

from eval.campaign.__main__ import app

RUNNER = CliRunner()


def run(*words, code: int = 0, text: str | None = None) -> str:
    done = RUNNER.invoke(app, [str(word) for word in words], input=text, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output if code else done.stdout


def test_a_campaign_from_begin_to_end(tmp_path):
    here = ("--dir", tmp_path / "c1")
    run("init", "--space", "transnas_micro", "--predictor", "gaussian_process", *here)
    todo = tmp_path / "todo.csv"
    todo.write_text(run("ask", 12, *here))
    frame = pd.read_csv(todo)
    assert list(frame.columns) == ["id", "space", "arch"]
    frame["acc"] = [60.0 + arch.count("3") for arch in frame["arch"]]
    frame[2:].to_json(tmp_path / "results.jsonl", orient="records", lines=True)
    run("tell", tmp_path / "results.jsonl", *here)
    refused = run("tell", "-", *here, code=2, text=f"id,acc\n{frame['id'][0]},70\nother-1,70\n")
    assert "another campaign" in refused
    assert pd.read_csv(tmp_path / "todo.csv")["id"][1] in run("pending", *here)
    run("prepare", "--for", 3, *here)
    run("ask", 3, "--out", tmp_path / "more.parquet", *here)
    assert len(pd.read_parquet(tmp_path / "more.parquet")) == 3
    page = tmp_path / "page.html"
    assert "Kendall" in run("status", "--html", page, *here)
    assert "Best" in page.read_text("utf-8")
    status = json.loads(run("status", "--format", "json", "--batch", 4, *here))
    assert (status["done"], status["pending"]) == (11, 4)
    assert {"quality", "next_batch", "stop", "reason", "curve"} <= set(status)
    best = tmp_path / "best.json"
    run("best", "--top", 2, "--out", best, *here)
    assert json.loads(best.read_text())[0]["acc"] == max(frame["acc"][2:].max(), 70)
    assert len(run("export", *here).splitlines()) == 16
    (tmp_path / "old.csv").write_text("arch,acc\n64-41414-1_11_111,55\nnonsense,1\n")
    assert "nonsense" in run("import", tmp_path / "old.csv", *here, code=2)


def test_notices_are_printed(tmp_path):
    here = ("--dir", tmp_path)
    run("init", "--space", "transnas_micro", "--predictor", "gaussian_process", *here)
    name = run("ask", 1, *here).splitlines()[1].partition(",")[0]
    done = RUNNER.invoke(app, ["tell", "-", "--dir", str(tmp_path)], input=f"id;acc;Seed\n{name};70,5;3\n")
    assert done.exit_code == 0
    assert "did you mean seed?" in done.stderr


def test_an_option_without_effect_is_refused(tmp_path):
    done = run_module("eval.campaign", "status", "--quick", "--batch", "3", "--dir", str(tmp_path))
    assert done.returncode == 2
    assert "no effect" in done.stderr


def test_the_help_keeps_the_lines_of_its_example():
    lines = [line.strip() for line in run("--help").splitlines()]
    assert "acerank campaign ask 20 --dir c1 > todo.csv" in lines


@pytest.mark.parametrize("words", [("ask", "3", "--out", "a.xlsx"), ("status",), ("tell", "missing.csv")])
def test_mistakes_are_one_line(words, tmp_path):
    done = run_module("eval.campaign", *words, "--dir", str(tmp_path / "none"))
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


def test_the_help_imports_neither_torch_nor_optuna():
    code = (
        "import sys; sys.argv[1:] = ['--help']\n"
        "from eval.campaign.__main__ import app\n"
        "try: app()\n"
        "except SystemExit: print([name for name in ('torch', 'optuna', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
