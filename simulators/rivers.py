"""Rivers: rain becomes flow in each catchment, flow runs down the channels and through the dams, stage follows."""

from collections import deque
from collections.abc import Iterable

from citybrain.instants import HOUR, MINUTE
from simulators.basins import Basin, Dam
from simulators.days import hour_of_day
from simulators.rain import RainField

STEP = MINUTE
_STEP_S = STEP / 1000
_STEPS_PER_HOUR = HOUR // STEP

_INITIAL_LOSS_MM = 20.0
_LOSS_MM_H = 2.0
_RUNOFF_DRY, _RUNOFF_WET = 0.45, 0.85
_WETTING_MM = 100.0  # Rain that takes dry ground to wet.
_QUICK_SHARE = 0.75  # The rest takes the slow way and makes the recession.
_FLOOD_SPEED_KM_H = 8.0
_BASE_M3S_KM2 = 0.015
_RATING_POWER = 1.8
_GATE_LAG_STEPS = 20  # Minutes in which gates follow.


def response_hours(area_km2: float) -> float:
    """Return the time constant of a catchment, 2.4 h for 100 km² and 6.6 h for 3,000 km²; our own estimate."""
    return float(0.6 * area_km2**0.3)


def bank_flow_m3s(area_km2: float) -> float:
    """Return the flood that comes once in five years from an area, an envelope for steep rainy country; estimate."""
    return float(9.0 * area_km2**0.7)


class Catchment:
    """Turns the rain of one area into the flow at its mouth: losses, then two equal linear reservoirs in a row."""

    def __init__(self, basin: Basin, *, wetness: float) -> None:
        self._area_km2 = basin.area_km2
        self._points = basin.points
        self._wetness = wetness
        self._absorbs_mm = _INITIAL_LOSS_MM * (1 - wetness)
        quick_h = response_hours(basin.area_km2) / 2
        self._quick = 1 / (quick_h * _STEPS_PER_HOUR)
        self._slow = 1 / ((8 if basin.area_km2 < 1000 else 24) * _STEPS_PER_HOUR)
        self.base_m3s = _BASE_M3S_KM2 * basin.area_km2
        self._upper = self._lower = self._late = 0.0

    def advance(self, rain: RainField, at: int) -> float:
        """Move one step to `at` and return the flow in m³/s."""
        intensity = sum(rain.intensity_mm_h(point, at) for point in self._points) / len(self._points)
        arriving = self._excess_mm_h(intensity) * self._area_km2 / 3.6
        self._late += (arriving * (1 - _QUICK_SHARE) - self._late) * self._slow
        self._lower += (self._upper - self._lower) * self._quick
        self._upper += (arriving * _QUICK_SHARE - self._upper) * self._quick
        return self.base_m3s + self._lower + self._late

    def _excess_mm_h(self, intensity: float) -> float:
        step_mm = intensity / _STEPS_PER_HOUR
        absorbed = min(self._absorbs_mm, step_mm)
        self._absorbs_mm -= absorbed
        self._wetness = min(1.0, self._wetness + step_mm / _WETTING_MM)
        over = max(0.0, (step_mm - absorbed) * _STEPS_PER_HOUR - _LOSS_MM_H)
        return over * (_RUNOFF_DRY + (_RUNOFF_WET - _RUNOFF_DRY) * self._wetness)


class Channel:
    """Delays a flow by the length of the river at the speed of a flood wave."""

    def __init__(self, length_km: float, *, flow_m3s: float) -> None:
        steps = max(1, round(length_km / _FLOOD_SPEED_KM_H * _STEPS_PER_HOUR))
        self._water = deque([flow_m3s] * steps, maxlen=steps)

    def advance(self, flow_m3s: float) -> float:
        """Take in the flow above and return the flow below."""
        below = self._water[0]
        self._water.append(flow_m3s)
        return below


