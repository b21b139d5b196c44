"""Hydropower stations that are no dam of the rivers: inflow, what the turbines pass, and what stays in the old bed."""

from collections.abc import Mapping

from citybrain.sites import Site
from citybrain.units import Quantity
from simulators.days import hour_of_day
from simulators.seeds import derived, noise

_MEAN_M3S = 5.0  # Of a station whose file gives none.
_ECOLOGICAL_SHARE = 0.1  # Of the mean flow, where no minimum is given.
_RELEASED = 1.15  # The outlet stands at this multiple of the minimum.
_PEAK, _OFF_PEAK = 1.2, 0.85


class Turbines:
    """One station. Its outlet for the ecological flow is a valve that stands still; a storyline may close it."""

    def __init__(self, site: Site, *, seed: int) -> None:
        mean = site.attributes.get("mean_annual_flow")
        self._mean_m3s = mean.number if isinstance(mean, Quantity) else _MEAN_M3S
        least = site.attributes.get("ecological_flow")
        least_m3s = least.number if isinstance(least, Quantity) else _ECOLOGICAL_SHARE * self._mean_m3s
        self._released_m3s = _RELEASED * least_m3s
        self._random = derived(seed, "turbines", site.id)

    def read(self, at: int) -> Mapping[str, float]:
        """Return the flows at the instant."""
        is_peak_load = 8 <= hour_of_day(at) < 11 or 17 <= hour_of_day(at) < 22
        power = self._mean_m3s * (_PEAK if is_peak_load else _OFF_PEAK)
        return {
            "inflow": self._mean_m3s * (1 + noise(self._random, 0.02)),
            "outflow": power * (1 + noise(self._random, 0.02)) + self._released_m3s,
            "released_flow": self._released_m3s * (1 + noise(self._random, 0.01)),
        }
