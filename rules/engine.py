"""The engine: readings in, alert events out, in event time. The only way a reading is ever judged.

Time enters through the records alone. `at` is the time of a record in the log; before a record is judged, everything
that became due up to its `at` is judged first, in the order of the times. No clock is read, and the same records
give the same events whatever the speed, the restarts or the number of engines that share the sites.

Silence is counted on the clock of the living log: where two neighbouring records lie more than 30 s apart the log
itself was silent, not the sensor, and that span counts for nothing. Sites that are expected are waited for from the
first record on, so that one that never speaks is missed too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from pydantic import ValidationError

from citybrain.alerts import AlertEvent
from citybrain.errors import SnapshotError
from citybrain.model import VALID_FLAG, Feed, Reading, Reason, Rejection, Reset, Status
from citybrain.sites import Site
from rules.deadlines import DELAY_PERIODS_MAX, HELD, LogClock, Silence
from rules.derived_series import DerivedSeries
from rules.explain import ended
from rules.geofence import POSITION
from rules.publishing import Publisher, When
from rules.refusals import AHEAD_MAX, BEHIND_MAX, Refusal, refusal, rejections, wrong_clock
from rules.rule import Heard
from rules.ruleset import RuleSet
from rules.series import Arrival, Series
from rules.signals import Signal, newest_of
from rules.silence import ANY_METRIC
from rules.site_plan import SitePlan
from rules.site_state import SiteState, last_events, load_state, new_series, new_state

SNAPSHOT_VERSION = 3


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one record."""

    events: tuple[AlertEvent, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    signals: tuple[Signal, ...] = ()


NOTHING = Judgement()


class Engine:
    """Judges the readings of any number of sites under one rule set. Not thread-safe; free of side effects."""

    def __init__(
        self,
        rules: RuleSet,
        *,
        status: Status = Status.ACTUAL,
        drill: str | None = None,
        expects: Iterable[str] = (),
    ) -> None:
        """Wait for the sites that it `expects` to speak, by id; an id that no site has is passed over."""
        self._expects = sorted(set(expects))
        self._rules = rules
        self._registry = rules.registry
        self._status = status
        self._drill = drill
        self._sites: dict[str, SiteState] = {}
        self._signals: list[Signal] = []  # Told since the last record; handed out with it.
        self._clock = LogClock()
        self._stirred: set[str] = set()  # Sites that time has changed; at most all of them.
        self._refused: list[Rejection] = []  # Of readings that were held, until the record at hand is judged.
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
        """Return how many alerts are open, those of rules on trial left out."""
        return sum(not event.trial for event in self.open_events)

    @property
    def open_events(self) -> list[AlertEvent]:
        """Return the last event of every open alert."""
        standings = (standing for state in self._sites.values() for standing in state.standings)
        return [event for standing in standings for event in standing.events.values()]

    def observe(self, reading: Reading, *, at: int, feed: Feed | None = None) -> Judgement:
        """Judge one reading that the log received at `at` on the topic of `feed` (None: wherever it belongs)."""
        clock = self._clock
        events = [] if clock.move_quietly(at) else self._move_to(at)
        assert clock.at is not None, "it has just moved"
        at = clock.at
        state = self._sites.get(reading.site)
        if state is None or (feed is not None and feed is not state.plan.site.feed):
            site, rejection = self._site_of(reading, feed)
            if site is None:
                return self._judgement(events, (rejection,) if rejection is not None else ())
            state = self._meet(site)
        if not at - BEHIND_MAX <= reading.observed_at <= at + AHEAD_MAX:
            return self._judgement(events, (wrong_clock(reading, at),))
        if state.hold is not None:
            if (due := state.hold.keep(reading, at)) is not None:
                self._clock.schedule_wake(state.id, HELD, due)
                return self._judgement(events)
            self._wait_for(state)
        refused: list[Refusal] = []
        self._judge_reading(state, reading, at, events, refused)
        if not (events or refused or self._refused or self._signals):
            return NOTHING
        return self._judgement(events, rejections(reading.site, refused))

    def _judge_reading(
        self, state: SiteState, reading: Reading, at: int, events: list[AlertEvent], refused: list[Refusal]
    ) -> None:
        """Take a reading in and judge what it touches."""
        touched: list[str] = []
        self._take_in(state, reading, at, touched, refused)
        if touched:
            self._judge_touched(state, touched, at, events)
            if state.plan.senders:
                self._tell(state, touched, at)

    def advance(self, at: int) -> Judgement:
        """Judge nothing but the time: what a clock record of the log does."""
        if self._clock.move_quietly(at):
            return NOTHING
        return self._judgement(self._move_to(at))

    def reset(self, order: Reset, *, at: int) -> Judgement:
        """Let a latched alert go, as a person ordered at `at`.

        Nothing comes of it while the condition of the alert holds, or where there is no such alert: the order goes to
        every partition, and the site is on one of them.
        """
        events = [] if self._clock.move_quietly(at) else self._move_to(at)
        at = max(at, self._clock.at or at)
        site = order.subject.partition("@")[0].partition(":")[0]  # A zone or a metric may follow.
        if (state := self._sites.get(site)) is not None:
            for standing in state.standings:
                keys = [key for key, event in standing.events.items() if event.subject.key == order.subject]
                if standing.judge.rule.id == order.rule and keys:
                    instant = at if standing.judge.is_about_silence else _newest_of(state, standing.judge.series_keys)
                    self._publisher.reset(state, standing, When(instant, at), keys[0], events)
        return self._judgement(events)

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
                standings = dumped.get("rules", {}).values()  # A site that was only waited for has none.
                orphans += [event for standing in standings for event in last_events(standing)]
                continue
            state, lost = load_state(self._rules.plan_for(site), self._clock, dumped, is_same_catalog=is_same)
            orphans += lost
            self._take_over(state)
        if self._clock.at is not None:
            self._wait_for_expected()
        return Judgement(tuple(ended(event, catalog=self._rules.catalog, at=data["at"] or 0) for event in orphans))

    def _take_over(self, state: SiteState) -> None:
        site = state.plan.site
        self._sites[site.id] = state
        state.inside = self._rules.zones_at(state.position) if state.position is not None else frozenset()
        for key in state.heard:
            self._schedule(state, key)
        for standing in state.standings:
            self._publisher.resume(state, standing, self._clock.at or 0)
        for reading in state.hold.readings if state.hold is not None else ():
            due = reading.observed_at + state.plan.reorder_for
            self._clock.schedule_wake(site.id, HELD, max(due, self._clock.at or due))
        if state.series or state.heard:
            self._wait_for(state)

    def _meet(self, site: Site) -> SiteState:
        """Make the state of a site, and wait for what should be heard there: from its first reading that is judged."""
        state = self._sites[site.id] = new_state(self._rules.plan_for(site), self._clock)
        self._stirred.add(site.id)
        if state.hold is None:
            self._wait_for(state)
        return state

    def _wait_for_expected(self) -> None:
        """Wait, from now on, for the sites that are expected."""
        for site_id in self._expects:
            site = self._registry.sites.get(site_id)
            if site is not None and self._rules.waits_for(site):
                self._wait_for(self._sites.get(site_id) or self._meet(site))

    def _wait_for(self, state: SiteState) -> None:
        """Wait, from now on, for the series that rules about silence name and that were never heard."""
        keys = [judge.series_keys[0] for judge in state.plan.judges if judge.is_about_silence]
        if any(sender.silences for sender in state.plan.senders):
            keys.append(ANY_METRIC)
        for key in keys:
            if key not in state.heard:
                ever = bool(state.series) if key == ANY_METRIC else key in state.series
                state.heard[key] = Heard(self._clock.living, ever=ever)
                self._schedule(state, key)

    def _judgement(self, events: list[AlertEvent], rejections: tuple[Rejection, ...] = ()) -> Judgement:
        """Return what came of a record, and of the readings whose time it let come."""
        judged = Judgement(tuple(events), (*self._refused, *rejections), self._told())
        self._refused.clear()
        return judged

    # Time

    def _move_to(self, at: int) -> list[AlertEvent]:
        """Move to the time of a record; what becomes due on the way is judged."""
        events: list[AlertEvent] = []
        is_first = self._clock.at is None
        for due in self._clock.move_to(at):
            state = self._sites[due.site]
            self._stirred.add(due.site)
            if isinstance(due, Silence):
                self._fall_silent(state, due, events)
            elif due.place == HELD:
                self._release(state, due.at, events)
            elif state.standings[due.place].wake_at == due.at:  # Else it has been judged since.
                self._publisher.wake(state, state.standings[due.place], When(due.at, due.at), events)
        if is_first:
            self._wait_for_expected()
        return events

    def _release(self, state: SiteState, at: int, events: list[AlertEvent]) -> None:
        """Judge the readings that were held for long enough."""
        self._wait_for(state)
        for reading in state.hold.release(at) if state.hold is not None else ():
            refused: list[Refusal] = []
            self._judge_reading(state, reading, at, events, refused)
            self._refused += [replace(one, reading=reading) for one in rejections(reading.site, refused)]

    def _heard_at(self, state: SiteState, instant: int, at: int) -> int:
        """Return when, on the living clock, a reading counts as heard.

        A burst after a broken link brings old values; more than a period is left for the next one to come.
        """
        under_way, under_way_max = at - instant, DELAY_PERIODS_MAX * state.plan.site.period
        return self._clock.living - (0 if under_way < 0 else min(under_way, under_way_max))

    def _hear(self, state: SiteState, key: str, heard_at: int) -> None:
        """Note that a series was heard: the newest observation counts, however late it came."""
        heard = state.heard.get(key)
        if heard is None:
            heard = state.heard[key] = Heard(heard_at)
        else:
            heard.at, heard.passed, heard.ever = heard_at, 0, True
        # A deadline that is scheduled too early is put off when it comes; one that is too late must come earlier.
        if heard.due is None or heard_at + state.plan.silences[key][0] < heard.due:
            self._schedule(state, key)

    def _schedule(self, state: SiteState, key: str) -> None:
        spans = state.plan.silences.get(key, ())
        self._clock.schedule_silence(state.plan.site.id, key, state.heard[key], spans)

    def _fall_silent(self, state: SiteState, due: Silence, events: list[AlertEvent]) -> None:
        """Judge a silence that is due."""
        key = due.series
        heard, spans = state.heard[key], state.plan.silences[key]
        while heard.passed < len(spans) and heard.at + spans[heard.passed] <= due.due:
            heard.passed += 1
        self._schedule(state, key)
        self._judge_silence(state, key, When(due.at, due.at), events)

    def _judge_silence(self, state: SiteState, key: str, when: When, events: list[AlertEvent]) -> None:
        for place in state.plan.by_series.get(key, ()):
            standing = state.standings[place]
            if standing.judge.is_about_silence:
                self._publisher.judge(state, standing, when, events)
            elif standing.judge.is_blind(state):
                self._publisher.mark_silent(state, standing, when, events)
        if key == ANY_METRIC:
            self._tell_silence(state, when.at, is_silent=True)

    # Telling

    def _tell(self, state: SiteState, touched: list[str], at: int) -> None:
        """Tell the area stage what the new samples have made of the site's measures."""
        site = state.plan.site.id
        for place in state.plan.senders_of(tuple(touched)):
            sender = state.plan.senders[place]
            instant = newest_of(state, sender.series_keys)
            self._signals.append(sender.tell(state.pasts[place], state, instant, site=site, at=at))
        if ANY_METRIC in touched and state.told_silent is not False:
            self._tell_silence(state, at, is_silent=False)

    def _tell_silence(self, state: SiteState, at: int, *, is_silent: bool) -> None:
        """Tell the area stage that the site has fallen silent, or is heard."""
        state.told_silent = is_silent
        for sender in state.plan.senders:
            if sender.silences:
                self._signals.append(sender.tell_silence(state, site=state.plan.site.id, at=at))

    def _told(self) -> tuple[Signal, ...]:
        """Return the signals that were told, once."""
        signals = tuple(self._signals)
        self._signals.clear()
        return signals

    # Intake

    def _site_of(self, reading: Reading, feed: Feed | None) -> tuple[Site | None, Rejection | None]:
        site = self._registry.sites.get(reading.site)
        if site is None:
            return None, Rejection(Reason.UNKNOWN_SITE, f"no site has the id {reading.site!r}", reading.site)
        if feed is not None and feed is not site.feed:
            text = f"the site belongs to the feed {site.feed.value}, found it on {feed.value}"
            return None, Rejection(Reason.WRONG_FEED, text, site.id)
        return site, None

    def _take_in(self, state: SiteState, reading: Reading, at: int, touched: list[str], refused: list[Refusal]) -> None:
        """Put the values of a reading into the series of its site; tell which these are, and what was not taken."""
        plan, instant = state.plan, reading.observed_at
        heard_at, has_news = self._heard_at(state, instant, at), False
        for metric, value in reading.values.items():
            shelf = plan.shelves.get(metric)
            if shelf is not None and reading.flags is None and shelf.least <= value <= shelf.greatest:
                keys = shelf.valid
            else:
                keys = self._keys(plan, reading, metric, refused)
            for key in keys:
                arrival = (state.series.get(key) or self._series(state, key)).add(instant, value)
                if arrival is Arrival.NEWEST:
                    has_news = True
                    touched.append(key)
                    if key in plan.silences:
                        self._hear(state, key, heard_at)
                elif arrival is Arrival.INSIDE:
                    touched.append(key)
                else:
                    refused.append(refusal(arrival, key.partition("|")[0]))
        if plan.derived and touched:
            self._derive(state, touched, instant, at)
        if reading.position is not None and plan.site.moves and self._move_site(state, reading.position, instant):
            has_news = True
            touched.append(POSITION)
            if POSITION in plan.silences:
                self._hear(state, POSITION, heard_at)
        if has_news and ANY_METRIC in plan.silences:
            self._hear(state, ANY_METRIC, heard_at)
            touched.append(ANY_METRIC)

    def _keys(self, plan: SitePlan, reading: Reading, metric: str, refused: list[Refusal]) -> tuple[str, ...]:
        """Return the keys of the series that take a value of the reading; none if it is refused."""
        shelf = plan.shelves.get(metric) or plan.shelf(metric, self._registry)
        if shelf is None:
            refused.append((Reason.UNKNOWN_METRIC, metric, f"no feed declares the metric {metric!r}"))
            return ()
        value = reading.values[metric]
        if not shelf.least <= value <= shelf.greatest:
            text = f"{metric} is {value:g} {shelf.unit}, expected {shelf.least:g} to {shelf.greatest:g}"
            refused.append((Reason.RANGE, metric, text))
            return ()
        flag = VALID_FLAG if reading.flags is None else reading.flags.get(metric, VALID_FLAG)
        keys = shelf.by_flag.get(flag)
        if keys is None:
            refused.append((Reason.FLAG, metric, f"{metric} has the flag {flag!r}, expected {VALID_FLAG!r}"))
            return ()
        return keys

    def _series(self, state: SiteState, key: str) -> Series:
        series = state.series.get(key)
        if series is None:
            series = state.series[key] = new_series(state.plan, key)
        return series

    def _derive(self, state: SiteState, touched: list[str], instant: int, at: int) -> None:
        """Compute the derived values that the new samples change: as of their instant, and of all later ones."""
        for derived in state.plan.derived:
            if any(key in derived.inputs for key in touched):
                instants = derived.instants_from(state.series, instant)
                # All of them are computed, so `any` will not do.
                if True in [self._derive_at(state, derived, one, at) for one in instants]:
                    touched.append(derived.key)

    def _derive_at(self, state: SiteState, derived: DerivedSeries, instant: int, at: int) -> bool:
        """Compute one derived value; tell whether that changes anything."""
        found = derived.value_at(state.series, instant, state.plan.site, self._registry)
        if found is None:
            # A revision may take away what was known.
            return derived.key in state.series and state.series[derived.key].remove(instant)
        series, is_whole = self._series(state, derived.key), derived.is_whole(found, state.series, state.plan.site)
        if series.compute(instant, found.value, is_whole=is_whole) not in (Arrival.NEWEST, Arrival.INSIDE):
            return False
        is_heard = series.newest_at == instant and derived.key in state.plan.silences
        if is_heard and state.is_telling(derived.key, instant):
            self._hear(state, derived.key, self._heard_at(state, instant, at))
        return True

    def _move_site(self, state: SiteState, position: tuple[float, float], instant: int) -> bool:
        """Take over a position, unless it is older than the one that is known; tell whether it is news."""
        if state.position_at is not None and instant <= state.position_at:
            return False
        state.position, state.position_at = position, instant
        state.inside = self._rules.zones_at(position)
        return True

    # Judging

    def _judge_touched(self, state: SiteState, touched: list[str], at: int, events: list[AlertEvent]) -> None:
        standings = state.standings
        for place in state.plan.places_of(tuple(touched)):
            standing = standings[place]
            judge = standing.judge
            # Silence is measured on the log's own time.
            instant = at if judge.is_about_silence else _newest_of(state, judge.series_keys)
            if standing.events or not judge.is_quiet(standing.memory, state, instant):
                self._publisher.judge(state, standing, When(instant, at), events)


def _newest_of(state: SiteState, keys: Sequence[str]) -> int:
    """Return the instant of the newest sample of some series: as of then their judge is asked."""
    newest = 0
    for key in keys:
        series = state.series.get(key)
        if series is not None:
            if series.instants and series.instants[-1] > newest:
                newest = series.instants[-1]
        elif key == POSITION and state.position_at is not None:
            newest = max(newest, state.position_at)
    return newest
