"""Combustible gas: next to nothing, until something leaks."""

import math
from collections.abc import Mapping, Sequence

from citybrain.geometry import distance_m
from citybrain.instants import MINUTE
from simulators.seeds import derived
from simulators.storyline import Leak

_BACKGROUND = 0.4  # %LEL, the restlessness of a catalytic sensor.
_FULL_SCALE = 100.0
_DRAWN_OUT = 0.7  # Of its spread: how far down the wind the cloud lies.
_TURNS_WITHIN = 5 * MINUTE
_METRES_PER_DEGREE = 111_195.0


def leak_lel(leak: Leak, start: int, position: tuple[float, float], at: int) -> float:
    """Return the %LEL that a leak brings to a position: it rises evenly, holds, then fades."""
    age = at - start - leak.starts
    if age <= 0:
        return 0.0
    ended = age - leak.rises - leak.lasts
    share = min(1.0, age / leak.rises) if ended <= 0 else math.exp(-ended / leak.fades)
    middle = cloud_middle(leak, start, at)
    return leak.strength * share * math.exp(-((distance_m(middle, position) / leak.spread) ** 2))


def cloud_middle(leak: Leak, start: int, at: int) -> tuple[float, float]:
    """Return the middle of the cloud: down the wind of the moment, moving over in minutes when the wind turns."""
    east, north, age = 0.0, 0.0, at - start - leak.starts
    for turn in sorted(leak.winds, key=lambda turn: turn.after):
        share = min(1.0, max(0.0, (age - turn.after) / _TURNS_WITHIN))
        bearing = math.radians(turn.blows_to)
        east += (_DRAWN_OUT * leak.spread * math.sin(bearing) - east) * share
        north += (_DRAWN_OUT * leak.spread * math.cos(bearing) - north) * share
    lon, lat = leak.centre
    return lon + east / _METRES_PER_DEGREE / math.cos(math.radians(lat)), lat + north / _METRES_PER_DEGREE


class GasDetector:
    """A fixed detector."""

    def __init__(
        self, name: str, position: tuple[float, float], *, leaks: Sequence[Leak], seed: int, start: int
    ) -> None:
        self._position = position
        self._leaks = leaks
        self._random = derived(seed, "gas", name)
        self._start = start

    def read(self, at: int) -> Mapping[str, float]:
        """Return the level at the instant."""
        leaked = sum(leak_lel(leak, self._start, self._position, at) for leak in self._leaks)
        flutter = 1 + self._random.uniform(-0.03, 0.03)
        level = leaked * flutter + self._random.uniform(0, _BACKGROUND)
        return {"combustible_gas": min(_FULL_SCALE, level)}
