"""What rain does on the ground: tips of a gauge, water on roads, soil, radiation washed out of the air."""

import math
from collections.abc import Mapping

from citybrain.instants import MINUTE
from simulators.rain import RainField
from simulators.seeds import derived, noise

_TIP_MM = 0.1
_GAUGE_ERROR = 0.05

_DRAIN_MM_H = 36.0  # What the drains of an underpass swallow, estimate.
_GATHERS = 6.0  # Area that drains to it, against its own.
_DEEPEST_CM = 150.0

_GAMMA_NGY_H, _GAMMA_SIGMA = 95.0, 4.0  # Granite and tuff country, cosmic part included.
_WASH_PER_MM, _WASH_MAX, _WASH_FADES_MIN = 0.03, 0.5, 40.0

_SOIL_PERCENT_PER_MM, _SOIL_DRIES_PER_MIN = 0.15, 1 / (20 * 24 * 60)


class TippingBucket:
    """A rain gauge: amounts since the previous reading in whole tips; what is left stays in the bucket."""

    def __init__(self, name: str, position: tuple[float, float], *, rain: RainField, seed: int, start: int) -> None:
        self._position = position
        self._rain = rain
        self._since = start
        self._catches = 1 + derived(seed, "gauge", name).uniform(-_GAUGE_ERROR, _GAUGE_ERROR)
        self._held_mm = 0.0

    def read(self, at: int) -> Mapping[str, float]:
        """Return the rain since the previous reading."""
        self._held_mm += self._catches * self._rain.amount_mm(self._position, self._since, at)
        self._since = at
        tips = int(self._held_mm / _TIP_MM)
        self._held_mm -= tips * _TIP_MM
        return {"rain": tips * _TIP_MM}


class StandingWater:
    """Water in a hollow: rain gathers faster than the drains take it."""

    def __init__(self, name: str, position: tuple[float, float], *, rain: RainField, seed: int, start: int) -> None:
        self._position = position
        self._rain = rain
        self._since = start
        self._random = derived(seed, "standing-water", name)
        self._depth_cm = 0.0

    def read(self, at: int) -> Mapping[str, float]:
        """Return the depth at the instant."""
        while self._since < at:
            until = min(at, self._since + MINUTE)
            share = (until - self._since) / MINUTE
            over_mm = (self._rain.intensity_mm_h(self._position, until) - _DRAIN_MM_H) / 60 * _GATHERS * share
            self._depth_cm = min(_DEEPEST_CM, max(0.0, self._depth_cm + over_mm / 10))
            self._since = until
        error = noise(self._random, 0.2) if self._depth_cm > 0.5 else 0.0
        return {"water_depth": self._depth_cm + error}


class Soil:
    """Moisture of the upper soil: rain wets it, days dry it."""

    def __init__(self, name: str, position: tuple[float, float], *, rain: RainField, seed: int, start: int) -> None:
        self._position = position
        self._rain = rain
        self._since = start
        self._random = derived(seed, "soil", name)
        self._moisture = 72.0 + self._random.uniform(-4, 4)

    def read(self, at: int) -> Mapping[str, float]:
        """Return the moisture at the instant."""
        fallen_mm = self._rain.amount_mm(self._position, self._since, at)
        dried = math.exp(-_SOIL_DRIES_PER_MIN * (at - self._since) / MINUTE)
        self._since = at
        self._moisture = min(105.0, self._moisture * dried + _SOIL_PERCENT_PER_MM * fallen_mm)
        return {"soil_moisture": self._moisture + noise(self._random, 0.2)}


class GammaStation:
    """Dose rate of the ground; rain brings radon progeny down for an hour or two."""

    def __init__(self, name: str, position: tuple[float, float], *, rain: RainField, seed: int, start: int) -> None:
        self._position = position
        self._rain = rain
        self._since = start
        self._random = derived(seed, "gamma", name)
        self._washed = 0.0

    def read(self, at: int) -> Mapping[str, float]:
        """Return the mean since the previous reading."""
        fallen_mm = self._rain.amount_mm(self._position, self._since, at)
        faded = math.exp(-(at - self._since) / MINUTE / _WASH_FADES_MIN)
        self._since = at
        self._washed = min(_WASH_MAX, self._washed * faded + _WASH_PER_MM * fallen_mm)
        return {"gamma_dose_rate": _GAMMA_NGY_H * (1 + self._washed) + noise(self._random, _GAMMA_SIGMA)}
