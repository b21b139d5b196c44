"""The incident stage, minute by minute: alerts, incidents, checklists, escalation, and what is forgotten."""

from dataclasses import replace

import pytest

from citybrain.alerts import State, Tier
from citybrain.errors import SnapshotError
from citybrain.instants import DAY, HOUR, MINUTE, parse_instant
from citybrain.model import Level, Reset, Scenario, Status
from scenarios.episodes import DEPOTS_MAX
from scenarios.incidents import Incidents
from scenarios.journal import Ignored
from scenarios.shape import Stage
from scenarios.states import Brief, Phase, Refusal, Supply

START = parse_instant("2026-06-20T08:00:00+08:00")
BLUE, YELLOW, ORANGE, RED = Level
WEEK, MONTH = 7 * 24 * 60, 30 * 24 * 60  # Minutes.


def cleared(make, sequence, **fields):
    return make(sequence=sequence, state=State.CLEARED, **fields)


def with_depots(playbook, *, count):
    """Return the playbook with so many depots for boats alone, each farther east than the one before."""
    common = playbook.scripts.common
    first = common.depots[0]
    depots = [
        first.model_copy(update={"id": f"dp-{number}", "position": (119.92 + number / 100, 28.45)})
        for number in range(count)
    ]
    held = first.model_copy(update={"holds": ("foam",)})
    common = common.model_copy(update={"depots": (*reversed(depots), held)})
    return replace(playbook, scripts=replace(playbook.scripts, common=common))


# --- Events.


def test_an_event_gives_the_state_of_its_alert_and_an_incident(driven, alert):
    changes = driven.take(0, alert())
    (state,), (incident,) = changes.alerts, changes.incidents
    assert (state.event, state.taken_at, state.is_open) == (alert(), START, True)
    assert state.incidents == (incident.id,)
    assert incident.alerts == (state.identifier,)
    assert (incident.scenario, incident.county, incident.level, incident.phase) == (
        Scenario.FLOOD_DROUGHT_COMMAND,
        "331102",
        YELLOW,
        Phase.OPEN,
    )
    assert (incident.lead, incident.supporting, incident.scripts) == ("emergency-mgmt", ("water",), "0123456789ab")


@pytest.mark.parametrize(
    ("before", "event", "ignored"),
    [
        pytest.param([{}], {}, Ignored.REPEAT, id="the same event"),
        pytest.param([{}, {"sequence": 3}], {"sequence": 2}, Ignored.REPEAT, id="an older event"),
        pytest.param([{}], {"sequence": 3}, None, id="a later event"),
        pytest.param([], {"sequence": 2}, Ignored.UNKNOWN, id="a second event of nothing"),
        pytest.param([{}], {"sequence": 2, "onset": START - 1}, Ignored.UNKNOWN, id="of an earlier episode"),
        pytest.param([{}], {"sequence": 2, "onset": START + 1}, None, id="of a later episode"),
        pytest.param([{}], {"sequence": 2, "onset": START + 1, "site": "hs-b"}, Ignored.UNKNOWN, id="of another site"),
        pytest.param([{}], {"sequence": 2, "onset": START + 1, "rule": "fd-01"}, Ignored.UNKNOWN, id="another rule"),
        pytest.param(
            [{}], {"sequence": 2, "onset": START + 1, "status": Status.EXERCISE}, Ignored.UNKNOWN, id="of a drill"
        ),
        pytest.param([{}], {"onset": START - 1}, None, id="a first event, whenever it began"),
    ],
)
def test_which_events_are_taken_in(driven, alert, before, event, ignored):
    for minute, fields in enumerate(before):
        driven.take(minute, alert(**fields))
    known = driven.stage.alerts, driven.stage.incidents
    changes = driven.take(len(before), alert(**event))
    assert changes.ignored is ignored
    assert bool(changes.alerts) is (ignored is None)
    assert ((driven.stage.alerts, driven.stage.incidents) == known) is (ignored is not None)


