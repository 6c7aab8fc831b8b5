"""The reports of a real grid, run on a small table that has twins."""

import base64
import csv
import hashlib
import io
import json
import re
import sys
from dataclasses import asdict, fields, replace
from html.parser import HTMLParser
from itertools import islice, product

import numpy as np
import pyarrow.csv as pacsv
import pytest
from rich.console import Console
from typer.testing import CliRunner

from data.errors import AcerankError, InputError
from eval import Results, evaluate
from eval.report.__main__ import app
from eval.report.board import boards
from eval.report.calibration import get_calibrated
from eval.report.figures import save_figures
from eval.report.gallery import get_plots
from eval.report.html import _scatter, write_leaderboard
from eval.report.latex import escape, to_latex
from eval.report.leaderboard import get_tables
from eval.report.notices import get_notices
from eval.report.numbers import number
from eval.report.page import write_page
from eval.report.plots import Plot, Series, slug
from eval.report.summary import Summary
from eval.report.table import Entry, TextTable
from eval.report.terminal import print_tables
from eval.report.text import print_results, to_csv, to_json, to_text

METRICS = ("ndcg@10", "kendall_tau", "precision_top@5", "regret@10", "best_rank@10", "spearman", "regret@1")
HOSTILE = "</script><script>alert(1)</script>|<img src=http://x.test/x>&${1}"
OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
FIELDS = [field.name for field in fields(Summary)]


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


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.styles, self.texts, self.within = [], [], [], [], ""
        self.feed(text)
        self.data = json.loads(self.scripts[0]) if self.scripts else {}

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


def get_page(path, results, **changes):
    inputs = {
        "title": results.title,
        "summaries": results.summaries(),
        "rows": results.rows,
        "scores": results.scores(),
        "notes": ["A note."],
        "settings": {"command": ["a", "b"]},
    }
    inputs["scores"] = inputs["scores"][inputs["scores"]["repeat"] == 0]
    write_leaderboard(path, **{**inputs, **changes})
    return Page(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def curve(tmp_path_factory, table):
    return evaluate(
        table,
        "random_order,params,random_forest",
        protocol="acenas",
        train_sizes=[20, 40],
        repeats=3,
        metrics=METRICS,
        out=tmp_path_factory.mktemp("runs") / "curve",
    )


@pytest.fixture(scope="module")
def single(table):
    """One repeat, one task, no twins, a predictor with a hostile name."""
    found = evaluate(
        table, "random_order,params", protocol="leakfree", train_sizes=30, repeats=1, metrics=METRICS
    )
    scores = found.scores().astype({"predictor": str}).replace({"predictor": {"random_order": HOSTILE}})
    rows = [{**row, "ceiling": None} for row in found.rows]
    for row in rows:
        row["predictor"] = HOSTILE if row["predictor"] == "random_order" else row["predictor"]
    return Results(rows, scores=lambda: scores)


def print_to_text(results, width, encoding="utf-8", **options):
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_results(results, Console(file=out, width=width), **options)
    out.seek(0)
    return out.read()


def test_json_has_every_field(curve):
    found = json.loads(curve.render("json"))
    assert [list(each) for each in found] == [FIELDS] * len(curve.summaries())
    assert found == [asdict(s) for s in curve.summaries()]


@pytest.mark.parametrize(("format_", "delimiter"), [("tsv", "\t"), ("csv", ",")])
def test_separated_values_read_back(curve, single, format_, delimiter):
    for results in (curve, single):
        found = list(csv.DictReader(io.StringIO(results.render(format_)), delimiter=delimiter))
        assert [float(each["mean"]) for each in found] == [s.mean for s in results.summaries()]
        assert [each["predictor"] for each in found] == [s.predictor for s in results.summaries()]
        assert {each["best"] for each in found} == {"true", "false"}
    plain = curve.render(format_).encode()
    read = pacsv.read_csv(io.BytesIO(plain), parse_options=pacsv.ParseOptions(delimiter=delimiter))
    assert read.column_names == FIELDS


def test_no_value_is_null_or_empty():
    records = [{"a": float("nan"), "b": None, "c": True, "d": "x,y"}]
    assert json.loads(to_json(records)) == [{"a": None, "b": None, "c": True, "d": "x,y"}]
    assert to_csv(records) == 'a,b,c,d\n,,true,"x,y"\n'
    assert to_csv([]) == ""
    assert json.loads(to_json([])) == []


def test_markdown_tables_are_well_formed(curve, single):
    for results in (curve, single):
        text = results.to_markdown()
        blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
        for block in blocks:
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block}) == 1
        tasks = boards(results.summaries())
        twins = sum(board.first.n_twins > 0 for board in tasks)
        calibrated = sum(bool(get_calibrated(board)) for board in tasks)
        assert len(blocks) == len(tasks) + twins + calibrated + (len(tasks) > 1)
        assert "<" not in text
    assert "★**" in text


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_terminal_fits_its_width(curve, width):
    text = print_to_text(curve, width)
    assert max(map(len, text.splitlines())) <= width
    for word in ("random_forest", "ndcg@10 ↑", "kendall_tau ↑", "precision_top@5 ↑", "regret@10 ↓", "fit s"):
        assert word in text
    for word in ("noise ceiling", "chance", "Without twins", "Mean rank over 2 tasks", "3 more metrics"):
        assert word in " ".join(text.split())
    assert "…" not in text
    assert "best_rank@10" not in text


