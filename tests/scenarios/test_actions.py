"""Actions: their JSON, what is no action, and in which state each is refused."""

import json
import re

import pytest
from pydantic import ValidationError

from citybrain.alerts import State
from citybrain.i18n import messages
from citybrain.instants import parse_instant
from citybrain.model import Level
from scenarios.actions import ACTIONS, decode_action, encode_action
from scenarios.permissions import BARS
from scenarios.states import COMMENTS_MAX, Refusal

START = parse_instant("2026-06-20T08:00:00+08:00")
NOBODY = "0" * 32
UNTIL = "2026-06-20T09:00:00+08:00"
ZONE = {
    "id": "zn-parade",
    "name": {"zh": "集会", "en": "Gathering"},
    "circle": {"centre": [119.92, 28.45], "radius": "300 m"},
    "start": "2026-06-20T08:00:00+08:00",
    "end": UNTIL,
    "attributes": {},
}
SAID = {
    "acknowledge": {"alert": NOBODY},
    "shelve": {"alert": NOBODY, "until": UNTIL, "reason": "检修"},
    "unshelve": {"alert": NOBODY},
    "tag_false_alarm": {"alert": NOBODY, "reason": "误报"},
    "reset": {"alert": NOBODY},
    "comment": {"about": NOBODY, "text": "已核实"},
    "tick": {"incident": NOBODY, "step": "on-duty"},
    "hand_over": {"incident": NOBODY, "to": "duty-08"},
    "accept": {"incident": NOBODY},
    "end": {"incident": NOBODY},
    "release": {"incident": NOBODY},
    "site_out": {"site": "hs-hecheng", "until": UNTIL, "reason": "检修"},
    "site_back": {"site": "hs-hecheng"},
    "declare_zone": {"zone_kind": "perimeter", "zone": ZONE},
    "withdraw_zone": {"zone": "zn-parade"},
}


def text_of(kind: str, /, **fields: object) -> bytes:
    return json.dumps({"id": NOBODY, "by": "duty-07", "kind": kind, **SAID[kind], **fields}).encode()


def test_every_kind_of_action_is_shown_here_and_has_its_row():
    kinds = set(ACTIONS.json_schema()["discriminator"]["mapping"])
    assert kinds == set(SAID) == set(BARS)


@pytest.mark.parametrize("kind", SAID)
def test_an_action_comes_back_from_its_json(kind):
    action = decode_action(text_of(kind))
    assert decode_action(encode_action(action)) == action
    assert json.loads(encode_action(action)) == json.loads(text_of(kind))


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        pytest.param("acknowledge", {"kind": "shout"}, id="of no known kind"),
        pytest.param("acknowledge", {"plate": "浙K12345"}, id="with an unknown field"),
        pytest.param("acknowledge", {"by": "张伟"}, id="by a name"),
        pytest.param("acknowledge", {"by": "zhangwei"}, id="by a name in letters"),
        pytest.param("acknowledge", {"by": "13905781234"}, id="by a telephone number"),
        pytest.param("hand_over", {"to": "Zhang Wei"}, id="to a name"),
        pytest.param("acknowledge", {"alert": "x"}, id="on no identifier"),
        pytest.param("acknowledge", {"id": ""}, id="without an id"),
        pytest.param("comment", {"text": ""}, id="with an empty text"),
        pytest.param("comment", {"text": "x" * 501}, id="with a text that is too long"),
        pytest.param("shelve", {"until": "2026-06-20T09:00:00"}, id="until a time without an offset"),
        pytest.param("declare_zone", {"zone": {**ZONE, "circle": None}}, id="of a zone without an outline"),
    ],
)
def test_what_is_no_action_is_refused(kind, fields):
    with pytest.raises(ValidationError):
        decode_action(text_of(kind, **fields))


