"""Noise levels: a road by day and night. A level is a number; no sound is made or kept."""

import math
from collections.abc import Mapping

from citybrain.instants import HOUR, MINUTE
from simulators.days import hour_of_day
from simulators.seeds import derived, noise

_NIGHT_DB, _DAY_DB, _SIGMA_DB = 44.0, 56.0, 1.5


class NoiseMeter:
    """LAeq of each minute, and of each hour as the energy mean of its minutes."""

    def __init__(self, name: str, *, seed: int) -> None:
        self._random = derived(seed, "noise", name)
        self._minutes: list[float] = []  # Of the running hour: at most 60, then the hour is over.

    def read(self, at: int) -> Mapping[str, float]:
        """Return the level of the minute up to `at`, and of the hour when one has just ended."""
        by_day = 0.5 + 0.5 * math.tanh(min(hour_of_day(at) - 6.5, 22.0 - hour_of_day(at)))
        minute = _NIGHT_DB + (_DAY_DB - _NIGHT_DB) * by_day + noise(self._random, _SIGMA_DB)
        self._minutes.append(minute)
        if at % HOUR >= MINUTE:
            return {"laeq_1min": minute}
        energy = sum(10 ** (level / 10) for level in self._minutes) / len(self._minutes)
        self._minutes.clear()
        return {"laeq_1min": minute, "laeq_1h": 10 * math.log10(energy)}
