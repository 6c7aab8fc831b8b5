"""Lists written as text: JSON, Python, or numpy style, in a cell of a CSV or Excel file -> lists."""

from __future__ import annotations

import json
import re

DEEPEST = 4  # an adjacency matrix is two deep
LONGEST_NUMBER = 40  # digits; Python itself refuses integers of more than 4,300
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<open>[\[(]) | (?P<close>[\])]) | (?P<comma>,)
      | "(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>(?:[^'\\]|\\.)*)'
      | (?P<word>[^\s,\[\]()'"]+)
    )""",
    re.VERBOSE,
)
_WORDS = {
    **dict.fromkeys(("None", "null", "nan", "NaN")),
    **dict.fromkeys(("True", "true"), True),
    **dict.fromkeys(("False", "false"), False),
}


def parse_list(text: str) -> object:
    """Return the list that a text spells; the text itself if it does not begin with a bracket.

    JSON (`["a", "b"]`), Python (`['a', 'b']`, `('a', 'b')`), numpy (`['a' 'b']`, `[0 1]`) and bare words
    (`[a, b]`) are understood. Items may be lists, down to four levels.

    Raises:
        ValueError: Brackets that do not match or are too deep, or a number that is too long.
    """
    stripped = text.strip()
    if not stripped.startswith(("[", "(")):
        return text
    for spelling in (stripped, _as_json(stripped)):
        try:
            return checked(json.loads(spelling))
        except json.JSONDecodeError:
            continue
        except (ValueError, RecursionError):  # too deep or too long for JSON: say which below
            break
    return _parse(stripped)


def _as_json(text: str) -> str:
    """Return Python's simplest lists of texts as JSON, which is read ten times faster than token by token."""
    plain = '"' not in text and "\\" not in text
    return text.replace("'", '"') if plain else text


def checked(value: object, depth: int = 0) -> object:
    """Return a list, its items or a number; ValueError if it is nested too deep or too large.

    JSON parsers accept what later steps cannot hold: 300 digits, or 900 brackets.
    """
    if isinstance(value, list):
        if depth == DEEPEST:
            raise ValueError(f"lists are nested more than {DEEPEST} deep")
        for item in value:
            if not isinstance(item, str):
                checked(item, depth + 1)
    elif isinstance(value, int) and abs(value) >= 10**LONGEST_NUMBER:
        raise ValueError(f"a number of more than {LONGEST_NUMBER} digits")
    return value


def _parse(text: str) -> object:
    """Return a list by its tokens; a loop, since brackets may be nested deeper than Python's stack."""
    outer: list[object] = []
    stack = [outer]
    opened: list[str] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(f"a quote that is not closed in {text[at : at + 40]!r}")
        at = token.end()
        kind = token.lastgroup
        if kind == "open":
            if len(stack) > DEEPEST:
                raise ValueError(f"lists are nested more than {DEEPEST} deep")
            inner: list[object] = []
            stack[-1].append(inner)
            stack.append(inner)
            opened.append(token["open"])
        elif kind == "close":
            if not opened or opened.pop() + token["close"] not in ("[]", "()"):
                raise ValueError(f"a bracket that was not opened in {text[:40]!r}")
            stack.pop()
            if not opened:
                break
        elif kind != "comma":
            stack[-1].append(_item(token))
    if opened or text[at:].strip():
        raise ValueError(f"brackets that do not match in {text[:40]!r}")
    return outer[0]


def _item(token: re.Match[str]) -> object:
    if token.lastgroup in ("single", "double"):
        quoted = token[token.lastgroup]
        return re.sub(r"\\(.)", r"\1", quoted)
    word = token["word"]
    if word in _WORDS:
        return _WORDS[word]
    if len(word) > LONGEST_NUMBER and word.lstrip("+-").isdecimal():
        raise ValueError(f"a number of more than {LONGEST_NUMBER} digits")
    if re.fullmatch(r"[+-]?\d+\.?", word):  # numpy writes 1. for 1.0
        return int(word.rstrip("."))
    try:
        return float(word)
    except ValueError:
        return word
