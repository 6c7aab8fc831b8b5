"""How numbers are written."""

import math

import pytest

from eval.report.numbers import (
    count,
    difference,
    half_width,
    interval,
    number,
    p_value,
    percent,
    repeats,
    seconds,
)


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (-0.0004, 3, "0.000"),
        (-0.0006, 3, "-0.001"),
        (1234.56, 1, "1,234.6"),
        (None, 3, "–"),
        (math.nan, 3, "–"),
    ],
)
def test_number(value, decimals, text):
    assert number(value, decimals) == text


def test_signs():
    assert [number(v, 2, signed=True) for v in (0.5, -0.5, 0.001, -0.001)] == [
        "+0.50",
        "-0.50",
        "0.00",
        "0.00",
    ]


def test_an_interval_that_is_missing_is_a_dash():
    assert interval(0.5, 0.25, 0.75) == "0.500 [0.250, 0.750]"
    assert interval(0.5, None, None) == interval(0.5, math.nan, math.nan) == "0.500 –"
    assert interval(math.nan, math.nan, math.nan) == "–"
    assert half_width(0.5, 0.52) == "±0.020"
    assert half_width(0.5, None) == half_width(0.5, math.nan) == ""


def test_differences():
    assert difference(0.1, 0.05, 0.15, 0.0301) == "+0.100 [+0.050, +0.150] p=0.030"
    assert difference(-0.1, -0.15, -0.05, 0.0001) == "-0.100 [-0.150, -0.050] p<0.001"
    assert difference(0.1, math.nan, math.nan, 1.0) == "+0.100 –"
    assert p_value(None) == "–"


def test_counts():
    assert [repeats(n) for n in (1, 2, 1000)] == ["1 repeat", "2 repeats", "1,000 repeats"]
    assert count(2, "entry", "entries") == "2 entries"


def test_percent():
    assert [percent(0.0472), percent(1, 0), percent(None)] == ["4.7 %", "100 %", "–"]


def test_seconds():
    texts = ["<0.001", "0.012", "1.23", "12.3", "1,234", "–"]
    assert [seconds(v) for v in (0.0, 0.0123, 1.234, 12.34, 1234.5, math.nan)] == texts