def test_the_time_of_the_log_never_goes_back(driven, alert):
    driven.take(10, alert())
    driven.take(5, alert(site="hs-b"))
    assert driven.alert(alert(site="hs-b")).taken_at == START + 10 * MINUTE
    assert driven.stage.at == START + 10 * MINUTE


# --- Which incidents there are.


@pytest.mark.parametrize(
    ("second", "count"),
    [
        pytest.param({"site": "hs-b"}, 1, id="same scenario and county"),
        pytest.param({"site": "hs-b", "county": "331121"}, 2, id="another county"),
        pytest.param({"rule": "fr-03"}, 2, id="another scenario"),
        pytest.param({"site": "hs-b", "status": Status.EXERCISE}, 2, id="a drill beside it"),
        pytest.param({"site": "hs-b", "also_in": (Scenario.FIRE_RESCUE,)}, 2, id="in a second scenario too"),
        pytest.param({"rule": "fr-03", "scenario": Scenario.SYSTEM}, 1, id="about the service itself"),
        pytest.param({"rule": "fr-03", "trial": True}, 1, id="of a rule on trial"),
    ],
)
def test_an_incident_is_of_one_scenario_in_one_county(driven, alert, second, count):
    driven.take(0, alert())
    driven.take(1, alert(**second))
    assert len(driven.stage.incidents) == count
    assert len(driven.stage.alerts) == 2


def test_an_alert_in_two_scenarios_is_one_alert_in_two_incidents(driven, alert):
    event = alert(also_in=(Scenario.FIRE_RESCUE,))
    driven.take(0, event)
    assert {incident.scenario for incident in driven.stage.incidents} == {
        Scenario.FLOOD_DROUGHT_COMMAND,
        Scenario.FIRE_RESCUE,
    }
    assert set(driven.alert(event).incidents) == {incident.id for incident in driven.stage.incidents}
    driven.take(1, cleared(alert, 2, also_in=event.also_in))
    assert [incident.phase for incident in driven.stage.incidents] == [Phase.QUIET, Phase.QUIET]


def test_an_alert_that_moves_to_another_county_leaves_the_first(driven, alert):
    driven.take(0, alert())
    driven.take(1, alert(sequence=2, county="331121"))
    phases = {incident.county: (incident.phase, len(incident.alerts)) for incident in driven.stage.incidents}
    assert phases == {"331102": (Phase.QUIET, 0), "331121": (Phase.OPEN, 1)}


def test_a_rule_that_goes_on_trial_tells_nobody_any_more(driven, alert):
    driven.take(0, alert(level=RED))
    driven.take(1, alert(sequence=2, level=RED, trial=True))
    assert driven.incident.phase is Phase.QUIET
    assert driven.alert(alert()).asked is None


def test_the_level_is_the_highest_of_the_open_alerts(driven, alert):
    levels = []
    for minute, event in enumerate(
        [
            alert(level=YELLOW),
            alert(site="hs-b", level=RED),
            alert(sequence=2, level=ORANGE),
            cleared(alert, 2, site="hs-b", level=RED),
            alert(sequence=3, level=BLUE),
            cleared(alert, 4, level=BLUE),
        ]
    ):
        driven.take(minute, event)
        levels.append(driven.incident.level)
    assert levels == [YELLOW, RED, RED, ORANGE, BLUE, None]
    assert driven.incident.highest is RED
    assert driven.incident.joined == 2


@pytest.mark.parametrize(
    ("levels", "tiers"),
    [
        ([BLUE], [Tier.CENTRE]),
        ([YELLOW], [Tier.CENTRE, Tier.FIELD]),
        ([BLUE, ORANGE], list(Tier)),
        ([ORANGE, BLUE], list(Tier)),
    ],
)
def test_who_has_been_told_follows_from_the_highest_level(driven, alert, levels, tiers):
    for sequence, level in enumerate(levels, start=1):
        driven.take(sequence, alert(level=level, sequence=sequence))
    assert list(driven.incident.tiers) == tiers


