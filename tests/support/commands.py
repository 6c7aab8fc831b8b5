"""Command lines, run as a user would: in a process of their own."""

from __future__ import annotations

import subprocess
import sys


def run_module(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m module` and return its exit code and what it printed."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
