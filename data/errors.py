"""One family of errors: what the user can mend, as against what we must."""

from __future__ import annotations


class AcerankError(Exception):
    """A fault the user can act on; the command line prints it as one line and exits with 2."""


class UnknownNameError(AcerankError, KeyError):
    """A name that no registry holds; the message offers the closest ones."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would print the repr


class InputError(AcerankError, ValueError):
    """A value outside what a function accepts: the constraint and the value are named."""


class TableError(AcerankError, ValueError):
    """A table whose content contradicts its format: the row and the reason are named."""


class MissingTableError(AcerankError, FileNotFoundError):
    """A table that is nowhere to be found; the message says what gets it, and its size."""


class FetchError(AcerankError, OSError):
    """A download that failed or whose bytes are not the pinned ones."""
