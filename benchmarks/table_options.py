"""How a user's table is to be read, where its own columns and names leave a choice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TableOptions:
    """Choices in reading a user's table; the defaults follow the rules that `Custom` states.

    Attributes:
        zero: Operations whose output is zero; () for none of them, None to tell them by their names.
        identity: Operations that pass on their input unchanged; () for none of them, None as above.
        fold: Whether architectures that differ in zeros and identities only are one network; None folds
            everywhere but in chains whose blocks differ by position.
        position: Whether the position of a block in a chain without `stage` matters.
        target: The default label to evaluate on, "NAME", "NAME:min" or "NAME:max"; "" to choose by name.
        sheet: The sheet of an Excel file; "" for the first.
    """

    zero: tuple[str, ...] | None = None
    identity: tuple[str, ...] | None = None
    fold: bool | None = None
    position: bool = True
    target: str = ""
    sheet: str = ""
