"""Mishaps: the faults of all sensors of a run, drawn before it begins, and what each does to the readings it meets.

They touch readings only after the sensor has seen the world, so that a run with faults has the truth of one without.
Values that other offices compute (the agency feed) have no sensor and no faults.
"""

import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from citybrain.geometry import distance_m
from citybrain.instants import DAY, HOUR, MINUTE, SECOND
from citybrain.metrics import Metric, Shape
from citybrain.model import Feed
from citybrain.registry import Registry
from citybrain.sites import Site
from simulators.rates import FaultKind
from simulators.seeds import derived
from simulators.sensors import Observation, Rounding
from simulators.storyline import Storyline

MONTH = 30 * DAY

# How long an episode lasts, least and most; one that meets a single reading waits a period for it.
_SPANS: Mapping[FaultKind, tuple[int, int]] = {
    FaultKind.DROPOUT: (30 * MINUTE, 12 * HOUR),
    FaultKind.STUCK: (6 * HOUR, 24 * HOUR),
    FaultKind.DRIFT: (2 * DAY, 10 * DAY),
    FaultKind.OFFSET: (1 * DAY, 5 * DAY),
    FaultKind.CLOCK_SKEW: (6 * HOUR, 3 * DAY),
    FaultKind.CALIBRATION: (15 * MINUTE, 45 * MINUTE),
    FaultKind.LOW_BATTERY: (3 * DAY + 6 * HOUR, 5 * DAY),
}
_ONE_READING = frozenset({FaultKind.SPIKE, FaultKind.DUPLICATE, FaultKind.LATE})
_SINGLE_SITE = tuple(kind for kind in FaultKind if kind is not FaultKind.BLACKOUT)

_BUFFERED = 0.2  # Share of the gaps whose readings are kept and sent afterwards.
_SPIKE_TIMES = (5.0, 20.0)
_SPIKE_STAGE_M = 3.0
_SPIKE_OF_ZERO = 10.0  # In steps of the resolution: somebody knocks at the bucket.
_DRIFT_PER_HOUR = 0.005
_DRIFT_BASE_STAGE_M = 5.0  # The column of water over the sensor, not the height above the datum.
_OFFSET_M, _SERVICE = 0.3, 30 * MINUTE
_SKEW_LEAST, _SKEW_MOST, _ZONE_AHEAD = 1 * MINUTE, 30 * MINUTE, 8 * HOUR
_WRONG_ZONE = 0.1  # Share of the skews that are UTC sent as local time, and as many the other way.
_COPIES_MAX, _COPY_LEAST, _COPY_MOST = 3, 5 * SECOND, 3 * HOUR
_LATE_LEAST, _LATE_MOST = 1 * MINUTE, 20 * MINUTE
_SPAN_OF_RANGE = 0.8  # A span gas or weight lies at this share of the range.
_FULL_V, _EMPTY_V, _RUNS_DOWN = 12.6, 11.0, 3 * DAY
_BATTERY = "battery_voltage"
_BLACKOUT_SPAN, _BLACKOUT_RADIUS_M, _BLACKOUT_SHARE = (30 * MINUTE, 6 * HOUR), (10_000.0, 30_000.0), (0.3, 0.9)

# Counts, states and directions are not amplified by anything that drifts.
_NO_SCALE = frozenset({"vehicles", "persons", "state", "grade", "deg", "hPa"})


@dataclass(frozen=True, slots=True)
class Episode:
    """One fault of one sensor, `since` before its first reading that is touched, `until` after its last."""

    kind: FaultKind
    site: str
    since: int
    until: int
    metric: str | None = None  # Where it concerns one of them.
    size: float = 0.0  # A factor, metres, milliseconds or a share, as its kind takes it.


@dataclass(frozen=True, slots=True)
class Outage:
    """A blackout: sensors around a point fall silent together."""

    since: int
    until: int
    centre: tuple[float, float]
    radius_m: float
    share: float
    name: str  # Tells it from the others of the run.


def episodes_of(registry: Registry, storyline: Storyline, *, seed: int, start: int, end: int) -> list[Episode]:
    """Return all faults of a run by site and time. Each kind of each site has its own dice."""
    found: list[Episode] = []
    sites = [site for _, site in sorted(registry.sites.items()) if site.feed is not Feed.AGENCY]
    for kind in _SINGLE_SITE:
        if (rate := storyline.faults.of(kind)) > 0:
            for site in sites:
                found += _drawn(kind, site, registry.metrics, rate=rate, seed=seed, start=start, end=end)
    for outage in outages_of(registry, storyline, seed=seed, start=start, end=end):
        found += [
            Episode(FaultKind.BLACKOUT, site.id, outage.since, min(outage.until, end))
            for site in sites
            if distance_m(outage.centre, site.position) <= outage.radius_m
            and derived(seed, "blackout", outage.name, site.id).random() < outage.share
        ]
    return sorted(found, key=lambda episode: (episode.site, episode.since, episode.kind))


