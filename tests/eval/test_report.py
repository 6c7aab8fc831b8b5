"""The reports of a real grid, run on a small table that has twins."""

import csv
import io
import json
import re
from dataclasses import asdict, fields, replace
from html.parser import HTMLParser
from itertools import islice, product

import numpy as np
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from eval.command.specs import parse
from rich.console import Console

from benchmarks import load
from data.errors import InputError
from eval.evaluator import run_cell
from eval.report.board import boards
from eval.report.html import _scatter, write_report
from eval.report.numbers import number
from eval.report.summary import Summary, summarise
from eval.report.table import FIELDS, render_table, to_json, to_markdown, to_tsv
from eval.results import Store, rows_of
from eval.task import Spec, Task, grid

METRICS = ("ndcg@10", "kendall_tau", "precision_top@5", "regret@10", "best_rank@10", "spearman", "regret@1")
HOSTILE = "</script><script>alert(1)</script>|<img src=http://x.test/x>&${1}"
OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """300 NAS-Bench-201 cells whose accuracy is known: convolutions help, noise blurs."""
    codes = list(islice(product(range(5), repeat=6), 0, None, 52))[:300]
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("table") / "mine.csv"
    lines = ["arch,params,test_acc"]
    for code in codes:
        a, b, c, d, e, f = (OPS[i] for i in code)
        convolutions = sum(i == 3 for i in code) + 0.5 * sum(i == 2 for i in code)
        arch = f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
        lines.append(f"{arch},{convolutions},{50 + 5 * convolutions + rng.normal():.2f}")
    path.write_text("\n".join(lines), "utf-8")
    return path


class Run:
    """A grid that was run: its rows, its summaries and its scores."""

    def __init__(self, folder, table, specs, sizes=(30,), repeats=3, protocol="acenas", metrics=METRICS):
        content = load(str(table)).table.content_hash
        tasks = [
            Task(str(table), "table", "test_acc", "test_acc", protocol, size, 0, content) for size in sizes
        ]
        self.store, cells, self.rows = Store(folder), grid(tasks, specs, repeats), []
        for cell in cells:
            scored = run_cell(cell)
            rows = rows_of(cell, scored, metrics)
            self.store.save(cell, scored, rows)
            self.rows += rows
        self.store.write_scores(cells)
        self.summaries = summarise(self.rows)
        self.scores = folder / "scores.parquet"

    def page(self, path, **changes):
        inputs = {
            "title": "A title",
            "summaries": self.summaries,
            "rows": self.rows,
            "scores": self.scores,
            "notes": ["A note."],
            "settings": {"command": ["a", "b"]},
        }
        write_report(path, **{**inputs, **changes})
        return Page(path.read_text("utf-8"))


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.styles, self.texts, self.within = [], [], [], [], ""
        self.feed(text)
        self.data = json.loads(self.scripts[0])

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.within = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.within = ""

    def handle_data(self, data):
        if self.within == "script":
            self.scripts[-1] += data
        elif self.within == "style":
            self.styles.append(data)
        elif data.strip():
            self.texts.append(data.strip())

    def ids(self):
        return {attrs["id"] for _, attrs in self.tags if "id" in attrs}


@pytest.fixture(scope="module")
def curve(tmp_path_factory, table):
    return Run(tmp_path_factory.mktemp("curve"), table, parse("random_order,params,random_forest"), (20, 40))


@pytest.fixture(scope="module")
def single(tmp_path_factory, table):
    """One repeat, one task, no twins, a predictor with a hostile name."""
    specs = [Spec("random_order", (), HOSTILE), *parse("params")]
    run = Run(tmp_path_factory.mktemp("single"), table, specs, repeats=1, protocol="leakfree")
    run.summaries = [replace(s, ceiling=None) for s in run.summaries]
    return run


def terminal(summaries, width, encoding="utf-8", metrics=None):
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    render_table(summaries, Console(file=out, width=width), metrics)
    out.seek(0)
    return out.read()


