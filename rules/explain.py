"""From a decision to an alert event: identity, texts in both languages, geometry, evidence."""

from dataclasses import replace
from typing import Any

from citybrain.alerts import (
    AlertEvent,
    Ending,
    Evidence,
    MessageType,
    RuleReference,
    State,
    Subject,
    SubjectKind,
    identify,
    tiers_of,
)
from citybrain.i18n import LANGUAGES, Language, say
from citybrain.instants import format_clock_time, format_duration
from citybrain.model import Level, Scenario, Status, Words
from citybrain.registry import Registry
from citybrain.sites import Site
from citybrain.units import COUNTED, UNITS, format_number
from rules.conditions import Comparison, compare
from rules.forecast import REACHES
from rules.lifecycle import Alert
from rules.measures import Bound, Measured
from rules.rule import Rule, level_of

SITES_NAMED = 2  # In a headline; the evidence has more.


def subject_of(site: Site, position: tuple[float, float], zone: str | None, registry: Registry) -> Subject:
    """Return what an alert at the site is about: the site, or the site as an asset in a zone."""
    if zone is None:
        return Subject(SubjectKind.SITE, site.id, None, site.words, position)
    there = registry.zones[zone].words
    words = Words(f"{site.words.zh}（{there.zh}）", f"{site.words.en} ({there.en})")
    return Subject(SubjectKind.ASSET_IN_ZONE, site.id, zone, words, position)


def about_metric(subject: Subject, metric: str | None, registry: Registry) -> Subject:
    """Return the subject of an alert about one metric of many; the subject itself where a rule is about one alone."""
    if metric is None:
        return subject
    what = registry.metrics[metric].words
    words = Words(f"{subject.words.zh} {what.zh}", f"{subject.words.en}, {what.en}")
    return replace(subject, words=words, metric=metric)


def identity(alert: Alert, status: Status, drill: str | None, rule: Rule, subject: Subject) -> Alert:
    """Return a newly raised alert with its identifier."""
    assert alert.onset is not None, "a raised alert has an onset"
    return replace(alert, identifier=identify(status, drill, rule.id, subject, alert.onset))


def compose(
    *,
    rule: Rule,
    catalog: str,
    status: Status,
    county: str,
    subject: Subject,
    zones: tuple[str, ...],
    also_in: tuple[Scenario, ...],
    affects: tuple[str, ...],
    alert: Alert,
    previous: Level | None,
    evidence: Evidence,
    observed_at: int,
    sent: int,
    registry: Registry,
    ending: Ending = Ending.RECOVERED,
) -> AlertEvent:
    """Return the event that says where the alert now stands; `ending` is why, if it is cleared."""
    assert alert.onset is not None, "only an alert that was raised is published"
    assert alert.state is not None, "only an alert that was raised is published"
    level, is_cleared = level_of(alert.rank), alert.state is State.CLEARED
    key = _headline_key(alert, ending, latched=rule.latched)
    return AlertEvent(
        identifier=alert.identifier,
        sequence=alert.sequence,
        status=status,
        message_type=_message_type(alert),
        references=(f"{alert.identifier}/{alert.sequence - 1}",) if alert.sequence > 1 else (),
        scenario=rule.scenario,
        also_in=also_in,
        affects=affects,
        rule=RuleReference(rule.id, catalog),
        subject=subject,
        county=county,
        geometry=_point(subject.position),
        zones=zones,
        level=level,
        previous_level=previous,
        state=alert.state,
        no_data=alert.no_data,
        onset=alert.onset,
        observed_at=observed_at,
        sent=sent,
        evidence=evidence,
        headline=_both(lambda language: _headline(language, key, rule, subject, county, alert, evidence, registry)),
        description=_both(lambda language: _description(language, rule)),
        instruction=rule.action,
        tiers=() if rule.is_trial else tiers_of(level),
        certainty=rule.certainty,
        ending=ending if is_cleared else None,
        flapping=alert.flapping.is_on,
        latched=rule.latched,
        trial=rule.is_trial,
    )


def ended(event: AlertEvent, *, catalog: str, at: int, ending: Ending = Ending.RULE_ENDED) -> AlertEvent:
    """Return the event that clears an alert because its rule, or the zone that armed it, is no longer there."""
    return replace(
        event,
        sequence=event.sequence + 1,
        message_type=MessageType.CANCEL,
        references=(f"{event.identifier}/{event.sequence}",),
        rule=RuleReference(event.rule.id, catalog),
        previous_level=event.level,
        state=State.CLEARED,
        observed_at=at,
        sent=at,
        headline=_both(
            lambda language: say(language, f"alert.{ending.value}", headline=event.headline.in_language(language))
        ),
        ending=ending,
    )


def _message_type(alert: Alert) -> MessageType:
    if alert.state is State.CLEARED:
        return MessageType.CANCEL
    return MessageType.ALERT if alert.sequence == 1 else MessageType.UPDATE