# What happened before, an event or an action a minute; the action; why it is refused.
FULL = [("comment", {"text": str(number)}) for number in range(COMMENTS_MAX)]
OVER = {"state": State.CLEARED}
REFUSED = [
    ("acknowledge", [], {}, Refusal.UNKNOWN),
    ("acknowledge", [{}], {}, None),
    ("acknowledge", [{}, OVER], {}, Refusal.CLEARED),
    ("acknowledge", [{}, ("acknowledge", {})], {}, Refusal.ACKNOWLEDGED),
    ("acknowledge", [{}, ("acknowledge", {}), {"level": Level.ORANGE}], {}, None),
    ("shelve", [{}], {}, None),
    ("shelve", [{"level": Level.ORANGE}], {}, None),
    ("shelve", [{"level": Level.RED}], {}, Refusal.RED),
    ("shelve", [{}, OVER], {}, Refusal.CLEARED),
    ("shelve", [{}], {"until": "2026-06-20T08:01:00+08:00"}, Refusal.BAD_TIME),
    ("shelve", [{}], {"until": "2026-06-21T08:01:00+08:00"}, None),
    ("shelve", [{}], {"until": "2026-06-21T08:01:01+08:00"}, Refusal.BAD_TIME),
    ("shelve", [{}, ("shelve", {})], {"until": "2026-06-20T10:00:00+08:00"}, None),
    ("unshelve", [{}], {}, Refusal.NOT_SHELVED),
    ("unshelve", [{}, ("shelve", {})], {}, None),
    ("unshelve", [{}, ("shelve", {}), OVER], {}, Refusal.CLEARED),
    ("tag_false_alarm", [{}, OVER], {}, None),
    ("tag_false_alarm", [{}, ("tag_false_alarm", {})], {}, Refusal.TAGGED),
    ("reset", [{}], {}, Refusal.NOT_LATCHED),
    ("reset", [{"latched": True}], {}, Refusal.STILL_MET),
    ("reset", [{"latched": True, "state": State.RECOVERING}], {}, None),
    ("reset", [{"latched": True}, {**OVER, "latched": True}], {}, Refusal.CLEARED),
    ("comment", [], {}, Refusal.UNKNOWN),
    ("comment", [{}, OVER], {}, None),
    ("comment", [{}, *FULL], {}, Refusal.FULL),
    ("tick", [], {}, Refusal.UNKNOWN),
    ("tick", [{}], {}, None),
    ("tick", [{}, OVER, ("end", {})], {"step": "lessons"}, None),
    ("tick", [{}], {"step": "report"}, Refusal.UNKNOWN_STEP),
    ("tick", [{}, ("tick", {})], {}, Refusal.TICKED),
    ("hand_over", [{}], {}, None),
    ("hand_over", [{}, ("accept", {})], {}, None),
    ("hand_over", [{}, ("accept", {"by": "duty-09"})], {}, Refusal.NOT_HOLDER),
    ("hand_over", [{}, OVER, ("end", {})], {}, Refusal.ENDED),
    ("accept", [{}], {}, None),
    ("accept", [{}, ("accept", {"by": "duty-09"})], {}, Refusal.NOT_OFFERED),
    ("accept", [{}, ("hand_over", {})], {}, Refusal.NOT_OFFERED),
    ("accept", [{}, ("hand_over", {})], {"by": "duty-08"}, None),
    ("accept", [{}, OVER, ("end", {})], {}, Refusal.ENDED),
    ("end", [{}], {}, Refusal.ALERTS_OPEN),
    ("end", [{}, OVER], {}, None),
    ("end", [{}, OVER, ("end", {})], {}, Refusal.ENDED),
    ("release", [], {}, Refusal.UNKNOWN),
    ("release", [{}], {}, None),
    ("release", [{}, ("release", {})], {}, Refusal.RELEASED),
    ("release", [{}, OVER], {}, Refusal.NO_ALERT_OPEN),
    ("release", [{}, OVER, ("end", {})], {}, Refusal.ENDED),
    ("site_out", [], {}, None),
    ("site_out", [], {"site": "hs-nowhere"}, Refusal.UNKNOWN_SITE),
    ("site_out", [], {"until": "2026-06-20T08:00:00+08:00"}, Refusal.BAD_TIME),
    ("site_out", [], {"until": "2027-06-20T08:00:00+08:00"}, Refusal.BAD_TIME),
    ("site_back", [], {}, Refusal.NOT_OUT),
    ("site_back", [("site_out", {})], {}, None),
    ("declare_zone", [], {}, None),
    ("declare_zone", [], {"zone_kind": "scenic"}, Refusal.NOT_TEMPORARY),
    ("declare_zone", [("declare_zone", {})], {}, Refusal.ZONE_EXISTS),
    ("declare_zone", [], {"zone": {**ZONE, "id": "zn-shelter-wandi"}}, Refusal.ZONE_EXISTS),
    ("declare_zone", [], {"zone": {**ZONE, "start": None, "end": None}}, Refusal.BAD_TIME),
    ("declare_zone", [], {"zone": {**ZONE, "end": "2026-06-20T08:00:00+08:00"}}, Refusal.BAD_TIME),
    ("declare_zone", [], {"zone": {**ZONE, "end": "2028-06-20T08:00:00+08:00"}}, Refusal.BAD_TIME),
    ("withdraw_zone", [], {}, Refusal.UNKNOWN_ZONE),
    ("withdraw_zone", [("declare_zone", {})], {}, None),
]


@pytest.mark.parametrize(
    ("kind", "before", "fields", "reason"),
    [
        pytest.param(*row, id=f"{row[0]}-{row[3] or 'accepted'}-{len(row[1])}-{number}")
        for number, row in enumerate(REFUSED)
    ],
)
def test_what_is_refused_and_why(driven, alert, action, kind, before, fields, reason):
    def act(number, kind, more):
        targets = {"alert": alert().identifier, "about": alert().identifier}
        incidents = driven.stage.incidents
        targets["incident"] = incidents[0].id if incidents else NOBODY
        said = {name: targets.get(name, value) for name, value in SAID[kind].items()}
        return action(kind, number=str(number), **{**said, **more})

    sequence = 0
    for number, past in enumerate(before):
        if isinstance(past, dict):
            sequence += 1
            driven.take(number / 1000, alert(sequence=sequence, **past))
        else:
            assert driven.refused(number / 1000, act(number, *past)) is None
    known = driven.stage.alerts, driven.stage.incidents
    assert driven.refused(1, act("last", kind, fields)) is reason
    if reason is not None:
        assert (driven.stage.alerts, driven.stage.incidents) == known


def test_every_row_and_every_reason_is_tried():
    tried = {(kind, reason) for kind, _, _, reason in REFUSED if reason not in (None, Refusal.UNKNOWN)}
    assert tried == {(kind, reason) for kind, reasons in BARS.items() for reason in reasons}
    assert {kind for kind, _, _, reason in REFUSED if reason is None} == set(BARS)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_reason_has_its_text(language):
    texts = {key.removeprefix("refusal."): text for key, text in messages(language).items() if key[:8] == "refusal."}
    assert set(texts) == set(Refusal)
    assert all(re.search("[一-鿿]", text) for text in texts.values()) is (language == "zh")


def test_a_refusal_is_told_in_both_languages(driven, action):
    (outcome,) = driven.take(0, action("acknowledge", alert=NOBODY)).outcomes
    assert (outcome.accepted, outcome.refusal, outcome.at) == (False, Refusal.UNKNOWN, START)
    assert (outcome.text.zh, outcome.text.en) == ("没有这个编号的告警或事件", "nothing of this identifier is held")
