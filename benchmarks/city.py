"""A synthetic city for benchmarks: as many sites as Lishui has, at their real periods, with plain values.

Counts and periods: 3,000 berths that speak when they change, 6 car parks each minute, 800 hydrology and 300
environment sites. Values wander around what is normal; nothing rises to an alert but by chance.
"""

import random
from collections.abc import Iterator
from dataclasses import replace

import orjson

from citybrain.instants import DAY, SECOND, format_instant
from citybrain.metrics import Shape
from citybrain.model import Feed
from citybrain.registry import Registry
from citybrain.sites import Site
from simulators.trace import TraceRecord

BERTHS = 3_000
BERTH_CHANGES_PER_DAY = 12  # Six cars a day come and go.
HYDROLOGY_SITES = 800
ENVIRONMENT_SITES = 300
CLOCK_EVERY = 30 * SECOND


def synthetic_registry(registry: Registry) -> Registry:
    """Return the registry with a city's count of sites: copies of the shipped ones, each at its original's place."""
    sites: dict[str, Site] = {}
    for feed, count in ((Feed.HYDROLOGY, HYDROLOGY_SITES), (Feed.ENVIRONMENT, ENVIRONMENT_SITES)):
        originals = [site for site in registry.sites.values() if site.feed is feed and not site.moves]
        for number in range(count):
            original = originals[number % len(originals)]
            sites[f"{original.id}-{number}"] = replace(original, id=f"{original.id}-{number}")
    car_parks = [site for site in registry.sites.values() if site.kind == "car-park"][:6]
    sites.update({site.id: site for site in car_parks})
    section = next(site for site in registry.sites.values() if site.kind == "berth-section")
    for number in range(BERTHS):
        sites[f"berth-{number}"] = replace(section, id=f"berth-{number}")
    return replace(registry, sites=sites)


def records(registry: Registry, *, seed: int, start: int, span: int = DAY) -> Iterator[TraceRecord]:
    """Yield the records of a span of that city, sorted by `at`, with clock records every 30 s."""
    generator = random.Random(seed)
    moments: list[tuple[int, str]] = []
    for site in registry.sites.values():
        if site.kind == "berth-section":
            count = max(1, BERTH_CHANGES_PER_DAY * span // DAY)
            moments += [(start + generator.randrange(span), site.id) for _ in range(count)]
        else:
            first = start + generator.randrange(site.period)
            moments += [(at, site.id) for at in range(first, start + span, site.period)]
    moments.sort()
    clock = start
    for at, site_id in moments:
        while clock <= at:
            yield TraceRecord(clock)
            clock += CLOCK_EVERY
        site = registry.sites[site_id]
        yield TraceRecord(at, site.feed, site_id, _reading(registry, site, at, generator))
    yield TraceRecord(start + span)


def _reading(registry: Registry, site: Site, at: int, generator: random.Random) -> bytes:
    values = {metric: _value(registry, site, metric, generator) for metric in site.metrics}
    return orjson.dumps({"site": site.id, "observed_at": format_instant(at), "values": values})


def _value(registry: Registry, site: Site, metric: str, generator: random.Random) -> float:
    declared = registry.metrics[metric]
    low, high = declared.range
    if declared.shape in (Shape.INCREMENT, Shape.ON_CHANGE):
        return float(generator.random() < 0.1) if low <= 0 else low
    if metric == "stage":
        base = site.attributes.get("base_stage") or site.attributes.get("normal_stage")
        number = getattr(base, "number", 1.0) - 2.0 * ("normal_stage" in site.attributes)
        return round(number + generator.gauss(0, 0.01), 2)
    return round(low + (high - low) * (0.03 + 0.005 * generator.random()), 3)
