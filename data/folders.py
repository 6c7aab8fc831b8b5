"""Where tables and what is made of them are kept on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder for downloads and for the tables made from them."""
    if folder := os.environ.get("ACERANK_CACHE"):
        return Path(folder).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("acerank"))


def folders() -> list[Path]:
    """Return the folders searched for tables, in order; the cache is the last."""
    named = os.environ.get("ACERANK_DATA", "").split(os.pathsep)
    return [*(Path(folder).expanduser() for folder in named if folder.strip()), cache_folder()]