def outages_of(registry: Registry, storyline: Storyline, *, seed: int, start: int, end: int) -> list[Outage]:
    """Return the blackouts of a run: those of the storyline, then those drawn for each county."""
    found = [
        Outage(
            start + told.starts, start + told.starts + told.lasts, told.centre, told.radius, told.share, f"told-{index}"
        )
        for index, told in enumerate(storyline.blackouts)
    ]
    rate = storyline.faults.blackout
    if rate <= 0:
        return found
    for county in sorted({site.county for site in registry.sites.values()}):
        dice = derived(seed, "blackouts", county)
        places = [site.position for _, site in sorted(registry.sites.items()) if site.county == county]
        for number, since in enumerate(_moments(dice, rate / MONTH, start, end)):
            until = since + round(_log_uniform(dice, *_BLACKOUT_SPAN))
            centre, radius_m = dice.choice(places), dice.uniform(*_BLACKOUT_RADIUS_M)
            found.append(Outage(since, until, centre, radius_m, dice.uniform(*_BLACKOUT_SHARE), f"{county}-{number}"))
    return found


class Mishaps:
    """What happens to the readings of one sensor on their way."""

    def __init__(
        self, episodes: Sequence[Episode], site: Site, metrics: Mapping[str, Metric], rounding: Rounding, *, seed: int
    ) -> None:
        self._waiting = deque(sorted(episodes, key=lambda episode: episode.since))
        self._open: list[Episode] = []
        self._site = site
        self._metrics = metrics
        self._rounding = rounding
        self._random = derived(seed, "mishaps", site.id)
        self._stuck_at: Mapping[str, float] | None = None

    def befall(self, observed: Observation) -> Iterable[Observation]:
        """Return what reaches the log of a reading: nothing, the reading as it was or altered, or several."""
        seen_at = observed.observed_at
        while self._waiting and self._waiting[0].since <= seen_at:
            self._open.append(self._waiting.popleft())
        if not self._open:
            return (observed,)
        met = [episode for episode in self._open if episode.kind in _ONE_READING or seen_at < episode.until]
        self._open = [episode for episode in met if episode.kind not in _ONE_READING]
        if all(episode.kind is not FaultKind.STUCK for episode in met):
            self._stuck_at = None
        for episode in met:
            observed = self._altered(episode, observed, seen_at)
        return self._sent(met, observed, seen_at)

    def _altered(self, episode: Episode, observed: Observation, seen_at: int) -> Observation:
        """Return the reading as the sensor tells it: values, flags and its own time."""
        age = seen_at - episode.since
        match episode.kind:
            case FaultKind.STUCK:
                self._stuck_at = self._stuck_at or self._still(observed.values)
                held = {name: self._stuck_at.get(name, value) for name, value in observed.values.items()}
                return replace(observed, values=held)
            case FaultKind.SPIKE:
                return self._changed(observed, episode.metric, lambda value: self._spiked(episode, value))
            case FaultKind.DRIFT:
                share = _DRIFT_PER_HOUR * age / HOUR
                return self._changed(observed, episode.metric, lambda value: value + share * _base(episode, value))
            case FaultKind.OFFSET:
                shifted = self._changed(observed, episode.metric, lambda value: value + episode.size)
                return replace(shifted, flags={str(episode.metric): "M"}) if age < _SERVICE else shifted
            case FaultKind.CALIBRATION:
                return self._calibrated(episode, observed)
            case FaultKind.LOW_BATTERY:
                volts = _FULL_V - (_FULL_V - _EMPTY_V) * min(1.0, age / _RUNS_DOWN)
                return self._changed(observed, episode.metric, lambda _: volts)
            case FaultKind.CLOCK_SKEW:
                return replace(observed, observed_at=observed.observed_at + round(episode.size))
        return observed

    def _sent(self, met: Iterable[Episode], observed: Observation, seen_at: int) -> Iterable[Observation]:
        """Return the reading as often, and when, as it reaches the log."""
        copies: list[Observation] = []
        for episode in met:
            match episode.kind:
                case FaultKind.BLACKOUT:
                    return ()
                case FaultKind.LOW_BATTERY if seen_at - episode.since >= _RUNS_DOWN:
                    return ()
                case FaultKind.DROPOUT if episode.size < _BUFFERED:
                    # Each takes as long after the gap as it would have taken at once.
                    observed = replace(observed, at=max(observed.at, episode.until + observed.at - seen_at))
                case FaultKind.DROPOUT:
                    return ()
                case FaultKind.LATE:
                    observed = replace(observed, at=observed.at + round(episode.size))
                case FaultKind.DUPLICATE:
                    for _ in range(self._random.randint(1, _COPIES_MAX)):
                        later = round(_log_uniform(self._random, _COPY_LEAST, _COPY_MOST))
                        copies.append(replace(observed, at=observed.at + later))
        return (observed, *copies)

    def _changed(self, observed: Observation, metric: str | None, change: Callable[[float], float]) -> Observation:
        """Return the reading with one value changed, still within what the sensor can show."""
        if metric is None or metric not in observed.values:
            return observed
        shown = self._rounding.apply({metric: change(observed.values[metric])}, (metric,))
        return replace(observed, values={**observed.values, **shown})

    def _still(self, values: Mapping[str, float]) -> Mapping[str, float]:
        """Return what a stuck sensor goes on to say: a blocked gauge counts nothing more."""
        return {name: 0 if self._metrics[name].shape is Shape.INCREMENT else value for name, value in values.items()}

    def _spiked(self, episode: Episode, value: float) -> float:
        if episode.metric == "stage":
            return value + episode.size
        base = value or _SPIKE_OF_ZERO * (self._metrics[str(episode.metric)].resolution or 0.001)
        return base * episode.size

    def _calibrated(self, episode: Episode, observed: Observation) -> Observation:
        letter = "C" if episode.size < 0.5 else "M"
        is_span = int(episode.size * 4) % 2 == 1
        values = {
            name: _SPAN_OF_RANGE * self._metrics[name].range[1] if is_span else max(0.0, self._metrics[name].range[0])
            for name in observed.values
        }
        shown = self._rounding.apply(values, tuple(values))
        return replace(observed, values=shown, flags=dict.fromkeys(shown, letter))


