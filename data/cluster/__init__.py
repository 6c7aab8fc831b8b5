"""Work on the workers of a Dask cluster: cells as tasks, what they share sent once, lost work done again.

Nothing here knows what a cell computes: `eval.grid.remote` and `predictors.supernet.remote` say that.
"""

from data.cluster.connect import Cluster, connect
from data.cluster.run import Cell, LostCellError, Run, Source

__all__ = ["Cell", "Cluster", "LostCellError", "Run", "Source", "connect"]
