"""The world of one run: all physical fields together, and the instruments that look at them at each site."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from citybrain.registry import Registry
from citybrain.sites import Site
from citybrain.units import Quantity
from simulators.air import AirStation, Walk
from simulators.background import Background
from simulators.basins import BASINS, small_basin
from simulators.boats import Course
from simulators.changes import Changes
from simulators.gas import GasDetector
from simulators.parking import KERB_STAY, LOT_STAY, VISIT, Park, profile_of
from simulators.rain import RainField
from simulators.rivers import Rivers
from simulators.seeds import derived, noise
from simulators.sound import NoiseMeter
from simulators.storyline import Storyline
from simulators.turbines import Turbines
from simulators.weather import Weather
from simulators.wet import GammaStation, Soil, StandingWater, TippingBucket

BERTHS = "berth-section"
_STAGE_SIGMA_M = 0.01
_POOL_SIGMA_M = 0.004
_GATE_MISSES = 0.005
_CAPACITY = 40  # Of a place whose file gives none.
_LEAST_SHOWN = 10  # Fewer visitors are sent as 0.

_AIR = frozenset({"pm25_1h", "pm10_1h", "so2_1h", "no2_1h", "o3_1h", "co_1h"})
_WEATHER = frozenset(
    {"air_temperature", "ground_temperature", "road_temperature", "humidity", "wind_speed", "gust"}
    | {"wind_direction", "air_pressure", "visibility", "snow_water", "road_wet"}
)


class Instrument(Protocol):
    """Something that can be read, in the order of time."""

    def read(self, at: int) -> Mapping[str, float]:
        """Return its values at the instant, in the units of the metric table, before rounding."""
        ...


class World:
    """All fields of one run. Instruments of one world share its rain, rivers and air."""

    def __init__(self, registry: Registry, storyline: Storyline, *, seed: int, start: int) -> None:
        self._story = storyline
        self._seed = seed
        self._start = start
        self.rain = RainField(storyline.storms, drizzle_mm=storyline.drizzle, seed=seed, start=start)
        known = {basin.id for basin in BASINS}
        others = [
            small_basin(site.id, site.position)
            for site in registry.sites.values()
            if "stage" in site.metrics and site.id not in known
        ]
        self.rivers = Rivers((*BASINS, *others), self.rain, wetness=storyline.wetness, start=start)
        self._shared_air = Walk(seed, "air")
        self._metrics = registry.metrics

    def park(self, site: Site) -> Park:
        """Return the spaces of a car park, berth section or visitor counter, full as the hour wants."""
        is_kerb, counts_people = site.kind == BERTHS, "visitors_inside" in site.metrics
        serves = ("scenic",) if counts_people else _words(site, "serves")
        return Park(
            capacity=_capacity(site) - self.out_of_service(site),
            profile=profile_of(serves, is_kerb=is_kerb),
            stay=VISIT if counts_people else KERB_STAY if is_kerb else LOT_STAY,
            surges=[surge for surge in self._story.surges if surge.site == site.id],
            start=self._start,
            seed=self._seed,
            name=site.id,
        )

    def out_of_service(self, site: Site) -> int:
        """Return how many spaces are closed throughout the run: up to 2 % of them."""
        if "out_of_service" not in site.metrics:
            return 0
        return int(derived(self._seed, "out-of-service", site.id).random() * 0.02 * _capacity(site) + 0.5)

    def course(self, site: Site) -> Course:
        """Return the course of a site that moves."""
        drifts = [drift for drift in self._story.drifts if drift.site == site.id]
        return Course(site.id, site.position, drifts=drifts, seed=self._seed, start=self._start)

    def changes(self, site: Site) -> Changes:
        """Return what the storyline makes of a site's metrics, beyond the fields."""
        return Changes(self._story.changes, site, self._metrics, start=self._start)

    def instruments(self, site: Site, park: Park | None) -> list[Instrument]:
        """Return what measures at a site; where two give the same metric, the later one counts."""
        metrics = frozenset(site.metrics)
        name, position, seed, start = site.id, site.position, self._seed, self._start
        found: list[Instrument] = []
        if "stage" in metrics:
            found.append(LevelGauge(name, self.rivers, seed=seed))
        if "rain" in metrics:
            found.append(TippingBucket(name, position, rain=self.rain, seed=seed, start=start))
        if park is not None:
            found.append(ParkMeter(name, park, out_of_service=self.out_of_service(site), seed=seed))
        if "pm25_1h" in metrics:
            plumes, shared = self._story.plumes, self._shared_air
            found.append(
                AirStation(name, position, plumes=plumes, rain=self.rain, shared=shared, seed=seed, start=start)
            )
        if metrics & _WEATHER:
            found.append(Weather(name, position, rain=self.rain, seed=seed))
        if "water_depth" in metrics and site.kind == "road-water-gauge":
            found.append(StandingWater(name, position, rain=self.rain, seed=seed, start=start))
        if "soil_moisture" in metrics:
            found.append(Soil(name, position, rain=self.rain, seed=seed, start=start))
        if "gamma_dose_rate" in metrics:
            found.append(GammaStation(name, position, rain=self.rain, seed=seed, start=start))
        if "released_flow" in metrics:
            found.append(Turbines(site, seed=seed))
        if "combustible_gas" in metrics:
            found.append(GasDetector(name, position, leaks=self._story.leaks, seed=seed, start=start))
        if "laeq_1min" in metrics:
            found.append(NoiseMeter(name, seed=seed))
        rest = [metric for metric in site.metrics if metric not in _driven(site, metrics)]
        return [Background(name, site.kind, rest, seed=seed), *found] if rest else found


