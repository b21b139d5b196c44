"""Metrics that no field drives: an ordinary value, its daily swing and its noise."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from simulators.days import hour_of_day
from simulators.seeds import derived, noise


@dataclass(frozen=True, slots=True)
class Ordinary:
    """The ordinary course of one metric, in its own unit."""

    mean: float
    sigma: float = 0.0
    swing: float = 0.0  # Half the difference between the hour of the peak and twelve hours later.
    peak_hour: float = 15.0


# Ordinary values of clean water, quiet plants and sound stores; estimates.
ORDINARY: Mapping[str, Ordinary] = {
    "inflow": Ordinary(15.0, 0.3),
    "outflow": Ordinary(14.0, 0.3),
    "traffic_index": Ordinary(2.0, 0.15, 1.2, 17.0),
    "drought_index_mci": Ordinary(0.2, 0.05),
    "lightning_distance": Ordinary(300.0),
    "official_signal": Ordinary(0.0),
    "no2_1h": Ordinary(28.0, 3.0, 6.0, 18.0),
    "co_1h": Ordinary(0.8, 0.05, 0.1, 18.0),
    "h2s_1h": Ordinary(0.004, 0.001),
    "nh3_1h": Ordinary(0.08, 0.01),
    "ph": Ordinary(7.3, 0.03, 0.1),
    "dissolved_oxygen": Ordinary(8.4, 0.05, 0.3),
    "cod_mn": Ordinary(1.8, 0.08),
    "nh3_n": Ordinary(0.08, 0.008),
    "tp": Ordinary(0.018, 0.002),
    "turbidity": Ordinary(0.5, 0.05),
    "water_temperature": Ordinary(20.0, 0.1, 0.5),
    "conductivity": Ordinary(95.0, 2.0),
    "free_chlorine": Ordinary(0.45, 0.03),
    "discharge_cod": Ordinary(22.0, 1.5),
    "discharge_nh3_n": Ordinary(0.8, 0.08),
    "discharge_tn": Ordinary(8.0, 0.4),
    "discharge_tp": Ordinary(0.15, 0.015),
    "stack_so2": Ordinary(15.0, 1.5),
    "stack_nox": Ordinary(60.0, 4.0),
    "stack_dust": Ordinary(5.0, 0.5),
    "stack_nmhc": Ordinary(12.0, 1.0),
    "soil_moisture": Ordinary(72.0, 0.2),
    "toxic_gas": Ordinary(0.1, 0.03),
    "combustible_gas": Ordinary(0.2, 0.07),
    "co": Ordinary(1.0, 0.2),
    "co2": Ordinary(0.06, 0.004),
    "o2": Ordinary(20.9, 0.03),
    "smoke_alarm": Ordinary(0.0),
    "heat_alarm": Ordinary(0.0),
    "detector_temperature": Ordinary(24.0, 0.3, 2.0),
    "residual_current": Ordinary(60.0, 5.0, 15.0),
    "cable_temperature": Ordinary(32.0, 0.5, 4.0),
    "water_pressure": Ordinary(0.30, 0.005, -0.02, 19.0),
    "store_temperature": Ordinary(4.0, 0.3),
    "visitors_inside": Ordinary(0.0),
    "crowd_density": Ordinary(0.3, 0.05),
    "battery_voltage": Ordinary(12.7, 0.02, 0.2, 14.0),
}
# The same metric means another thing in another kind of store.
_STORES = {"frozen-store": Ordinary(-20.0, 0.4), "hot-holding": Ordinary(68.0, 0.8)}
_NOWHERE = Ordinary(0.0)


class Background:
    """The ordinary values of some metrics at one site."""

    def __init__(self, name: str, kind: str, metrics: Iterable[str], *, seed: int) -> None:
        self._courses = {
            metric: _STORES.get(kind, ORDINARY.get(metric, _NOWHERE))
            if metric == "store_temperature"
            else ORDINARY.get(metric, _NOWHERE)
            for metric in metrics
        }
        self._random = derived(seed, "background", name)

    def read(self, at: int) -> Mapping[str, float]:
        """Return the values at the instant."""
        hour = hour_of_day(at)
        return {
            metric: course.mean
            + course.swing * math.cos(2 * math.pi * (hour - course.peak_hour) / 24)
            + noise(self._random, course.sigma)
            for metric, course in self._courses.items()
        }
