"""Arrow to numpy without pandas, which pyarrow's own conversion would import first (0.15 s)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def floats(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Return a numeric Arrow column as (n,) float64 of its own, NaN where it is null."""
    cast = column.cast(pa.float64(), safe=False)  # ids beyond 2^53 are rounded, not refused
    array = cast.combine_chunks() if isinstance(cast, pa.ChunkedArray) else cast
    n, start = len(array), array.offset
    values = np.frombuffer(array.buffers()[1], np.float64, count=n, offset=8 * start).copy()
    if array.null_count:
        bits = np.unpackbits(np.frombuffer(array.buffers()[0], np.uint8), bitorder="little")
        values[bits[start : start + n] == 0] = np.nan
    return values