def test_json_has_every_field(curve):
    found = json.loads(to_json(curve.summaries))
    assert [list(each) for each in found] == [list(FIELDS)] * len(curve.summaries)
    assert found == [asdict(s) for s in curve.summaries]
    assert set(FIELDS) == {field.name for field in fields(Summary)}


def test_tsv_reads_back(curve, single):
    for summaries in (curve.summaries, single.summaries):
        found = list(csv.DictReader(io.StringIO(to_tsv(summaries)), dialect="excel-tab"))
        assert [float(each["mean"]) for each in found] == [s.mean for s in summaries]
        assert [each["predictor"] for each in found] == [s.predictor for s in summaries]
        assert [each["ci_low"] for each in found] == [
            "" if s.ci_low is None else str(s.ci_low) for s in summaries
        ]
        assert {each["best"] for each in found} == {"true", "false"}
    plain = to_tsv(curve.summaries).encode()
    read = pacsv.read_csv(io.BytesIO(plain), parse_options=pacsv.ParseOptions(delimiter="\t"))
    assert tuple(read.column_names) == FIELDS


def test_markdown_tables_are_well_formed(curve, single):
    for summaries in (curve.summaries, single.summaries):
        text = to_markdown(summaries)
        blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
        for block in blocks:
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block}) == 1
        tasks = boards(summaries)
        twins = sum(board.first.n_twins > 0 for board in tasks)
        assert len(blocks) == len(tasks) + twins + (len(tasks) > 1)
        assert "<" not in text
    assert "★**" in text


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_terminal_fits_its_width(curve, width):
    text = terminal(curve.summaries, width)
    assert max(map(len, text.splitlines())) <= width
    for word in ("random_forest", "ndcg@10 ↑", "kendall_tau ↑", "precision_top@5 ↑", "regret@10 ↓", "fit s"):
        assert word in text
    for word in ("noise ceiling", "chance", "Without twins", "Mean rank over 2 tasks", "3 more metrics"):
        assert word in " ".join(text.split())
    assert "…" not in text
    assert "best_rank@10" not in text


def test_terminal_shows_the_metrics_asked_for(curve):
    text = terminal(curve.summaries, 120, metrics=["spearman", "regret@1"])
    assert "spearman ↑" in text
    assert "ndcg" not in text
    with pytest.raises(InputError, match="'ndcg@11' was not evaluated"):
        terminal(curve.summaries, 120, metrics=["ndcg@11"])


def test_terminal_without_unicode(curve):
    text = terminal(curve.summaries, 100, encoding="ascii")
    assert "* best" in text
    assert "+-" in text


def test_numbers_are_those_of_the_summaries(curve):
    board = boards(curve.summaries)[0]
    best = board.best("ndcg@10")
    half = number(best.ci_high - best.mean, 3)
    assert f"{best.mean:.3f} ±{half} ★" in terminal(curve.summaries, 120)
    assert f"**{best.mean:.3f} ±{half} ★**" in to_markdown(curve.summaries)
    means = [board.cells[name, "ndcg@10"].mean for name in board.predictors]
    assert means == sorted(means, reverse=True)


def test_single_repeat_has_neither_interval_nor_test(single):
    text = terminal(single.summaries, 120)
    assert "±" not in text
    assert "1 repeat cannot separate" in text
    assert "none of the" in text
    assert re.search(r"noise ceiling( +–){4}", text)


@pytest.mark.parametrize(("predictors", "repeats", "decidable"), [(2, 5, False), (2, 6, True), (9, 8, False)])
def test_too_few_repeats_are_named(curve, predictors, repeats, decidable):
    one = replace(curve.summaries[0], repeats=repeats)
    board = boards([replace(one, predictor=str(i)) for i in range(predictors)])[0]
    assert board.decidable is decidable


def test_incomplete_grids_are_refused(curve, tmp_path):
    for summaries in (curve.summaries[:-1], []):
        for write in (to_markdown, lambda found: terminal(found, 80), boards):
            with pytest.raises(InputError, match=r"missing|no results"):
                write(summaries)
        with pytest.raises(InputError):
            curve.page(tmp_path / "report.html", summaries=summaries)
    assert not list(tmp_path.iterdir())


