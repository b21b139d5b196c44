"""Weather at a station: daily and yearly course, and what rain does to it."""

import math
from collections.abc import Mapping

from citybrain.instants import MINUTE
from simulators.days import hour_of_day, summer_share
from simulators.rain import RainField
from simulators.seeds import derived, noise

_JANUARY, _JULY = 6.5, 28.5  # Mean temperature of the coldest and the hottest time in the valleys, estimate.


def air_temperature(at: int) -> float:
    """Return the ordinary temperature in ℃ in the valleys, warmest at 15 h."""
    mean = _JANUARY + (_JULY - _JANUARY) * summer_share(at)
    return mean + 5 * math.cos(2 * math.pi * (hour_of_day(at) - 15) / 24)


class Weather:
    """All that a weather or road weather station measures but rain."""

    def __init__(self, name: str, position: tuple[float, float], *, rain: RainField, seed: int) -> None:
        self._position = position
        self._rain = rain
        self._random = derived(seed, "weather", name)
        self._wind_from = self._random.uniform(90, 180)
        self._cooling = 0.0

    def read(self, at: int) -> Mapping[str, float]:
        """Return the values at the instant; to be asked in order."""
        intensity = self._rain.amount_mm(self._position, at - 5 * MINUTE, at) * 12
        self._cooling += (min(5.0, intensity / 8) - self._cooling) * 0.1
        self._wind_from = (self._wind_from + noise(self._random, 4.0)) % 360
        afternoon = max(0.0, math.cos(2 * math.pi * (hour_of_day(at) - 15) / 24))
        wind = max(0.1, 1.2 + 1.3 * afternoon + min(5.0, intensity / 15) + noise(self._random, 0.3))
        air = air_temperature(at) - self._cooling + noise(self._random, 0.1)
        damp = min(100.0, 84 - 20 * afternoon + 5 * self._cooling + noise(self._random, 1.5))
        is_wet = intensity > 0.2
        return {
            "air_temperature": air,
            "ground_temperature": air + 6 * afternoon - (2 if is_wet else 0),
            "road_temperature": air + 8 * afternoon - (3 if is_wet else 0),
            "humidity": damp,
            "wind_speed": wind,
            "gust": wind * 1.6 + abs(noise(self._random, 0.5)),
            "wind_direction": self._wind_from,
            "air_pressure": 1002 - 10 * summer_share(at) - self._cooling / 5 + noise(self._random, 0.2),
            "visibility": 16_000 / (1 + intensity / 10) + noise(self._random, 200),
            "snow_water": 0.0,
            "road_wet": float(is_wet),
        }
