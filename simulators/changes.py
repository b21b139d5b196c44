"""Changes: what a storyline makes of some metrics at a site, around a point or everywhere, and how it comes and goes.

For what has no field of its own: a store that warms up, a night of frost, a fire in a building, water held back.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from citybrain.geometry import distance_m
from citybrain.metrics import Metric, Shape
from citybrain.sites import Site
from simulators.storyline import Change

_FAR = 2.0  # Radii; beyond it less than 2 % is left, and nothing is done.


def time_share(change: Change, age: int) -> float:
    """Return how far a change has come at an age in milliseconds: it rises evenly, holds, then fades."""
    if age < 0:
        return 0.0
    if age < change.rises:
        return age / change.rises
    over = age - change.rises - change.lasts
    if over <= 0:
        return 1.0
    return math.exp(-over / change.fades) if change.fades else 0.0


def place_share(change: Change, site: str, position: tuple[float, float]) -> float:
    """Return how much of a change a site feels: all of it, or what is left at its distance."""
    if change.site is not None:
        return float(change.site == site)
    if change.centre is None or change.radius is None:
        return 1.0
    radii = distance_m(change.centre, position) / change.radius
    return math.exp(-radii * radii) if radii <= _FAR else 0.0


@dataclass(frozen=True, slots=True)
class _Felt:
    """What one change does to one metric of one site."""

    change: Change
    metric: str
    amount: float
    becomes: bool  # Else it is added.
    here: float
    since: int


class Changes:
    """All changes that one site feels."""

    def __init__(self, changes: Iterable[Change], site: Site, metrics: Mapping[str, Metric], *, start: int) -> None:
        # A mean is of the whole span before it: the middle of that span stands for it.
        lags = {name: (metrics[name].covers or 0) // 2 for name in site.metrics}
        self._felt: list[_Felt] = []
        self._moments: set[int] = set()
        for change in changes:
            here, since = place_share(change, site.id, site.position), start + change.starts
            if here <= 0:
                continue
            for becomes, amounts in ((False, change.adds), (True, change.becomes)):
                for name in amounts.keys() & lags.keys():
                    self._felt.append(_Felt(change, name, amounts[name].number, becomes, here, since + lags[name]))
                    if metrics[name].shape is Shape.ON_CHANGE:
                        self._moments |= {since + change.rises, since + change.rises + change.lasts + 1}
        self._felt.sort(key=lambda felt: (felt.since, felt.metric))

    def __bool__(self) -> bool:
        return bool(self._felt)

    def moments(self) -> list[int]:
        """Return when a state changes that a sensor reports at once."""
        return sorted(self._moments)

    def apply(self, values: dict[str, float], at: int) -> None:
        """Change the values that a site's instruments gave for the instant."""
        for felt in self._felt:
            if felt.metric in values:
                share = felt.here * time_share(felt.change, at - felt.since)
                now = values[felt.metric]
                values[felt.metric] = now + share * (felt.amount - now if felt.becomes else felt.amount)
