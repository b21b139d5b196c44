"""CAP 1.2: held to the schema of OASIS, and read by a parser that is not ours."""

from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from cap_tools import Alert
from xmlschema import XMLSchema
from xsdata.formats.dataclass.parsers import XmlParser

from citybrain.alerts import State
from citybrain.instants import format_instant, parse_instant
from citybrain.model import Level, Status, Words
from scenarios.cap import cap_of
from scenarios.chain import BULLETINS

SCHEMA = XMLSchema(Path(__file__).parent.parent / "data" / "cap" / "CAP-v1.2.xsd")
START = parse_instant("2026-06-20T08:00:00.250+08:00")


@pytest.fixture(params=[Status.ACTUAL, Status.EXERCISE], ids=str)
def chain(request, driven, alert, action):
    """Return a whole chain: draft, release, a rise, an alert more, one less, the end."""
    status, sent = request.param, []

    def take(minute, value):
        sent.extend(driven.take(minute, value).bulletins)

    take(0, alert(status=status, affects=("zn-plain-longquan",)))
    take(1.0042, action("release", incident=driven.incident.id))
    take(2, alert(status=status, sequence=2, level=Level.RED))
    take(9, alert(status=status, site="hs-b", level=Level.BLUE, headline=Words("<甲> & 乙\x0b", "<A> & B\x0b")))
    for number, site in enumerate(("hs-a", "hs-b")):
        take(20 + number, alert(status=status, site=site, sequence=3, state=State.CLEARED))
    take(40, action("end", incident=driven.incident.id))
    return sent


def parsed(bulletin) -> Alert:
    return XmlParser().from_bytes(cap_of(bulletin), Alert)


def test_every_message_of_a_chain_is_valid(chain):
    assert [one.message_type for one in chain] == ["Alert", "Alert", "Update", "Update", "Update", "Cancel"]
    for bulletin in chain:
        SCHEMA.validate(cap_of(bulletin).decode())


def test_the_schema_finds_what_is_not_cap(chain):
    # Else the test above could not fail.
    text = cap_of(chain[0]).decode()
    assert not SCHEMA.is_valid(text.replace("<scope>Public</scope>", ""))
    assert not SCHEMA.is_valid(text.replace("+08:00</sent>", "Z</sent>"))


def test_an_independent_parser_reads_what_was_said(chain):
    for bulletin in chain:
        alert = parsed(bulletin)
        assert (alert.identifier, alert.sender) == (bulletin.identifier, "citybrain.lishui.example")
        assert str(alert.sent) == format_instant(bulletin.sent)
        assert (alert.status.value, alert.msg_type.value) == (bulletin.status, bulletin.message_type)
        assert [info.get_language() for info in alert.infos] == ["zh-CN", "en-US"]
        for info, language in zip(alert.infos, ("zh", "en"), strict=True):
            assert info.headline == bulletin.headline.in_language(language)
            assert info.instruction == bulletin.instruction.in_language(language)
            assert info.parameters_to_dict()["colour"] == bulletin.level
            assert info.severity.value == bulletin.severity
            assert info.areas[0].geocodes_to_dict()["adcode"] == "331102"
            assert info.areas[0].polygons == list(bulletin.areas[0].polygons)


def test_references_name_sender_identifier_and_time_of_all_earlier_messages(chain):
    released = [parsed(one) for one in chain[1:]]
    for number, alert in enumerate(released):
        found = [(one.sender, one.identifier, str(one.sent)) for one in alert.references_to_list()]
        assert found == [(one.sender, one.identifier, str(one.sent)) for one in released[:number]]


def test_signs_of_xml_are_text_and_what_xml_cannot_hold_is_left_out(chain):
    assert "<甲> & 乙" in parsed(chain[3]).infos[0].description
    assert "\x0b" in chain[3].description.zh


def test_the_same_bulletin_gives_the_same_bytes(chain):
    assert cap_of(chain[0]) == cap_of(replace(chain[0]))
    assert cap_of(chain[0]).startswith(b"<?xml version='1.0' encoding='utf-8'?>\n<alert xmlns=")


def test_the_json_form_comes_back_and_fits_its_schema(chain):
    schema = BULLETINS.json_schema(by_alias=True, mode="serialization")
    for bulletin in chain:
        text = BULLETINS.dump_json(bulletin, by_alias=True)
        assert BULLETINS.validate_json(text) == bulletin
        jsonschema.validate(BULLETINS.dump_python(bulletin, mode="json", by_alias=True), schema)
