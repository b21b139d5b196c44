"""Combustible gas: next to nothing, until something leaks."""

import math
from collections.abc import Mapping, Sequence

from citybrain.geometry import distance_m
from simulators.seeds import derived
from simulators.storyline import Leak

_BACKGROUND = 0.4  # %LEL, the restlessness of a catalytic sensor.
_FULL_SCALE = 100.0


def leak_lel(leak: Leak, start: int, position: tuple[float, float], at: int) -> float:
    """Return the %LEL that a leak brings to a position: it rises evenly, holds, then fades."""
    age = at - start - leak.starts
    if age <= 0:
        return 0.0
    ended = age - leak.rises - leak.lasts
    share = min(1.0, age / leak.rises) if ended <= 0 else math.exp(-ended / leak.fades)
    return leak.strength * share * math.exp(-((distance_m(leak.centre, position) / leak.spread) ** 2))


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
