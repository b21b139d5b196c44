"""The shipped city, area rules written as dictionaries, and a rig that drives both stages by minutes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from citybrain.alerts import AlertEvent
from citybrain.instants import MINUTE, SECOND, parse_instant
from citybrain.model import Reading
from citybrain.registry import Registry, load_registry
from rules.areas.stage import AreaStage
from rules.engine import Engine
from rules.ruleset import RuleSet, read_rules
from simulators.fleets import taking_part
from simulators.storyline import load_storyline

START = parse_instant("2026-06-20T08:00:00+08:00")
TICK = 30 * SECOND
WORDS = {"zh": "某", "en": "Something."}
GOVERNANCE = {
    "name": WORDS,
    "hazard": "fire",
    "source": ["a test [E]"],
    "cause": WORDS,
    "consequence": WORDS,
    "action": WORDS,
    "respond_within": "10min",
    "false_positives": WORDS,
    "min_life": "0s",
}
GAS = {
    "id": "aa-01",
    "type": "area",
    "group_by": {"zone": "chemical"},
    "measure": {"metric": "combustible_gas"},
    "at_least": {"blue": "10 %LEL"},
}
SITES = ("gd-etdz-1", "gd-etdz-2", "gd-etdz-3", "gd-etdz-4")


@pytest.fixture(scope="session")
def shipped() -> Registry:
    """The shipped city with the hundred sites of the demonstration: four detectors in the chemical area."""
    city = load_registry()
    return taking_part(city, load_storyline("first-light", city.sites))


def read(shipped: Registry, path: Path, *entries: Mapping[str, Any]) -> RuleSet:
    """Return a set of the rules, written to a file first as an author would."""
    path.write_bytes(orjson.dumps({"scenario": "fire-rescue", "rules": [{**GOVERNANCE, **one} for one in entries]}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rules.ruleset.read_registry", lambda _folder: (shipped, []))
        rules, problems = read_rules(path, path)
    assert rules is not None, [problem.line_of_report("en") for problem in problems]
    return rules


@pytest.fixture
def rules_of(shipped, tmp_path) -> Callable[..., RuleSet]:
    return lambda *entries: read(shipped, tmp_path / "rules.yaml", *entries)


@pytest.fixture
def read_area_rules(tmp_path) -> Callable[..., RuleSet]:
    """Return what reads rules over a city that is not quite the shipped one."""
    return lambda registry, *entries: read(registry, tmp_path / "rules.yaml", *entries)


@pytest.fixture(scope="module")
def rules_of_module(shipped, tmp_path_factory) -> Callable[..., RuleSet]:
    return lambda *entries: read(shipped, tmp_path_factory.mktemp("rules") / "rules.yaml", *entries)


class AreaRig:
    """Both stages, driven by minutes after 08:00, with clock records every 30 s in between."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        self.engine, self.areas = Engine(rules), AreaStage(rules.areas.plan)
        self.events: list[AlertEvent] = []
        self.now = START - TICK
        self._move(self.now)

    def _move(self, at: int, reading: Reading | None = None) -> None:
        judged = self.engine.advance(at) if reading is None else self.engine.observe(reading, at=at)
        self.events += self.areas.take(at, judged.signals, judged.events)

    def send(self, minute: float, values: Mapping[str, Mapping[str, float]]) -> None:
        """Let readings of several sites arrive at the minute."""
        self.wait(minute)
        for site, given in values.items():
            self._move(self.now, Reading(site, self.now, given))

    def gas(self, minute: float, *values: float | None) -> None:
        """Let the four gas detectors of the chemical area read these values, None for a missing reading."""
        pairs = zip(SITES, values, strict=False)
        self.send(minute, {site: {"combustible_gas": value} for site, value in pairs if value is not None})

    def wait(self, minute: float) -> None:
        """Let clock records come until the minute."""
        until = START + round(minute * MINUTE)
        while self.now + TICK <= until:
            self.now += TICK
            self._move(self.now)
        self.now = max(self.now, until)

    def restart(self, rules: RuleSet | None = None) -> list[AlertEvent]:
        """Go on with new engines from snapshots, perhaps under other rules; return what that ended."""
        self.events += self.areas.finish()
        rules = rules or self.rules
        engine, areas = Engine(rules), AreaStage(rules.areas.plan)
        engine.restore(self.engine.snapshot())
        ended = areas.restore(self.areas.snapshot(), engine.open_events)
        self.rules, self.engine, self.areas = rules, engine, areas
        self.events += ended
        return ended

    @property
    def seen(self) -> list[str]:
        """Return what was published by area rules: minute, level, state, and `no_data` where it is set."""
        self.events += self.areas.finish()
        return [
            f"{(event.observed_at - START) / MINUTE:g} {event.level} {event.state}"
            + (" no_data" if event.no_data else "")
            for event in self.events
        ]


@pytest.fixture(scope="session")
def area_rig() -> type[AreaRig]:
    """Return the class of rigs, for rules of the module."""
    return AreaRig


@pytest.fixture
def rig(rules_of) -> Callable[..., AreaRig]:
    """Return a rig of one rule over the gas detectors of the chemical area; keywords change it."""

    def made(*others: Mapping[str, Any], **fields: Any) -> AreaRig:
        given = {**GAS, **{name.removesuffix("_"): value for name, value in fields.items()}}
        return AreaRig(rules_of({name: value for name, value in given.items() if value is not None}, *others))

    return made
