"""What the engine remembers of one site: samples, silences, position, and where each of its alerts stands."""

from dataclasses import astuple, dataclass, field
from typing import Any

from citybrain.alerts import EVENTS, AlertEvent, State
from rules.lifecycle import Alert
from rules.rule import Judge
from rules.ruleset import SitePlan
from rules.series import Series

THE_SITE = ""  # The key of an alert about the site itself, beside the ids of zones.


@dataclass(slots=True)
class Listening:
    """When a series was last heard, and how many of the silences that matter have passed since."""

    heard_at: int  # On the clock of the living log (rules.engine), milliseconds.
    passed: int = 0


@dataclass(slots=True)
class Standing:
    """One judge's memory and its alerts, by zone or `THE_SITE`, with the event that was published last."""

    memory: Any
    alerts: dict[str, Alert] = field(default_factory=dict)
    events: dict[str, AlertEvent] = field(default_factory=dict)  # Of open alerts only.


@dataclass(slots=True)
class SiteState:
    """The state of one site under one plan."""

    plan: SitePlan
    series: dict[str, Series] = field(default_factory=dict)
    listening: dict[str, Listening] = field(default_factory=dict)
    standings: list[Standing] = field(default_factory=list)  # In the order of the plan's judges.
    position: tuple[float, float] | None = None
    inside: frozenset[str] = frozenset()
    position_at: int | None = None

    def dump(self) -> dict[str, Any]:
        """Return the state as plain data, keyed by rule id so that it outlives other rules."""
        return {
            "series": {key: series.dump() for key, series in sorted(self.series.items())},
            "heard": {key: [one.heard_at, one.passed] for key, one in sorted(self.listening.items())},
            "position": [self.position, self.position_at],
            "rules": {
                judge.rule.id: _dump_standing(judge, standing)
                for judge, standing in zip(self.plan.judges, self.standings, strict=True)
            },
        }


def new_state(plan: SitePlan) -> SiteState:
    """Return the state of a site that has not been heard yet."""
    return SiteState(plan, standings=[Standing(judge.new_memory()) for judge in plan.judges])


def load_state(plan: SitePlan, data: dict[str, Any], *, late_max: int) -> tuple[SiteState, list[AlertEvent]]:
    """Return the state that `dump` wrote, under a plan that may have changed, and the events of orphaned alerts.

    An alert whose rule is still in the plan lives on. The memory of a rule that decides differently now starts anew.
    """
    state = new_state(plan)
    for key, dumped in data["series"].items():
        state.series[key] = new_series(plan, key, late_max=late_max)
        state.series[key].load(dumped)
    state.listening = {key: Listening(*dumped) for key, dumped in data["heard"].items()}
    position, state.position_at = data["position"]
    state.position = tuple(position) if position is not None else None
    places = {judge.rule.id: place for place, judge in enumerate(plan.judges)}
    orphans: list[AlertEvent] = []
    for rule_id, dumped in data["rules"].items():
        place = places.get(rule_id)
        standing = _load_standing(plan.judges[place] if place is not None else None, dumped)
        if place is None:
            orphans += standing.events.values()
        else:
            state.standings[place] = standing
    return state, orphans


def new_series(plan: SitePlan, key: str, *, late_max: int) -> Series:
    """Return an empty series that holds what the plan's windows, and late readings, may ask for."""
    reach = plan.reach.get(key)
    return Series(keep=0 if reach is None else reach + late_max, late_max=late_max)


def _dump_standing(judge: Judge, standing: Standing) -> list[Any]:
    alerts = {
        key: [*astuple(alert)[1:], alert.state.value if alert.state is not None else None]
        for key, alert in sorted(standing.alerts.items())
    }
    events = {
        key: EVENTS.dump_python(event, mode="json", by_alias=True) for key, event in sorted(standing.events.items())
    }
    return [judge.rule.fingerprint, judge.dump(standing.memory), alerts, events]


def _load_standing(judge: Judge | None, dumped: list[Any]) -> Standing:
    fingerprint, memory, alerts, events = dumped
    is_same = judge is not None and judge.rule.fingerprint == fingerprint
    standing = Standing(judge.load(memory) if judge is not None and is_same else judge and judge.new_memory())
    for key, [rank, identifier, sequence, onset, fired_at, no_data, leaving, clearing, state] in alerts.items():
        standing.alerts[key] = Alert(
            State(state) if state else None,
            rank,
            identifier,
            sequence,
            onset,
            fired_at,
            no_data,
            tuple(leaving),
            clearing,
        )
    standing.events = {key: EVENTS.validate_python(event) for key, event in events.items()}
    return standing
