"""What the engine remembers of one site: samples, silences, position, and where each of its alerts stands."""

from dataclasses import astuple, dataclass, field
from typing import Any

from citybrain.alerts import EVENTS, AlertEvent, State, Subject
from citybrain.model import Scenario
from citybrain.registry import Registry
from rules.deadlines import LogClock
from rules.explain import subject_of
from rules.lifecycle import Alert
from rules.publishing import THE_SITE, Standing
from rules.rule import Heard
from rules.ruleset import SitePlan
from rules.series import Series


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the values of one metric of a site go, and what is plausible; made once, used by every reading."""

    least: float
    greatest: float
    unit: str
    by_flag: dict[str, tuple[tuple[str, Series], ...]]  # Flag -> the series, with their keys, that take such a value.


@dataclass(slots=True)
class SiteState:
    """The state of one site under one plan."""

    plan: SitePlan
    clock: LogClock
    series: dict[str, Series] = field(default_factory=dict)
    heard: dict[str, Heard] = field(default_factory=dict)
    standings: list[Standing] = field(default_factory=list)  # In the order of the plan's judges.
    position: tuple[float, float] | None = None
    position_at: int | None = None
    inside: frozenset[str] = frozenset()
    shelves: dict[str, Shelf] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return the id of the site."""
        return self.plan.site.id

    @property
    def county(self) -> str:
        """Return the adcode of the site's county."""
        return self.plan.site.county

    def subject(self, zone: str | None, registry: Registry) -> Subject:
        """Return what an alert is about: the site, or the site as an asset in a zone."""
        return subject_of(self.plan.site, self.position or self.plan.site.position, zone, registry)

    def zones_of(self, zone: str | None) -> tuple[str, ...]:
        """Return the zones that an alert names."""
        return (zone,) if zone is not None else self.plan.zones

    def also_in(self, rule_id: str) -> tuple[Scenario, ...]:
        """Return the further scenarios that the events of a rule belong to here."""
        return self.plan.also_in[rule_id]

    def silence(self, key: str) -> int:
        """Return how long a series has been silent, milliseconds of a living log; 0 if it was never heard."""
        heard = self.heard.get(key)
        return self.clock.living - heard.at if heard is not None else 0

    def dump(self) -> dict[str, Any]:
        """Return the state as plain data, keyed by rule so that it outlives other rules."""
        return {
            "series": {key: series.dump() for key, series in sorted(self.series.items())},
            "heard": {key: [one.at, one.passed] for key, one in sorted(self.heard.items())},
            "position": [self.position, self.position_at],
            "rules": {standing.judge.rule.key: _dump_standing(standing) for standing in self.standings},
        }


def new_state(plan: SitePlan, clock: LogClock) -> SiteState:
    """Return the state of a site that has not been heard yet."""
    standings = [Standing(judge, place, judge.new_memory()) for place, judge in enumerate(plan.judges)]
    return SiteState(plan, clock, standings=standings)


def load_state(
    plan: SitePlan, clock: LogClock, data: dict[str, Any], *, is_same_catalog: bool
) -> tuple[SiteState, list[AlertEvent]]:
    """Return the state that `dump` wrote, under a plan that may have changed, and the last events of orphaned alerts.

    An alert whose rule and zone are still there lives on. The memory of a rule that decides differently now starts
    anew, and so do the deadlines of a silence that goes on.
    """
    state = new_state(plan, clock)
    for key, dumped in data["series"].items():
        state.series[key] = new_series(plan, key)
        state.series[key].load(dumped)
    for key, (at, passed) in data["heard"].items():
        state.heard[key] = Heard(at, passed if is_same_catalog else 0)
    position, state.position_at = data["position"]
    state.position = tuple(position) if position is not None else None
    places = {judge.rule.key: place for place, judge in enumerate(plan.judges)}
    orphans: list[AlertEvent] = []
    for key, dumped in data["rules"].items():
        if key in places:
            orphans += _load_standing(state.standings[places[key]], dumped)
        else:
            orphans += last_events(dumped)
    return state, orphans


def last_events(dumped: list[Any]) -> list[AlertEvent]:
    """Return the last event of every open alert in a dumped standing."""
    events: dict[str, Any] = dumped[3]
    return [EVENTS.validate_python(event) for event in events.values()]


def new_series(plan: SitePlan, key: str) -> Series:
    """Return an empty series that holds what the plan's windows, and late readings, may ask for."""
    reach = plan.reach.get(key)
    return Series(keep=0 if reach is None else reach + plan.late_max, late_max=plan.late_max)


def _dump_standing(standing: Standing) -> list[Any]:
    alerts = {
        key: [*astuple(alert)[1:], alert.state.value if alert.state is not None else None]
        for key, alert in sorted(standing.alerts.items())
    }
    events = {
        key: EVENTS.dump_python(event, mode="json", by_alias=True) for key, event in sorted(standing.events.items())
    }
    memory = standing.judge.dump(standing.memory)
    return [standing.judge.rule.fingerprint, memory, alerts, events, standing.wake_at]


def _load_standing(standing: Standing, dumped: list[Any]) -> list[AlertEvent]:
    """Fill a standing with what was dumped; return the last events of alerts whose zone is gone."""
    fingerprint, memory, alerts, events, wake_at = dumped
    judge = standing.judge
    lost = [key for key in events if key != THE_SITE and key not in judge.zones]
    kept = [key for key in alerts if key == THE_SITE or key in judge.zones]
    if judge.rule.fingerprint == fingerprint:
        standing.memory, standing.wake_at = judge.load(memory), wake_at
    else:
        standing.memory = judge.new_memory([key for key in events if key in kept])
    for key in kept:
        standing.alerts[key] = _load_alert(alerts[key])
    standing.events = {key: EVENTS.validate_python(events[key]) for key in events if key in kept}
    return [EVENTS.validate_python(events[key]) for key in lost]


def _load_alert(dumped: list[Any]) -> Alert:
    rank, identifier, sequence, onset, fired_at, no_data, leaving, clearing, state = dumped
    return Alert(
        State(state) if state else None, rank, identifier, sequence, onset, fired_at, no_data, tuple(leaving), clearing
    )