def has_spaces(metrics: Iterable[str]) -> bool:
    """Tell whether a site with these metrics fills and empties."""
    return not {"occupied", "visitors_inside"}.isdisjoint(metrics)


class LevelGauge:
    """Stage of a river, or stage, inflow and outflow of a dam."""

    def __init__(self, name: str, rivers: Rivers, *, seed: int) -> None:
        self._river = rivers[name]
        self._rivers = rivers
        self._random = derived(seed, "stage", name)

    def read(self, at: int) -> Mapping[str, float]:
        """Return the values at the instant."""
        self._rivers.advance(at)
        pool = self._river.pool
        if pool is None:
            return {"stage": self._river.stage_m + noise(self._random, _STAGE_SIGMA_M)}
        stage = pool.stage_m + noise(self._random, _POOL_SIGMA_M)
        return {"stage": stage, "inflow": pool.inflow_m3s, "outflow": pool.outflow_m3s}


class ParkMeter:
    """Counts of a car park, a berth section or a visitor counter."""

    def __init__(self, name: str, park: Park, *, out_of_service: int, seed: int) -> None:
        self._park = park
        self._out_of_service = out_of_service
        self._random = derived(seed, "gate", name)
        self._entries = self._exits = 0

    def read(self, at: int) -> Mapping[str, float]:
        """Return the state at the instant, and what passed the gates since the previous reading."""
        self._park.advance(at)
        entered, left = self._park.entries - self._entries, self._park.exits - self._exits
        self._entries, self._exits = self._park.entries, self._park.exits
        taken = self._park.occupied
        return {
            "occupied": taken,
            "out_of_service": self._out_of_service,
            "entries": self._seen(entered),
            "exits": self._seen(left),
            "visitors_inside": taken if taken >= _LEAST_SHOWN else 0,
            "crowd_density": 0.2 + 1.3 * taken / self._park.capacity,
        }

    def _seen(self, passed: int) -> int:
        return sum(self._random.random() >= _GATE_MISSES for _ in range(passed))


def _driven(site: Site, metrics: frozenset[str]) -> frozenset[str]:
    """Return the metrics of the site that a field drives; the others take their ordinary course."""
    driven = _WEATHER | {"rain", "soil_moisture", "gamma_dose_rate", "combustible_gas", "laeq_1min", "laeq_1h"}
    driven |= {"occupied", "out_of_service", "entries", "exits", "visitors_inside"}
    if "visitors_inside" in metrics:
        driven |= {"crowd_density"}
    if "pm25_1h" in metrics:
        driven |= _AIR
    if "stage" in metrics:
        driven |= {"stage", "inflow", "outflow"}
    if "released_flow" in metrics:
        driven |= {"inflow", "outflow", "released_flow"}
    if site.kind == "road-water-gauge":
        driven |= {"water_depth"}
    return frozenset(driven)


def _capacity(site: Site) -> int:
    capacity = site.attributes.get("capacity")
    return int(capacity.number) if isinstance(capacity, Quantity) else _CAPACITY


def _words(site: Site, attribute: str) -> tuple[str, ...]:
    value = site.attributes.get(attribute, ())
    return value if isinstance(value, tuple) else ()
