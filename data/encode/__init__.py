"""Graphs to fixed-length arrays. Pure functions; equal graphs give equal rows.

In canonical form (`Graphs.effective`), twins get the same row too.
"""

from data.encode.graf import graf
from data.encode.onehot import one_hot
from data.encode.paths import paths
from data.encode.positions import positions
from data.encode.statistics import path_statistics
from data.encode.subtrees import wl_counts

__all__ = ["graf", "one_hot", "path_statistics", "paths", "positions", "wl_counts"]
