"""From a judge's findings to published events: the life of each alert, its identity, and when to ask again."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from citybrain.alerts import AlertEvent, Subject
from citybrain.model import Scenario, Status
from citybrain.registry import Registry
from rules.deadlines import LogClock
from rules.explain import about_metric, compose, identity
from rules.lifecycle import Alert, advance
from rules.rule import Heard, Judge, SiteView, level_of

THE_SITE = ""  # The key of an alert about the holder itself, beside the ids of zones.


@dataclass(slots=True)
class Standing:
    """One judge's memory and its alerts, by zone or `THE_SITE`, with the event that was published last."""

    judge: Judge
    place: int  # Of the judge in the plan.
    memory: Any
    alerts: dict[str, Alert] = field(default_factory=dict)
    events: dict[str, AlertEvent] = field(default_factory=dict)  # Of open alerts only.
    wake_at: int | None = None  # When it is judged again although nothing came, on the log's own time.


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
    def heard(self) -> dict[str, Heard]:
        """Return when each of its series was heard last."""
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

    def also_in(self, rule_id: str) -> tuple[Scenario, ...]:
        """Return the further scenarios that the events of a rule belong to here."""
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
            before = standing.alerts.get(key)
            if before is None and finding.verdict.since is None:
                continue
            before = before or Alert()
            after, step = advance(before, finding.verdict, judge.timing)
            if after.is_open and (before.no_data or not before.is_open):
                after = replace(after, no_data=self.is_silent(holder, judge))
            if step is not None or after.no_data != before.no_data:
                events.append(self._publish(holder, standing, when, key, after))
            else:
                standing.alerts[key] = after
        if judge.has_wakes:
            self._wake_later(holder, standing, when, [finding.verdict.wake_in for finding in findings])

    def mark_silent(self, holder: Holder, standing: Standing, when: When, events: list[AlertEvent]) -> None:
        """Mark the open alerts of a judge whose data have stopped. Silence clears nothing."""
        for key, alert in list(standing.alerts.items()):
            if alert.is_open and not alert.no_data:
                events.append(self._publish(holder, standing, when, key, replace(alert, no_data=True)))

    def is_silent(self, holder: Holder, judge: Judge) -> bool:
        """Tell whether any series that the judge reads has been silent for too long to be known."""
        heard = holder.heard
        return any(
            key in heard and self._clock.living - heard[key].at >= span for key, span in judge.silent_after.items()
        )

    def _wake_later(self, holder: Holder, standing: Standing, when: When, waits: Sequence[int | None]) -> None:
        """Schedule the next judging of what may change although nothing comes."""
        alerts = [alert for alert in standing.alerts.values() if alert.is_open]
        timers = [
            since + standing.judge.timing.keep - when.instant
            for alert in alerts
            for since in (*alert.leaving, alert.clearing)
            if since is not None
        ]
        min_life = standing.judge.timing.min_life
        lives = [(alert.fired_at or 0) + min_life - when.instant for alert in alerts if alert.clearing is not None]
        due = [wait for wait in (*waits, *timers, *lives) if wait is not None and wait > 0]
        standing.wake_at = when.at + min(due) if due else None
        if standing.wake_at is not None:
            self._clock.schedule_wake(holder.id, standing.place, standing.wake_at)

    def _publish(self, holder: Holder, standing: Standing, when: When, key: str, after: Alert) -> AlertEvent:
        """Give the change its identity and its text, and keep it as the last word on the alert."""
        rule, zone = standing.judge.rule, key or None
        before = standing.alerts.get(key) or Alert()
        subject = about_metric(holder.subject(zone, self._registry), rule.metric, self._registry)
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
            also_in=holder.also_in(rule.id),
            zones=holder.zones_of(zone),
            alert=after,
            previous=level_of(before.rank) if before.is_open else None,
            evidence=standing.judge.evidence(standing.memory, holder, when.instant, rank=after.rank, zone=zone),
            observed_at=when.instant,
            sent=when.at,
            registry=self._registry,
        )
        standing.alerts[key] = after
        if after.is_open:
            standing.events[key] = event
        else:
            standing.events.pop(key, None)
        return event