class Pool:
    """The water behind a dam."""

    def __init__(self, dam: Dam, *, inflow_m3s: float, at: int) -> None:
        self._dam = dam
        self.stage_m = dam.start_stage_m
        self.inflow_m3s = inflow_m3s
        self.outflow_m3s = self._wanted(at) if dam.holds_back else inflow_m3s

    def advance(self, inflow_m3s: float, at: int) -> float:
        """Move one step to `at` and return the outflow in m³/s."""
        self.inflow_m3s = inflow_m3s
        self.outflow_m3s += (self._wanted(at) - self.outflow_m3s) / _GATE_LAG_STEPS
        stored_m3 = (inflow_m3s - self.outflow_m3s) * _STEP_S
        self.stage_m = max(self._dam.least_stage_m, self.stage_m + stored_m3 / (self._dam.surface_km2 * 1e6))
        return self.outflow_m3s

    def _wanted(self, at: int) -> float:
        dam = self._dam
        if not dam.holds_back:
            surplus_m3 = (self.stage_m - dam.start_stage_m) * dam.surface_km2 * 1e6
            return min(dam.capacity_m3s, max(0.1 * dam.mean_flow_m3s, self.inflow_m3s + surplus_m3 / 3600))
        is_peak_load = 8 <= hour_of_day(at) < 11 or 17 <= hour_of_day(at) < 22
        power = dam.mean_flow_m3s * (1.2 if is_peak_load else 0.8)
        if self.stage_m > dam.gate_stage_m:
            return max(power, min(dam.capacity_m3s, 1.1 * self.inflow_m3s))
        return power


class River:
    """One gauge or dam: what arrives there, and how high it stands."""

    total_km2: float
    flow_m3s: float

    def __init__(self, basin: Basin, upstream: Iterable[tuple["River", float]], *, wetness: float, at: int) -> None:
        self.basin = basin
        self._catchment = Catchment(basin, wetness=wetness)
        above = list(upstream)
        self._above = [(river, Channel(km, flow_m3s=river.flow_m3s)) for river, km in above]
        self.total_km2 = basin.area_km2 + sum(river.total_km2 for river, _ in above)
        arriving = self._catchment.base_m3s + sum(river.flow_m3s for river, _ in above)
        self.pool = Pool(basin.dam, inflow_m3s=arriving, at=at) if basin.dam else None
        self.flow_m3s = self.pool.outflow_m3s if self.pool else arriving
        depth_m = basin.bank_stage_m - basin.low_stage_m
        self._rating = bank_flow_m3s(self.total_km2) / depth_m**_RATING_POWER
        self._base_m3s = _BASE_M3S_KM2 * self.total_km2

    def advance(self, rain: RainField, at: int) -> None:
        """Move one step to `at`; everything upstream must have moved."""
        arriving = self._catchment.advance(rain, at)
        arriving += sum(channel.advance(river.flow_m3s) for river, channel in self._above)
        self.flow_m3s = self.pool.advance(arriving, at) if self.pool else arriving

    @property
    def stage_m(self) -> float:
        """Return the stage: of the pool behind a dam, else by the rating h = h0 + (Q / c)^(1 / 1.8)."""
        if self.pool:
            return self.pool.stage_m
        over = max(0.0, self.flow_m3s - self._base_m3s)
        return float(self.basin.low_stage_m + (over / self._rating) ** (1 / _RATING_POWER))


class Rivers:
    """All rivers of the city, moved on together in steps of a minute."""

    def __init__(self, basins: Iterable[Basin], rain: RainField, *, wetness: float, start: int) -> None:
        self._rain = rain
        self._at = start
        self._rivers: dict[str, River] = {}
        for basin in basins:
            above = [(self._rivers[name], km) for name, km in basin.upstream if name in self._rivers]
            self._rivers[basin.id] = River(basin, above, wetness=wetness, at=start)

    def __getitem__(self, basin_id: str) -> River:
        return self._rivers[basin_id]

    def advance(self, at: int) -> None:
        """Move to the last whole step at or before `at`."""
        while self._at + STEP <= at:
            self._at += STEP
            for river in self._rivers.values():
                river.advance(self._rain, self._at)
