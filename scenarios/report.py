"""Tells a score: as lines of text for a terminal, and as plain data for a program."""

from collections.abc import Iterator
from typing import Any

from citybrain.i18n import Language, say
from citybrain.instants import MINUTE, SECOND, format_clock_time, format_duration, format_instant
from citybrain.model import Level
from scenarios.score import PER_HOUR_MAX, STANDING_MAX, TEN_MINUTES_MAX, Alarm, FalseAlarm, Finding, Score

FALSE_SHOWN_MAX = 50  # Lines; the data has all of them.


def lines(score: Score, language: Language) -> Iterator[str]:
    """Yield the score as lines of text."""
    found = len(score.findings) - len(score.misses)
    yield say(language, "score.detected", found=found, incidents=len(score.findings))
    for finding in score.findings:
        yield f"  {incident_line(finding, language)}"
    levels = "  ".join(f"{say(language, f'badge.{level}')} {count}" for level, count in score.false_levels.items())
    yield say(language, "score.false", count=len(score.false), levels=levels)
    for one in score.false[:FALSE_SHOWN_MAX]:
        yield f"  {false_line(one, language)}"
    if len(score.false) > FALSE_SHOWN_MAX:
        yield say(language, "score.more", count=len(score.false) - FALSE_SHOWN_MAX)
    yield from load_lines(score, language)


def load_lines(score: Score, language: Language) -> Iterator[str]:
    """Yield what an operator had to hear, each figure beside what one can take."""
    county, rate = score.busiest_county
    yield say(language, "score.per_hour", rate=f"{score.per_hour:.2f}", most=f"{PER_HOUR_MAX:g}")
    yield say(language, "score.county", county=county or "-", rate=f"{rate:.2f}")
    at, count = score.worst_ten
    yield say(language, "score.worst_ten", count=count, at=format_clock_time(at), most=TEN_MINUTES_MAX)
    pairs = ", ".join(f"{rule} {subject}" for rule, subject in score.chattering)
    yield say(language, "score.chattering", count=len(score.chattering), pairs=pairs or "-")
    yield say(language, "score.standing", count=len(score.standing), most=STANDING_MAX)


def incident_line(finding: Finding, language: Language) -> str:
    """Return one incident in one line: what, where, when, and how soon it was told."""
    incident = finding.incident
    what = say(language, f"incident.{incident.kind}")
    told = say(language, "score.missed")
    if finding.lag is not None and finding.lead is not None:
        key = "score.after" if finding.lag >= 0 else "score.before"
        span = format_duration(abs(finding.lag) // MINUTE * MINUTE)
        highest = max((alarm.level for alarm in finding.alarms), key=lambda level: level.rank)
        told = say(language, key, span=span, rule=finding.alarms[0].rule, level=say(language, f"badge.{highest}"))
        if finding.lead >= 0:
            told += say(language, "score.to_peak", span=format_duration(finding.lead // MINUTE * MINUTE))
    peak = f"{incident.peak[1]:.4g} {incident.unit}"
    return f"{format_clock_time(incident.since)}  {what} {incident.place} ({peak}): {told}"


def false_line(one: FalseAlarm, language: Language) -> str:
    """Return one false alarm in one line, with the fault that may be behind it."""
    alarm = one.alarm
    because = f"  [{one.fault.kind} {one.fault.site}]" if one.fault is not None else ""
    badge = say(language, f"badge.{alarm.level}")
    return f"{format_clock_time(alarm.raised_at)}  {badge}  {alarm.headline[language]}  {alarm.rule}{because}"


def data_of(score: Score) -> dict[str, Any]:
    """Return the score as plain data, instants as RFC 3339, spans in seconds."""
    at, count = score.worst_ten
    county, rate = score.busiest_county
    return {
        "start": format_instant(score.truth.start),
        "end": format_instant(score.truth.end),
        "storyline": score.truth.storyline,
        "incidents": len(score.findings),
        "detected": len(score.findings) - len(score.misses),
        "findings": [_finding(finding) for finding in score.findings],
        "alarms": len(score.alarms),
        "false": {level.value: score.false_levels[level] for level in Level},
        "false_alarms": [_false(one) for one in score.false],
        "alarms_per_hour": round(score.per_hour, 3),
        "busiest_county": {"county": county, "alarms_per_hour": round(rate, 3)},
        "worst_ten_minutes": {"at": format_instant(at), "alarms": count},
        "per_ten_minutes": list(score.tens),
        "chattering": [{"rule": rule, "subject": subject} for rule, subject in score.chattering],
        "standing": [_alarm(alarm) for alarm in score.standing],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    incident = finding.incident
    return {
        "kind": incident.kind.value,
        "place": incident.place,
        "counties": list(incident.counties),
        "since": format_instant(incident.since),
        "until": format_instant(incident.until),
        "peak": {"at": format_instant(incident.peak[0]), "value": incident.peak[1], "unit": incident.unit},
        "lag_s": finding.lag / SECOND if finding.lag is not None else None,
        "lead_to_peak_s": finding.lead / SECOND if finding.lead is not None else None,
        "alarms": [_alarm(alarm) for alarm in finding.alarms],
    }


def _false(one: FalseAlarm) -> dict[str, Any]:
    fault = {"kind": one.fault.kind.value, "site": one.fault.site} if one.fault is not None else None
    return {**_alarm(one.alarm), "fault": fault}


def _alarm(alarm: Alarm) -> dict[str, Any]:
    return {
        "identifier": alarm.identifier,
        "rule": alarm.rule,
        "subject": alarm.subject,
        "level": alarm.level.value,
        "raised_at": format_instant(alarm.raised_at),
        "cleared_at": format_instant(alarm.cleared_at) if alarm.cleared_at is not None else None,
    }
