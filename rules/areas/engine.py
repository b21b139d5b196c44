"""The engine of the area stage: signals of sites and events of alerts in, alert events out, in event time.

It moves by the same clock, publishes through the same code and forgets as little as the engine of the site stage.
What it is given must come in the order of `at`; `rules.areas.stage` sees to that.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from citybrain.alerts import AlertEvent
from citybrain.model import Reset, Status
from rules.areas.judge import AreaJudge
from rules.areas.measure import member_key
from rules.areas.plan import AreaPlan
from rules.areas.records import pruned, record_of
from rules.areas.state import GroupState, new_group
from rules.deadlines import DELAY_PERIODS_MAX, LogClock, Silence
from rules.explain import ended
from rules.measures import Measured
from rules.publishing import THE_SITE, Publisher, When
from rules.rule import Heard
from rules.signals import Signal
from rules.site_state import dump_standing, load_standing

Input = Signal | AlertEvent


class _Ear(NamedTuple):
    """A measure of a group that takes what a site says."""

    place: int
    key: str  # Of the silence of the site for the measure.
    silent_after: int | None  # Milliseconds; None: it says so when it does not know.


class _Listener(NamedTuple):
    """A group that listens to a site."""

    state: GroupState
    judge: AreaJudge
    ears: tuple[_Ear, ...]
    delay_max: int  # What the way to us may take of a silence, milliseconds.


class AreaEngine:
    """Judges the rules of one order over their groups. Not thread-safe; free of side effects."""

    def __init__(
        self,
        plan: AreaPlan,
        order: int,
        *,
        status: Status = Status.ACTUAL,
        drill: str | None = None,
        on_failure: Callable[[str, int], None] | None = None,
    ) -> None:
        """Begin. `on_failure` hears of a group whose judging raised, and when; without it the error is raised."""
        self._on_failure = on_failure
        self._plan = plan
        self._order = order
        self._clock = LogClock()
        self._publisher = Publisher(plan.registry, plan.catalog, self._clock, status=status, drill=drill)
        self._groups: dict[str, GroupState] = {}
        self._listeners: dict[tuple[str, str], list[_Listener]] = {}  # By rule and site, on first sight.

    @property
    def open_alerts(self) -> int:
        """Return how many alerts are open, those of rules on trial left out."""
        return sum(not event.trial for event in self.open_events)

    @property
    def open_events(self) -> list[AlertEvent]:
        """Return the last event of every open alert."""
        return [event for state in self._groups.values() for event in state.standing.events.values()]

    def move_quietly(self, at: int) -> bool:
        """Move to a time if nothing falls due on the way; tell whether it has."""
        return self._clock.move_quietly(at)

    def advance(self, at: int) -> list[AlertEvent]:
        """Judge nothing but the time."""
        events: list[AlertEvent] = []
        if self._clock.move_quietly(at):
            return events
        for due in self._clock.move_to(at):
            state = self._groups[due.site]
            try:
                if isinstance(due, Silence):
                    self._fall_silent(state, due, events)
                elif state.standing.wake_at == due.at:
                    state.newest_at = max(state.newest_at, due.at)
                    self._publisher.wake(state, state.standing, When(state.newest_at, due.at), events)
            except Exception:  # Whatever it is: the other rules are judged all the same.
                self._contain(state.id, due.at)
        return events

    def judge(self, inputs: Iterable[Input], *, instant: int, at: int) -> list[AlertEvent]:
        """Take in what came of one instant in one moment of the log, then judge every group that it concerns, once.

        Judged one by one, the first of many sites that speak at the same time would be taken for all of them.
        """
        events = self.advance(at)
        touched: dict[str, GroupState] = {}
        for one in inputs:
            try:
                if isinstance(one, Signal):
                    self._take_signal(one, touched)
                else:
                    touched.update((state.id, state) for state in self._take_event(one))
            except Exception:  # Whatever it is: the other rules are judged all the same.
                self._contain(one.rule if isinstance(one, Signal) else one.rule.id, at)
        for _, state in sorted(touched.items()):
            try:
                self._judge(state, When(max(state.newest_at, instant), at), events)
            except Exception:  # Whatever it is: the other rules are judged all the same.
                self._contain(state.id, at)
        return events

    def _contain(self, name: str, at: int) -> None:
        """Let the fault of one rule, or of one rule at one group, stop no other; called where it is handled."""
        if self._on_failure is None:
            raise  # noqa: PLE0704  # Whoever calls this handles an exception.
        self._on_failure(name, at)

    def reset(self, order: Reset, *, at: int) -> list[AlertEvent]:
        """Let a latched alert go, as a person ordered at `at`; nothing comes of it while its condition holds."""
        events = self.advance(at)
        state = self._groups.get(f"{order.rule}/{order.subject}")
        if state is not None:
            self._publisher.reset(state, state.standing, When(state.newest_at, at), THE_SITE, events)
        return events

    def _take_signal(self, signal: Signal, touched: dict[str, GroupState]) -> None:
        """Take in what a site tells one rule; add the groups that listen and may be otherwise now."""
        listeners = self._listeners.get((signal.rule, signal.site))
        if listeners is None:
            listeners = self._listeners[signal.rule, signal.site] = self._listeners_of(signal.rule, signal.site)
        for state, judge, ears, delay_max in listeners:
            if state.standing.events or judge.is_stirred(state.standing.memory, signal):
                touched[state.id] = state
            for ear in ears:
                found = signal.measured[ear.place]
                if found is not None and _take_value(state, ear, found, signal.site) and ear.silent_after is not None:
                    delay = min(max(signal.at - signal.instant, 0), delay_max)
                    self._hear(state, ear.key, self._clock.living - delay, ear.silent_after)
            state.newest_at = max(state.newest_at, signal.instant)

    def _listeners_of(self, rule_id: str, site: str) -> list[_Listener]:
        found = []
        for plan in self._plan.groups_of(rule_id, site, self._order):
            assert isinstance(plan.judge, AreaJudge), "only area rules listen to sites"
            keys = {place: member_key(place, site) for place, members in enumerate(plan.members) if site in members}
            ears = tuple(_Ear(place, key, plan.judge.silent_after.get(key)) for place, key in keys.items())
            found.append(_Listener(self._state(plan.id), plan.judge, ears, DELAY_PERIODS_MAX * plan.periods[site]))
        return found

    def _take_event(self, event: AlertEvent) -> Iterator[GroupState]:
        """Take in what has become of an alert of another rule; yield the groups that it belongs to."""
        for plan, places in self._plan.groups_about(event, self._order):
            state = self._state(plan.id)
            for place in places:
                records = state.records[place]
                records.setdefault(event.identifier, record_of(event, self._plan.hazards[event.rule.id])).take_in(event)
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
        """Take over what `dump` wrote; return the events that clear the alerts of zones that are gone."""
        self._clock.restore(data["at"], data["living"])
        self._groups, self._listeners = {}, {}
        orphans: list[AlertEvent] = []
        for key, dumped in data["groups"].items():
            orphans += self._load_group(self._state(key), dumped)
        return [ended(event, catalog=self._plan.catalog, at=data["at"] or 0) for event in orphans]

    def _load_group(self, state: GroupState, dumped: dict[str, Any]) -> list[AlertEvent]:
        orphans = load_standing(state.standing, dumped["standing"])
        state.load(dumped)
        for key in state.heard:
            self._schedule(state, key)
        if state.standing.judge.rule.fingerprint == dumped["standing"][0]:
            self._publisher.resume(state, state.standing, self._clock.at or 0)
        else:
            self._judge_at_once(state)
        return orphans

    def reconcile(self, open_events: Iterable[AlertEvent]) -> None:
        """Make the records agree with the alerts that are open after a restore, under rules that may be others."""
        known = {event.identifier: event for event in open_events}
        for state in self._groups.values():
            for records in state.records:
                gone = [record for key, record in records.items() if record.rank and key not in known]
                for record in gone:
                    record.close(self._clock.at or 0)
                    self._judge_at_once(state)
        for event in known.values():
            for plan, places in self._plan.groups_about(event, self._order):
                state = self._state(plan.id)
                for place in places:
                    if event.identifier not in state.records[place]:
                        record = record_of(event, self._plan.hazards[event.rule.id])
                        record.take_in(event)
                        state.records[place][event.identifier] = record
                        self._judge_at_once(state)

    def _judge_at_once(self, state: GroupState) -> None:
        """Judge a group again when time moves, if it may be otherwise although nothing comes."""
        if state.standing.judge.has_wakes and self._clock.at is not None:
            state.standing.wake_at = self._clock.at
            self._clock.schedule_wake(state.id, 0, self._clock.at)

    def _state(self, key: str) -> GroupState:
        state = self._groups.get(key)
        if state is None:
            state = self._groups[key] = new_group(self._plan.plans[key], self._clock)
        return state

    def _judge(self, state: GroupState, when: When, events: list[AlertEvent]) -> None:
        state.newest_at = max(state.newest_at, when.instant)
        self._publisher.judge(state, state.standing, when, events)

    def _hear(self, state: GroupState, key: str, heard_at: int, silent_after: int) -> None:
        heard = state.heard.get(key)
        if heard is None:
            heard = state.heard[key] = Heard(heard_at)
        else:
            heard.at, heard.passed = heard_at, 0
        if heard.due is None or heard_at + silent_after < heard.due:
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


def _take_value(state: GroupState, ear: _Ear, found: Measured, site: str) -> bool:
    """Take in what a site says of one measure; tell whether it is newer than what it said last.

    What it said last is kept while it does not know.
    """
    if found.value is None:
        state.mute[ear.place].add(site)
        return False
    values = state.values[ear.place]
    before = values.get(site)
    values[site] = found
    state.mute[ear.place].discard(site)
    return before is None or found.newest_at > before.newest_at
