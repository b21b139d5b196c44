"""The city that benchmarks judge: every site of the catalog at its real period, on a day on which nothing happens."""

from pathlib import Path

from citybrain.registry import Registry
from simulators.fleet import simulate
from simulators.storyline import load_storyline
from simulators.trace import TraceRecord

STORYLINE = Path(__file__).parent / "whole-city.yaml"


def records(registry: Registry, *, seed: int, start: int, hours: float) -> list[TraceRecord]:
    """Return the records of some hours in the order of the log, clock records among them."""
    return list(simulate(registry, load_storyline(str(STORYLINE), registry.sites), seed=seed, start=start, hours=hours))
