"""Tells what came of the storylines of a scenario: as lines of text for a terminal, and as plain data for a program."""

from collections.abc import Iterator
from typing import Any

from citybrain.i18n import Language, say
from citybrain.instants import MINUTE, format_clock_time, format_duration, format_instant
from citybrain.registry import Registry
from scenarios.practice import Finding, Practice, Verdict
from scenarios.score import Alarm

SURPLUS_SHOWN_MAX = 20  # Lines; the data has all of them.

_SIGNS = {Verdict.SEEN: "✓", Verdict.EARLY: "✗", Verdict.LATE: "✗", Verdict.MISSING: "✗"}


def lines(practice: Practice, registry: Registry, language: Language) -> Iterator[str]:
    """Yield what came of one storyline as lines of text."""
    story = practice.storyline
    yield say(
        language,
        f"practice.{practice.goal.value}",
        sign="✓" if practice.is_met else "✗",
        name=story.words.in_language(language),
        storyline=story.storyline,
        hours=f"{story.hours:g}",
        highest=_level(practice.highest, language),
    )
    for finding in practice.findings:
        yield f"    {_finding_line(finding, story.start, registry, language)}"
    if practice.surplus or practice.others:
        yield f"    {say(language, 'practice.surplus', count=len(practice.surplus), others=practice.others)}"
    for alarm in practice.surplus[:SURPLUS_SHOWN_MAX]:
        highest = say(language, "practice.up_to", level=_level(alarm.level, language))
        yield f"      + {format_clock_time(alarm.raised_at)}  {alarm.headline[language]}  {alarm.rule}  {highest}"
    if len(practice.surplus) > SURPLUS_SHOWN_MAX:
        yield f"      {say(language, 'score.more', count=len(practice.surplus) - SURPLUS_SHOWN_MAX)}"


def data_of(practice: Practice) -> dict[str, Any]:
    """Return what came of one storyline as plain data, instants as RFC 3339."""
    story = practice.storyline
    return {
        "scenario": practice.scenario.value,
        "storyline": story.storyline,
        "goal": practice.goal.value,
        "met": practice.is_met,
        "start": format_instant(story.start),
        "hours": story.hours,
        "records": practice.records,
        "highest": practice.highest.value if practice.highest is not None else None,
        "expected": [_finding_data(finding, story.start) for finding in practice.findings],
        "surplus": [_alarm_data(alarm) for alarm in practice.surplus],
        "surplus_of_others": practice.others,
    }


def _finding_line(finding: Finding, start: int, registry: Registry, language: Language) -> str:
    expected = finding.expected
    came = _span(finding.at - start) if finding.at is not None else "-"
    return say(
        language,
        "practice.line",
        sign=_SIGNS[finding.verdict],
        verdict=say(language, f"practice.{finding.verdict.value}"),
        level=_level(expected.level, language),
        rule=expected.rule,
        place=_place(expected.at, registry, language),
        came=came,
        since=_span(expected.since),
        until=_span(expected.until),
    )


def _place(name: str | None, registry: Registry, language: Language) -> str:
    if name is None:
        return ""
    known = registry.sites.get(name) or registry.zones.get(name)
    return known.words.in_language(language) if known is not None else name


def _level(level: object, language: Language) -> str:
    return say(language, f"badge.{level}") if level is not None else say(language, "practice.none")


def _span(span: int) -> str:
    return format_duration(span // MINUTE * MINUTE)


def _finding_data(finding: Finding, start: int) -> dict[str, Any]:
    expected = finding.expected
    return {
        "rule": expected.rule,
        "level": expected.level.value,
        "at": expected.at,
        "from": format_instant(start + expected.since),
        "until": format_instant(start + expected.until),
        "verdict": finding.verdict.value,
        "came": format_instant(finding.at) if finding.at is not None else None,
    }


def _alarm_data(alarm: Alarm) -> dict[str, Any]:
    return {
        "identifier": alarm.identifier,
        "rule": alarm.rule,
        "subject": alarm.subject,
        "level": alarm.level.value,
        "raised_at": format_instant(alarm.raised_at),
    }
