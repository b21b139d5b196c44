"""The engine: readings in, alert events out, in event time. The only way a reading is ever judged.

Time enters through the records alone. `at` is the time of a record in the log; before a record is judged, every
silence that became due up to its `at` is judged first, in the order of their times. No clock is read, and the same
records give the same events whatever the speed, the restarts or the number of engines that share the sites.

Silence is counted on the clock of the living log: where two neighbouring records lie more than 30 s apart the log
itself was silent, not the sensor, and that span counts for nothing.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import orjson

from citybrain.alerts import AlertEvent
from citybrain.errors import SnapshotError
from citybrain.instants import MINUTE, SECOND
from citybrain.model import VALID_FLAG, Feed, Reading, Reason, Rejection, Status
from citybrain.sites import Site
from rules.binding import DerivedSeries
from rules.explain import compose, ended, identity, subject_of
from rules.geofence import POSITION
from rules.lifecycle import Alert, advance
from rules.rule import Judge, SiteView, level_of
from rules.ruleset import RuleSet
from rules.series import Arrival
from rules.silence import ANY_METRIC
from rules.site_state import THE_SITE, Listening, SiteState, Standing, load_state, new_series, new_state

LOG_SILENT_MAX = 30 * SECOND
AHEAD_MAX = 5 * MINUTE
DELAY_PERIODS_MAX = 2  # What the way to us may take from the time that a silence is allowed.
SNAPSHOT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one record."""

    events: tuple[AlertEvent, ...] = ()
    rejections: tuple[Rejection, ...] = ()


NOTHING = Judgement()


@dataclass(frozen=True, slots=True)
class _Case:
    """One judge at one site, and where its alerts stand."""

    state: SiteState
    judge: Judge
    standing: Standing


@dataclass(frozen=True, slots=True)
class _When:
    """The instant that is judged, and the time of the record that asks for it."""

    instant: int
    at: int


@dataclass(slots=True)
class _Intake:
    """What one reading brought: the series with new samples, and the metrics that were not taken, by reason."""

    touched: dict[str, Arrival] = field(default_factory=dict)
    refused: dict[Reason, list[str]] = field(default_factory=dict)
    texts: dict[Reason, list[str]] = field(default_factory=dict)

    def refuse(self, reason: Reason, metric: str, text: str) -> None:
        self.refused.setdefault(reason, []).append(metric)
        self.texts.setdefault(reason, []).append(text)

    def rejections(self, site: str) -> tuple[Rejection, ...]:
        return tuple(
            Rejection(reason, "; ".join(self.texts[reason]), site, tuple(metrics))
            for reason, metrics in self.refused.items()
        )


