"""The originals of the side tables of NAS-Bench-201, in their real formats, with the values of our tables."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from data.convert.nb201_side import DEVICES, ORDER_FILE, SUPERNETS
from data.table import Table


def write_supernets(folder: Path, table: Table) -> Path:
    """Write the JSON files of the few-shot repository."""
    texts = [_tuple_text(arch) for arch in table.column("arch").to_pylist()]
    for column, name in SUPERNETS.items():
        content = dict(zip(texts, table.values(column).tolist(), strict=True))
        (folder / name).write_text(json.dumps(content))
    return folder


def write_latency(folder: Path, table: Table) -> Path:
    """Write the lists of the devices and the index of the cells."""
    order = {arch: number for number, arch in enumerate(table.column("arch").to_pylist())}
    write_pickle(folder / ORDER_FILE, order)
    for device in DEVICES:
        write_pickle(folder / f"{device}.pt", table.values(f"{device}_latency").tolist())
    return folder


def write_pickle(path: Path, value: object) -> Path:
    """Write a value as `torch.save` does (of what has no tensor, the plain pickle reads the same)."""
    path.write_bytes(pickle.dumps(value, 2))
    return path


def _tuple_text(arch: str) -> str:
    nodes = [
        tuple(
            (name, int(source)) for name, source in (edge.split("~") for edge in node.strip("|").split("|"))
        )
        for node in arch.split("+")
    ]
    return str(nodes)


def pandas_frame(columns: dict[str, Any]) -> bytes:
    """Return the pickle of a frame as pandas 1.1 wrote it: blocks of one type, in the state "0.14.1"."""
    return _Stream().frame(columns)


class _Stream:
    """Writes the few steps of a pickle that a frame needs."""

    def frame(self, columns: dict[str, Any]) -> bytes:
        """Return the whole pickle."""
        rows = len(next(iter(columns.values())))
        by_kind: dict[str, list[str]] = {}
        for name, values in columns.items():
            kind = "O" if isinstance(values, list) else np.asarray(values).dtype.str
            by_kind.setdefault(kind, []).append(name)
        names = list(columns)
        blocks = [self._block(kind, members, names, columns) for kind, members in by_kind.items()]
        index = self._call(
            "pandas.core.indexes.base",
            "_new_Index",
            self._name("pandas.core.indexes.base", "Index")
            + self._dict({"data": self._objects(names, (len(names),)), "name": b"N"}),
        )
        numbers = self._call(
            "pandas.core.indexes.base",
            "_new_Index",
            self._name("pandas.core.indexes.range", "RangeIndex")
            + self._dict({"start": self.plain(0), "stop": self.plain(rows), "step": self.plain(1)}),
        )
        axes = b"](" + index + numbers + b"e"
        state = self._dict({"axes": axes, "blocks": b"](" + b"".join(blocks) + b"e"})
        empty = b"]"
        manager = self._new("pandas.core.internals.managers", "BlockManager")
        manager += b"(" + axes + empty + empty + self._dict({"0.14.1": state}) + b"tb"
        frame = self._new("pandas.core.frame", "DataFrame")
        return b"\x80\x04" + frame + self._dict({"_data": manager, "_typ": self.plain("dataframe")}) + b"b."

    def plain(self, value: object) -> bytes:
        """Return the steps of a plain value."""
        return pickle.dumps(value, 2)[2:-1]

    def _name(self, module: str, attribute: str) -> bytes:
        return f"c{module}\n{attribute}\n".encode()

    def _call(self, module: str, attribute: str, two_arguments: bytes) -> bytes:
        return self._name(module, attribute) + two_arguments + b"\x86R"

    def _new(self, module: str, attribute: str) -> bytes:
        return self._name(module, attribute) + b")\x81"

    def _dict(self, items: dict[str, bytes]) -> bytes:
        return b"}(" + b"".join(self.plain(key) + value for key, value in items.items()) + b"u"

    def _dtype(self, text: str, order: str) -> bytes:
        made = self._name("numpy", "dtype") + self.plain(text) + b"\x89\x88\x87R"
        return (
            made
            + b"("
            + self.plain(3)
            + self.plain(order)
            + b"NNN"
            + self.plain(-1) * 2
            + self.plain(0)
            + b"tb"
        )

    def _objects(self, values: list[Any], shape: tuple[int, ...]) -> bytes:
        made = self._name("numpy.core.multiarray", "_reconstruct") + self._name("numpy", "ndarray")
        made += self.plain((0,)) + b"C\x01b\x87R"
        return (
            made
            + b"("
            + self.plain(1)
            + self.plain(shape)
            + self._dtype("O8", "|")
            + b"\x89"
            + self.plain(values)
            + b"tb"
        )

    def _numbers(self, array: np.ndarray) -> bytes:
        raw = array.tobytes()
        buffer = b"\x96" + len(raw).to_bytes(8, "little") + raw
        kind = array.dtype.str
        steps = (
            b"(" + buffer + self._dtype(kind[1:], kind[0]) + self.plain(array.shape) + self.plain("C") + b"t"
        )
        return self._name("numpy.core.numeric", "_frombuffer") + steps + b"R"

    def _block(self, kind: str, members: list[str], names: list[str], columns: dict[str, Any]) -> bytes:
        places = [names.index(name) for name in members]
        if kind == "O":
            rows = [value for name in members for value in columns[name]]
            values = self._objects(rows, (len(members), len(columns[members[0]])))
        else:
            values = self._numbers(np.stack([columns[name] for name in members]))
        step = places[1] - places[0] if len(places) > 1 else 1
        place = (
            self._name("builtins", "slice")
            + self.plain(places[0])
            + self.plain(places[-1] + 1)
            + self.plain(step)
            + b"\x87R"
        )
        return self._dict({"values": values, "mgr_locs": place})