def _drawn(
    kind: FaultKind, site: Site, metrics: Mapping[str, Metric], *, rate: float, seed: int, start: int, end: int
) -> Iterator[Episode]:
    """Yield the episodes of one kind at one site, one after the other."""
    suited = _suited(kind, site, metrics)
    if suited is not None and not suited:
        return
    dice = derived(seed, "fault", kind.value, site.id)
    free_at = start
    for since in _moments(dice, rate / DAY, start, end):
        span = _SPANS.get(kind)
        until = since + (site.period if span is None else round(_log_uniform(dice, *span)))
        metric = dice.choice(suited) if suited is not None else None
        size = _size(kind, metric, dice)
        if since >= free_at:
            free_at = until
            yield Episode(kind, site.id, since, min(until, end), metric, size)


def _suited(kind: FaultKind, site: Site, metrics: Mapping[str, Metric]) -> Sequence[str] | None:
    """Return the metrics of a site that a fault may pick one from; None where it concerns the whole sensor."""
    match kind:
        case FaultKind.SPIKE:
            return [name for name in site.metrics if metrics[name].unit not in {"state", "grade", "deg"}]
        case FaultKind.DRIFT:
            steady = (Shape.SAMPLE, Shape.MEAN)
            return [m for m in site.metrics if metrics[m].shape in steady and metrics[m].unit not in _NO_SCALE]
        case FaultKind.OFFSET:
            return [name for name in site.metrics if name == "stage"]
        case FaultKind.LOW_BATTERY:
            return [name for name in site.metrics if name == _BATTERY]
    return None


def _size(kind: FaultKind, metric: str | None, dice: random.Random) -> float:
    match kind:
        case FaultKind.SPIKE:
            return dice.choice((-_SPIKE_STAGE_M, _SPIKE_STAGE_M)) if metric == "stage" else dice.uniform(*_SPIKE_TIMES)
        case FaultKind.OFFSET:
            return _OFFSET_M
        case FaultKind.CLOCK_SKEW:
            where = dice.random()
            if where < 2 * _WRONG_ZONE:
                return -_ZONE_AHEAD if where < _WRONG_ZONE else _ZONE_AHEAD
            return dice.choice((-1, 1)) * dice.uniform(_SKEW_LEAST, _SKEW_MOST)
        case FaultKind.LATE:
            return dice.uniform(_LATE_LEAST, _LATE_MOST)
        case FaultKind.DROPOUT | FaultKind.CALIBRATION:
            return dice.random()
    return 0.0


def _base(episode: Episode, value: float) -> float:
    return min(value, _DRIFT_BASE_STAGE_M) if episode.metric == "stage" else value


def _moments(dice: random.Random, rate: float, start: int, end: int) -> Iterator[int]:
    """Yield the instants of a Poisson process of that many a millisecond."""
    moment = start + dice.expovariate(rate)
    while moment < end:
        yield int(moment)
        moment += dice.expovariate(rate)


def _log_uniform(dice: random.Random, least: float, most: float) -> float:
    return float(least * (most / least) ** dice.random())


def by_site(episodes: Iterable[Episode]) -> Mapping[str, list[Episode]]:
    """Return the episodes of each site that has any."""
    found: dict[str, list[Episode]] = defaultdict(list)
    for episode in episodes:
        found[episode.site].append(episode)
    return found