def test_terminal_shows_the_metrics_asked_for(curve):
    text = print_to_text(curve, 120, metrics=["spearman", "regret@1"])
    assert "spearman ↑" in text
    assert "ndcg" not in text
    with pytest.raises(InputError, match="'ndcg@11' was not evaluated"):
        print_to_text(curve, 120, metrics=["ndcg@11"])


def test_terminal_without_unicode(curve):
    text = print_to_text(curve, 100, encoding="ascii")
    assert "* best" in text
    assert "+-" in text


def test_numbers_are_those_of_the_summaries(curve):
    board = boards(curve.summaries())[0]
    best = board.best("ndcg@10")
    half = number(best.ci_high - best.mean, 3)
    assert f"{best.mean:.3f} ±{half} ★" in print_to_text(curve, 120)
    assert f"**{best.mean:.3f} ±{half} ★**" in curve.to_markdown()
    assert rf"\textbf{{{best.mean:.3f}}} $\pm$ {half}" in curve.to_latex()
    means = [board.cells[name, "ndcg@10"].mean for name in board.predictors]
    assert means == sorted(means, reverse=True)


def test_single_repeat_has_neither_interval_nor_test(single):
    text = print_to_text(single, 120)
    assert "±" not in text
    assert "1 repeat cannot separate" in text
    assert re.search(r"noise ceiling( +–){4}", text)


def test_baseline_gives_a_table_of_differences(curve):
    tables, _ = get_tables(curve.summaries("params"), ["kendall_tau"], baseline=True)
    found = [table for table in tables if table.title.startswith("Difference from params")]
    assert len(found) == 2
    by_name = {row[0].text: row[1].text for row in found[0].cells}
    s = next(
        s for s in curve.summaries("params") if (s.predictor, s.metric) == ("random_forest", "kendall_tau")
    )
    assert by_name["params"] == "baseline"
    assert by_name["random_forest"].startswith(number(s.difference, 3, signed=True))


def test_pretraining_has_a_column_where_any_predictor_pretrains(curve):
    tables, _ = get_tables(curve.summaries())
    assert "pretrain s" not in tables[0].header
    summaries = [
        replace(s, pretrain_seconds=12.5 if s.predictor == "params" else 0.0) for s in curve.summaries()
    ]
    table = get_tables(summaries)[0][0]
    at = list(table.header).index("pretrain s")
    assert {row[0].text: row[at].text for row in table.cells} == {
        "params": "12.5",
        "random_order": "–",
        "random_forest": "–",
    }


@pytest.mark.parametrize(
    ("bound", "text"), [("lower", "≥ 0.900 [0.800, 0.950]"), (None, "0.900 [0.800, 0.950]")]
)
def test_ceiling_is_shown_with_its_interval_as_a_bound(curve, bound, text):
    limits = {"ceiling": 0.9, "ceiling_low": 0.8, "ceiling_high": 0.95, "ceiling_bound": bound}
    table = get_tables([replace(s, **limits) for s in curve.summaries()])[0][0]
    assert table.foot_cells[1][1].text == text


def test_incomplete_grids_are_refused(curve, tmp_path):
    for summaries in (curve.summaries()[:-1], []):
        for write in (get_tables, boards):
            with pytest.raises(InputError, match=r"missing|no results"):
                write(summaries)
        with pytest.raises(InputError):
            get_page(tmp_path / "report.html", curve, summaries=summaries)
    assert not list(tmp_path.iterdir())


