"""The fleet: all sensors that take part in one stream of records, in the order in which they reach the log."""

import heapq
from collections.abc import Iterator
from itertools import chain, count

import orjson

from citybrain.instants import HOUR, SECOND, format_instant
from citybrain.registry import Registry
from simulators.fields import World
from simulators.fleets import taking_part
from simulators.mishaps import Mishaps, by_site, episodes_of
from simulators.sensors import Observation, Rounding, Sensor, sensors
from simulators.storyline import Storyline
from simulators.trace import TraceRecord

CLOCK_EVERY = 30 * SECOND


def simulate(registry: Registry, storyline: Storyline, *, seed: int, start: int, hours: float) -> Iterator[TraceRecord]:
    """Yield the records of a run in the order of `at`, a clock record every 30 s and one at the end.

    The same arguments give the same records, byte for byte. Records still under way at the end are lost, as they
    are when a recording stops. Memory holds the world and what is under way: about ten minutes of readings, and what
    sensors keep while their link is down.
    """
    assert hours > 0, "a run takes time"
    registry = taking_part(registry, storyline)
    world = World(registry, storyline, seed=seed, start=start)
    end = start + round(hours * HOUR)
    rounding = Rounding(registry.metrics)
    fleet = sensors(registry, world, rounding, seed=seed, start=start)
    mishaps = {
        site: Mishaps(episodes, registry.sites[site], registry.metrics, rounding, seed=seed)
        for site, episodes in by_site(episodes_of(registry, storyline, seed=seed, start=start, end=end)).items()
    }
    due = [(sensor.next_at, rank, sensor) for rank, sensor in enumerate(fleet)]
    heapq.heapify(due)
    under_way: list[tuple[int, int, TraceRecord]] = []
    serial = count()  # Settles ties, so that records are never compared.
    clocks = range(start, end, CLOCK_EVERY)
    for at in chain(clocks, (end,)):
        while due and due[0][0] <= at:
            _, rank, sensor = due[0]
            observed = sensor.observe()
            heapq.heapreplace(due, (sensor.next_at, rank, sensor))
            if observed is None:
                continue
            befallen = mishaps.get(sensor.site.id)
            for sent in (observed,) if befallen is None else befallen.befall(observed):
                record = _record(sensor, sent)
                heapq.heappush(under_way, (record.at, next(serial), record))
        while under_way and under_way[0][0] <= at:
            yield heapq.heappop(under_way)[2]
        yield TraceRecord(at)


def _record(sensor: Sensor, observed: Observation) -> TraceRecord:
    reading: dict[str, object] = {
        "site": sensor.site.id,
        "observed_at": format_instant(observed.observed_at),
        "values": observed.values,
    }
    if observed.flags is not None:
        reading["flags"] = observed.flags
    if observed.position is not None:
        reading["position"] = observed.position
    return TraceRecord(observed.at, sensor.site.feed, sensor.site.id, orjson.dumps(reading))
