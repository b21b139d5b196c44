from collections.abc import Mapping
from dataclasses import dataclass

import orjson
import pytest

from citybrain.instants import HOUR, parse_instant
from citybrain.registry import Registry, load_registry
from simulators.fleet import simulate
from simulators.fleets import taking_part
from simulators.storyline import Storyline, load_storyline
from simulators.trace import TraceRecord

SEED = 7


@dataclass(frozen=True)
class Seen:
    at: int
    observed_at: int
    values: Mapping[str, float]
    position: tuple[float, float] | None


@dataclass(frozen=True)
class Run:
    story: Storyline
    records: list[TraceRecord]
    by_site: Mapping[str, list[Seen]]  # In the order of observation.

    def hours(self, observed_at: int) -> float:
        return (observed_at - self.story.start) / HOUR

    def series(self, site: str, metric: str) -> list[tuple[float, float]]:
        return [(self.hours(s.observed_at), s.values[metric]) for s in self.by_site[site] if metric in s.values]


def run(registry: Registry, name: str, hours: float | None = None) -> Run:
    story = load_storyline(name, registry.sites)
    records = list(simulate(registry, story, seed=SEED, start=story.start, hours=hours or story.hours))
    by_site: dict[str, list[Seen]] = {}
    for record in records:
        if record.reading is not None:
            reading = orjson.loads(record.reading)
            position = tuple(reading["position"]) if "position" in reading else None
            seen = Seen(record.at, parse_instant(reading["observed_at"]), reading["values"], position)
            by_site.setdefault(reading["site"], []).append(seen)
    for seen_there in by_site.values():
        seen_there.sort(key=lambda seen: seen.observed_at)
    return Run(story, records, by_site)


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The sites that the shipped storylines play."""
    city = load_registry()
    return taking_part(city, load_storyline("first-light", city.sites))


@pytest.fixture(scope="session")
def first_light(registry: Registry) -> Run:
    return run(registry, "first-light")


@pytest.fixture(scope="session")
def quiet_day(registry: Registry) -> Run:
    return run(registry, "quiet-day")
