"""Orders of magnitude of results: 0.71 next to 70 and 99 is often a fraction among percentages."""

from __future__ import annotations

from collections.abc import Mapping

from eval.campaign.ledger import Ledger

_FAR = 10.0  # times smaller or larger than every earlier result


class Scales:
    """The smallest and largest absolute value of each objective so far; zeros have no order of magnitude."""

    def __init__(self, ledger: Ledger) -> None:
        """Take the results of a ledger."""
        self._ranges: dict[str, tuple[float, float]] = {}
        for network in ledger.having("done"):
            for result in network.current:
                for objective, value in zip(ledger.objectives, result.values or (), strict=False):
                    self._widen(objective.name, abs(value))

    def add(self, network: str, values: Mapping[str, float]) -> list[str]:
        """Add a network's values; return a line for each that is far from all before it."""
        lines = []
        for name, value in values.items():
            low, high = self._ranges.get(name, (abs(value), abs(value)))
            if value and not low / _FAR < abs(value) < high * _FAR:
                lines.append(
                    f"{name} {value:g} of {network[:60]} is of another order of magnitude than all earlier "
                    f"results ({low:g} to {high:g}): is it in the same unit?"
                )
            self._widen(name, abs(value))
        return lines

    def _widen(self, name: str, size: float) -> None:
        if size:
            low, high = self._ranges.get(name, (size, size))
            self._ranges[name] = min(low, size), max(high, size)