def test_the_nearest_depots_of_each_resource_are_named_the_nearest_first(driven, alert):
    driven.take(0, alert())
    near, far, foam = driven.incident.supplies
    assert near == Supply("boats", "dp-near", 1955)  # Two hundredths of a degree of longitude.
    assert (far.resource, far.depot) == ("boats", "dp-far")
    assert far.distance_m > near.distance_m
    assert (foam.resource, foam.depot) == ("foam", "dp-far")


def test_no_more_depots_are_named_than_the_nearest_few(driven, alert):
    driven.stage = Incidents(with_depots(driven.playbook, count=DEPOTS_MAX + 2))
    driven.take(0, alert())
    boats = [supply for supply in driven.incident.supplies if supply.resource == "boats"]
    assert [supply.depot for supply in boats] == [f"dp-{number}" for number in range(DEPOTS_MAX)]


#   minute  0     10      20      30
#   level   blue  orange  orange  red      of another site from minute 20 on
def test_each_tier_is_briefed_once_with_the_point_of_the_alert_that_needs_it(driven, alert):
    elsewhere = replace(alert().subject, position=(119.5, 28.1))
    for minute, event in enumerate(
        [
            alert(level=BLUE),
            alert(level=ORANGE, sequence=2, subject=elsewhere),
            alert(level=ORANGE, site="hs-b"),
            alert(level=RED, sequence=3),
        ]
    ):
        driven.take(10 * minute, event)
    text = driven.playbook.scripts.scripts[Scenario.FLOOD_DROUGHT_COMMAND].tiers.centre
    assert driven.incident.briefs == (
        Brief(Tier.CENTRE, text, (119.92, 28.45), START),
        Brief(Tier.FIELD, text, (119.5, 28.1), START + 10 * MINUTE),
        Brief(Tier.RESPONDER, text, (119.5, 28.1), START + 10 * MINUTE),
    )
    assert tuple(brief.tier for brief in driven.incident.briefs) == driven.incident.tiers


def test_a_scenario_without_a_script_has_the_ladder(driven, alert):
    driven.take(0, alert(scenario=Scenario.DISEASE_CONTROL, level=ORANGE))
    assert [item.step for item in driven.incident.checklist] == ["on-duty", "report"]
    assert (driven.incident.lead, driven.incident.supplies, driven.incident.briefs) == (None, (), ())
    assert driven.incident.checklist[0].units == ()


# --- Couplings.


def coupling(make, *members, **fields):
    evidence = replace(make().evidence, alerts=tuple(one.identifier for one in members))
    about = {"scenario": Scenario.FLOOD_DROUGHT_COMMAND, "evidence": evidence, "level": ORANGE}
    return make(**{"rule": "ew-03", "site": "hs-c", **about, **fields})


def of_coupling(driven):
    (found,) = (one for one in driven.stage.incidents if one.coupling is not None)
    return found


def test_a_coupling_is_an_incident_of_its_own_that_refers_to_those_of_its_members(driven, alert):
    flood, gas = alert(), alert(rule="fr-03", site="hs-b")
    driven.take(0, flood)
    driven.take(1, gas)
    driven.take(2, coupling(alert, flood, gas))
    assert len(driven.stage.incidents) == 3
    found = of_coupling(driven)
    assert (found.coupling, found.level, len(found.alerts)) == ("ew-03", ORANGE, 1)
    assert found.members == (*driven.alert(flood).incidents, *driven.alert(gas).incidents)
    others = [one for one in driven.stage.incidents if one.coupling is None]
    assert {(one.level, one.members) for one in others} == {(YELLOW, ())}


def test_a_coupling_keeps_its_first_members_when_others_come(driven, alert):
    first, second = alert(), alert(rule="fr-03", site="hs-b")
    driven.take(0, first)
    driven.take(1, coupling(alert, first))
    driven.take(2, second)
    driven.take(3, coupling(alert, second, sequence=2))
    assert of_coupling(driven).members == (*driven.alert(first).incidents, *driven.alert(second).incidents)


def test_a_coupling_may_name_alerts_that_are_not_held(driven, alert):
    driven.take(0, coupling(alert, alert()))
    assert driven.incident.members == ()