class Engine:
    """Judges the readings of any number of sites under one rule set. Not thread-safe; free of side effects."""

    def __init__(self, rules: RuleSet, *, status: Status = Status.ACTUAL, drill: str | None = None) -> None:
        self._rules = rules
        self._registry = rules.registry
        self._status = status
        self._drill = drill
        self._sites: dict[str, SiteState] = {}
        self._at: int | None = None
        self._living = 0  # The clock of the living log.
        self._due: list[tuple[int, str, str]] = []  # (due on that clock, site, series key); one entry a series.
        self.silent_log_spans = 0  # How often the log itself was silent.

    @property
    def at(self) -> int | None:
        """Return the greatest time of a record so far, or None before the first."""
        return self._at

    @property
    def open_alerts(self) -> int:
        """Return how many alerts are open."""
        return sum(len(standing.events) for state in self._sites.values() for standing in state.standings)

    def observe(self, reading: Reading, *, at: int, feed: Feed | None = None) -> Judgement:
        """Judge one reading that the log received at `at` on the topic of `feed` (None: wherever it belongs)."""
        events = list(self._move_to(at))
        at = self._at if self._at is not None else at
        site, rejection = self._site_of(reading, at, feed)
        if site is None:
            assert rejection is not None, "a reading without a site is rejected"
            return Judgement(tuple(events), (rejection,))
        state = self._sites.get(site.id)
        if state is None:
            state = self._sites[site.id] = new_state(self._rules.plan_for(site))
        intake = self._take_in(state, reading, at)
        events += self._judge_touched(state, intake, at)
        return Judgement(tuple(events), intake.rejections(site.id))

    def advance(self, at: int) -> Judgement:
        """Judge nothing but the time: what a clock record of the log does."""
        events = tuple(self._move_to(at))
        return Judgement(events) if events else NOTHING

    def snapshot(self) -> bytes:
        """Return the whole state as JSON: the same state, the same bytes."""
        data = {
            "version": SNAPSHOT_VERSION,
            "catalog": self._rules.catalog,
            "at": self._at,
            "living": self._living,
            "sites": {site: self._sites[site].dump() for site in sorted(self._sites)},
        }
        return orjson.dumps(data)

    def restore(self, snapshot: bytes) -> Judgement:
        """Take over the state of a snapshot, in place of all there is.

        Under another rule set the alerts of rules that remain live on; those of rules that are gone are cleared, and
        those events are returned. Raises SnapshotError for torn bytes or another version.
        """
        try:
            data = orjson.loads(snapshot)
        except orjson.JSONDecodeError as error:
            raise SnapshotError(f"the snapshot is torn: {error}") from error
        if data.get("version") != SNAPSHOT_VERSION:
            raise SnapshotError(f"the snapshot has version {data.get('version')}, expected {SNAPSHOT_VERSION}")
        self._at, self._living = data["at"], data["living"]
        self._sites, self._due = {}, []
        events: list[AlertEvent] = []
        for site_id, dumped in data["sites"].items():
            site = self._registry.sites.get(site_id)
            if site is None:
                continue
            late_max = self._registry.feeds[site.feed].late_max
            state, orphans = load_state(self._rules.plan_for(site), dumped, late_max=late_max)
            self._sites[site_id] = state
            for key in state.listening:
                self._schedule(state, key)
            events += [ended(event, catalog=self._rules.catalog, at=self._at or 0) for event in orphans]
        return Judgement(tuple(events))

    # Time

    def _move_to(self, at: int) -> Iterator[AlertEvent]:
        """Move to the time of a record; it never runs back. Silences that become due are judged on the way."""
        if self._at is None:
            self._at = self._living = at
            return
        if at <= self._at:
            return
        span = at - self._at
        if span > LOG_SILENT_MAX:
            self.silent_log_spans += 1
            self._at = at
            return
        ahead = self._at - self._living
        target = self._living + span
        while self._due and self._due[0][0] <= target:
            due, site_id, key = heapq.heappop(self._due)
            self._living, self._at = due, due + ahead
            yield from self._fall_silent(self._sites[site_id], key, due)
        self._living, self._at = target, at

    def _hear(self, state: SiteState, key: str, when: _When) -> None:
        """Note that a series was heard: the newest observation counts, however late it came.

        A burst after a broken link brings old values; more than a period is left for the next one to come.
        """
        delay = min(max(when.at - when.instant, 0), DELAY_PERIODS_MAX * state.plan.site.period)
        listening = state.listening.get(key)
        if listening is None:
            state.listening[key] = Listening(self._living - delay)
            self._schedule(state, key)
            return
        listening.heard_at = self._living - delay
        was_scheduled = listening.passed < len(state.plan.silences.get(key, ()))
        listening.passed = 0
        if not was_scheduled:
            self._schedule(state, key)

    def _schedule(self, state: SiteState, key: str) -> None:
        spans = state.plan.silences.get(key, ())
        listening = state.listening[key]
        if listening.passed < len(spans):
            due = max(listening.heard_at + spans[listening.passed], self._living)
            heapq.heappush(self._due, (due, state.plan.site.id, key))

    def _fall_silent(self, state: SiteState, key: str, due: int) -> Iterator[AlertEvent]:
        """Judge a silence that is due, unless the series was heard since it was scheduled."""
        listening = state.listening[key]
        spans = state.plan.silences[key]
        if listening.heard_at + spans[listening.passed] > due:
            self._schedule(state, key)
            return
        while listening.passed < len(spans) and listening.heard_at + spans[listening.passed] <= due:
            listening.passed += 1
        self._schedule(state, key)
        assert self._at is not None, "a silence becomes due on the way to some time"
        when = _When(self._at, self._at)
        for place in state.plan.by_series.get(key, ()):
            case = _Case(state, state.plan.judges[place], state.standings[place])
            if key not in case.judge.silent_after:
                yield from self._judge(case, when)
            elif self._is_silent(case):
                yield from self._mark_silent(case, when)

    # Intake

    def _site_of(self, reading: Reading, at: int, feed: Feed | None) -> tuple[Site | None, Rejection | None]:
        site = self._registry.sites.get(reading.site)
        if site is None:
            return None, Rejection(Reason.UNKNOWN_SITE, f"no site has the id {reading.site!r}", reading.site)
        if feed is not None and feed is not site.feed:
            text = f"the site belongs to the feed {site.feed.value}, found it on {feed.value}"
            return None, Rejection(Reason.WRONG_FEED, text, site.id)
        if reading.observed_at > at + AHEAD_MAX:
            ahead_s = (reading.observed_at - at) // SECOND
            return None, Rejection(Reason.CLOCK, f"observed {ahead_s} s after it was received", site.id)
        return site, None

    def _take_in(self, state: SiteState, reading: Reading, at: int) -> _Intake:
        """Put the values of a reading into the series of its site."""
        intake = _Intake()
        for metric, value in reading.values.items():
            declared = self._registry.metrics.get(metric)
            if declared is None:
                intake.refuse(Reason.UNKNOWN_METRIC, metric, f"no feed declares the metric {metric!r}")
                continue
            least, greatest = declared.range
            if not least <= value <= greatest:
                text = f"{metric} is {value:g} {declared.unit}, expected {least:g} to {greatest:g}"
                intake.refuse(Reason.RANGE, metric, text)
                continue
            flag = reading.flags.get(metric, VALID_FLAG) if reading.flags is not None else VALID_FLAG
            for key in self._keys_for(state, metric, flag):
                arrival = self._add(state, key, _When(reading.observed_at, at), value)
                self._note(intake, key, arrival)
        self._derive(state, intake, reading.observed_at, at)
        self._move_site(state, intake, reading, at)
        if Arrival.NEWEST in intake.touched.values():
            self._hear(state, ANY_METRIC, _When(reading.observed_at, at))
            intake.touched[ANY_METRIC] = Arrival.NEWEST
        return intake

    def _keys_for(self, state: SiteState, metric: str, flag: str) -> Iterator[str]:
        """Yield the series that take a value with this flag: the valid ones, and those whose rules accept it."""
        if flag == VALID_FLAG:
            yield metric
        for key in state.plan.flagged.get(metric, ()):
            if flag in key.partition("|")[2]:
                yield key

    def _add(self, state: SiteState, key: str, when: _When, value: float) -> Arrival:
        """Put one value into a series of the site."""
        series = state.series.get(key)
        if series is None:
            late_max = self._registry.feeds[state.plan.site.feed].late_max
            series = state.series[key] = new_series(state.plan, key, late_max=late_max)
        arrival = series.add(when.instant, value)
        if arrival is Arrival.NEWEST:
            self._hear(state, key, when)
        return arrival

    @staticmethod
    def _note(intake: _Intake, key: str, arrival: Arrival) -> None:
        metric = key.partition("|")[0]
        if arrival is Arrival.LATE:
            intake.refuse(Reason.LATE, metric, f"{metric} is older than the newest by more than the feed allows")
        elif arrival is Arrival.DUPLICATE:
            intake.refuse(Reason.DUPLICATE, metric, f"{metric} of this instant was there before, with the same value")
        else:
            intake.touched[key] = arrival

    def _derive(self, state: SiteState, intake: _Intake, observed_at: int, at: int) -> None:
        """Compute the derived values that the new samples change, as of their instant."""
        for derived in state.plan.derived:
            if intake.touched.keys().isdisjoint(derived.derived.inputs):
                continue
            value = derived.derived.compute(self._inputs(state, derived, observed_at), state.plan.site.attributes)
            if value is None:
                continue
            arrival = self._add(state, derived.key, _When(observed_at, at), value)
            if arrival in (Arrival.NEWEST, Arrival.INSIDE):
                intake.touched[derived.key] = arrival

    def _inputs(self, state: SiteState, derived: DerivedSeries, instant: int) -> dict[str, float]:
        inputs: dict[str, float] = {}
        for metric in derived.derived.inputs:
            series = state.series.get(metric)
            place = series.place_at(instant) if series is not None else None
            if series is None or place is None:
                continue
            age = instant - series.instants[place]
            silent_for = self._registry.silent_for(state.plan.site, metric)
            is_known = age == 0 if derived.derived.same_instant else silent_for is None or age <= silent_for
            if is_known:
                inputs[metric] = series.values[place]
        return inputs

    def _move_site(self, state: SiteState, intake: _Intake, reading: Reading, at: int) -> None:
        if reading.position is None or not state.plan.site.moves:
            return
        if state.position_at is not None and reading.observed_at <= state.position_at:
            return
        state.position, state.position_at = reading.position, reading.observed_at
        state.inside = self._rules.zones_at(reading.position)
        intake.touched[POSITION] = Arrival.NEWEST
        self._hear(state, POSITION, _When(reading.observed_at, at))

    # Judging

    def _judge_touched(self, state: SiteState, intake: _Intake, at: int) -> Iterator[AlertEvent]:
        places = {place for key in intake.touched for place in state.plan.by_series.get(key, ())}
        for place in sorted(places):
            case = _Case(state, state.plan.judges[place], state.standings[place])
            instant = max(self._newest(state, key) for key in case.judge.series_keys)
            yield from self._judge(case, _When(instant, at))

    def _newest(self, state: SiteState, key: str) -> int:
        """Return the newest instant of a series; silence is measured at the record's own time."""
        if key == POSITION:
            return state.position_at or 0
        if key == ANY_METRIC:
            return max(series.newest_at or 0 for series in state.series.values())
        series = state.series.get(key)
        return (series.newest_at or 0) if series is not None else 0

    def _view(self, state: SiteState) -> SiteView:
        silences = {key: self._living - listening.heard_at for key, listening in state.listening.items()}
        return SiteView(state.series, state.position, state.inside, silences)

    def _judge(self, case: _Case, when: _When) -> Iterator[AlertEvent]:
        """Judge one rule at one site; yield what is to be published."""
        alerts = case.standing.alerts
        for finding in case.judge.judge(case.standing.memory, self._view(case.state), when.instant):
            key = finding.zone or THE_SITE
            before = alerts.get(key)
            if before is None and finding.verdict.since is None:
                continue  # Nothing was there and nothing begins: by far the most common case.
            before = before or Alert()
            after, step = advance(before, finding.verdict, case.judge.timing)
            if before.no_data and after.is_open and not self._is_silent(case):
                after = replace(after, no_data=False)
            if step is not None or after.no_data != before.no_data:
                yield self._publish(case, when, key, after)
            else:
                alerts[key] = after

    def _mark_silent(self, case: _Case, when: _When) -> Iterator[AlertEvent]:
        """Mark the open alerts of a judge whose data have stopped. Silence clears nothing."""
        for key, alert in list(case.standing.alerts.items()):
            if alert.is_open and not alert.no_data:
                yield self._publish(case, when, key, replace(alert, no_data=True))

    def _is_silent(self, case: _Case) -> bool:
        """Tell whether any series that the judge reads has been silent for too long to be known."""
        listening = case.state.listening
        return any(
            key in listening and self._living - listening[key].heard_at >= span
            for key, span in case.judge.silent_after.items()
        )

    def _publish(self, case: _Case, when: _When, key: str, after: Alert) -> AlertEvent:
        """Give the change its identity and its text, and keep it as the last word on the alert."""
        state, rule, zone = case.state, case.judge.rule, key or None
        before = case.standing.alerts.get(key) or Alert()
        subject = subject_of(state.plan.site, state.position or state.plan.site.position, zone, self._registry)
        if before.is_open:
            after = replace(after, identifier=before.identifier, sequence=before.sequence + 1)
        else:
            after = replace(identity(after, self._status, self._drill, rule, subject), sequence=1)
        event = compose(
            rule=rule,
            catalog=self._rules.catalog,
            status=self._status,
            site=state.plan.site,
            subject=subject,
            zones=(zone,) if zone is not None else state.plan.zones,
            alert=after,
            previous=level_of(before.rank) if before.is_open else None,
            evidence=case.judge.evidence(self._view(state), when.instant, rank=after.rank, zone=zone),
            observed_at=when.instant,
            sent=when.at,
            registry=self._registry,
        )
        case.standing.alerts[key] = after
        if after.is_open:
            case.standing.events[key] = event
        else:
            case.standing.events.pop(key, None)
        return event