def test_page_loads_nothing(curve, tmp_path):
    page = curve.page(tmp_path / "report.html")
    for tag, attributes in page.tags:
        assert not {"src", "srcset", "data", "action", "background"} & set(attributes), tag
        assert not any(name.startswith("on") for name in attributes), tag
        assert attributes.get("href", "#").startswith("#"), tag
        assert "http" not in attributes.get("style", "")
    assert not re.search(r"url\(|@import|http", "".join(page.styles))
    policy = next(a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert [tag for tag, _ in page.tags].count("script") == 3
    assert "http" not in page.scripts[2]
    assert sum(map(len, (page.scripts[0], page.scripts[2]))) < 1_000_000


def test_page_holds_everything(curve, tmp_path):
    page = curve.page(tmp_path / "report.html")
    for word in ("random_order", "params", "random_forest", "A title", "A note.", "noise ceiling"):
        assert any(word in text for text in page.texts), word
    shown = "".join(page.texts)
    assert all(metric in shown for metric in METRICS)
    assert page.data["predictors"] == ["random_order", "params", "random_forest"]
    assert page.data["curves"] == [[0, 1]]
    assert {"forest", "differences", "curves", "scatters", "twins", "times", "audit"} <= page.ids()
    for i, board in enumerate(boards(curve.summaries)):
        for j, metric in enumerate(METRICS):
            drawn = page.data["tasks"][i]["metrics"][j]
            assert drawn["mean"] == [board.cells[name, metric].mean for name in page.data["predictors"]]
            assert drawn["difference"][drawn["rank"].index("best")][0] == 0


def test_page_is_safe_from_names(single, tmp_path):
    page = single.page(tmp_path / "report.html", title=HOSTILE, notes=[HOSTILE], settings={HOSTILE: HOSTILE})
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 3
    assert "img" not in tags
    assert page.data["predictors"][0] == HOSTILE
    assert page.texts.count(HOSTILE) >= 4
    assert "<" not in page.scripts[0]


def test_page_of_a_single_repeat(single, tmp_path):
    page = single.page(tmp_path / "report.html")
    drawn = page.data["tasks"][0]["metrics"][0]
    assert drawn["low"] == drawn["high"] == [None, None]
    assert drawn["ceiling"] is None
    assert [ends for _, *ends in drawn["difference"]] == [[None, None]] * 2
    assert page.data["curves"] == []
    assert not {"curves", "twins", "task"} & page.ids()


def test_page_without_scores_has_no_scatter(single, tmp_path):
    page = single.page(tmp_path / "report.html", scores=None)
    assert page.data["scatters"] == []
    assert "scatters" not in page.ids()


def test_scatter_draws_every_architecture(curve, tmp_path):
    panels = curve.page(tmp_path / "report.html").data["scatters"]
    n = len(pq.read_table(curve.scores, filters=[("repeat", "==", 0)])) // (2 * 3)
    for panel in panels[0]:
        assert panel["n"] == n == len(panel["top"][0]) + len(panel["rest"][0])


def test_scatter_by_hand():
    y = np.arange(10.0)
    perfect = _scatter(y, y, bins=4)
    assert perfect["top"] == [[95.0], [95.0]]
    assert perfect["hits"] == 1
    assert perfect["rest"][0] == perfect["rest"][1] == [85.0, 75.0, 65.0, 55.0, 45.0, 35.0, 25.0, 15.0, 5.0]
    constant = _scatter(y, np.zeros(10), bins=4)
    assert constant["top"] == [[50.0], [95.0]]
    assert constant["hits"] == pytest.approx(0.1)
    large = _scatter(np.arange(1000.0), -np.arange(1000.0), bins=4)
    assert large["counts"] == [[0, 0, 0, 250], [0, 0, 250, 0], [0, 250, 0, 0], [250, 0, 0, 0]]
    assert large["hits"] == 0
