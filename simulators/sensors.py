"""Sensors: when a site is read, what its values are rounded to, and how long a reading is under way."""

import math
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from citybrain.instants import MINUTE, SECOND
from citybrain.metrics import Metric, Shape
from citybrain.registry import Registry
from citybrain.sites import Site
from simulators.fields import BERTHS, World, has_spaces
from simulators.parking import Park
from simulators.seeds import derived

_PHASE = 0.05  # A site reads this share of its period before or after the full slot, always the same.
_DELAY_MEDIAN_MS, _DELAY_SIGMA = 3 * SECOND, 0.8
_RETRIED, _RETRY_LEAST_MS, _RETRY_MOST_MS = 0.01, 10 * SECOND, 10 * MINUTE
_BERTH_LATENCY_MS = (5 * SECOND, 60 * SECOND)


@dataclass(frozen=True, slots=True)
class Observation:
    """What a sensor saw, and when the record of it reaches the log."""

    at: int
    observed_at: int
    values: Mapping[str, float]
    position: tuple[float, float] | None
    flags: Mapping[str, str] | None = None


class Uplink:
    """The way from the sensor to the log: a queue that keeps its order, but for the few records sent again."""

    def __init__(self, generator: random.Random) -> None:
        self._random = generator
        self._newest = 0

    def arrival(self, sent_at: int) -> int:
        """Return when a record sent at the instant arrives."""
        if self._random.random() < _RETRIED:
            spread = (_RETRY_MOST_MS / _RETRY_LEAST_MS) ** self._random.random()
            return sent_at + int(_RETRY_LEAST_MS * spread)
        delay = self._random.lognormvariate(math.log(_DELAY_MEDIAN_MS), _DELAY_SIGMA)
        self._newest = max(sent_at + int(min(delay, _RETRY_MOST_MS)), self._newest + 1)
        return self._newest


class Rounding:
    """Rounds values to the resolution of their metrics, keeps them in range, and gives whole ones as integers."""

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self._rows = {
            name: (metric.resolution or 0.001, _decimals(metric.resolution or 0.001), *metric.range)
            for name, metric in metrics.items()
        }

    def apply(self, values: Mapping[str, float], wanted: tuple[str, ...]) -> dict[str, float]:
        """Return the wanted values that are there, rounded."""
        return {name: self._rounded(name, values[name]) for name in wanted if name in values}

    def _rounded(self, name: str, value: float) -> float:
        resolution, decimals, least, most = self._rows[name]
        value = min(most, max(least, round(value / resolution) * resolution))
        return round(value, decimals) if decimals else int(value)


class Sensor:
    """One site that is read each period; `next_at` is the instant of its next reading."""

    def __init__(self, site: Site, world: World, rounding: Rounding, *, in_step: bool, seed: int, start: int) -> None:
        self.site = site
        self._rounding = rounding
        self._park = world.park(site) if has_spaces(site.metrics) else None
        self._instruments = world.instruments(site, self._park)
        self._course = world.course(site) if site.moves else None
        self._changes = world.changes(site)
        generator = derived(seed, "sensor", site.id)
        self._uplink = Uplink(generator)
        self._random = generator
        # A mean stands for a span of the clock: those sites keep to the full slot.
        phase_s = 0.0 if in_step else generator.uniform(-_PHASE, _PHASE) * site.period / SECOND
        self._phase = round(phase_s) * SECOND
        self._slot = start // site.period * site.period
        while self._slot + self._phase <= start:
            self._slot += site.period

    @property
    def next_at(self) -> int:
        """Return when it is read next."""
        return self._slot + self._phase

    def observe(self) -> Observation | None:
        """Read it at `next_at` and move on to the slot after."""
        observed_at = self.next_at
        self._slot += self.site.period
        return self._observation(observed_at, sent_at=observed_at)

    def _observation(self, observed_at: int, *, sent_at: int) -> Observation | None:
        values: dict[str, float] = {}
        for instrument in self._instruments:
            values.update(instrument.read(observed_at))
        if self._changes:
            self._changes.apply(values, observed_at)
        rounded = self._rounding.apply(values, self.site.metrics)
        if not rounded:
            return None
        position = self._course.position(observed_at) if self._course else None
        return Observation(self._uplink.arrival(sent_at), observed_at, rounded, position)


class StateSensor(Sensor):
    """A sensor with a state that a storyline changes: it tells that at once, and else once a period."""

    def __init__(self, site: Site, world: World, rounding: Rounding, *, in_step: bool, seed: int, start: int) -> None:
        super().__init__(site, world, rounding, in_step=in_step, seed=seed, start=start)
        self._moments = deque(moment for moment in self._changes.moments() if moment > start)

    @property
    def next_at(self) -> int:
        """Return when its state changes or the period is over, whichever comes first."""
        slot = super().next_at
        return min(slot, self._moments[0]) if self._moments else slot

    def observe(self) -> Observation | None:
        """Read it at `next_at`."""
        if not self._moments or super().next_at < self._moments[0]:
            return super().observe()
        moment = self._moments.popleft()
        return self._observation(moment, sent_at=moment)


class BerthSensor(Sensor):
    """A section of kerb berths: it speaks whenever a space changes, and once a period in any case."""

    def __init__(self, site: Site, world: World, rounding: Rounding, *, in_step: bool, seed: int, start: int) -> None:
        super().__init__(site, world, rounding, in_step=in_step, seed=seed, start=start)
        assert self._park is not None, "a berth section has spaces"
        self._spaces: Park = self._park

    @property
    def next_at(self) -> int:
        """Return when a space changes or the period is over, whichever comes first."""
        return min(super().next_at, self._spaces.next_at)

    def observe(self) -> Observation | None:
        """Read it at `next_at`; None where a car found no space and drove on."""
        if super().next_at <= self._spaces.next_at:
            return super().observe()
        before = self._spaces.occupied
        observed_at = self._spaces.step()
        if self._spaces.occupied == before:
            return None
        return self._observation(observed_at, sent_at=observed_at + int(self._random.uniform(*_BERTH_LATENCY_MS)))


def sensors(registry: Registry, world: World, rounding: Rounding, *, seed: int, start: int) -> list[Sensor]:
    """Return a sensor for each site of the registry, by id."""
    made: list[Sensor] = []
    for site in sorted(registry.sites.values(), key=lambda site: site.id):
        in_step = any(registry.metrics[metric].shape is Shape.MEAN for metric in site.metrics)
        changing = StateSensor if world.changes(site).moments() else Sensor
        make = BerthSensor if site.kind == BERTHS else changing
        made.append(make(site, world, rounding, in_step=in_step, seed=seed, start=start))
    return made


def _decimals(resolution: float) -> int:
    text = f"{resolution:.6f}".rstrip("0")
    return len(text.partition(".")[2])
