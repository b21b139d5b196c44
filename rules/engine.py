"""The engine: readings in, alert events out, in event time. The only way a reading is ever judged.

Time enters through the records alone. `at` is the time of a record in the log; before a record is judged, everything
that became due up to its `at` is judged first, in the order of the times. No clock is read, and the same records
give the same events whatever the speed, the restarts or the number of engines that share the sites.

Silence is counted on the clock of the living log: where two neighbouring records lie more than 30 s apart the log
itself was silent, not the sensor, and that span counts for nothing. Sites that are expected are waited for from the
first record on, so that one that never speaks is missed too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from citybrain.alerts import AlertEvent
from citybrain.errors import SnapshotError
from citybrain.model import Feed, Reading, Reason, Rejection, Reset, Status
from citybrain.sites import Site
from rules.deadlines import HELD, TELL, LogClock, Silence, look_again_at
from rules.explain import ended
from rules.geofence import POSITION
from rules.publishing import Publisher, When
from rules.refusals import AHEAD_MAX, BEHIND_MAX, Refusal, rejections, wrong_clock
from rules.route import ALL, places
from rules.rule import Heard
from rules.ruleset import RuleSet
from rules.signals import Sender, Signal, newest_of
from rules.silence import ANY_METRIC
from rules.site_state import SiteState, last_events, load_state, new_state
from rules.taking import NEWS, Taker

SNAPSHOT_VERSION = 3


class Judgement(NamedTuple):
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
        self._taker = Taker(rules)
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
        asked, told = self._taker.take(state, reading, at, refused)
        if asked:
            self._judge_asked(state, asked, at, events)
        if told:
            self._tell(state, told, at)

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
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, ValidationError) as error:
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
            state.schedule(key)
        for standing in state.standings:
            self._publisher.resume(state, standing, self._clock.at or 0)
        for reading in state.hold.readings if state.hold is not None else ():
            due = reading.observed_at + state.plan.reorder_for
            self._clock.schedule_wake(site.id, HELD, max(due, self._clock.at or due))
        if state.tell_at is not None:
            self._clock.schedule_wake(site.id, TELL, state.tell_at)
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
                state.schedule(key)

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
            state.awake = ALL
            self._stirred.add(due.site)
            if isinstance(due, Silence):
                self._fall_silent(state, due, events)
            elif due.place == HELD:
                self._release(state, due.at, events)
            elif due.place == TELL:
                self._tell_again(state, due.at)
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

    def _fall_silent(self, state: SiteState, due: Silence, events: list[AlertEvent]) -> None:
        """Judge a silence that is due."""
        key = due.series
        heard, spans = state.heard[key], state.plan.silences[key]
        while heard.passed < len(spans) and heard.at + spans[heard.passed] <= due.due:
            heard.passed += 1
        state.schedule(key)
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

    def _tell(self, state: SiteState, told: int, at: int) -> None:
        """Tell the area stage what the new samples have made of the site's measures."""
        site = state.plan.site.id
        for place in places(told & ~NEWS):
            sender = state.plan.senders[place]
            instant = newest_of(state, sender.series_keys)
            if sender.has_wakes and state.told_at == at:
                instant = max(instant, at)  # What was told again at this very moment must not have the last word.
            self._signals.append(sender.tell(state.pasts[place], state, instant, site=site, at=at))
            self._tell_later(state, sender, instant, at)
        if told & NEWS and state.told_silent is not False:
            self._tell_silence(state, at, is_silent=False)

    def _tell_again(self, state: SiteState, at: int) -> None:
        """Tell the area stage what time alone has made of what speaks only on change."""
        if state.tell_at != at:
            return  # It has been told since.
        before, state.tell_at, state.told_at = state.told_at, None, at
        for sender, past in zip(state.plan.senders, state.pasts, strict=True):
            if sender.has_wakes and (before is None or sender.is_moving_since(state, before)):
                self._signals.append(sender.tell_again(past, state, at, site=state.plan.site.id, at=at))
                self._tell_later(state, sender, at, at)

    def _tell_later(self, state: SiteState, sender: Sender, instant: int, at: int) -> None:
        """Schedule when the area stage is told again, if it may be otherwise; one time for all senders of a site."""
        wait = sender.looks_again_in(state, instant) if sender.has_wakes else None
        if wait is None:
            return
        due = look_again_at(instant, wait, at=at)
        if state.tell_at is None or due < state.tell_at:
            state.tell_at = due
            self._clock.schedule_wake(state.id, TELL, due)

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

    # Judging

    def _judge_asked(self, state: SiteState, asked: int, at: int, events: list[AlertEvent]) -> None:
        """Judge what is not quiet, and let rest what is."""
        for place in places(asked):
            standing, judge = state.standings[place], state.plan.judges[place]
            # Silence is measured on the log's own time.
            instant = at if judge.is_about_silence else _newest_of(state, judge.series_keys)
            until = None if standing.events else judge.quiet_until(standing.memory, state, instant)
            if until is None:
                state.awake |= 1 << place
                self._publisher.judge(state, standing, When(instant, at), events)
            elif until > instant:
                state.awake &= ~(1 << place)
                state.rests_until = min(state.rests_until, until)


def _newest_of(state: SiteState, keys: Sequence[str]) -> int:
    """Return the instant of the newest sample of some series, or position: as of then their judge is asked."""
    newest = newest_of(state, keys)
    return max(newest, state.position_at) if POSITION in keys and state.position_at is not None else newest
