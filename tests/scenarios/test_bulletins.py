"""The life of bulletins, minute by minute: drafts, the release, updates held back, the renewal, the end."""

import pytest

from citybrain.alerts import Certainty, MessageType, State
from citybrain.i18n import messages
from citybrain.instants import HOUR, MINUTE, parse_instant
from citybrain.model import Level, Status, Words
from rules.ruleset import load_rules
from scenarios import bulletins
from scenarios.bulletins import CATEGORIES, HEADLINES_MAX
from scenarios.chain import BulletinStatus, Category, Response, Severity, Urgency

START = parse_instant("2026-06-20T08:00:00+08:00")
BLUE, YELLOW, ORANGE, RED = Level
ALERT, UPDATE, CANCEL = MessageType
DRAFT, ACTUAL, EXERCISE = BulletinStatus.DRAFT, BulletinStatus.ACTUAL, BulletinStatus.EXERCISE


class Press:
    """Drives the stage and keeps what is sent, as (minute, status, type, level)."""

    def __init__(self, driven, action):
        self._driven, self._action = driven, action
        self.sent = []

    def take(self, minute, *values):
        for value in values or (None,):
            self.sent += self._driven.take(minute, value).bulletins

    def act(self, minute, kind):
        self.take(minute, self._action(kind, number=str(minute), incident=self._driven.incident.id))

    @property
    def rows(self):
        return [((one.sent - START) / MINUTE, one.status, one.message_type, one.level) for one in self.sent]


@pytest.fixture
def press(driven, action) -> Press:
    return Press(driven, action)


def over(make, sequence, **fields):
    return make(sequence=sequence, state=State.CLEARED, **fields)


# --- When something is sent.


def test_an_incident_is_a_draft_until_a_person_releases_it(press, alert):
    press.take(0, alert())
    press.take(10, alert(site="hs-b"))
    assert press.rows == [(0, DRAFT, ALERT, YELLOW), (10, DRAFT, UPDATE, YELLOW)]
    press.act(20, "release")
    assert press.rows[2:] == [(20, ACTUAL, ALERT, YELLOW)]


#   minute   0  1  2  3  4  5  6  7  8      yellow, orange, red, blue; at 7 a second alert
#   level    Y  Y  O  R  B  B  B  B  B
#   sent     A  A  U  U              U      a rise at once, all else 5 min after the last


def test_a_rising_level_is_told_at_once_and_all_else_five_minutes_after_the_last(press, alert):
    press.take(0, alert())
    press.act(1, "release")
    press.take(2, alert(sequence=2, level=ORANGE))
    press.take(3, alert(sequence=3, level=RED))
    press.take(4, alert(sequence=4, level=BLUE))
    press.take(7, alert(site="hs-b", level=BLUE))
    press.take(60)
    assert press.rows[1:] == [
        (1, ACTUAL, ALERT, YELLOW),
        (2, ACTUAL, UPDATE, ORANGE),
        (3, ACTUAL, UPDATE, RED),
        (8, ACTUAL, UPDATE, BLUE),  # Both changes since minute 3, at the time when they are due.
    ]
    assert len(press.sent[-1].references) == 3


def test_what_is_as_it_was_before_it_was_due_is_not_told(press, alert):
    press.take(0, alert())
    press.act(0, "release")
    press.take(1, alert(site="hs-b"))
    press.take(2, over(alert, 2, site="hs-b"))
    press.take(60)
    assert len(press.rows) == 2


def test_an_event_that_says_nothing_new_sends_nothing(press, alert):
    press.take(0, alert())
    press.take(30, alert(sequence=2, no_data=True))
    assert len(press.rows) == 1


