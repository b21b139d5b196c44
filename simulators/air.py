"""Air: a daily course, a slow random walk that neighbours share, wash-out by rain, and smoke plumes."""

import math
from collections.abc import Mapping, Sequence

from citybrain.geometry import distance_m
from citybrain.instants import HOUR, MINUTE
from simulators.days import hour_of_day, summer_share
from simulators.rain import RainField
from simulators.seeds import derived, noise
from simulators.storyline import Plume
from simulators.weather import air_temperature

_WINTER_PM25, _SUMMER_PM25 = 34.0, 14.0
_HOURLY_MEMORY, _HOURLY_SIGMA = 0.92, 0.18  # AR(1) of the logarithm.
_SHARED = 0.7  # Part of the walk's variance that neighbours have in common.
_WALK_MAX = 0.5  # Beyond it lies an episode, and episodes are the storyline's to tell.
_WASH_MM_H, _WASH_OUT, _WASH_LEAST = 5.0, 0.7, 0.3
_SMOKE_FADES = 2 * HOUR
_SMOKE_CO_MG_PER_UG = 0.006
_SMOKE_PM10_PER_PM25 = 1.15
_PM10_PER_PM25 = 1.7
_SAMPLES = 6  # Of an hour.


def plume_ug_m3(plume: Plume, start: int, position: tuple[float, float], at: int) -> float:
    """Return the PM2.5 that a plume adds at a position: a band down the wind that widens and thins."""
    east = distance_m(plume.source, (position[0], plume.source[1])) * math.copysign(1, position[0] - plume.source[0])
    north = distance_m(plume.source, (plume.source[0], position[1])) * math.copysign(1, position[1] - plume.source[1])
    bearing = math.radians(plume.blows_to)
    along = east * math.sin(bearing) + north * math.cos(bearing)
    across = east * math.cos(bearing) - north * math.sin(bearing)
    if along < 0:  # Against the wind it ends within its own width.
        across, along = math.hypot(across, along), 0.0
    width = plume.width + 0.2 * along
    share = math.exp(-((across / width) ** 2) - along / plume.reach)
    return plume.strength * share * _smoke_share(plume, at - start - plume.starts)


def _smoke_share(plume: Plume, age: int) -> float:
    if age <= 0:
        return 0.0
    burnt_out = age - plume.rises - plume.lasts
    return min(1.0, age / plume.rises) if burnt_out <= 0 else math.exp(-burnt_out / _SMOKE_FADES)


class Walk:
    """An hourly AR(1) walk of unit variance, made as far as it is asked for."""

    def __init__(self, seed: int, *purpose: str) -> None:
        self._random = derived(seed, *purpose)
        self._values = [self._random.gauss(0, 1)]

    def __getitem__(self, hour: int) -> float:
        fresh = math.sqrt(1 - _HOURLY_MEMORY**2)
        while len(self._values) <= hour:
            self._values.append(_HOURLY_MEMORY * self._values[-1] + fresh * self._random.gauss(0, 1))
        return self._values[max(0, hour)]


class AirStation:
    """Hourly means at one position, each for the hour that ends at the instant asked for."""

    def __init__(
        self,
        name: str,
        position: tuple[float, float],
        *,
        plumes: Sequence[Plume],
        rain: RainField,
        shared: Walk,
        seed: int,
        start: int,
    ) -> None:
        self._position = position
        self._plumes = plumes
        self._rain = rain
        self._shared = shared
        self._own = Walk(seed, "air", name)
        self._random = derived(seed, "air-noise", name)
        self._start = start
        self._left = 1.0  # Share that the rain has left in the air.

    def read(self, at: int) -> Mapping[str, float]:
        """Return the means of the hour up to `at`; to be asked in order, once an hour."""
        hour = (at - 1) // HOUR - self._start // HOUR
        walk = math.sqrt(_SHARED) * self._shared[hour] + math.sqrt(1 - _SHARED) * self._own[hour]
        sigma = _HOURLY_SIGMA / math.sqrt(1 - _HOURLY_MEMORY**2)
        factor = math.exp(max(-_WALK_MAX, min(_WALK_MAX, sigma * walk)))
        rained_mm = self._rain.amount_mm(self._position, at - HOUR, at)
        is_washed = rained_mm >= _WASH_MM_H
        self._left = max(_WASH_LEAST, self._left * _WASH_OUT) if is_washed else (1 + self._left) / 2
        moments = [at - HOUR + int((step + 0.5) * HOUR / _SAMPLES) for step in range(_SAMPLES)]
        smoke = self._left * sum(self._smoke(moment) for moment in moments) / _SAMPLES
        base = (_SUMMER_PM25 - _WINTER_PM25) * summer_share(at) + _WINTER_PM25
        daily = 1 + 0.25 * math.cos(2 * math.pi * (hour_of_day(at) - 8) / 24)
        haze = base * daily * factor * self._left
        return {
            "pm25_1h": haze + smoke + noise(self._random, 1.0),
            "pm10_1h": _PM10_PER_PM25 * haze + _SMOKE_PM10_PER_PM25 * smoke + noise(self._random, 2.0),
            "o3_1h": self._ozone(at) + noise(self._random, 3.0),
            "no2_1h": 14 + 6 * factor + _rush(at) * 12 + 0.08 * smoke + noise(self._random, 2.0),
            "co_1h": 0.5 + 0.1 * factor + _SMOKE_CO_MG_PER_UG * smoke + noise(self._random, 0.03),
            "so2_1h": 5 + factor + 0.02 * smoke + noise(self._random, 0.7),
        }

    def _smoke(self, at: int) -> float:
        return sum(plume_ug_m3(plume, self._start, self._position, at) for plume in self._plumes)

    def _ozone(self, at: int) -> float:
        middle = at - 30 * MINUTE
        sun = max(0.0, math.sin(math.pi * (hour_of_day(middle) - 9) / 12))
        return 35 + 75 * sun * max(0.2, air_temperature(middle) / 30)


def _rush(at: int) -> float:
    hour = hour_of_day(at)
    return math.exp(-((hour - 8.5) ** 2) / 2) + math.exp(-((hour - 19) ** 2) / 2)