ODD = TextTable(
    title="A_b 50 % & more",
    header=["na_me", "x"],
    rows=[
        [r"a_b%c&d#e$f{g}h~i^j\k<l>|m", Entry("0.5 ±0.1", "best")],
        ["[x] 中 é → ≈ λ", "-0.25"],
        ["*", "–"],
    ],
    directions=[0, 1],
)


def test_latex_is_escaped_and_balanced(curve, single):
    for text in (to_latex([ODD], "★ best"), curve.to_latex(), single.to_latex()):
        assert text.isascii()
        bare = re.sub(r"\\[\\{}_%&#$]", "", text)
        assert bare.count("{") == bare.count("}")
        assert bare.count("$") % 2 == 0
        assert not re.search(r"(?<!\$)[\^~]|#", re.sub(r"\$\^\{", "${", bare).replace("tab:", ""))
        assert re.findall(r"\\begin\{(\w+)\}", text) == re.findall(r"\\end\{(\w+)\}", text)[::1] or (
            sorted(re.findall(r"\\begin\{(\w+)\}", text)) == sorted(re.findall(r"\\end\{(\w+)\}", text))
        )
        labels = re.findall(r"\\label\{(.*?)\}", text)
        assert len(set(labels)) == len(labels) == text.count(r"\begin{table}")
        for rule in ("toprule", "midrule", "bottomrule", "caption"):
            assert text.count(f"\\{rule}") >= len(labels)
        for body in re.findall(r"\\toprule(.*?)\\bottomrule", text, re.S):
            widths = {
                len(re.findall(r"(?<!\\)&", line)) for line in body.splitlines() if line.endswith(r"\\")
            }
            assert len(widths) == 1
    text = to_latex([ODD])
    assert r"a\_b\%c\&d\#e\$f\{g\}h\textasciitilde{}i\textasciicircum{}j\textbackslash{}k" in text
    assert r"U+4E2D \'{e} $\rightarrow$ $\approx$ $\lambda$" in text
    assert "{}[x]" in text
    assert "\n{}*" in text
    assert "$-$0.25" in text


def test_latex_caption_says_what_was_measured(curve):
    text = curve.to_latex()
    for word in ("protocol acenas", "20 training labels", "3 repeats", "Chance", escape("test_acc")):
        assert word in text


@pytest.mark.parametrize("format_", ["table", "markdown", "latex"])
def test_a_table_without_columns_is_written(format_):
    table = TextTable("Nothing", ["predictor"], [["x" * 300], ["é中"]])
    text = to_text(format_, [table], [], "")
    assert "predictor" in text


def test_long_names_stay_within_a_narrow_terminal():
    out = io.StringIO()
    print_tables(
        [TextTable("T", ["a", "b"], [["n" * 90, Entry("1.0", "best")]])], Console(file=out, width=40)
    )
    assert max(map(len, out.getvalue().splitlines())) <= 40
    assert out.getvalue().count("n") == 90


def check_policy(page, scripts):
    """Check that a page loads nothing, sends nothing, and runs its own scripts only."""
    for tag, attributes in page.tags:
        assert not {"src", "srcset", "data", "action", "background", "ping"} & set(attributes), tag
        assert not any(name.startswith("on") for name in attributes), tag
        assert attributes.get("href", "#").startswith("#"), tag
        assert "http" not in attributes.get("style", "")
        assert tag not in ("iframe", "object", "embed", "form", "base", "link")
    assert not re.search(r"url\(|@import|http", "".join(page.styles))
    policy = next(a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    for name in ("default-src", "connect-src", "form-action", "base-uri", "frame-src", "object-src"):
        assert rules[name] == "'none'"
    hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in page.scripts[1:]]
    assert rules["script-src"].split() == [f"'sha256-{each}'" for each in hashes]
    assert len(page.scripts) == scripts
    own = "".join(page.scripts[2:])
    assert "http" not in own
    config = re.search(r"const config = \{(.*?)\}", own).group(1)
    for setting in (
        "displayModeBar: false",
        "displaylogo: false",
        "showSendToCloud: false",
        'plotlyServerURL: ""',
    ):
        assert setting in config
    assert own.count("Plotly.react") == 1  # every plot is drawn with this configuration
    assert set(re.findall(r"Plotly\.(\w+)", own)) <= {"react", "toImage"}  # and saved by the page itself
    assert sum(map(len, (page.scripts[0], own))) < 1_000_000


