"""One family of errors: those the user can correct; anything else is a bug."""

from __future__ import annotations


class AcerankError(Exception):
    """An error the user can act on; commands print it as one line and exits with 2."""


class UnknownNameError(AcerankError, KeyError):
    """A name that is not registered; the message offers the closest ones."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would print the repr


class InputError(AcerankError, ValueError):
    """A value outside what a function accepts: the constraint and the value are named."""


class TableError(AcerankError, ValueError):
    """A table whose content contradicts its format: the row and the reason are named."""


class MissingTableError(AcerankError, FileNotFoundError):
    """A table that was not found; the message says how to get it, and its size."""


class FetchError(AcerankError, OSError):
    """A download that failed or has the wrong checksum."""