def _both(text: Any) -> Words:
    zh, en = (text(language) for language in LANGUAGES)
    return Words(zh, en)


def _headline_key(alert: Alert, ending: Ending, *, latched: bool) -> str:
    """Return the name of the text that says how an alert stands."""
    if alert.state is State.CLEARED:
        return "reset" if ending is Ending.RESET else "cleared"
    if alert.no_data:
        return "no_data"
    return "over" if latched and alert.state is State.RECOVERING else "raised"


def _headline(
    language: Language,
    key: str,
    rule: Rule,
    subject: Subject,
    county: str,
    alert: Alert,
    evidence: Evidence,
    registry: Registry,
) -> str:
    level = level_of(alert.rank)
    return say(
        language,
        f"alert.{key}",
        place=_place(language, subject, registry.county_name(county)),
        rule=rule.words.in_language(language),
        level=say(language, f"level.{level.value}"),
        evidence=f"{_evidence(language, evidence)}{_at_sites(language, evidence, registry)}",
    )


def _at_sites(language: Language, evidence: Evidence, registry: Registry) -> str:
    """Return which sites of an area decided, the first of them by name."""
    if not evidence.sites or evidence.across is not None:
        return ""
    known = [registry.sites[site].words.in_language(language) for site in evidence.sites[:SITES_NAMED]]
    key = "alert.at" if len(evidence.sites) <= SITES_NAMED else "alert.at_more"
    return say(language, key, names=say(language, "alert.and").join(known), count=len(evidence.sites))


def _place(language: Language, subject: Subject, county: Words) -> str:
    """Return what an alert is about and where; a county or the city is its own place."""
    words = subject.words.in_language(language)
    if subject.kind in (SubjectKind.COUNTY, SubjectKind.CITY):
        return words
    return say(language, "alert.place", subject=words, county=county.in_language(language))


def _amount(language: Language, number: float, evidence: Evidence) -> str:
    """Return a number with its unit, as one says it: a share in percent, a level by its name."""
    if evidence.unit == "level":
        return say(language, f"level.{level_of(round(number)).value}") if number >= 1 else "—"
    if evidence.across == "share":
        return f"{format_number(number * 100)} %"
    if evidence.unit in ("state", "index"):
        return format_number(number)
    is_counted = language == "zh" and evidence.unit in COUNTED
    return f"{format_number(number)} {UNITS[evidence.unit] if is_counted else evidence.unit}"


def _evidence(language: Language, evidence: Evidence) -> str:
    words = evidence.words.in_language(language)
    if evidence.limit is None:
        return words
    if evidence.expected_at is not None and evidence.trend is not None:
        return _outlook(language, evidence)
    value = "—" if evidence.value is None else _amount(language, evidence.value, evidence)
    window = ""
    if evidence.window and evidence.take:
        is_quantile = evidence.take.startswith("p")
        take, percent = ("quantile", evidence.take[1:]) if is_quantile else (evidence.take, "")
        window = say(language, f"take.{take}", window=format_duration(evidence.window), percent=percent)
    if evidence.across is not None:
        window += say(language, f"across.{evidence.across}")
    limit = _amount(language, evidence.limit, evidence)
    if not _is_met(evidence):
        return f"{words}{window} {value}{say(language, 'alert.limit', limit=limit)}"
    return f"{words}{window} {value} {say(language, f'comparison.{evidence.comparison}')} {limit}"


def _outlook(language: Language, evidence: Evidence) -> str:
    """Return what a forecast says: the value now, how fast it rises, and when it will be at the limit."""
    assert evidence.value is not None, "a forecast has a value"
    assert evidence.limit is not None, "a forecast has a limit"
    assert evidence.trend is not None, "the caller has looked"
    assert evidence.expected_at is not None, "the caller has looked"
    return say(
        language,
        "alert.forecast",
        words=evidence.words.in_language(language),
        value=format_number(evidence.value),
        unit=evidence.unit,
        trend=f"{'+' if evidence.trend > 0 else ''}{format_number(evidence.trend)}",
        limit=format_number(evidence.limit),
        time=format_clock_time(evidence.expected_at),
    )


def _is_met(evidence: Evidence) -> bool:
    """Tell whether the value is on the bad side of the limit; on the way down it no longer is."""
    if evidence.value is None or evidence.limit is None:
        return False
    if evidence.comparison == REACHES:
        return False  # On the way down the limit is not expected any more.
    if evidence.comparison == "silent_for":
        return evidence.value >= evidence.limit
    found = Measured(evidence.value, Bound.EXACT, 0)
    return compare(found, Comparison(evidence.comparison), evidence.limit) is True


def _description(language: Language, rule: Rule) -> str:
    return say(
        language,
        "alert.description",
        cause=rule.cause.in_language(language),
        consequence=rule.consequence.in_language(language),
    )


def _point(position: tuple[float, float]) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [position[0], position[1]]}
