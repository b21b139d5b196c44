"""Rain over the map: storms with a Chicago hyetograph that move, and a drizzle that comes and goes by the hour."""

import math
from collections.abc import Sequence
from itertools import pairwise

from citybrain.geometry import distance_m
from citybrain.instants import HOUR, MINUTE
from simulators.seeds import derived
from simulators.storyline import Storm

# Intensity over t minutes: a / (t + b)^n in mm/min. Calibrated to 60 mm in 1 h and 165 mm in 24 h once in 10 years;
# the city's own formula (DB33/T 1191) was not at hand.
_A, _B, _N = 21.7, 12.0, 0.72
_TEN_YEARS = 1.7  # 1 + 0.7 lg 10: other return periods scale against it.
_EDGE_RADII = 3.0  # Beyond three radii less than 0.02 % of the rain is left.

_WET_AFTER_DRY, _WET_AFTER_WET = 0.03, 0.75  # Hourly Markov chain.
_GAMMA_SHAPE, _GAMMA_SCALE_MM = 0.7, 2.5
_CELLS_PER_DEGREE = 4  # Drizzle is the same within a quarter of a degree.


def chicago_mm_h(from_peak_min: float, *, peak: float, return_period_years: float) -> float:
    """Return the intensity at minutes before (negative) or after the peak of a storm, at its centre.

    Source: Keifer and Chu, Synthetic storm pattern for drainage design, 1957, for i = a / (t + b)^n.
    """
    scale = (1 + 0.7 * math.log10(return_period_years)) / _TEN_YEARS
    tau = -from_peak_min / peak if from_peak_min < 0 else from_peak_min / (1 - peak)
    return float(60 * scale * _A * ((1 - _N) * tau + _B) / (tau + _B) ** (1 + _N))


class StormCell:
    """One storm in absolute time."""

    def __init__(self, storm: Storm, start: int) -> None:
        self._storm = storm
        self._from = start + storm.starts
        self._until = self._from + storm.lasts
        self._peak_at = self._from + storm.peak * storm.lasts

    def intensity_mm_h(self, position: tuple[float, float], at: int) -> float:
        """Return the intensity at a position; 0 outside the storm's life and far from its centre."""
        if not self._from <= at < self._until:
            return 0.0
        share = self.share_at(position, at)
        if share <= 0:
            return 0.0
        at_centre = chicago_mm_h(
            (at - self._peak_at) / MINUTE,
            peak=self._storm.peak,
            return_period_years=self._storm.return_period_years,
        )
        return at_centre * share

    def share_at(self, position: tuple[float, float], at: int) -> float:
        """Return which share of the rain at its centre falls at a position; 0 far from it."""
        radii = distance_m(position, self.centre(at)) / self._storm.radius
        return math.exp(-radii * radii) if radii <= _EDGE_RADII else 0.0

    def centre(self, at: int) -> tuple[float, float]:
        """Return where its centre is at an instant of its life."""
        path = self._storm.path
        if len(path) == 1:
            return path[0]
        along = (at - self._from) / (self._until - self._from) * (len(path) - 1)
        leg = min(int(along), len(path) - 2)
        (west, south), (east, north) = list(pairwise(path))[leg]
        share = along - leg
        return west + share * (east - west), south + share * (north - south)


class RainField:
    """The rain at any position and instant from the start on."""

    def __init__(self, storms: Sequence[Storm], *, drizzle_mm: float, seed: int, start: int) -> None:
        self._cells = [StormCell(storm, start) for storm in storms]
        self._drizzle_mm = drizzle_mm
        self._seed = seed
        self._first_hour = start // HOUR - 1  # One hour of warm-up: the first reading looks back.
        self._chains: dict[tuple[int, int], _Drizzle] = {}  # Bounded by the quarter degrees of the city.

    def intensity_mm_h(self, position: tuple[float, float], at: int) -> float:
        """Return the intensity at a position."""
        storm = sum(cell.intensity_mm_h(position, at) for cell in self._cells)
        return storm + self._drizzle(position, at)

    def amount_mm(self, position: tuple[float, float], since: int, until: int) -> float:
        """Return the rain of a span, summed in steps of a minute at most."""
        steps = max(1, -(-(until - since) // MINUTE))
        width = (until - since) / steps
        middles = (since + int((step + 0.5) * width) for step in range(steps))
        return sum(self.intensity_mm_h(position, middle) for middle in middles) * width / HOUR

    def _drizzle(self, position: tuple[float, float], at: int) -> float:
        if self._drizzle_mm <= 0:
            return 0.0
        place = (int(position[0] * _CELLS_PER_DEGREE), int(position[1] * _CELLS_PER_DEGREE))
        chain = self._chains.get(place)
        if chain is None:
            chain = self._chains[place] = _Drizzle(self._seed, place, self._drizzle_mm)
        return chain.depth_mm(max(0, at // HOUR - self._first_hour))


class _Drizzle:
    """Hourly depths of one cell, made as far as they are asked for."""

    def __init__(self, seed: int, place: tuple[int, int], most_mm: float) -> None:
        self._random = derived(seed, "drizzle", *map(str, place))
        self._most_mm = most_mm
        self._depths: list[float] = []

    def depth_mm(self, hour: int) -> float:
        while len(self._depths) <= hour:
            was_wet = bool(self._depths) and self._depths[-1] > 0
            is_wet = self._random.random() < (_WET_AFTER_WET if was_wet else _WET_AFTER_DRY)
            depth = self._random.gammavariate(_GAMMA_SHAPE, _GAMMA_SCALE_MM)
            self._depths.append(min(depth, self._most_mm) if is_wet else 0.0)
        return self._depths[hour]
