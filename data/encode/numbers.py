"""Numbers in the names of operations: kernel and expansion of mb_k3_e6, width of width_16."""

from __future__ import annotations

import re

import numpy as np

from data.space import INPUT, OUTPUT, SearchSpace

_NUMBER = re.compile(r"([A-Za-z]+)_?(\d+(?:\.\d+)?)")


def get_op_numbers(space: SearchSpace) -> np.ndarray:
    """Return the numbers that every operation's name carries, (ops, numbers).

    A number is named by the letters before it: k and e of mb_k3_e6. Input, output, identities and zeros carry
    none and get 0; a number that some other operation lacks, or that is the same for all, is left out.
    """
    blocks = [name for name in space.ops if name not in {INPUT, OUTPUT, *space.identity, *space.zero}]
    found = {name: dict(_NUMBER.findall(name)) for name in blocks}
    keys = [
        key
        for key in dict.fromkeys(key for numbers in found.values() for key in numbers)
        if all(key in numbers for numbers in found.values())
        and len({float(numbers[key]) for numbers in found.values()}) > 1
    ]
    table = np.zeros((len(space.ops), len(keys)))
    for name, numbers in found.items():
        table[space.ops.index(name)] = [float(numbers[key]) for key in keys]
    return table
