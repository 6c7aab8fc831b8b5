r"""Text tables as LaTeX for papers: booktabs, the best in bold, a caption that says what was measured.

The text needs \usepackage{booktabs} and no other package; it compiles with pdflatex, xelatex and lualatex.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from eval.report.table import Entry, TextTable

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
}
_SIGNS = {
    "±": r"$\pm$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "←": r"$\leftarrow$",
    "≈": r"$\approx$",
    "★": r"$\star$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "×": r"$\times$",
    "−": "$-$",
    "·": r"$\cdot$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "\u00a0": "~",
    "µ": r"$\mu$",
    "∞": r"$\infty$",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
}
_GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lamda", "mu",
    "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c", "\u0328": "k",
}  # fmt: skip


def escape(text: str) -> str:
    """Return text so that LaTeX prints it; letters it has no command for become their code, as U+4E2D."""
    return "".join(map(_escape, unicodedata.normalize("NFC", " ".join(text.split()))))


def _escape(char: str) -> str:
    if char in _ESCAPES or char in _SIGNS:
        return _ESCAPES.get(char) or _SIGNS[char]
    if char.isascii():
        return char if char.isprintable() else " "
    name = unicodedata.name(char, "")
    if name.startswith("GREEK SMALL LETTER ") and (word := name.split()[-1].lower()) in _GREEK:
        return {"lamda": r"$\lambda$"}.get(word, rf"$\{word}$")
    parts = unicodedata.normalize("NFKD", char)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS:
        return rf"\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    if parts.isascii() and parts.isprintable():
        return "".join(map(_escape, parts))
    return f"U+{ord(char):04X}"


def to_latex(tables: Sequence[TextTable], legend: str = "") -> str:
    """Return a table environment for each table.

    Args:
        tables: The tables.
        legend: What the signs mean; ends each caption that has none of its own.
    """
    used: dict[str, int] = {}
    texts = []
    for table in tables:
        label = table.label or re.sub(r"[^a-z0-9]+", "-", _ascii(table.title).lower()).strip("-") or "results"
        used[label] = used.get(label, 0) + 1
        unique = label if used[label] == 1 else f"{label}-{used[label]}"
        texts.append(_environment(table, unique, legend))
    return "% \\usepackage{booktabs}\n" + "\n".join(texts)


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _environment(table: TextTable, label: str, legend: str) -> str:
    caption = table.caption or f"{table.title}{f' ({table.subtitle})' if table.subtitle else ''}."
    if not table.caption and legend:
        caption = f"{caption} {legend}"
    header = " & ".join(escape(name) for name in table.names)
    lines = [
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{escape(caption)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}",
        r"\toprule",
        rf"{header} \\",
        r"\midrule",
        *map(_row, table.cells),
        *([r"\midrule", *map(_row, table.foot_cells)] if table.foot else []),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)


def _row(cells: Sequence[Entry]) -> str:
    line = " & ".join(map(_cell, cells))
    # After \\, a bracket would begin its optional argument and a star would be its variant.
    return f"{'{}' if line.startswith(('[', '*')) else ''}{line} \\\\"


def _cell(cell: Entry) -> str:
    """Return a cell: a number with a minus sign that is one, the best in bold, a tie with a mark."""
    text = re.sub(r"(?<![\w.\-])-(?=\d)", "−", cell.text)
    middle, sign, half = text.partition(" ±")
    bold = rf"\textbf{{{escape(middle)}}}" if cell.rank == "best" else escape(middle)
    spread = rf" $\pm$ {escape(half)}" if sign else ""
    return f"{bold}{spread}" + (r"$^{\approx}$" if cell.rank == "tied" else "")