def test_quiet_sends_nothing_and_the_end_sends_the_cancel(press, alert):
    press.take(0, alert(level=ORANGE))
    press.act(1, "release")
    press.take(30, over(alert, 2, level=ORANGE))
    press.take(200)
    assert len(press.rows) == 2
    press.act(210, "end")
    assert press.rows[2:] == [(210, ACTUAL, CANCEL, ORANGE)]
    last = press.sent[-1]
    assert (last.urgency, last.response, last.expires) == (Urgency.PAST, Response.ALL_CLEAR, None)
    assert last.references == (press.sent[1].reference,)
    assert last.headline.zh == "莲都区：某，解除橙色（Ⅱ级）"


def test_an_alert_that_comes_back_is_told_even_at_a_lower_level(press, alert):
    press.take(0, alert(level=RED))
    press.act(1, "release")
    press.take(30, over(alert, 2, level=RED))
    press.take(40, alert(site="hs-b", level=YELLOW))
    assert press.rows[2:] == [(40, ACTUAL, UPDATE, YELLOW)]


def test_the_end_takes_back_drafts_that_nobody_released(press, alert):
    press.take(0, alert())
    press.take(30, over(alert, 2))
    press.act(40, "end")
    assert press.rows == [(0, DRAFT, ALERT, YELLOW), (40, DRAFT, CANCEL, YELLOW)]
    assert press.sent[1].references == (press.sent[0].reference,)


def test_what_was_released_is_renewed_while_an_alert_is_open(press, alert):
    press.take(0, alert())
    press.act(0, "release")
    press.take(25 * 60)
    assert press.rows[2:] == [(12 * 60, ACTUAL, UPDATE, YELLOW), (24 * 60, ACTUAL, UPDATE, YELLOW)]
    assert press.sent[1].expires == START + 24 * HOUR
    press.take(25 * 60, over(alert, 2))
    press.take(80 * 60)
    assert len(press.rows) == 4  # It lapses by itself.


def test_a_draft_is_not_renewed(press, alert):
    press.take(0, alert())
    press.take(80 * 60)
    assert len(press.rows) == 1


def test_references_have_a_bound(press, alert, monkeypatch):
    monkeypatch.setattr(bulletins, "REFERENCES_MAX", 3)
    press.take(0, alert())
    for number in range(6):
        press.take(10 * number + 10, alert(sequence=number + 2, level=(BLUE, YELLOW)[number % 2]))
    assert [one.identifier for one in press.sent[-1].references] == [one.identifier for one in press.sent[3:6]]


def test_a_release_twice_sends_one_message(press, alert, action, driven):
    press.take(0, alert())
    same = action("release", incident=driven.incident.id)
    press.take(1, same, same)
    assert [row[1] for row in press.rows] == [DRAFT, ACTUAL]
    assert driven.incident.released.by == "duty-07"


# --- What it says.


@pytest.mark.parametrize(
    ("level", "severity", "urgency", "response"),
    [
        (BLUE, Severity.MINOR, Urgency.EXPECTED, Response.MONITOR),
        (YELLOW, Severity.MODERATE, Urgency.EXPECTED, Response.PREPARE),
        (ORANGE, Severity.SEVERE, Urgency.IMMEDIATE, Response.EXECUTE),
        (RED, Severity.EXTREME, Urgency.IMMEDIATE, Response.EXECUTE),
    ],
)
def test_the_level_says_how_severe_and_urgent_it_is(press, alert, level, severity, urgency, response):
    press.take(0, alert(level=level))
    (one,) = press.sent
    assert (one.severity, one.urgency, one.response) == (severity, urgency, response)


def test_it_says_where_what_and_how_bad_in_both_languages(press, alert):
    press.take(0, alert(level=ORANGE))
    (one,) = press.sent
    assert one.headline == Words("莲都区：某，橙色（Ⅱ级），某", "Liandu District: Something, orange (Ⅱ), Something")
    assert one.description == Words("某。", "Something.")
    assert (one.event, one.sender_name, one.categories) == (Words("某", "Something"),) * 2 + ((Category.MET,),)
    assert one.note == Words("草稿，未经发布，请勿外传。", "A draft that was not released; do not pass it on.")


