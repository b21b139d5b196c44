"""The engine of the area stage: signals of sites and events of alerts in, alert events out, in event time.

It moves by the same clock, publishes through the same code and forgets as little as the engine of the site stage.
What it is given must come in the order of `at`; `rules.areas.stage` sees to that.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from citybrain.alerts import AlertEvent
from citybrain.model import Reset, Status
from rules.areas.judge import member_key
from rules.areas.plan import AreaPlan
from rules.areas.records import pruned, record_of
from rules.areas.state import GroupState, new_group
from rules.deadlines import LogClock, Silence
from rules.explain import ended
from rules.publishing import THE_SITE, Publisher, When
from rules.rule import Heard
from rules.signals import Signal
from rules.site_state import dump_standing, last_events, load_standing

Input = Signal | AlertEvent
DELAY_PERIODS_MAX = 2  # What the way to us may take from the time that a silence is allowed.


class AreaEngine:
    """Judges the rules of one order over their groups. Not thread-safe; free of side effects."""

    def __init__(self, plan: AreaPlan, order: int, *, status: Status = Status.ACTUAL, drill: str | None = None) -> None:
        self._plan = plan
        self._order = order
        self._clock = LogClock()
        self._publisher = Publisher(plan.registry, plan.catalog, self._clock, status=status, drill=drill)
        self._groups: dict[str, GroupState] = {}

    @property
    def open_alerts(self) -> int:
        """Return how many alerts are open."""
        return sum(len(state.standing.events) for state in self._groups.values())

    def move_quietly(self, at: int) -> bool:
        """Move to a time if nothing falls due on the way; tell whether it has."""
        return self._clock.move_quietly(at)

    def advance(self, at: int) -> list[AlertEvent]:
        """Judge nothing but the time."""
        events: list[AlertEvent] = []
        for due in self._clock.move_to(at):
            state = self._groups[due.site]
            if isinstance(due, Silence):
                self._fall_silent(state, due, events)
            elif state.standing.wake_at == due.at:
                state.newest_at = max(state.newest_at, due.at)
                self._publisher.wake(state, state.standing, When(state.newest_at, due.at), events)
        return events

    def judge(self, inputs: Iterable[Input], *, instant: int, at: int) -> list[AlertEvent]:
        """Take in what came of one instant in one moment of the log, then judge every group that it concerns, once.

        Judged one by one, the first of many sites that speak at the same time would be taken for all of them.
        """
        events = self.advance(at)
        touched: dict[str, GroupState] = {}
        for one in inputs:
            states = self._take_signal(one) if isinstance(one, Signal) else self._take_event(one)
            touched.update((state.id, state) for state in states)
        for _, state in sorted(touched.items()):
            self._judge(state, When(max(state.newest_at, instant), at), events)
        return events

    def reset(self, order: Reset, *, at: int) -> list[AlertEvent]:
        """Let a latched alert go, as a person ordered at `at`; nothing comes of it while its condition holds."""
        events = self.advance(at)
        state = self._groups.get(f"{order.rule}/{order.subject}")
        if state is not None:
            self._publisher.reset(state, state.standing, When(state.newest_at, at), THE_SITE, events)
        return events

    def _take_signal(self, signal: Signal) -> Iterator[GroupState]:
        """Take in what a site tells one rule; yield the groups that listen."""
        for plan in self._plan.groups_of(signal.rule, signal.site, self._order):
            state = self._state(plan.id)
            for place, found in enumerate(signal.measured):
                if found is None or signal.site not in plan.members[place]:
                    continue
                before = state.values[place].get(signal.site)
                state.values[place][signal.site] = found
                if before is None or found.newest_at > before.newest_at:
                    self._hear(state, member_key(place, signal.site), signal)
            yield state

    def _take_event(self, event: AlertEvent) -> Iterator[GroupState]:
        """Take in what has become of an alert of another rule; yield the groups that it belongs to."""
        for plan, places in self._plan.groups_about(event, self._order):
            state = self._state(plan.id)
            for place in places:
                records = state.records[place]
                if event.identifier not in records:
                    records[event.identifier] = record_of(event, self._plan.hazards[event.rule.id])
                records[event.identifier].take_in(event)
                pruned(records, event.observed_at, keep=plan.keep)
            yield state

    def dump(self) -> dict[str, Any]:
        """Return the whole state as plain data."""
        return {
            "at": self._clock.at,
            "living": self._clock.living,
            "groups": {
                key: {**state.dump(), "standing": dump_standing(state.standing)}
                for key, state in sorted(self._groups.items())
            },
        }

    def load(self, data: dict[str, Any]) -> list[AlertEvent]:
        """Take over what `dump` wrote; return the events that clear the alerts of what is gone."""
        self._clock.restore(data["at"], data["living"])
        self._groups = {}
        orphans: list[AlertEvent] = []
        for key, dumped in data["groups"].items():
            if key in self._plan.plans:
                orphans += self._load_group(self._state(key), dumped)
            else:
                orphans += last_events(dumped["standing"])
        return [ended(event, catalog=self._plan.catalog, at=data["at"] or 0) for event in orphans]

    def _load_group(self, state: GroupState, dumped: dict[str, Any]) -> list[AlertEvent]:
        orphans = load_standing(state.standing, dumped["standing"])
        if state.standing.judge.rule.fingerprint == dumped["standing"][0]:
            state.load(dumped)
        for key in state.heard:
            self._schedule(state, key)
        self._publisher.resume(state, state.standing, self._clock.at or 0)
        return orphans

    def _state(self, key: str) -> GroupState:
        state = self._groups.get(key)
        if state is None:
            state = self._groups[key] = new_group(self._plan.plans[key], self._clock)
        return state

    def _judge(self, state: GroupState, when: When, events: list[AlertEvent]) -> None:
        state.newest_at = max(state.newest_at, when.instant)
        self._publisher.judge(state, state.standing, when, events)

    def _hear(self, state: GroupState, key: str, signal: Signal) -> None:
        if key not in state.plan.judge.silent_after:
            return
        delay = min(max(signal.at - signal.instant, 0), DELAY_PERIODS_MAX * state.plan.periods[signal.site])
        heard = state.heard.get(key)
        if heard is None:
            heard = state.heard[key] = Heard(self._clock.living - delay)
        else:
            heard.at, heard.passed = self._clock.living - delay, 0
        if heard.due is None or heard.at + state.plan.judge.silent_after[key] < heard.due:
            self._schedule(state, key)

    def _schedule(self, state: GroupState, key: str) -> None:
        self._clock.schedule_silence(state.id, key, state.heard[key], (state.plan.judge.silent_after[key],))

    def _fall_silent(self, state: GroupState, due: Silence, events: list[AlertEvent]) -> None:
        heard = state.heard[due.series]
        if heard.due != due.due:
            return
        if heard.at + state.plan.judge.silent_after[due.series] > due.due:
            self._schedule(state, due.series)
            return
        heard.passed, heard.due = 1, None
        if state.standing.judge.is_blind(state):
            self._publisher.mark_silent(state, state.standing, When(due.at, due.at), events)


def orphaned(data: dict[str, Any], catalog: str) -> list[AlertEvent]:
    """Return the events that clear all alerts of a dumped engine whose rules are gone."""
    events = [event for dumped in data["groups"].values() for event in last_events(dumped["standing"])]
    return [ended(event, catalog=catalog, at=data["at"] or 0) for event in events]
