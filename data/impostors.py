"""Files that are not what their name promises: pointers, web pages and error messages saved as data.

Version control for large files leaves a pointer where the content was not fetched, file hosts answer with a
consent or sign-in page, and servers with an error: each gets saved under the name of the real file, and a
parser then complains about something unrelated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

HEAD_BYTES = 4096
"""How much of a file `describe_impostor` needs to see."""

_PAGE = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.I | re.S)
_ERROR = re.compile(rb"\s*(<\?xml[^>]*>\s*)?<Error>", re.I)
_ANSWERS = (b"404: Not Found", b"Entry not found", b"Invalid username or password", b"Repository not found")
_MAX_FILES = 20_000


def describe_impostor(first_bytes: bytes) -> str | None:
    """Return what a file really is and the next step, or None if nothing speaks against it.

    Args:
        first_bytes: The beginning of the file, at least `HEAD_BYTES` of it or all.

    Returns:
        A phrase to put after "FILE is ", e.g. "a Git LFS pointer, not the file; run `git lfs pull`".
    """
    head = first_bytes.removeprefix(b"\xef\xbb\xbf")[:HEAD_BYTES]
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        return (
            "a Git LFS pointer, not the file itself; run `git lfs pull` in its repository, or use the "
            "download link on the file's page"
        )
    if b"/annex/objects/" in head[:300] and b"\n" not in head.strip():
        return "a git-annex pointer, not the file itself; run `git annex get` in its repository"
    if _PAGE.match(head):
        return _describe_page(head.lower())
    if _ERROR.match(head):
        return "an error message of the server, not the file itself; open the link in a browser to see why"
    for answer in _ANSWERS:
        if head.strip().startswith(answer):
            return f"the server's answer '{answer.decode()}', not the file itself; check the link"
    if not head:
        return "empty: the download did not start; download it again"
    if len(head) >= 512 and not head.strip(b"\0"):
        return "filled with zero bytes: the download did not finish; download it again"
    return None


def _describe_page(head: bytes) -> str:
    """Return what kind of web page (in lower case) was saved instead of a file."""
    if b"google drive" in head or b"drive.google.com" in head or b"docs.google.com" in head:
        return (
            "a Google Drive web page (HTML), not the file itself; open the link in a browser and confirm the "
            "download, or use `gdown --fuzzy LINK`"
        )
    if b"dropbox" in head:
        return "a Dropbox web page (HTML), not the file itself; end the link in dl=1 and download it again"
    if b"github" in head:
        return "a GitHub web page (HTML), not the file itself; use its 'Download raw file' button"
    return "a web page (HTML), not the file itself; open the link in a browser and download the file there"


def describe_file(path: Path) -> str | None:
    """Return what the file at `path` really is and the next step, or None; see `describe_impostor`."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return describe_impostor(file.read(HEAD_BYTES))


def find_impostor(paths: Iterable[Path]) -> str | None:
    """Return "FILE is ..." for the first impostor among files and all that is below folders, or None."""
    seen = 0
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            seen += 1
            if seen > _MAX_FILES:
                return None
            if not file.name.startswith(".") and ".git" not in file.parts:
                description = describe_file(file)
                if description and not (path.is_dir() and description.startswith("empty")):
                    return f"{file} is {description}"
    return None
