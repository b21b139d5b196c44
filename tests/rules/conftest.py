"""One small city (tests/data/rules/city), rules written as dictionaries, and a rig that drives an engine by minutes."""

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from citybrain.alerts import AlertEvent
from citybrain.instants import MINUTE, SECOND, parse_instant
from citybrain.model import Reading, Rejection, Status
from citybrain.registry import Registry, load_registry
from rules.engine import Engine, Judgement
from rules.ruleset import RuleSet, read_rules

DATA = Path(__file__).parents[1] / "data" / "rules"
START = parse_instant("2026-06-20T08:00:00+08:00")
TICK = 30 * SECOND
WORDS = {"zh": "某", "en": "Something."}
GOVERNANCE = {
    "name": WORDS,
    "hazard": "flood",
    "source": ["a test [E]"],
    "cause": WORDS,
    "consequence": WORDS,
    "action": WORDS,
    "respond_within": "10min",
    "false_positives": WORDS,
}


def rule(**fields: Any) -> dict[str, Any]:
    """Return a threshold rule on the stage of gauge A; `for_` stands for `for`, None takes a default away."""
    given = {
        "id": "aa-01",
        "type": "threshold",
        "where": {"site": ["hs-a"]},
        "min_life": "0s",
        **GOVERNANCE,
        **{name.removesuffix("_"): value for name, value in fields.items()},
    }
    if given["type"] == "threshold" and "limits" not in given:
        given.setdefault("measure", {"metric": "stage"})
        if not given.keys() & {"at_least", "above", "at_most", "below", "outside"}:
            given["at_least"] = {"blue": "4 m"}
    return {name: value for name, value in given.items() if value is not None}


def read_set(registry: Registry, path: Path) -> tuple[RuleSet | None, list[Any]]:
    """Read a rule file over a registry that is there already: reading the catalog each time would cost seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rules.ruleset.read_registry", lambda _folder: (registry, []))
        return read_rules(path, DATA / "city")


class Rig:
    """An engine that is driven by minutes after 08:00, with clock records every 30 s in between."""

    start = START

    def __init__(self, rules: RuleSet, **options: Any) -> None:
        self.engine = Engine(rules, **options)
        self.events: list[AlertEvent] = []
        self.rejections: list[Rejection] = []
        self.now = START - TICK
        self.engine.advance(self.now)

    def send(
        self,
        minute: float,
        values: Mapping[str, float] | float,
        *,
        site: str = "hs-a",
        observed: float | None = None,
        flags: Mapping[str, str] | None = None,
        position: tuple[float, float] | None = None,
    ) -> Judgement:
        """Let a reading arrive at the minute, observed then or at the minute `observed`; a bare number is a stage."""
        self.wait(minute)
        instant = START + round((minute if observed is None else observed) * MINUTE)
        given = values if isinstance(values, Mapping) else {"stage": values}
        judged = self.engine.observe(Reading(site, instant, given, flags, position), at=self.now)
        self._keep(judged)
        return judged

    def series(self, values: str, *, start: float = 0, every: float = 5, **options: Any) -> None:
        """Send stages `1 4*3 _ 1`, one every 5 minutes; `_` is a missing one."""
        minutes = count(start, every)
        for word in values.split():
            value, _, times = word.partition("*")
            for _ in range(int(times or 1)):
                minute = next(minutes)
                if value == "_":
                    self.wait(minute)
                else:
                    self.send(minute, float(value), **options)

    def wait(self, minute: float) -> None:
        """Let clock records come until the minute."""
        until = START + round(minute * MINUTE)
        while self.now + TICK <= until:
            self.now += TICK
            self._keep(self.engine.advance(self.now))
        self.now = max(self.now, until)

    def skip(self, minute: float) -> None:
        """Let the log be silent until the minute."""
        self.now = START + round(minute * MINUTE)
        self._keep(self.engine.advance(self.now))

    def restart(self, rules: RuleSet | None = None, **options: Any) -> Judgement:
        """Go on with a new engine from a snapshot, perhaps under other rules."""
        snapshot = self.engine.snapshot()
        self.engine = Engine(rules or self.engine._rules, **options)
        judged = self.engine.restore(snapshot)
        self._keep(judged)
        return judged

    @property
    def seen(self) -> list[str]:
        """Return the events as `minute level state`, with `no_data` where it is marked."""
        return [told(event) for event in self.events]

    @property
    def refused(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return the rejections as reason and metrics."""
        return [(one.reason.value, one.metrics) for one in self.rejections]

    def _keep(self, judged: Judgement) -> None:
        self.events += judged.events
        self.rejections += judged.rejections


def told(event: AlertEvent) -> str:
    mark = " no_data" if event.no_data else ""
    return f"{(event.observed_at - START) / MINUTE:g} {event.level.value} {event.state.value}{mark}"


@pytest.fixture(scope="session")
def city() -> Registry:
    return load_registry(DATA / "city")


@pytest.fixture(scope="session")
def rules_of(city: Registry, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RuleSet]:
    folder, numbers = tmp_path_factory.mktemp("rules"), count()

    def make(*written: dict[str, Any], registry: Registry = city, scenario: str = "flood-drought-command") -> RuleSet:
        path = folder / f"{next(numbers)}.yaml"
        # JSON is YAML too.
        path.write_text(json.dumps({"scenario": scenario, "rules": list(written)}, ensure_ascii=False), "utf-8")
        rules, problems = read_set(registry, path)
        assert rules is not None, "\n".join(problem.line_of_report("en") for problem in problems)
        return rules

    return make


@pytest.fixture(scope="session", name="rule")
def rule_fixture() -> Callable[..., dict[str, Any]]:
    return rule


@pytest.fixture
def rig(rules_of: Callable[..., RuleSet]) -> Callable[..., Rig]:
    """Return what makes a rig under rules: fields of one rule, or whole rules."""

    def make(
        *written: dict[str, Any],
        status: Status = Status.ACTUAL,
        drill: str | None = None,
        expects: Iterable[str] = (),
        **fields: Any,
    ) -> Rig:
        rules: Iterable[dict[str, Any]] = written or (rule(**fields),)
        return Rig(rules_of(*rules), status=status, drill=drill, expects=expects)

    return make


@pytest.fixture(scope="session", name="Rig")
def rig_class() -> type[Rig]:
    return Rig


@pytest.fixture(scope="session", name="read_set")
def read_set_fixture() -> Callable[..., Any]:
    return read_set
