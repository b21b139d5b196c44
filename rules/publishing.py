"""From a judge's findings to published events: the life of each alert, its identity, and when to ask again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol

from citybrain.alerts import AlertEvent, Ending, Subject
from citybrain.model import Status
from citybrain.registry import Registry
from rules.deadlines import LogClock, look_again_at
from rules.explain import about_metric, compose, ended, identity
from rules.lifecycle import Alert, advance, cut_off, reset
from rules.rule import Judge, SiteView, Ties, level_of
from rules.spans import Spans

THE_SITE = ""  # The key of an alert about the holder itself, beside the ids of zones.
NO_SPANS: Mapping[str, Spans] = MappingProxyType({})  # One for all: there are as many standings as sites and rules.


@dataclass(slots=True)
class Standing:
    """One judge's memory and its alerts, by zone or `THE_SITE`, with the event that was published last."""

    judge: Judge
    place: int  # Of the judge in the plan.
    memory: Any
    alerts: dict[str, Alert] = field(default_factory=dict)
    events: dict[str, AlertEvent] = field(default_factory=dict)  # Of open alerts only.
    wake_at: int | None = None  # When it is judged again although nothing came, on the log's own time.
    # When temporary zones arm it, by zone or `THE_SITE`.
    spans: Mapping[str, Spans] = field(default_factory=lambda: NO_SPANS)

    def is_over(self, key: str, at: int) -> bool:
        """Tell whether a zone that should arm it does not at a time of the log."""
        spans = self.spans.get(key)
        return spans is not None and not spans.holds(at)

    def ends_at(self, at: int) -> list[int]:
        """Return when the zones will be over that open alerts hang on."""
        return [self.spans[key].end_after(at) for key in self.events if key in self.spans]


@dataclass(slots=True)
class When:
    """The instant that is judged, and the time of the record that asks for it. Frozen it would cost three times."""

    instant: int
    at: int


class Holder(SiteView, Protocol):
    """What alerts are about: a site or an area, with what is heard of it."""

    @property
    def id(self) -> str:
        """Return the id under which it is scheduled."""
        ...

    @property
    def county(self) -> str:
        """Return the adcode of the county it lies in."""
        ...

    def subject(self, zone: str | None, registry: Registry) -> Subject:
        """Return what an alert is about: the holder, or the holder as an asset in a zone."""
        ...

    def zones_of(self, zone: str | None) -> tuple[str, ...]:
        """Return the zones that an alert names."""
        ...

    def ties(self, rule_id: str) -> Ties:
        """Return what the events of a rule are tied to here."""
        ...


