"""Made-up incidents and alarms, each alone: what counts as found, missed, false, too much."""

import re

import orjson
import pytest
from typer.testing import CliRunner

from citybrain.alerts import AlertEvent, Evidence, MessageType, RuleReference, State, Subject, SubjectKind, identify
from citybrain.cli.main import app
from citybrain.codec import encode_event
from citybrain.i18n import LANGUAGES
from citybrain.instants import HOUR, MINUTE, SECOND, parse_instant
from citybrain.model import Level, Scenario, Status, Words
from rules.ruleset import load_rules
from scenarios.page import page_of
from scenarios.report import data_of, lines
from scenarios.score import _SIGNS, score
from simulators.kinds import IncidentKind
from simulators.mishaps import Episode
from simulators.rates import FaultKind
from simulators.truth import Incident, Truth, write_truth

START = parse_instant("2026-06-20T08:00:00+08:00")
HERE, THERE = (119.9, 28.4), (119.2, 28.1)
COUNTY, OTHER = "331102", "331181"
HAZARDS = {"r-rain": "rain", "r-gas": "gas", "r-data": "data-loss", "r-park": "crowding", "r-couple": "coupling"}


def incident(kind=IncidentKind.GAS, since=60, until=120, **change):
    since, until = START + since * MINUTE, START + until * MINUTE
    course = ((since, 0.0), ((since + until) // 2, 50.0), (until, 1.0))
    return Incident(
        kind,
        change.get("place", "leak-0"),
        change.get("position", HERE),
        300.0,
        (COUNTY,),
        since,
        until,
        "combustible_gas",
        "%LEL",
        course,
    )


def truth(*incidents, faults=(), hours=12):
    return Truth(START, START + hours * HOUR, 1, "s", incidents, faults)


def event(minute, rule="r-gas", site="gd-a", level=Level.YELLOW, state=State.FIRING, **change):
    """Return one event; `of` ties it to the alert that was raised in that minute."""
    at = START + round(minute * MINUTE)
    of = START + round(change.get("of", minute) * MINUTE)
    kind = SubjectKind.SITE if site else SubjectKind.COUNTY
    subject = Subject(kind, site, None if site else COUNTY, Words("甲", "A"), change.get("position", HERE))
    return AlertEvent(
        identifier=identify(Status.ACTUAL, None, rule, subject, of),
        sequence=1 if "of" not in change else 2,
        status=Status.ACTUAL,
        message_type=MessageType.ALERT if "of" not in change else MessageType.UPDATE,
        references=(),
        scenario=Scenario.FIRE_RESCUE,
        also_in=(),
        rule=RuleReference(rule, "0" * 16),
        subject=subject,
        county=change.get("county", COUNTY),
        geometry={"type": "Point", "coordinates": list(HERE)},
        zones=(),
        affects=(),
        level=level,
        previous_level=None,
        state=state,
        no_data=False,
        onset=of,
        observed_at=at,
        sent=at,
        evidence=Evidence("combustible_gas", Words("气", "gas"), 20.0, "%LEL", "at_least", 10.0),
        headline=Words("燃气 <甲>", "gas <A>"),
        description=Words("述", "d"),
        instruction=Words("令", "i"),
        tiers=(),
        trial=change.get("trial", False),
    )


#   minute    0 ... 60 ======== 90 ======== 120 ... 240
#   leak            begins      worst       ends
@pytest.mark.parametrize(
    ("one", "lag", "lead"),
    [
        (event(65), 5, 25),
        (event(95), 35, -5),
        (event(30), -30, 60),
        (event(-5), None, None),
        (event(241), None, None),
        (event(65, rule="r-rain"), None, None),
        (event(65, rule="r-couple", site=None), None, None),
        (event(65, position=THERE), None, None),
        (event(65, site=None, position=THERE), 5, 25),
        (event(65, site=None, position=THERE, county=OTHER), None, None),
        (event(65, trial=True), None, None),
    ],
    ids=[
        "after",
        "after the worst",
        "before",
        "too early",
        "too late",
        "another hazard",
        "coupling",
        "far off",
        "the county",
        "another county",
        "on trial",
    ],
)
def test_an_incident_is_found_by_hazard_time_and_place(one, lag, lead):
    (finding,) = score(truth(incident()), [one], HAZARDS).findings
    assert (finding.lag, finding.lead) == (
        None if lag is None else lag * MINUTE,
        None if lead is None else lead * MINUTE,
    )


def test_the_first_alarm_counts_and_its_highest_level_is_kept():
    found = score(
        truth(incident()),
        [event(80), event(65), event(70, of=65, level=Level.RED), event(130, of=65, state=State.CLEARED)],
        HAZARDS,
    )
    (finding,) = found.findings
    assert finding.lag == 5 * MINUTE
    assert [alarm.level for alarm in finding.alarms] == [Level.RED, Level.YELLOW]
    assert found.alarms[0].cleared_at == START + 130 * MINUTE
    assert sum(found.tens) == 3  # Raised, raised to red, and the other.


def test_what_nothing_explains_is_false_by_its_level():
    found = score(truth(incident()), [event(400), event(410, level=Level.RED), event(65)], HAZARDS)
    assert found.false_levels == {Level.RED: 1, Level.ORANGE: 0, Level.YELLOW: 1, Level.BLUE: 0}
    assert found.misses == ()


def test_a_coupled_alarm_is_explained_by_one_of_its_incidents():
    found = score(truth(incident()), [event(65, rule="r-couple", site=None)], HAZARDS)
    assert found.false == ()
    assert len(found.misses) == 1


def test_the_hazards_of_the_signs_are_those_of_the_rules():
    known = {checked.rule.hazard for checked in load_rules().rules.values()}
    assert {hazard for signs in _SIGNS.values() for hazard in signs.hazards} <= known


def test_a_false_alarm_names_the_fault_behind_it():
    spike = Episode(FaultKind.SPIKE, "gd-a", START + 10 * MINUTE, START + 11 * MINUTE)
    (one,) = score(truth(faults=(spike,)), [event(10.5)], HAZARDS).false
    assert one.fault is spike


@pytest.mark.parametrize(("site", "expected"), [("gd-a", 0), ("gd-b", 1)])
def test_an_alarm_about_a_silent_sensor_is_right_where_it_failed(site, expected):
    gap = Episode(FaultKind.DROPOUT, "gd-a", START, START + 60 * MINUTE)
    assert len(score(truth(faults=(gap,)), [event(30, rule="r-data", site=site)], HAZARDS).false) == expected


def test_a_load_is_counted_in_tens_of_minutes_and_in_the_worst_ones():
    found = score(truth(), [event(m, site=f"s{m}") for m in (1, 8, 11, 12, 17, 300)], HAZARDS)
    assert found.tens[:3] == (2, 3, 0)
    assert found.worst_ten == (START + 8 * MINUTE, 4)
    assert found.per_hour == 6 / 12
    assert found.busiest_county == (COUNTY, 6 / 12)


@pytest.mark.parametrize(("seconds", "expected"), [((0, 20, 59), 1), ((0, 30, 60), 0), ((0, 10), 0)])
def test_three_within_a_minute_are_chattering(seconds, expected):
    found = score(truth(), [event(5 + second * SECOND / MINUTE) for second in seconds], HAZARDS)
    assert len(found.chattering) == expected


@pytest.mark.parametrize(("until", "expected"), [(24 * 60, 0), (24 * 60 + 1, 1), (None, 1)])
def test_longer_than_a_day_is_standing(until, expected):
    events = [event(0)] + ([event(until, of=0, state=State.CLEARED)] if until is not None else [])
    assert len(score(truth(hours=48), events, HAZARDS).standing) == expected


def test_the_figures_are_those_of_the_score():
    found = score(truth(incident(), incident(place="leak-1", since=600, until=700)), [event(65), event(400)], HAZARDS)
    data = data_of(found)
    assert (data["incidents"], data["detected"], data["false"]["yellow"]) == (2, 1, 1)
    assert [one["lag_s"] for one in data["findings"]] == [300.0, None]
    orjson.dumps(data)
    text = "\n".join(lines(found, "en"))
    assert "incidents detected: 1 of 2" in text
    assert "gas leak leak-1 (50 %LEL): MISSED" in text
    assert "told 5min after it began, by r-gas, up to yellow Ⅲ, 25min before its worst" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_holds_all_it_needs_and_escapes_what_it_quotes(language):
    found = score(truth(incident()), [event(65), event(400, level=Level.RED)], HAZARDS)
    page = page_of(found, language)
    assert page.count("<svg") == 2
    assert f'<html lang="{language}">' in page
    assert not re.search(r"https?://|src=|@import|<script|<link|url\(", page)
    assert "<A>" not in page
    assert "<甲>" not in page


def files(tmp_path, *events):
    write_truth(tmp_path / "a.truth.jsonl", truth(incident(position=(119.86, 28.39))))
    alerts = tmp_path / "alerts.jsonl"
    alerts.write_bytes(b"".join(encode_event(one) + b"\n" for one in events))
    return str(tmp_path / "a.jsonl"), str(alerts)


@pytest.mark.parametrize(
    ("minute", "options", "code"),
    [
        (65, ["--fail-on", "misses", "--fail-on", "false"], 0),
        (400, [], 0),
        (400, ["--fail-on", "misses"], 1),
        (400, ["--fail-on", "false"], 1),
    ],
)
def test_the_command_fails_on_what_it_is_told_to(tmp_path, minute, options, code):
    trace, alerts = files(tmp_path, event(minute, rule="fr-03-detector", position=(119.86, 28.39)))
    page = tmp_path / "a.html"
    result = CliRunner().invoke(app, ["score", trace, alerts, "--json", "--html", str(page), *options])
    assert result.exit_code == code, result.output
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("text", "says"), [("{}\n", "alerts.jsonl:1: no alert event"), (None, "has no rule r-unknown")]
)
def test_alerts_that_are_none_or_of_another_catalog_are_refused(tmp_path, text, says):
    trace, alerts = files(tmp_path, event(65, rule="r-unknown"))
    if text is not None:
        (tmp_path / "alerts.jsonl").write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["score", trace, alerts])
    assert result.exit_code != 0
    assert says in str(result.exception)
