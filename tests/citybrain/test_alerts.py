import orjson
import pytest
from pydantic import ValidationError

from citybrain.alerts import (
    EVENTS,
    AlertEvent,
    Ending,
    Evidence,
    MessageType,
    RuleReference,
    Sample,
    State,
    Subject,
    SubjectKind,
    Tier,
    identify,
    tiers_of,
)
from citybrain.codec import decode_event, encode_event
from citybrain.instants import HOUR, parse_instant
from citybrain.model import Level, Scenario, Status, Words

AT = parse_instant("2026-06-20T08:00:00.5+08:00")
WORDS = Words("甲站", "Gauge A")
SITE = Subject(SubjectKind.SITE, "hs-a", None, WORDS, (119.5, 28.5))
ASSET = Subject(SubjectKind.ASSET_IN_ZONE, "bt-a", "zn-dam", WORDS, (119.5, 28.5))


def event(**given) -> AlertEvent:
    values = {
        "identifier": "0123456789abcdef" * 2,
        "sequence": 2,
        "status": Status.ACTUAL,
        "message_type": MessageType.UPDATE,
        "references": ("0123456789abcdef0123456789abcdef/1",),
        "scenario": Scenario.FLOOD_DROUGHT_COMMAND,
        "also_in": (),
        "affects": (),
        "rule": RuleReference("fd-03", "abc"),
        "subject": SITE,
        "county": "331102",
        "geometry": {"type": "Point", "coordinates": [119.5, 28.5]},
        "zones": ("zn-a", "zn-b"),
        "level": Level.ORANGE,
        "previous_level": Level.BLUE,
        "state": State.FIRING,
        "no_data": False,
        "onset": AT - HOUR,
        "observed_at": AT,
        "sent": AT + 3,
        "evidence": Evidence(
            "stage", WORDS, 4.6, "m", "at_least", 4.5, HOUR, "mean", (Sample(AT, 4.6), Sample(AT, 5.0))
        ),
        "headline": WORDS,
        "description": WORDS,
        "instruction": WORDS,
        "tiers": (Tier.CENTRE, Tier.FIELD),
    }
    return AlertEvent(**{**values, **given})


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="update"),
        pytest.param({"state": State.CLEARED, "ending": Ending.RULE_ENDED, "no_data": True}, id="cleared"),
        pytest.param({"subject": ASSET, "zones": (), "previous_level": None, "references": ()}, id="asset"),
        pytest.param({"evidence": Evidence("any", WORDS, None, "min", "silent_for", None)}, id="no value"),
        pytest.param({"headline": Words('"{}\n“', "\\")}, id="odd words"),
    ],
)
def test_an_event_comes_back_from_its_bytes(given):
    written = event(**given)
    assert decode_event(encode_event(written)) == written
    assert encode_event(decode_event(encode_event(written))) == encode_event(written)
    assert EVENTS.validate_python(EVENTS.dump_python(written, mode="json", by_alias=True)) == written


def test_an_event_is_written_in_the_words_of_cap():
    data = orjson.loads(encode_event(event()))
    assert data["msgType"] == "Update"
    assert "message_type" not in data
    assert data["onset"] == "2026-06-20T07:00:00.500+08:00"
    assert data["evidence"]["window"] == "1h"


@pytest.mark.parametrize(
    "change",
    [
        {"owner": "x"},
        {"identifier": "xyz"},
        {"sequence": 0},
        {"level": "purple"},
        {"onset": "2026-06-20T08:00:00"},
        {"subject": {"kind": "person", "site": "a", "zone": None, "words": {"zh": "a", "en": "a"}, "position": [1, 2]}},
    ],
)
def test_an_event_refuses_what_is_none(change):
    data = {**orjson.loads(encode_event(event())), **change}
    with pytest.raises(ValidationError):
        decode_event(orjson.dumps(data))


def test_the_key_of_an_event_is_what_two_runs_agree_on():
    assert event().key == ("0123456789abcdef" * 2, 2, "orange", "firing")


def test_the_key_of_a_subject_names_site_and_zone():
    assert (SITE.key, ASSET.key) == ("hs-a", "bt-a@zn-dam")


def test_an_identifier_depends_on_all_that_makes_an_episode():
    given = [
        (Status.ACTUAL, None, "fd-03", SITE, 5),
        (Status.EXERCISE, None, "fd-03", SITE, 5),
        (Status.EXERCISE, "d1", "fd-03", SITE, 5),
        (Status.ACTUAL, None, "fd-04", SITE, 5),
        (Status.ACTUAL, None, "fd-03", ASSET, 5),
        (Status.ACTUAL, None, "fd-03", SITE, 6),
    ]
    found = [identify(*one) for one in given]
    assert len(set(found)) == len(given)
    assert found == [identify(*one) for one in given]
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in found)


def test_an_identifier_never_changes_between_versions():
    # Consumers hold these for 400 days: a change here doubles every alert that is open.
    assert identify(Status.ACTUAL, None, "fd-03", SITE, 1_781_913_600_000) == "a7e1c0d0e6f266841432c76ec3355d16"


@pytest.mark.parametrize(("level", "count"), [(Level.BLUE, 1), (Level.YELLOW, 2), (Level.ORANGE, 3), (Level.RED, 3)])
def test_a_higher_level_is_told_to_more(level, count):
    assert tiers_of(level) == (Tier.CENTRE, Tier.FIELD, Tier.RESPONDER)[:count]