def test_page_loads_and_sends_nothing(curve, tmp_path):
    check_policy(get_page(tmp_path / "report.html", curve), 4)


def test_pages_of_plots_load_and_send_nothing(tmp_path):
    plots = [
        Plot("rows", HOSTILE, "x", "", [Series(HOSTILE, [1.0], [0], [0.5], [1.5])], rows=[HOSTILE]),
        Plot("lines", "c", "x", "y", [Series("s", [10, 100], [1.0, None])], x_log=True, x_ticks=[10, 100]),
    ]
    path = tmp_path / "page.html"
    write_page(
        path,
        title=HOSTILE,
        conclusions=["What was found."],
        notices=["Careful."],
        notes=[HOSTILE],
        plots=plots,
        tables=[ODD],
        settings={HOSTILE: HOSTILE},
        legend="★ best",
    )
    page = Page(path.read_text("utf-8"))
    check_policy(page, 4)
    assert "img" not in [tag for tag, _ in page.tags]
    assert page.data["plots"][1]["x_ticks"] == [10, 100]
    assert {"What was found.", "Careful.", "★ best"} <= set(page.texts)
    assert {"plot-0", "plot-1"} <= page.ids()


def test_page_holds_everything(curve, tmp_path):
    page = get_page(tmp_path / "report.html", curve)
    for word in ("random_order", "params", "random_forest", "A note.", "noise ceiling"):
        assert any(word in text for text in page.texts), word
    shown = "".join(page.texts)
    assert all(metric in shown for metric in METRICS)
    assert page.data["predictors"] == ["random_order", "params", "random_forest"]
    assert page.data["curves"] == [[0, 1]]
    assert {"calibration", "coverage"} <= page.ids()
    assert [[each["predictor"] for each in task["calibration"]] for task in page.data["tasks"]] == [[2], [2]]
    assert {"forest", "differences", "curves", "scatters", "twins", "times", "audit"} <= page.ids()
    for i, board in enumerate(boards(curve.summaries())):
        for j, metric in enumerate(METRICS):
            drawn = page.data["tasks"][i]["metrics"][j]
            assert drawn["mean"] == [board.cells[name, metric].mean for name in page.data["predictors"]]
            assert drawn["difference"][drawn["rank"].index("best")][0] == 0
            assert board.best(metric).predictor in drawn["conclusion"]


def test_calibration_is_shown_where_a_predictor_says_how_sure_it_is(curve, single, tmp_path):
    found = [table for table in get_tables(curve.summaries())[0] if table.title.startswith("Calibration")]
    assert len(found) == 2
    assert [row[0] for row in found[0].rows] == ["random_forest"]
    s = next(s for s in curve.summaries() if s.predictor == "random_forest")
    assert found[0].rows[0][2].startswith(number(100 * s.coverage_80, 1))
    assert not [t for t in get_tables(single.summaries())[0] if t.title.startswith("Calibration")]
    assert "calibration" not in get_page(tmp_path / "report.html", single).ids()


def test_page_takes_differences_from_a_baseline(curve, tmp_path):
    page = get_page(tmp_path / "report.html", curve, summaries=curve.summaries("params"), baseline="params")
    drawn = page.data["tasks"][0]["metrics"][0]
    assert drawn["base"] == 1
    assert drawn["difference"][1][0] == 0
    assert drawn["difference"][2][0] == pytest.approx(drawn["mean"][2] - drawn["mean"][1])


def test_page_is_safe_from_names(single, tmp_path):
    page = get_page(
        tmp_path / "report.html", single, title=HOSTILE, notes=[HOSTILE], settings={HOSTILE: HOSTILE}
    )
    check_policy(page, 4)
    assert "img" not in [tag for tag, _ in page.tags]
    assert page.data["predictors"][0] == HOSTILE
    assert page.texts.count(HOSTILE) >= 4
    assert "<" not in page.scripts[0]


def test_page_of_a_single_repeat(single, tmp_path):
    page = get_page(tmp_path / "report.html", single)
    drawn = page.data["tasks"][0]["metrics"][0]
    assert drawn["low"] == drawn["high"] == [None, None]
    assert drawn["ceiling"] is None
    assert [ends for _, *ends in drawn["difference"]] == [[None, None]] * 2
    assert page.data["curves"] == []
    assert not {"curves", "twins", "task"} & page.ids()


