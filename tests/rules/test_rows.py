"""The rows of the domain study: each is served by a rule of its scenario, and none is named that the study lacks."""

import tomllib
from pathlib import Path

from rules.ruleset import load_rules

LIST = tomllib.loads((Path(__file__).parents[1] / "data" / "rows.toml").read_text(encoding="utf-8"))
SCENARIO_OF = {row: scenario for scenario, rows in LIST["scenarios"].items() for row in rows}
ELSEWHERE, PENDING = set(LIST["elsewhere"]["rows"]), set(LIST["pending"]["rows"])
RULES = load_rules().rules.values()
SERVED = {(row, checked.rule.scenario.value) for checked in RULES for row in checked.rule.rows}
INHERITED = {(also.row, also.scenario.value) for checked in RULES for also in checked.entry.also_in}
NAMED = {row for row, _ in SERVED | INHERITED}


def test_the_list_has_every_row_once():
    rows = [row for rows in LIST["scenarios"].values() for row in rows]
    assert len(rows) == len(set(rows))
    assert SCENARIO_OF.keys() >= ELSEWHERE | PENDING


def test_every_row_is_served_by_a_rule():
    assert SCENARIO_OF.keys() - ELSEWHERE - PENDING - NAMED == set()


def test_no_rule_names_a_row_that_the_study_lacks():
    assert NAMED - SCENARIO_OF.keys() == set()


def test_what_is_served_is_neither_pending_nor_elsewhere():
    assert NAMED.isdisjoint(PENDING | ELSEWHERE)


def test_a_row_is_served_under_its_own_scenario():
    assert {(row, scenario) for row, scenario in SERVED | INHERITED if SCENARIO_OF.get(row) != scenario} == set()
