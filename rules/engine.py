"""The engine: readings in, alert events out, in event time. The only way a reading is ever judged.

Time enters through the records alone. `at` is the time of a record in the log; before a record is judged, everything
that became due up to its `at` is judged first, in the order of the times. No clock is read, and the same records
give the same events whatever the speed, the restarts or the number of engines that share the sites.

Silence is counted on the clock of the living log: where two neighbouring records lie more than 30 s apart the log
itself was silent, not the sensor, and that span counts for nothing.
"""

from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from citybrain.alerts import AlertEvent
from citybrain.errors import SnapshotError
from citybrain.instants import DAY, MINUTE, SECOND
from citybrain.model import VALID_FLAG, Feed, Reading, Reason, Rejection, Status
from citybrain.sites import Site
from rules.deadlines import LogClock, Silence
from rules.derived_series import DerivedSeries
from rules.explain import ended
from rules.geofence import POSITION
from rules.publishing import Publisher, When
from rules.rule import Heard, Judge
from rules.ruleset import RuleSet
from rules.series import Arrival, Series
from rules.silence import ANY_METRIC
from rules.site_state import Shelf, SiteState, last_events, load_state, new_series, new_state

AHEAD_MAX = 5 * MINUTE
BEHIND_MAX = 30 * DAY  # Older comes from a clock that was never set, not from a link that was down.
DELAY_PERIODS_MAX = 2  # What the way to us may take from the time that a silence is allowed.
SNAPSHOT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one record."""

    events: tuple[AlertEvent, ...] = ()
    rejections: tuple[Rejection, ...] = ()


NOTHING = Judgement()


class _Intake:
    """What one reading brought: the series with new samples, and the metrics that were not taken, by reason."""

    __slots__ = ("has_news", "refused", "touched")

    def __init__(self) -> None:
        self.touched: list[str] = []
        self.has_news = False  # Whether anything is newer than all before it.
        self.refused: dict[Reason, list[tuple[str, str]]] | None = None  # (metric, text)

    def refuse(self, reason: Reason, metric: str, text: str) -> None:
        if self.refused is None:
            self.refused = {}
        self.refused.setdefault(reason, []).append((metric, text))

    def rejections(self, site: str) -> tuple[Rejection, ...]:
        return tuple(
            Rejection(reason, "; ".join(text for _, text in pairs), site, tuple(metric for metric, _ in pairs))
            for reason, pairs in (self.refused or {}).items()
        )


class Engine:
    """Judges the readings of any number of sites under one rule set. Not thread-safe; free of side effects."""

    def __init__(self, rules: RuleSet, *, status: Status = Status.ACTUAL, drill: str | None = None) -> None:
        self._rules = rules
        self._registry = rules.registry
        self._status = status
        self._drill = drill
        self._sites: dict[str, SiteState] = {}
        self._clock = LogClock()
        self._publisher = Publisher(self._registry, rules.catalog, self._clock, status=status, drill=drill)

    @property
    def at(self) -> int | None:
        """Return the greatest time of a record so far, or None before the first."""
        return self._clock.at

    @property
    def silent_log_spans(self) -> int:
        """Return how often the log itself was silent."""
        return self._clock.silent_spans

    @property
    def open_alerts(self) -> int:
        """Return how many alerts are open."""
        return sum(len(standing.events) for state in self._sites.values() for standing in state.standings)

    def observe(self, reading: Reading, *, at: int, feed: Feed | None = None) -> Judgement:
        """Judge one reading that the log received at `at` on the topic of `feed` (None: wherever it belongs)."""
        events = [] if self._clock.move_quietly(at) else self._move_to(at)
        at = max(at, self._clock.at or at)
        state = self._sites.get(reading.site)
        if state is None or (feed is not None and feed is not state.plan.site.feed):
            site, rejection = self._site_of(reading, feed)
            if site is None:
                return Judgement(tuple(events), (rejection,) if rejection is not None else ())
            state = self._sites[site.id] = new_state(self._rules.plan_for(site), self._clock)
        if not at - BEHIND_MAX <= reading.observed_at <= at + AHEAD_MAX:
            return Judgement(tuple(events), (_wrong_clock(reading, at),))
        intake = self._take_in(state, reading, at)
        if intake.touched:
            self._judge_touched(state, intake, at, events)
        if not events and not intake.refused:
            return NOTHING
        return Judgement(tuple(events), intake.rejections(reading.site))

    def advance(self, at: int) -> Judgement:
        """Judge nothing but the time: what a clock record of the log does."""
        if self._clock.move_quietly(at):
            return NOTHING
        return Judgement(tuple(self._move_to(at)))

    def snapshot(self) -> bytes:
        """Return the whole state as JSON: the same state, the same bytes."""
        data = {
            "version": SNAPSHOT_VERSION,
            "status": self._status.value,
            "drill": self._drill,
            "catalog": self._rules.catalog,
            "at": self._clock.at,
            "living": self._clock.living,
            "sites": {site: self._sites[site].dump() for site in sorted(self._sites)},
        }
        return orjson.dumps(data)

    def restore(self, snapshot: bytes) -> Judgement:
        """Take over the state of a snapshot, in place of all there is.

        Under another rule set the alerts of rules that remain live on; those of rules, sites and zones that are gone
        are cleared, and those events are returned. Raises SnapshotError for torn bytes, another version, or the
        snapshot of a drill in an engine that is none (and the reverse).
        """
        try:
            return self._restore(orjson.loads(snapshot))
        except (ValueError, TypeError, KeyError, AttributeError, ValidationError) as error:
            raise SnapshotError(f"the snapshot is torn: {error!r}") from error

    def _restore(self, data: Any) -> Judgement:
        if data["version"] != SNAPSHOT_VERSION:
            raise SnapshotError(f"the snapshot has version {data['version']}, expected {SNAPSHOT_VERSION}")
        if (data["status"], data["drill"]) != (self._status.value, self._drill):
            raise SnapshotError(f"the snapshot is of status {data['status']}, expected {self._status.value}")
        self._clock.restore(data["at"], data["living"])
        self._sites = {}
        is_same = data["catalog"] == self._rules.catalog
        orphans: list[AlertEvent] = []
        for site_id, dumped in data["sites"].items():
            site = self._registry.sites.get(site_id)
            if site is None:
                orphans += [event for standing in dumped["rules"].values() for event in last_events(standing)]
                continue
            state, lost = load_state(self._rules.plan_for(site), self._clock, dumped, is_same_catalog=is_same)
            orphans += lost
            self._take_over(state)
        return Judgement(tuple(ended(event, catalog=self._rules.catalog, at=data["at"] or 0) for event in orphans))

    def _take_over(self, state: SiteState) -> None:
        site = state.plan.site
        self._sites[site.id] = state
        state.inside = self._rules.zones_at(state.position) if state.position is not None else frozenset()
        for key in state.heard:
            self._schedule(state, key)
        for place, standing in enumerate(state.standings):
            if standing.wake_at is not None:
                self._clock.schedule_wake(site.id, place, standing.wake_at)

    # Time

    def _move_to(self, at: int) -> list[AlertEvent]:
        """Move to the time of a record; what becomes due on the way is judged."""
        events: list[AlertEvent] = []
        for due in self._clock.move_to(at):
            state = self._sites[due.site]
            if isinstance(due, Silence):
                self._fall_silent(state, due, events)
            elif state.standings[due.place].wake_at == due.at:  # Else it has been judged since.
                self._publisher.judge(state, state.standings[due.place], When(due.at, due.at), events)
        return events

    def _hear(self, state: SiteState, key: str, when: When) -> None:
        """Note that a series was heard: the newest observation counts, however late it came.

        A burst after a broken link brings old values; more than a period is left for the next one to come.
        """
        delay = min(max(when.at - when.instant, 0), DELAY_PERIODS_MAX * state.plan.site.period)
        heard = state.heard.get(key)
        if heard is None:
            heard = state.heard[key] = Heard(self._clock.living - delay)
        else:
            heard.at, heard.passed = self._clock.living - delay, 0
        # A deadline that is scheduled too early is put off when it comes; one that is too late must come earlier.
        if heard.due is None or heard.at + state.plan.silences[key][0] < heard.due:
            self._schedule(state, key)

    def _schedule(self, state: SiteState, key: str) -> None:
        spans = state.plan.silences.get(key, ())
        self._clock.schedule_silence(state.plan.site.id, key, state.heard[key], spans)

    def _fall_silent(self, state: SiteState, due: Silence, events: list[AlertEvent]) -> None:
        """Judge a silence that is due, unless the series was heard since it was scheduled."""
        key = due.series
        heard, spans = state.heard[key], state.plan.silences[key]
        if heard.due != due.due:
            return  # A deadline that was moved forward has left this one behind.
        if heard.at + spans[heard.passed] <= due.due:
            while heard.passed < len(spans) and heard.at + spans[heard.passed] <= due.due:
                heard.passed += 1
            self._schedule(state, key)
            self._judge_silence(state, key, When(due.at, due.at), events)
        else:
            self._schedule(state, key)

    def _judge_silence(self, state: SiteState, key: str, when: When, events: list[AlertEvent]) -> None:
        for place in state.plan.by_series.get(key, ()):
            standing = state.standings[place]
            if standing.judge.is_about_silence:
                self._publisher.judge(state, standing, when, events)
            elif self._publisher.is_silent(state, standing.judge):
                self._publisher.mark_silent(state, standing, when, events)

    # Intake

    def _site_of(self, reading: Reading, feed: Feed | None) -> tuple[Site | None, Rejection | None]:
        site = self._registry.sites.get(reading.site)
        if site is None:
            return None, Rejection(Reason.UNKNOWN_SITE, f"no site has the id {reading.site!r}", reading.site)
        if feed is not None and feed is not site.feed:
            text = f"the site belongs to the feed {site.feed.value}, found it on {feed.value}"
            return None, Rejection(Reason.WRONG_FEED, text, site.id)
        return site, None

    def _take_in(self, state: SiteState, reading: Reading, at: int) -> _Intake:
        """Put the values of a reading into the series of its site."""
        intake, when = _Intake(), When(reading.observed_at, at)
        for metric, value in reading.values.items():
            shelf = state.shelves.get(metric) or self._shelf(state, metric)
            if shelf is None:
                intake.refuse(Reason.UNKNOWN_METRIC, metric, f"no feed declares the metric {metric!r}")
            elif not shelf.least <= value <= shelf.greatest:
                text = f"{metric} is {value:g} {shelf.unit}, expected {shelf.least:g} to {shelf.greatest:g}"
                intake.refuse(Reason.RANGE, metric, text)
            else:
                flag = VALID_FLAG if reading.flags is None else reading.flags.get(metric, VALID_FLAG)
                targets = shelf.by_flag.get(flag)
                if targets is None:
                    intake.refuse(Reason.FLAG, metric, f"{metric} has the flag {flag!r}, expected {VALID_FLAG!r}")
                else:
                    for key, series in targets:
                        self._add(state, intake, key, series, when, value)
        if state.plan.derived and intake.touched:
            self._derive(state, intake, when)
        if reading.position is not None and state.plan.site.moves:
            self._move_site(state, intake, reading.position, when)
        if intake.has_news and ANY_METRIC in state.plan.silences:
            self._hear(state, ANY_METRIC, when)
            intake.touched.append(ANY_METRIC)
        return intake

    def _shelf(self, state: SiteState, metric: str) -> Shelf | None:
        """Return where the values of a metric go at this site, made on first sight; None for an unknown metric."""
        declared = self._registry.metrics.get(metric)
        if declared is None:
            return None
        keys: dict[str, list[str]] = {VALID_FLAG: []}
        for key in state.plan.flagged.get(metric, ()):
            for flag in key.partition("|")[2]:
                keys.setdefault(flag, []).append(key)
        if metric in state.plan.reach or not keys[VALID_FLAG]:
            keys[VALID_FLAG].insert(0, metric)
        by_flag = {flag: tuple((key, self._series(state, key)) for key in found) for flag, found in keys.items()}
        shelf = state.shelves[metric] = Shelf(*declared.range, declared.unit, by_flag)
        return shelf

    def _series(self, state: SiteState, key: str) -> Series:
        series = state.series.get(key)
        if series is None:
            series = state.series[key] = new_series(state.plan, key)
        return series

    def _add(self, state: SiteState, intake: _Intake, key: str, series: Series, when: When, value: float) -> None:
        """Put one value into a series of the site."""
        arrival = series.add(when.instant, value)
        if arrival is Arrival.NEWEST:
            intake.has_news = True
            intake.touched.append(key)
            if key in state.plan.silences:
                self._hear(state, key, when)
        elif arrival is Arrival.INSIDE:
            intake.touched.append(key)
        elif arrival is Arrival.LATE:
            metric = key.partition("|")[0]
            intake.refuse(Reason.LATE, metric, f"{metric} is older than the newest by more than the feed allows")
        else:
            metric = key.partition("|")[0]
            intake.refuse(Reason.DUPLICATE, metric, f"{metric} of this instant was there before, with the same value")

    def _derive(self, state: SiteState, intake: _Intake, when: When) -> None:
        """Compute the derived values that the new samples change: as of their instant, and of all later ones."""
        for derived in state.plan.derived:
            if not any(key in derived.inputs for key in intake.touched):
                continue
            instants = {when.instant}
            if not derived.derived.same_instant and derived.key in state.series:
                known = state.series[derived.key].instants
                instants.update(at for at in reversed(known) if at > when.instant)
            for instant in sorted(instants):
                self._derive_at(state, intake, derived, When(instant, when.at))

    def _derive_at(self, state: SiteState, intake: _Intake, derived: DerivedSeries, when: When) -> None:
        value = derived.value_at(state.series, when.instant, state.plan.site, self._registry)
        if value is None:
            # A revision may take away what was known.
            if derived.key in state.series and state.series[derived.key].remove(when.instant):
                intake.touched.append(derived.key)
            return
        arrival = self._series(state, derived.key).add(when.instant, value)
        if arrival in (Arrival.NEWEST, Arrival.INSIDE):
            intake.touched.append(derived.key)
        if arrival is Arrival.NEWEST and derived.key in state.plan.silences:
            self._hear(state, derived.key, when)

    def _move_site(self, state: SiteState, intake: _Intake, position: tuple[float, float], when: When) -> None:
        if state.position_at is not None and when.instant <= state.position_at:
            return
        state.position, state.position_at = position, when.instant
        state.inside = self._rules.zones_at(position)
        intake.has_news = True
        intake.touched.append(POSITION)
        if POSITION in state.plan.silences:
            self._hear(state, POSITION, when)

    # Judging

    def _judge_touched(self, state: SiteState, intake: _Intake, at: int, events: list[AlertEvent]) -> None:
        for place in state.plan.places_of(tuple(intake.touched)):
            standing = state.standings[place]
            instant = self._instant(state, standing.judge, at)
            if standing.events or not standing.judge.is_quiet(standing.memory, state, instant):
                self._publisher.judge(state, standing, When(instant, at), events)

    def _instant(self, state: SiteState, judge: Judge, at: int) -> int:
        """Return as of when a judge is asked: the newest of its samples; silence is measured on the log's own time."""
        if judge.is_about_silence:
            return at
        keys = judge.series_keys
        if len(keys) == 1 and (only := state.series.get(keys[0])) is not None:
            return only.instants[-1] if only.instants else 0
        newest = 0
        for key in keys:
            series = state.series.get(key)
            if series is not None and series.instants:
                newest = max(newest, series.instants[-1])
            elif key == POSITION:
                newest = max(newest, state.position_at or 0)
        return newest


def _wrong_clock(reading: Reading, at: int) -> Rejection:
    ahead = reading.observed_at - at
    text = (
        f"observed {ahead // SECOND} s after it was received"
        if ahead > 0
        else f"observed {-ahead // DAY} days before it was received, expected at most {BEHIND_MAX // DAY}"
    )
    return Rejection(Reason.CLOCK, text, reading.site)