def test_the_highest_alerts_are_named_and_the_others_counted(press, alert):
    names = [Words(f"第{number}", f"No. {number}") for number in range(HEADLINES_MAX + 2)]
    levels = [YELLOW] * (HEADLINES_MAX + 1) + [RED]
    press.take(
        0,
        *(
            alert(site=f"hs-{number}", level=level, headline=name, onset=START + number)
            for number, (name, level) in enumerate(zip(names, levels, strict=True))
        ),
    )
    last = press.sent[-1]
    assert last.description.en.startswith(f"{names[-1].en}; {names[0].en}; ")
    assert last.description.zh.endswith("；另有 2 条告警。")


def test_an_inhibited_alert_is_counted_and_not_named(press, alert):
    press.take(0, alert(rule="fd-01", headline=Words("雨", "Rain")))
    press.take(10, alert(rule="fd-03", level=ORANGE, headline=Words("水", "Water")))
    assert press.sent[-1].description.en == "Water; 1 more alerts."
    assert press.sent[-1].hazards == ("flood", "rain")


def test_a_script_says_what_people_are_to_do_and_where_it_does_not_all_levels_have_a_text(press, alert):
    press.take(0, alert(level=ORANGE))
    press.take(1, alert(sequence=2, level=RED))
    assert press.sent[0].instruction.en == messages("en")["bulletin.instruction_orange"]
    assert press.sent[1].instruction == Words("上高地", "Go to high ground.")


@pytest.mark.parametrize(
    ("certainties", "expected"),
    [((Certainty.LIKELY,), Certainty.LIKELY), ((Certainty.LIKELY, Certainty.OBSERVED), Certainty.OBSERVED)],
)
def test_what_is_observed_at_the_highest_level_is_observed(press, alert, certainties, expected):
    press.take(0, *(alert(site=f"hs-{name}", level=RED, certainty=name) for name in certainties))
    press.take(10, alert(site="hs-c", level=BLUE))
    assert press.sent[-1].certainty is expected


def test_a_drill_says_so_in_status_headline_and_note(press, alert):
    press.take(0, alert(status=Status.EXERCISE))
    press.act(1, "release")
    draft, released = press.sent
    assert (draft.status, released.status) == (DRAFT, EXERCISE)
    assert draft.headline.zh.startswith("【演练】")
    assert released.headline.en.startswith("[EXERCISE] ")
    assert released.note == Words("仅为演练，请勿采取实际行动。", "An exercise only; take no action.")
    assert draft.note.zh == "草稿，未经发布，请勿外传。 仅为演练，请勿采取实际行动。"


def test_its_areas_are_the_county_and_the_zones_where_people_may_be_affected(press, alert, registry):
    zone = next(zone for zone in registry.zones.values() if zone.kind == "flood-plain")
    press.take(0, alert(affects=(zone.id, "zn-gone")))
    county, affected = press.sent[0].areas
    assert (county.words.en, county.adcode) == ("Liandu District", "331102")
    assert (affected.words, affected.adcode) == (zone.words, None)
    assert zone.words.zh in press.sent[0].description.zh
    for area in (county, affected):
        for polygon in area.polygons:
            points = [tuple(map(float, point.split(","))) for point in polygon.split(" ")]
            assert points[0] == points[-1]
            assert len(points) >= 4
            assert all(27 < lat < 30 and 118 < lon < 121 for lat, lon in points)


def test_a_bulletin_about_the_city_has_the_outlines_of_all_counties(press, alert):
    press.take(0, alert(county="331100"))
    (city,) = press.sent[0].areas
    assert (city.words.en, city.adcode, len(city.polygons)) == ("Lishui", "331100", 9)


def test_every_hazard_of_the_catalog_has_its_category():
    hazards = {checked.rule.hazard for checked in load_rules().rules.values()}
    assert hazards <= set(CATEGORIES)
