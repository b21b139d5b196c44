"""The fleet: all sensors that take part in one stream of records, in the order in which they reach the log."""

import heapq
from collections.abc import Iterator
from itertools import chain, count

import orjson

from citybrain.instants import HOUR, SECOND, format_instant
from citybrain.registry import Registry
from simulators.fields import World
from simulators.fleets import taking_part
from simulators.sensors import Observation, Sensor, sensors
from simulators.storyline import Storyline
from simulators.trace import TraceRecord

CLOCK_EVERY = 30 * SECOND


def simulate(registry: Registry, storyline: Storyline, *, seed: int, start: int, hours: float) -> Iterator[TraceRecord]:
    """Yield the records of a run in the order of `at`, a clock record every 30 s and one at the end.

    The same arguments give the same records, byte for byte. Records still under way at the end are lost, as they
    are when a recording stops. Memory holds the world and what is under way, about ten minutes of readings.
    """
    assert hours > 0, "a run takes time"
    registry = taking_part(registry, storyline)
    world = World(registry, storyline, seed=seed, start=start)
    end = start + round(hours * HOUR)
    fleet = sensors(registry, world, seed=seed, start=start)
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
            if observed is not None:
                record = _record(sensor, observed)
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
    if observed.position is not None:
        reading["position"] = observed.position
    return TraceRecord(observed.at, sensor.site.feed, sensor.site.id, orjson.dumps(reading))
