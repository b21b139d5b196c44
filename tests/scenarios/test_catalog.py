"""The 13 shipped scripts: that they say all they must, and what the incident stage makes of each of them."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from citybrain.alerts import State, Tier
from citybrain.instants import MINUTE, parse_instant
from citybrain.model import Level, Scenario, Words
from rules.ruleset import load_rules
from rules.trial_zones import with_zones
from scenarios.actions import End
from scenarios.expected import load_expected
from scenarios.incidents import Incidents
from scenarios.journal import JournalRecord
from scenarios.playbook import playbook_of
from scenarios.script_check import unscripted
from scenarios.scripts import load_scripts
from scenarios.shape import SHORT_TEXT_MAX, ScriptFile, Stage, StepEntry
from scenarios.states import Phase
from simulators.fleets import taking_part
from simulators.storyline import load_storyline

START = parse_instant("2026-06-20T08:00:00+08:00")
BLUE, YELLOW, ORANGE, RED = Level
SCENARIOS = [scenario for scenario in Scenario if scenario is not Scenario.SYSTEM]
# Units of the seed in the order of domain study §2; those beside them own data.
UNITS_OF_THE_SEED = 15
HAN = re.compile("[一-鿿]")


@pytest.fixture(scope="module")
def rules():
    return load_rules()


@pytest.fixture(scope="module")
def shipped(rules):
    return playbook_of(rules, load_scripts(rules))


@pytest.fixture
def script(request, shipped) -> ScriptFile:
    return shipped.scripts.scripts[request.param]


each_script = pytest.mark.parametrize("script", SCENARIOS, ids=str, indirect=True)


def own_steps(script: ScriptFile) -> Iterator[StepEntry]:
    for stage in Stage:
        yield from script.steps.of(stage)


def texts_of(value: object) -> Iterator[Words]:
    """Yield every text in a model, however deep."""
    if isinstance(value, Words):
        yield value
    elif hasattr(type(value), "model_fields"):
        for name in type(value).model_fields:
            yield from texts_of(getattr(value, name))
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts_of(one)
    elif isinstance(value, tuple):
        for one in value:
            yield from texts_of(one)


# --- What the files say.


def test_each_of_the_13_scenarios_has_a_script(shipped):
    assert set(shipped.scripts.scripts) == set(SCENARIOS)
    assert len(SCENARIOS) == 13


def test_every_rule_is_in_the_list_of_exactly_one_script_or_about_the_service(rules, shipped):
    named = Counter(rule for script in shipped.scripts.scripts.values() for rule in script.rules)
    system = {one.rule.id for one in rules.rules.values() if one.rule.scenario is Scenario.SYSTEM}
    assert system
    assert named == Counter(dict.fromkeys(set(rules.rules) - system, 1))
    assert list(unscripted(shipped.scripts.scripts, rules)) == []


def test_every_unit_of_the_seed_has_a_part_in_some_script(shipped):
    scripts = shipped.scripts.scripts.values()
    parts = {unit for script in scripts for unit in (script.lead, *script.supporting)}
    assert len(parts) == UNITS_OF_THE_SEED
    assert set(shipped.scripts.common.units) - parts == {"water", "natural-resources"}
    assert all("big-data" in script.supporting for script in scripts)


def test_the_texts_that_scripts_share_are_in_both_languages(shipped):
    found = list(texts_of(shipped.scripts.common))
    assert len(found) > 100
    assert [words for words in found if not HAN.search(words.zh) or HAN.search(words.en)] == []


@each_script
def test_every_text_is_in_both_languages(script):
    found = list(texts_of(script))
    assert len(found) > 20
    assert [words for words in found if not HAN.search(words.zh) or HAN.search(words.en)] == []


@each_script
def test_a_text_ends_in_a_full_stop_in_both_languages_and_a_step_in_none(script):
    prose = [script.purpose, script.limits, script.start, script.end, *(script.tiers.of(tier) for tier in Tier)]
    assert all(words.zh.endswith("。") and words.en.endswith(".") for words in prose)
    assert not [step.id for step in own_steps(script) if step.text.zh[-1] in "。；，" or step.text.en[-1] in ".;,"]


@each_script
def test_every_stage_has_steps_of_its_own(script):
    assert [stage for stage in Stage if not script.steps.of(stage)] == []


@each_script
def test_every_step_has_a_time_limit_and_units_that_are_in_the_script(script, shipped):
    own = {script.lead, *script.supporting, *script.data_owners}
    for stage in Stage:
        for step in shipped.scripts.steps(script.scenario, stage):
            assert step.within > 0
            assert set(step.units or (script.lead,)) <= own, step.id


@each_script
def test_a_step_is_short_enough_to_be_read_at_night(script):
    assert [step.id for step in own_steps(script) if len(step.text.zh) > 24 or len(step.text.en.split()) > 14] == []


@each_script
def test_each_hazard_has_a_step_of_its_own(script):
    # Else the script says of it what it says of all; it would be a hazard in name alone.
    assert set(script.hazards) == {hazard for step in own_steps(script) for hazard in step.hazards}


@each_script
def test_the_responder_gets_one_short_message(script):
    assert max(len(script.tiers.responder.zh), len(script.tiers.responder.en)) <= SHORT_TEXT_MAX


@each_script
def test_every_source_has_a_tag(script):
    assert [line for line in script.source if not re.search(r"\[(V|K|E)[],]", line)] == []


@each_script
def test_it_says_that_nobody_is_identified_or_followed(script):
    assert "识别" in script.limits.zh
    assert "跟踪" in script.limits.zh
    assert re.search(r"identified or followed|person or group is watched", script.limits.en)


@pytest.mark.parametrize("script", [Scenario.POLICE_INCIDENT_RESPONSE, Scenario.SOCIAL_STABILITY], indirect=True)
def test_the_two_that_could_be_misread_state_their_limits(script):
    assert "服务中断和区域灾害" in script.limits.zh
    assert "不监测集会" in script.limits.zh
    assert script.limits.en.startswith("Service disruption and area hazards")
    assert "assembly" in script.limits.en


@each_script
def test_a_drill_plays_sites_that_the_rules_of_the_scenario_judge(script, rules):
    # A storyline without them would be quiet whatever the rules say.
    for name in (script.drill.reaches, script.drill.quiet):
        story, expected = load_storyline(name, rules.registry.sites), load_expected(name, rules)
        in_force = with_zones(rules, expected.zones, start=story.start) if expected is not None else rules
        plans = [in_force.plan_for(site) for site in taking_part(rules.registry, story).sites.values()]
        heard = [{*(one.rule.id for one in plan.judges), *(one.rule for one in plan.senders)} for plan in plans]
        assert sum(not found.isdisjoint(script.rules) for found in heard) >= 3, name


# --- What the incident stage makes of them.


def replayed(shipped, *rows):
    """Return the incident stage after events, each with the minute after START at which it comes."""
    stage = Incidents(shipped)
    for minute, value in rows:
        stage.take(JournalRecord(START + minute * MINUTE, value))
    return stage


def of(stage, scenario: Scenario):
    (found,) = (one for one in stage.incidents if one.scenario is scenario and one.coupling is None)
    return found


def own_rule(script: ScriptFile, shipped) -> str:
    """Return a rule of the script that is no coupling, as those make incidents of their own."""
    return next(rule for rule in script.rules if rule not in shipped.couplings)


#   minute  0       10      20       30        40               40 + end_after
#   level   yellow  orange  red      orange    cleared
#   phase   open    open    open     open      quiet            end proposed
@each_script
def test_an_incident_opens_rises_and_its_end_is_proposed(script, shipped, alert):
    rule = own_rule(script, shipped)
    hazard = shipped.hazard_of(rule)
    levels = [YELLOW, ORANGE, RED, ORANGE]
    about = {"rule": rule, "scenario": script.scenario}
    rows = [(10 * n, alert(level=level, sequence=n + 1, **about)) for n, level in enumerate(levels)]
    quiet = 40 + shipped.scripts.end_after(script.scenario) // MINUTE
    clear = alert(level=ORANGE, sequence=5, state=State.CLEARED, **about)

    opened = of(replayed(shipped, *rows[:1]), script.scenario)
    assert (opened.phase, opened.level, opened.lead) == (Phase.OPEN, YELLOW, script.lead)
    assert opened.supporting == script.supporting
    assert [(one.tier, one.text) for one in opened.briefs] == [
        (tier, script.tiers.of(tier)) for tier in (Tier.CENTRE, Tier.FIELD)
    ]
    assert list(dict.fromkeys(supply.resource for supply in opened.supplies)) == list(script.resources)
    for resource in script.resources:
        distances = [supply.distance_m for supply in opened.supplies if supply.resource == resource]
        assert distances == sorted(distances)

    risen = of(replayed(shipped, *rows), script.scenario)
    assert (risen.level, risen.highest, risen.tiers) == (ORANGE, RED, tuple(Tier))
    assert {item.step: item.since for item in risen.checklist} == {
        step.id: START + minute * MINUTE
        for stage, minute in {Stage.BLUE: 0, Stage.YELLOW: 0, Stage.ORANGE: 10, Stage.RED: 20}.items()
        for step in shipped.scripts.steps(script.scenario, stage)
        if not step.hazards or hazard in step.hazards
    }
    assert all(item.units for item in risen.checklist)
    assert any(item.step in {step.id for step in own_steps(script)} for item in risen.checklist)

    cleared = of(replayed(shipped, *rows, (40, clear), (quiet - 1, None)), script.scenario)
    assert cleared.phase is Phase.QUIET
    stage = replayed(shipped, *rows, (40, clear), (quiet, None))
    proposed = of(stage, script.scenario)
    assert proposed.phase is Phase.END_PROPOSED
    assert {item.stage for item in proposed.checklist} >= {Stage.CLOSING}
    stage.take(JournalRecord(stage.at, End(id="0" * 32, by="duty-07", incident=proposed.id, kind="end")))
    ended = of(stage, script.scenario)
    assert ended.phase is Phase.ENDED
    assert {item.step for item in ended.checklist if item.stage is Stage.REVIEW} >= {"disaster-check", "lessons"}


def test_each_hazard_of_each_script_brings_steps_of_its_own(rules, shipped, alert):
    # Also of the rules that join: their alerts come into both incidents, and are published once.
    for checked in rules.in_force:
        joined = [also.scenario for also in checked.entry.also_in]
        for scenario in {checked.rule.scenario, *joined} - {Scenario.SYSTEM}:
            event = alert(rule=checked.rule.id, scenario=checked.rule.scenario, also_in=tuple(joined), level=RED)
            stage = replayed(shipped, (0, event))
            (found,) = (one for one in stage.incidents if one.scenario is scenario)
            own = {step.id: step for step in own_steps(shipped.scripts.scripts[scenario])}
            due = [own[item.step] for item in found.checklist if item.step in own]
            assert any(checked.rule.hazard in step.hazards for step in due), (checked.rule.id, scenario)
            assert len(stage.alerts) == 1


def test_every_row_that_another_rule_answers_joins_by_also_in(rules):
    # The rows of the domain study that inherit: raw water, plant water, dose rate, and six signals of the weather.
    rows = {also.row: also.scenario for one in rules.in_force for also in one.entry.also_in}
    assert {row: scenario.value for row, scenario in rows.items()} == {
        "dc-02": "disease-control",
        "fs-05": "food-safety-incident",
        "cd-04": "civil-air-defence-command",
        **dict.fromkeys(("ew-rain", "ew-heat", "ew-frost", "ew-ice", "ew-drought"), "extreme-weather-response"),
    }


def test_the_coupling_of_the_catalog_is_an_incident_of_its_own(shipped, alert):
    flood = alert()
    gas = alert(rule="fr-03-zone", scenario=Scenario.FIRE_RESCUE, level=ORANGE)
    evidence = replace(flood.evidence, alerts=(flood.identifier, gas.identifier))
    weather = Scenario.EXTREME_WEATHER_RESPONSE
    both = alert(rule="ew-03", scenario=weather, level=RED, evidence=evidence)
    rain = alert(rule="ew-01", scenario=weather)
    stage = replayed(shipped, (0, flood), (1, gas), (2, both), (3, rain))
    (found,) = (one for one in stage.incidents if one.coupling is not None)
    assert (found.coupling, found.scenario, found.level) == ("ew-03", weather, RED)
    members = {one.id: one.scenario for one in stage.incidents if one.id in found.members}
    assert set(members.values()) == {Scenario.FLOOD_DROUGHT_COMMAND, Scenario.FIRE_RESCUE}
    assert {"one-command", "check-conflicts", "read-members"} <= {item.step for item in found.checklist}
    assert "one-command" not in {item.step for item in of(stage, weather).checklist}
