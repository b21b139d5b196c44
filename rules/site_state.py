"""What the engine remembers of one site: samples, silences, position, and where each of its alerts stands."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from citybrain.alerts import EVENTS, AlertEvent, State, Subject
from citybrain.registry import Registry
from rules.deadlines import LogClock
from rules.explain import subject_of
from rules.flapping import Flapping
from rules.lifecycle import Alert
from rules.measures import Measure
from rules.measuring import Histories, dump_histories, load_histories
from rules.publishing import NO_SPANS, THE_SITE, Standing
from rules.reorder import Hold
from rules.route import ALL, NOWHERE, Route
from rules.rule import Heard, Ties
from rules.series import Series
from rules.site_plan import SitePlan
from rules.threshold import ThresholdJudge


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
    pasts: list[Histories] = field(default_factory=list)  # In the order of the plan's senders.
    told_silent: bool | None = None  # What the area stage was told last; None: nothing.
    hold: Hold | None = None  # Only where readings are put in order.
    # The judges that do not rest, as bits, and until when the others do; no part of what is kept: at worst one is asked
    # once too often.
    awake: int = ALL
    rests_until: float = math.inf
    tell_at: int | None = None  # When the area stage is told again although nothing came, on the log's own time.
    told_at: int | None = None  # When that was done last.

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

    def ties(self, rule_id: str) -> Ties:
        """Return what the events of a rule are tied to here."""
        return self.plan.ties[rule_id]

    def hear(self, key: str, heard_at: int) -> Route:
        """Note that a series was heard, if its silence makes a difference; return whom it concerns.

        The newest observation counts, however late it came. `heard_at` is a time of the living log.
        """
        route = self.plan.routes.get(key, NOWHERE)
        if route.silence is None:
            return route
        heard = self.heard.get(key)
        if heard is None:
            heard = self.heard[key] = Heard(heard_at)
        else:
            heard.at, heard.passed, heard.ever = heard_at, 0, True
        # A deadline that is scheduled too early is put off when it comes; one that is too late must come earlier.
        if heard.due is None or heard_at + route.silence < heard.due:
            self.schedule(key)
        return route

    def schedule(self, key: str) -> None:
        """Set the next deadline of a series that was heard, or is waited for."""
        self.clock.schedule_silence(self.id, key, self.heard[key], self.plan.silences.get(key, ()))

    def silence(self, key: str) -> int:
        """Return how long a series has been silent, milliseconds of a living log; 0 if nobody waits for it."""
        heard = self.heard.get(key)
        return self.clock.living - heard.at if heard is not None else 0

    def lost_for(self, key: str) -> int:
        """Return how long a series that was heard once has been silent; 0 if it never was."""
        heard = self.heard.get(key)
        return self.clock.living - heard.at if heard is not None and heard.ever else 0

    def is_telling(self, key: str, instant: int) -> bool:
        """Tell whether the newest value of a computed series counts as heard.

        It is whole, or bad enough for a limit all the same. The worst of what is left may be good because the bad one
        is missing.
        """
        judges = (self.standings[place].judge for place in self.plan.by_series.get(key, ()))
        return instant not in self.series[key].in_part or any(
            isinstance(judge, ThresholdJudge) and judge.may_be_met(self, key, instant) for judge in judges
        )

    def dump(self) -> dict[str, Any]:
        """Return the state as plain data, keyed by rule so that it outlives other rules.

        A site that is only waited for is no more than that: thousands of them must not make a snapshot large.
        """
        heard = {key: [one.at, one.passed, one.ever] for key, one in sorted(self.heard.items())}
        if self._is_untouched:
            return {"heard": heard}
        return {
            "series": {key: series.dump() for key, series in sorted(self.series.items())},
            "heard": heard,
            "position": [self.position, self.position_at],
            "told_silent": self.told_silent,
            "rules": {standing.judge.rule.key: dump_standing(standing) for standing in self.standings},
            **self._dumped_pasts(),
            **({"held": self.hold.dump()} if self.hold is not None and self.hold.readings else {}),
            **({"telling": [self.tell_at, self.told_at]} if self.tell_at or self.told_at else {}),
        }

    def _dumped_pasts(self) -> dict[str, Any]:
        """Return what is remembered of its measures' own past, by rule; nothing where nothing is."""
        dumped = {rule: dump_histories(measures, past) for rule, measures, past in self.all_pasts()}
        return {"pasts": dumped} if dumped else {}

    def all_pasts(self) -> Iterator[tuple[str, Sequence[Measure | None], Histories]]:
        """Yield the histories of each rule that has any, with its measures."""
        for standing in self.standings:
            if isinstance(standing.judge, ThresholdJudge) and standing.memory.histories:
                yield standing.judge.rule.key, standing.judge.measures, standing.memory.histories
        for sender, past in zip(self.plan.senders, self.pasts, strict=True):
            if past:
                yield sender.rule, sender.measures, past

    @property
    def _is_untouched(self) -> bool:
        """Tell whether nothing ever came and no alert was raised."""
        is_holding = self.hold is not None and self.hold.readings
        is_told = self.told_silent is not None
        return not (self.series or self.position or is_holding or is_told or any(one.alerts for one in self.standings))


def new_state(plan: SitePlan, clock: LogClock) -> SiteState:
    """Return the state of a site that has not been heard yet."""
    standings = [
        Standing(judge, place, judge.new_memory(), spans=plan.spans.get(place, NO_SPANS))
        for place, judge in enumerate(plan.judges)
    ]
    hold = Hold(plan.reorder_for) if plan.reorder_for else None
    pasts = [sender.new_memory() for sender in plan.senders]
    return SiteState(plan, clock, standings=standings, pasts=pasts, hold=hold)