class Publisher:
    """Moves alerts through their lives and says what is to be published. It keeps no state of its own."""

    def __init__(self, registry: Registry, catalog: str, clock: LogClock, *, status: Status, drill: str | None) -> None:
        self._registry = registry
        self._catalog = catalog
        self._clock = clock
        self._status = status
        self._drill = drill

    def judge(self, holder: Holder, standing: Standing, when: When, events: list[AlertEvent]) -> None:
        """Judge one rule for one holder; add what is to be published."""
        judge = standing.judge
        findings = judge.judge(standing.memory, holder, when.instant, is_open=bool(standing.events))
        for finding in findings:
            key = finding.zone or THE_SITE
            if standing.spans and standing.is_over(key, when.at):
                continue  # A late reading of a zone that is over raises nothing.
            before = standing.alerts.get(key)
            if before is None and finding.verdict.since is None:
                continue
            before = before or Alert()
            after, step = advance(before, finding.verdict, judge.timing)
            if after.is_open and (before.no_data or not before.is_open):
                after = replace(after, no_data=judge.is_blind(holder))
            if step is not None or after.no_data != before.no_data:
                events.append(self._publish(holder, standing, when, key, after))
            else:
                standing.alerts[key] = after
        if judge.has_wakes or standing.spans:
            self._wake_later(holder, standing, when, [finding.verdict.wake_in for finding in findings])

    def reset(self, holder: Holder, standing: Standing, when: When, key: str, events: list[AlertEvent]) -> None:
        """Clear a latched alert whose condition is gone, by order of a person; else nothing comes of it."""
        alert = standing.alerts.get(key)
        after = reset(alert, standing.judge.timing) if alert is not None else None
        if after is not None:
            events.append(self._publish(holder, standing, when, key, after, ending=Ending.RESET))

    def wake(self, holder: Holder, standing: Standing, when: When, events: list[AlertEvent]) -> None:
        """End the alerts whose zone is over, and judge again what may change although nothing comes."""
        for key, last in sorted(standing.events.items()):
            if standing.is_over(key, when.at):
                event = ended(last, catalog=self._catalog, at=when.at, ending=Ending.ZONE_ENDED)
                standing.alerts[key] = replace(cut_off(standing.alerts[key]), sequence=event.sequence)
                del standing.events[key]
                events.append(event)
        if standing.judge.has_wakes:
            self.judge(holder, standing, when, events)
        else:
            self._wake_later(holder, standing, when, ())

    def resume(self, holder: Holder, standing: Standing, at: int) -> None:
        """Schedule after a restart what a standing waits for; a zone may have been moved since."""
        times = [standing.wake_at] if standing.wake_at is not None else []
        standing.wake_at = min([*times, *standing.ends_at(at)], default=None)
        if standing.wake_at is not None:
            self._clock.schedule_wake(holder.id, standing.place, standing.wake_at)

    def mark_silent(self, holder: Holder, standing: Standing, when: When, events: list[AlertEvent]) -> None:
        """Mark the open alerts of a judge whose data have stopped. Silence clears nothing."""
        for key, alert in list(standing.alerts.items()):
            if alert.is_open and not alert.no_data:
                events.append(self._publish(holder, standing, when, key, replace(alert, no_data=True)))

    def _wake_later(self, holder: Holder, standing: Standing, when: When, waits: Sequence[int | None]) -> None:
        """Schedule the next judging of what may change although nothing comes."""
        before = standing.wake_at
        timers = self._timers(standing, when) if standing.events else []
        due = [wait for wait in (*waits, *timers) if wait is not None and wait > 0]
        times = standing.ends_at(when.at) if standing.spans else []
        if standing.judge.has_wakes:
            times += [look_again_at(when.instant, wait, at=when.at) for wait in due]
            # What speaks only on change may say nothing when the zone begins, and be over its limit all the same.
            times += [begin for spans in standing.spans.values() for begin in spans.begins_after(when.at)]
        standing.wake_at = min(times, default=None)
        if standing.wake_at is not None and standing.wake_at != before:  # Else it is scheduled already.
            self._clock.schedule_wake(holder.id, standing.place, standing.wake_at)

    def _timers(self, standing: Standing, when: When) -> list[int]:
        """Return in how many milliseconds the timers of open alerts will have run."""
        alerts = [alert for alert in standing.alerts.values() if alert.is_open]
        timers = [
            since + standing.judge.timing.keep - when.instant
            for alert in alerts
            for since in (*alert.leaving, alert.clearing)
            if since is not None
        ]
        min_life = standing.judge.timing.min_life
        lives = [(alert.fired_at or 0) + min_life - when.instant for alert in alerts if alert.clearing is not None]
        return [*timers, *lives]

    def _publish(
        self,
        holder: Holder,
        standing: Standing,
        when: When,
        key: str,
        after: Alert,
        *,
        ending: Ending = Ending.RECOVERED,
    ) -> AlertEvent:
        """Give the change its identity and its text, and keep it as the last word on the alert."""
        rule, zone = standing.judge.rule, key or None
        before = standing.alerts.get(key) or Alert()
        subject = about_metric(holder.subject(zone, self._registry), rule.metric, self._registry)
        ties = holder.ties(rule.id)
        if before.is_open:
            after = replace(after, identifier=before.identifier, sequence=before.sequence + 1)
        else:
            after = replace(identity(after, self._status, self._drill, rule, subject), sequence=1)
        event = compose(
            rule=rule,
            catalog=self._catalog,
            status=self._status,
            county=holder.county,
            subject=subject,
            also_in=ties.also_in,
            zones=self._zones(holder.zones_of(zone), standing.spans.get(key), when.at),
            affects=self._zones(ties.affects, None, when.at),
            alert=after,
            previous=level_of(before.rank) if before.is_open else None,
            evidence=standing.judge.evidence(standing.memory, holder, when.instant, rank=after.rank, zone=zone),
            observed_at=when.instant,
            sent=when.at,
            registry=self._registry,
            ending=ending,
        )
        standing.alerts[key] = after
        if after.is_open:
            standing.events[key] = event
        else:
            standing.events.pop(key, None)
        return event

    def _zones(self, zones: Sequence[str], spans: Spans | None, at: int) -> tuple[str, ...]:
        """Return the zones that an event names: those of the holder that are in force, and those that arm the rule."""
        armed = spans.armed_at(at) if spans is not None else ()
        known = self._registry.zones
        here = [zone for zone in zones if zone not in known or known[zone].is_in_force(at)]
        return tuple(dict.fromkeys((*here, *armed)))