def test_page_without_scores_has_no_scatter(single, tmp_path):
    page = get_page(tmp_path / "report.html", single, scores=None)
    assert page.data["scatters"] == []
    assert "scatters" not in page.ids()


def test_scatter_draws_every_architecture(curve, tmp_path):
    panels = get_page(tmp_path / "report.html", curve).data["scatters"]
    scores = curve.scores()
    n = int((scores["repeat"] == 0).sum()) // (2 * 3)
    for panel in panels[0]:
        assert panel["n"] == n == len(panel["top"][0]) + len(panel["rest"][0])


def test_notices_say_what_is_not_the_real_thing():
    row = {"bench": "b", "title": "B", "dataset": "d", "protocol": "acenas", "n_test": 100, "n_twins": 11}
    row |= {"label": "valid_acc"}
    real = {**row, "n_twins": 0, "protocol": "leakfree", "size_note": "15,625 architectures, 4,930 networks"}
    assert get_notices([real]) == []
    found = get_notices([{**row, "stands_in_for": "made up", "size_note": "20,001 of 423,624 cells (4.7 %)"}])
    assert len(found) == 3
    assert "made up" in found[0]
    assert "20,001 of 423,624 cells (4.7 %)" in found[1]
    assert "11.0 %" in found[2]
    other = get_notices([{**real, "protocol": "pinat-1"}])
    assert len(other) == 1
    assert "valid_acc is not the label of the paper: protocol pinat-1 trained on valid_acc_mean" in other[0]
    assert get_notices([{**real, "protocol": "pinat-1", "label": "valid_acc_mean"}]) == []


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.mark.parametrize("format_", ["table", "latex", "markdown", "tsv", "csv", "json"])
def test_a_finished_run_is_shown_again(curve, tmp_path, format_):
    shown = run(curve.folder, "--format", format_, "--metrics", "kendall_tau")
    assert shown.exit_code == 0
    assert "random_forest" in shown.output.replace("\\_", "_")
    assert "ndcg@10" not in shown.output
    assert run(curve.folder, "--format", format_, "--out", tmp_path / "text").exit_code == 0
    assert "random_forest" in (tmp_path / "text").read_text("utf-8").replace("\\_", "_")


def test_runs_are_merged_into_one_page(curve, table, tmp_path):
    other = evaluate(
        table,
        "random_forest:n_estimators=5",
        protocol="acenas",
        train_sizes=[20, 40],
        repeats=3,
        metrics=METRICS,
        out=tmp_path / "other",
    )
    path = tmp_path / "both.html"
    done = run(curve.folder, other.folder, "--format", "html", "--out", path)
    assert done.exit_code == 0, done.output
    assert set(Page(path.read_text("utf-8")).data["predictors"]) == {
        *curve.predictors,
        *other.predictors,
    }
    assert run(curve.folder, other.folder, "--format", "html").exit_code == 2


def test_figures_are_saved(curve, tmp_path):
    pytest.importorskip("matplotlib")
    plots, panels = get_plots(curve, ["ndcg@10"])
    paths = save_figures(tmp_path, "svg", plots, panels)
    assert sorted(path.name.split("-")[0] for path in paths) == [
        *["calibration"] * 2, *["curve"], *["differences"] * 2, *["means"] * 2, *["ranks"] * 2,
    ]  # fmt: skip
    assert all(b"<svg" in path.read_bytes()[:2000] for path in paths)
    assert save_figures(tmp_path, "pdf", plots[:1])[0].read_bytes().startswith(b"%PDF")
    assert save_figures(tmp_path, "png", plots[:1])[0].read_bytes().startswith(b"\x89PNG")


def test_figures_take_any_name(tmp_path):
    pytest.importorskip("matplotlib")
    plot = Plot("odd", HOSTILE, "$x_", "", [Series(HOSTILE, [None, 1.0], [0, 1])], rows=[HOSTILE, "$a_{"])
    assert save_figures(tmp_path, "svg", [plot])[0].exists()
    assert slug("a/b", "c d", "ndcg@10") == "a-b-c-d-ndcg@10"


def test_missing_matplotlib_names_its_install_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(AcerankError, match=r"pip install 'acerank\[plots\]'"):
        save_figures(tmp_path, "pdf", [])


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