def load_state(
    plan: SitePlan, clock: LogClock, data: dict[str, Any], *, is_same_catalog: bool
) -> tuple[SiteState, list[AlertEvent]]:
    """Return the state that `dump` wrote, under a plan that may have changed, and the last events of orphaned alerts.

    An alert whose rule and zone are still there lives on. The memory of a rule that decides differently now starts
    anew, and so do the deadlines of a silence that goes on; what was measured in the past stays as it was.
    """
    state = new_state(plan, clock)
    for key, (at, passed, ever) in data["heard"].items():
        state.heard[key] = Heard(at, passed if is_same_catalog else 0, ever=ever)
    if data.keys() == {"heard"}:
        return state, []
    for key, dumped in data["series"].items():
        state.series[key] = new_series(plan, key)
        state.series[key].load(dumped)
    if "held" in data:
        state.hold = Hold(plan.reorder_for)
        state.hold.load(data["held"])
    position, state.position_at = data["position"]
    state.position = tuple(position) if position is not None else None
    state.told_silent = data["told_silent"] if is_same_catalog else None
    state.tell_at, state.told_at = data.get("telling", (None, None))
    if not is_same_catalog and any(sender.has_wakes for sender in plan.senders):
        state.tell_at, state.told_at = (
            clock.at,
            None,
        )  # As with judges: a rule may be new, and a full car park say nothing for hours.
    places = {judge.rule.key: place for place, judge in enumerate(plan.judges)}
    orphans: list[AlertEvent] = []
    for key, dumped in data["rules"].items():
        if key in places:
            orphans += load_standing(state.standings[places[key]], dumped)
        else:
            orphans += last_events(dumped)
    for rule, measures, past in state.all_pasts():
        load_histories(measures, past, data.get("pasts", {}).get(rule, {}))
    if not is_same_catalog:
        for standing in state.standings:
            ask_at_once(standing, clock.at)
    return state, orphans


def ask_at_once(standing: Standing, at: int | None) -> None:
    """Let a judge of what speaks only on change be asked at a time of the log, as what it goes by may be otherwise now.

    A limit, a zone or a whole rule may be new, and a full car park may say nothing for hours.
    """
    if standing.judge.has_wakes:
        standing.wake_at = at


def last_events(dumped: list[Any]) -> list[AlertEvent]:
    """Return the last event of every open alert in a dumped standing."""
    events: dict[str, Any] = dumped[3]
    return [EVENTS.validate_python(event) for event in events.values()]


def new_series(plan: SitePlan, key: str) -> Series:
    """Return an empty series that holds what the plan's windows, and late readings, may ask for."""
    reach = plan.reach.get(key)
    return Series(keep=0 if reach is None else reach + plan.late_max, late_max=plan.late_max)


def dump_standing(standing: Standing) -> list[Any]:
    """Return a standing as plain data."""
    alerts = {key: _dump_alert(alert) for key, alert in sorted(standing.alerts.items())}
    events = {
        key: EVENTS.dump_python(event, mode="json", by_alias=True) for key, event in sorted(standing.events.items())
    }
    memory = standing.judge.dump(standing.memory)
    return [standing.judge.rule.fingerprint, memory, alerts, events, standing.wake_at]


def load_standing(standing: Standing, dumped: list[Any]) -> list[AlertEvent]:
    """Fill a standing with what was dumped; return the last events of alerts that end.

    Those are of zones that are gone, and of a rule that was on trial and is no more, or the reverse: an alert is told
    to all from its raising on, or to nobody.
    """
    fingerprint, memory, alerts, events, wake_at = dumped
    judge = standing.judge
    ending = [key for key, event in events.items() if event["trial"] is not judge.rule.is_trial]
    lost = [key for key in events if (key != THE_SITE and key not in judge.zones) or key in ending]
    kept = [key for key in alerts if key == THE_SITE or key in judge.zones]
    if judge.rule.fingerprint == fingerprint:
        standing.memory, standing.wake_at = judge.load(memory), wake_at
    else:
        standing.memory = judge.new_memory([key for key in events if key not in lost])
    for key in kept:
        alert = _load_alert(alerts[key])
        standing.alerts[key] = alert if key not in ending else Alert(State.CLEARED, onset=alert.onset)
    standing.events = {key: EVENTS.validate_python(events[key]) for key in events if key not in lost}
    return [EVENTS.validate_python(events[key]) for key in lost]


def _dump_alert(alert: Alert) -> list[Any]:
    """Return an alert as plain data, field by field: `astuple` takes ninety times as long."""
    flapping = alert.flapping
    return [
        alert.rank,
        alert.identifier,
        alert.sequence,
        alert.onset,
        alert.fired_at,
        alert.no_data,
        alert.leaving,
        alert.clearing,
        (flapping.weight, flapping.at, flapping.is_on),
        alert.state.value if alert.state is not None else None,
    ]


def _load_alert(dumped: list[Any]) -> Alert:
    rank, identifier, sequence, onset, fired_at, no_data, leaving, clearing, flapping, state = dumped
    return Alert(
        State(state) if state else None,
        rank,
        identifier,
        sequence,
        onset,
        fired_at,
        no_data,
        tuple(leaving),
        clearing,
        Flapping(*flapping),
    )