def test_a_coupling_ends_by_itself_while_its_members_go_on(driven, alert):
    flood = alert()
    driven.take(0, flood)
    driven.take(1, coupling(alert, flood))
    driven.take(2, coupling(alert, flood, sequence=2, state=State.CLEARED))
    phases = {one.coupling: one.phase for one in driven.stage.incidents}
    assert phases == {"ew-03": Phase.QUIET, None: Phase.OPEN}


# --- The checklist.


def steps(incident):
    return {item.step: (item.since - START) // MINUTE for item in incident.checklist}


#   minute  0  10  20  30         blue, red, blue, red: steps come due once, with all below the level
def test_steps_come_due_when_their_level_is_reached_first(driven, alert):
    for number, level in enumerate([BLUE, RED, BLUE, RED]):
        driven.take(10 * number, alert(level=level, sequence=number + 1))
    assert steps(driven.incident) == {"on-duty": 0, "patrol": 10, "report": 10}
    item = driven.incident.checklist[1]
    assert (item.stage, item.units, item.due_at) == (Stage.YELLOW, ("water",), START + 10 * MINUTE + 2 * HOUR)
    assert driven.incident.checklist[0].units == ("emergency-mgmt",)


def test_a_step_of_a_hazard_waits_for_an_alert_of_it_at_its_level(driven, alert):
    driven.take(0, alert(level=ORANGE))
    driven.take(1, alert(rule="fd-07", level=BLUE))
    assert steps(driven.incident) == {"on-duty": 0, "patrol": 0, "report": 0}
    driven.take(2, alert(rule="fd-07", level=YELLOW, sequence=2))
    assert steps(driven.incident) == {"on-duty": 0, "patrol": 0, "report": 0, "plan": 2}
    assert dict(driven.incident.reached) == {"drought": YELLOW, "flood": ORANGE}


def test_the_hazard_of_a_rule_that_is_gone_is_other(driven, alert):
    driven.take(0, alert(rule="fd-99"))
    assert dict(driven.incident.reached) == {"other": YELLOW}


# --- The end.

#   minute   0       10                 69:59    70
#   alert    open    cleared
#   incident open    quiet              quiet    end proposed


def test_the_end_is_proposed_an_hour_after_the_last_alert(driven, alert):
    driven.take(0, alert())
    driven.take(10, cleared(alert, 2))
    assert (driven.incident.phase, driven.incident.quiet_since) == (Phase.QUIET, START + 10 * MINUTE)
    assert not driven.take(70 - 1 / 60).incidents
    (incident,) = driven.take(70).incidents
    assert incident.phase is Phase.END_PROPOSED
    assert steps(incident) == {"on-duty": 0, "patrol": 0, "propose": 70, "return-home": 70}


def test_a_script_may_have_its_end_proposed_at_another_time(driven, alert):
    driven.take(0, alert(rule="fr-03"))
    driven.take(10, cleared(alert, 2, rule="fr-03"))
    assert not driven.take(130 - 1 / 60).incidents
    (incident,) = driven.take(130).incidents
    assert incident.phase is Phase.END_PROPOSED


@pytest.mark.parametrize("minute", [30, 90], ids=["while it is quiet", "after the proposal"])
def test_a_new_alert_rejoins_the_incident_and_its_end_is_off(driven, alert, minute):
    driven.take(0, alert())
    driven.take(10, cleared(alert, 2))
    driven.take(minute, alert(site="hs-b"))
    assert (driven.incident.phase, driven.incident.joined, driven.incident.quiet_since) == (Phase.OPEN, 2, None)
    assert steps(driven.incident) == {"on-duty": 0, "patrol": 0}
    driven.take(100, cleared(alert, 2, site="hs-b"))
    driven.take(160 - 1 / 60)
    assert driven.incident.phase is Phase.QUIET
    driven.take(160)
    assert driven.incident.phase is Phase.END_PROPOSED


@pytest.mark.parametrize("minute", [20, 90], ids=["before the proposal", "after it"])
def test_a_person_ends_it_and_the_review_comes_due(driven, alert, action, minute):
    driven.take(0, alert())
    driven.take(10, cleared(alert, 2))
    assert driven.refused(minute, action("end", incident=driven.incident.id)) is None
    incident = driven.incident
    assert (incident.phase, incident.ended.by, incident.ended.at) == (Phase.ENDED, "duty-07", START + minute * MINUTE)
    assert incident.checklist[-1].step == "lessons"
    assert incident.checklist[-1].due_at == START + minute * MINUTE + 15 * DAY
    driven.take(200)
    assert driven.incident == incident


def test_an_alert_after_the_end_begins_another_incident(driven, alert, action):
    driven.take(0, alert())
    driven.take(10, cleared(alert, 2))
    first = driven.incident.id
    driven.take(20, action("end", incident=first))
    driven.take(21, alert(onset=START + 21 * MINUTE))
    assert sorted(one.phase for one in driven.stage.incidents) == [Phase.ENDED, Phase.OPEN]
    # What is said of the ended one does not touch the running one.
    driven.take(22, action("comment", about=first, text="over"))
    driven.take(23, alert(site="hs-b"))
    assert sorted(one.joined for one in driven.stage.incidents) == [1, 2]


# --- Escalation: orange after 20 min, red after 10; in fire-rescue after 5 and 3.


def asked(driven, event, minutes):
    found = []
    for minute in minutes:
        driven.take(minute)
        found.append(driven.alert(event).asked)
    return found


C, F, T = Tier


@pytest.mark.parametrize(
    ("event", "minutes", "tiers"),
    [
        pytest.param({"level": ORANGE}, [0, 19.9, 20, 39.9, 40, 99], [C, C, F, F, T, T], id="orange"),
        pytest.param({"level": RED}, [0, 9.9, 10, 20, 99], [C, C, F, T, T], id="red"),
        pytest.param({"level": RED, "rule": "fr-03"}, [0, 2.9, 3, 6], [C, C, F, T], id="red of a hasty script"),
        pytest.param({"level": RED, "scenario": Scenario.SYSTEM}, [0, 10], [C, F], id="red of the service itself"),
        pytest.param({"level": YELLOW}, [0, 99], [None, None], id="yellow"),
        pytest.param({"level": RED, "trial": True}, [0, 99], [None, None], id="on trial"),
    ],
)
def test_an_alert_that_nobody_acknowledges_asks_the_next_tier(driven, alert, event, minutes, tiers):
    driven.take(0, alert(**event))
    assert asked(driven, alert(**event), minutes) == tiers


def test_each_step_happens_at_its_time_though_the_log_was_silent(driven, alert):
    driven.take(0, alert(level=ORANGE))
    (state,) = driven.take(500).alerts
    assert (state.asked, state.asked_at) == (T, START + 40 * MINUTE)


def test_who_acknowledges_is_noted_and_nobody_else_is_asked(driven, alert, action):
    driven.take(0, alert(level=RED))
    driven.take(15, action("acknowledge", alert=alert().identifier))
    state = driven.alert(alert())
    assert (state.acknowledged.by, state.acknowledged.at, state.asked) == ("duty-07", START + 15 * MINUTE, None)
    assert asked(driven, alert(), [99]) == [None]


#   minute   0        5     6       25        26     45:54  46
#   level    orange   ack   yellow  orange           O      F    a fall keeps the acknowledgement, a rise ends it
def test_a_rise_asks_again_and_a_fall_does_not(driven, alert, action):
    driven.take(0, alert(level=ORANGE))
    driven.take(5, action("acknowledge", alert=alert().identifier))
    driven.take(6, alert(level=YELLOW, sequence=2))
    assert driven.alert(alert()).acknowledged is not None
    driven.take(26, alert(level=ORANGE, sequence=3))
    assert driven.alert(alert()).acknowledged is None
    assert asked(driven, alert(), [26, 45.9, 46]) == [C, C, F]


def test_the_tier_that_was_asked_has_the_time_of_the_new_level(driven, alert):
    driven.take(0, alert(level=ORANGE))
    driven.take(25, alert(level=RED, sequence=2))
    assert asked(driven, alert(), [25, 34.9, 35]) == [F, F, T]


def test_a_cleared_alert_asks_nobody(driven, alert):
    driven.take(0, alert(level=RED))
    driven.take(5, cleared(alert, 2, level=RED))
    assert asked(driven, alert(), [5, 99]) == [None, None]


#   minute   0       10             40          59:54  60
#   orange   asked C shelved to 40  asked C     C      F
def test_a_shelved_alert_asks_nobody_until_its_time_is_over(driven, alert, action):
    driven.take(0, alert(level=ORANGE))
    until = "2026-06-20T08:40:00+08:00"
    driven.take(10, action("shelve", alert=alert().identifier, until=until, reason="maintenance"))
    assert driven.alert(alert()).shelved.reason == "maintenance"
    assert asked(driven, alert(), [10, 39.9, 40, 59.9, 60]) == [None, None, C, C, F]
    assert driven.alert(alert()).shelved is None


@pytest.mark.parametrize(
    ("event", "is_shelved"),
    [
        pytest.param({"level": YELLOW}, True, id="the same level"),
        pytest.param({"level": BLUE}, True, id="a lower level"),
        pytest.param({"level": ORANGE}, False, id="a higher level"),
        pytest.param({"level": YELLOW, "state": State.CLEARED}, False, id="the end of the alert"),
    ],
)
def test_what_ends_a_shelf(driven, alert, action, event, is_shelved):
    driven.take(0, alert(level=YELLOW))
    until = "2026-06-20T09:00:00+08:00"
    driven.take(1, action("shelve", alert=alert().identifier, until=until, reason="maintenance"))
    driven.take(2, alert(sequence=2, **event))
    assert (driven.alert(alert()).shelved is not None) is is_shelved


# --- Inhibition: an open fd-03 marks fd-01 up to orange in its county.


def test_a_graver_alert_marks_the_other_as_long_as_it_is_open(driven, alert):
    rain = alert(rule="fd-01", level=ORANGE)
    driven.take(0, rain)
    driven.take(5, alert(level=RED))
    state = driven.alert(rain)
    assert (state.inhibited_by, state.asked) == (alert().identifier, None)
    changed = driven.take(50, cleared(alert, 2, level=RED)).alerts
    assert [one.identifier for one in changed] == [alert().identifier, rain.identifier]
    state = driven.alert(rain)
    assert (state.inhibited_by, state.asked, state.asked_at) == (None, C, START + 50 * MINUTE)


@pytest.mark.parametrize(
    ("other", "is_marked"),
    [
        pytest.param({"level": ORANGE}, True, id="at its level"),
        pytest.param({"level": RED}, False, id="above it"),
        pytest.param({"level": BLUE, "county": "331121"}, False, id="in another county"),
        pytest.param({"level": BLUE, "state": State.CLEARED, "onset": START + 1, "sequence": 2}, False, id="cleared"),
    ],
)
def test_which_alert_is_marked(driven, alert, other, is_marked):
    driven.take(0, alert())
    driven.take(1, alert(rule="fd-01", onset=START - 1))
    event = alert(rule="fd-01", **other)
    driven.take(2, event)
    assert (driven.alert(event).inhibited_by is not None) is is_marked


def test_one_of_many_is_named_and_when_it_ends_another(driven, alert):
    rain = alert(rule="fd-01")
    floods = [alert(site=site) for site in ("hs-a", "hs-b", "hs-c")]
    for event in (rain, *floods):
        changes = driven.take(0, event)
    # The second and the third say nothing new of the rain.
    assert [state.identifier for state in changes.alerts] == [floods[2].identifier]
    named = []
    for event in floods:
        named.append(driven.alert(rain).inhibited_by)
        driven.take(1, alert(site=event.subject.site, sequence=2, state=State.CLEARED))
    assert named[0] == floods[0].identifier
    assert set(named) <= {event.identifier for event in floods}
    assert driven.alert(rain).inhibited_by is None


def test_a_mark_ends_when_the_alert_rises_above_it_or_the_other_is_put_on_trial(driven, alert):
    rain = alert(rule="fd-01", level=ORANGE)
    driven.take(0, rain)
    driven.take(0, alert())
    driven.take(1, alert(rule="fd-01", level=RED, sequence=2))
    assert driven.alert(rain).inhibited_by is None
    driven.take(2, alert(rule="fd-01", level=BLUE, sequence=3))
    assert driven.alert(rain).inhibited_by == alert().identifier
    driven.take(3, alert(sequence=2, trial=True))
    assert driven.alert(rain).inhibited_by is None


# --- What people do: what is refused stands in test_permissions.py.


def test_a_comment_and_a_tag_are_kept_with_the_alert(driven, alert, action):
    driven.take(0, alert())
    driven.take(1, action("comment", about=alert().identifier, text="the bridge is dry"))
    driven.take(2, action("tag_false_alarm", alert=alert().identifier, reason="a boat lay on the gauge"))
    state = driven.alert(alert())
    assert [remark.text for remark in state.comments] == ["the bridge is dry"]
    assert (state.false_alarm.text, state.is_open) == ("a boat lay on the gauge", True)
    assert driven.incident.level is YELLOW


def test_a_step_is_ticked_once(driven, alert, action):
    driven.take(0, alert())
    tick = action("tick", incident=driven.incident.id, step="on-duty")
    driven.take(3, tick)
    done = {item.step: item.done for item in driven.incident.checklist}
    assert (done["on-duty"].by, done["on-duty"].at, done["patrol"]) == ("duty-07", START + 3 * MINUTE, None)


def test_an_incident_goes_from_hand_to_hand(driven, alert, action):
    driven.take(0, alert())
    incident = driven.incident.id
    take = action("accept", incident=incident)
    give = action("hand_over", incident=incident, to="duty-08")
    other = action("accept", by="duty-09", incident=incident)
    receive = action("accept", by="duty-08", incident=incident)
    answers = [driven.refused(minute, asked) for minute, asked in enumerate([take, other, give])]
    assert answers == [None, Refusal.NOT_OFFERED, None]
    assert (driven.incident.holder, driven.incident.offered_to) == ("duty-07", "duty-08")
    again = action("accept", by="duty-09", number="2", incident=incident)
    assert [driven.refused(5, again), driven.refused(6, receive)] == [Refusal.NOT_OFFERED, None]
    assert (driven.incident.holder, driven.incident.offered_to) == ("duty-08", None)


def test_a_reset_is_an_order_to_the_feeds(driven, alert, action):
    event = alert(latched=True, level=RED)
    driven.take(0, event)
    driven.take(1, alert(latched=True, level=RED, sequence=2, state=State.RECOVERING))
    changes = driven.take(2, action("reset", alert=event.identifier))
    assert changes.orders == (Reset("fd-03", "hs-a"),)
    assert changes.alerts == ()


ZONE = {
    "id": "zn-parade",
    "name": {"zh": "集会", "en": "Gathering"},
    "circle": {"centre": [119.92, 28.45], "radius": "300 m"},
    "start": "2026-06-20T08:00:00+08:00",
    "end": "2026-06-20T10:00:00+08:00",
}


def test_a_zone_is_declared_and_ends_by_itself_or_by_order(driven, action):
    declare = action("declare_zone", zone_kind="perimeter", zone=ZONE)
    withdraw = action("withdraw_zone", zone="zn-parade")
    assert driven.take(0, declare).orders == (declare,)
    driven.take(119.9)
    assert driven.take(119.95, withdraw).orders == (withdraw,)
    late = "2026-06-20T12:00:00+08:00"
    driven.take(119.96, action("declare_zone", zone_kind="perimeter", zone={**ZONE, "end": late}))
    assert not driven.take(240).orders
    assert driven.refused(240, action("withdraw_zone", number="2", zone="zn-parade")) is Refusal.UNKNOWN_ZONE


def test_a_site_is_out_of_service_until_its_time_or_an_order(driven, action):
    out = action("site_out", site="hs-hecheng", until="2026-06-20T09:00:00+08:00", reason="new sensor")
    back = action("site_back", site="hs-hecheng")
    assert driven.take(0, out).orders == (out,)
    assert driven.take(1, back).orders == (back,)
    assert driven.refused(2, action("site_back", number="2", site="hs-hecheng")) is Refusal.NOT_OUT
    longer = action("site_out", site="hs-hecheng", until="2026-06-20T10:00:00+08:00", reason="new sensor")
    driven.take(3, longer)
    driven.take(61)
    assert driven.refused(119.9, action("site_back", number="3", site="hs-hecheng")) is None


def test_an_action_that_comes_twice_is_answered_once(driven, alert, action):
    driven.take(0, alert())
    remark = action("comment", about=alert().identifier, text="seen")
    assert len(driven.take(1, remark).outcomes) == 1
    assert driven.take(2, remark).outcomes == ()
    assert len(driven.alert(alert()).comments) == 1


# --- What is forgotten.


def test_a_cleared_alert_is_forgotten_after_a_week(driven, alert):
    driven.take(0, alert())
    driven.take(10, cleared(alert, 2))
    assert not driven.take(10 + WEEK - 1 / 60).forgotten_alerts
    changes = driven.take(10 + WEEK)
    assert (changes.forgotten_alerts, changes.alerts, driven.stage.alerts) == ((alert().identifier,), (), ())


def test_an_ended_incident_is_forgotten_after_a_month(driven, alert, action):
    driven.take(0, alert())
    driven.take(0, cleared(alert, 2))
    incident = driven.incident.id
    driven.take(1, action("end", incident=incident))
    driven.take(MONTH)
    assert driven.stage.incidents
    changes = driven.take(1 + MONTH)
    assert (changes.forgotten_incidents, changes.incidents, driven.stage.incidents) == ((incident,), (), ())


def test_all_is_forgotten_in_the_end_and_the_memory_is_as_new(driven, playbook, alert, action):
    driven.take(0, alert(also_in=(Scenario.FIRE_RESCUE,)))
    driven.take(0, cleared(alert, 2, also_in=(Scenario.FIRE_RESCUE,)))
    for number, incident in enumerate(driven.stage.incidents):
        driven.take(1, action("end", incident=incident.id, number=str(number)))
    driven.take(2, action("declare_zone", zone_kind="perimeter", zone=ZONE))
    driven.take(2, action("site_out", site="hs-hecheng", until="2026-06-20T09:00:00+08:00", reason="new sensor"))
    driven.take(2 * MONTH)
    empty = type(driven)(playbook)
    empty.take(2 * MONTH)
    assert driven.stage.snapshot() == empty.stage.snapshot()
    assert not driven.stage._due
    assert not driven.stage._planned


def test_all_that_people_said_outlives_a_restart(driven, playbook, alert, action):
    until = "2026-06-20T09:00:00+08:00"
    remark = action("comment", about=alert().identifier, text="seen")
    driven.take(0, alert())
    driven.take(1, remark)
    driven.take(1, action("shelve", alert=alert().identifier, until=until, reason="maintenance"))
    driven.take(1, action("declare_zone", zone_kind="perimeter", zone=ZONE))
    driven.take(1, action("site_out", site="hs-hecheng", until=until, reason="new sensor"))
    again = type(driven)(playbook)
    again.stage.restore(driven.stage.snapshot())
    assert again.take(2, remark).outcomes == ()
    assert again.refused(3, action("withdraw_zone", zone="zn-parade")) is None
    assert again.refused(3, action("site_back", site="hs-hecheng")) is None
    assert again.take(60).alerts[0].shelved is None


def test_waiting_for_one_deadline_does_not_pile_up(driven, alert, action):
    driven.take(0, alert(level=ORANGE))
    for number in range(50):
        driven.take(1, action("comment", about=alert().identifier, text=str(number)))
    assert len([entry for entry in driven.stage._due if entry[2] == alert().identifier]) == 1


@pytest.mark.parametrize("snapshot", [b"", b"{", b'{"version":2}'])
def test_a_torn_snapshot_is_refused(driven, snapshot):
    with pytest.raises(SnapshotError):
        driven.stage.restore(snapshot)
