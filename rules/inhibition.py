"""Inhibition: which open alerts say nothing new, because a graver one of another rule stands in the same place.

It is a mark for those who list alerts. No event is held back for it, and what is marked goes on as before.
Source: Prometheus Alertmanager, inhibit rules (a source alert, a target alert, labels that must be equal).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from citybrain.alerts import AlertEvent, State
from citybrain.model import Level


class Within(StrEnum):
    """How near the two alerts must be."""

    SITE = "site"
    COUNTY = "county"


@dataclass(frozen=True, slots=True)
class Inhibition:
    """What an open alert of one rule does to the alerts of another."""

    rule: str  # The rule whose alerts are marked,
    level: Level  # up to this level.
    within: Within


def inhibited(
    events: Iterable[AlertEvent], inhibitions: Mapping[str, Iterable[Inhibition]]
) -> dict[str, tuple[str, ...]]:
    """Return the identifiers of open alerts that are inhibited, each with those of the alerts that inhibit it.

    `events` holds the last event of each alert; `inhibitions` are keyed by the rule that inhibits. An alert that is
    inhibited itself inhibits others still. What is on trial marks nothing but what is on trial too, and a drill only
    itself.
    """
    still_open = [event for event in events if event.state is not State.CLEARED]
    by_rule: dict[str, list[AlertEvent]] = {}
    for event in still_open:
        by_rule.setdefault(event.rule.id, []).append(event)
    found: dict[str, list[str]] = {}
    for source in still_open:
        for inhibition in inhibitions.get(source.rule.id, ()):
            for target in by_rule.get(inhibition.rule, ()):
                if inhibits(source, target, inhibition):
                    found.setdefault(target.identifier, []).append(source.identifier)
    return {identifier: tuple(sorted(set(sources))) for identifier, sources in sorted(found.items())}


def inhibits(source: AlertEvent, target: AlertEvent, inhibition: Inhibition) -> bool:
    """Tell whether an open alert inhibits another, by an inhibition of its rule that names the rule of the other."""
    if target.level.rank > inhibition.level.rank or source.status is not target.status:
        return False
    if source.trial and not target.trial:
        return False
    if inhibition.within is Within.SITE:
        return source.subject.site is not None and source.subject.site == target.subject.site
    return source.county == target.county
