"""The shipped rules: each is tested both ways, armed somewhere, sourced, and told in two languages."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from citybrain.registry import load_registry
from rules.ruleset import load_rules
from rules.shape.rule import RuleTest
from rules.trial import parse_series, run_trials

SHIPPED_SET = load_rules()
RULES = sorted(SHIPPED_SET.rules)


def entry_of(rule_id: str):
    return SHIPPED_SET.rules[rule_id].entry


def _series_of(test: RuleTest) -> Iterator[tuple[str, str, str]]:
    """Yield site, metric and the written values of everything that a test feeds in."""
    for site, values in test.all_values().items():
        for metric, text in values.items():
            yield site, metric, text


@pytest.mark.parametrize("rule_id", RULES)
def test_a_rule_passes_its_own_tests(rule_id):
    for result in run_trials(SHIPPED_SET, rule_id):
        pairs = [f"expected {expected}, seen {seen}" for expected, seen in result.pairs if expected != seen]
        assert result.has_passed, f"{result.test}: {pairs}"


@pytest.mark.parametrize("rule_id", RULES)
def test_a_rule_has_a_test_that_fires_and_one_that_stays_quiet(rule_id):
    tests = entry_of(rule_id).tests
    assert any(test.expect for test in tests)
    assert any(not test.expect for test in tests)


@pytest.mark.parametrize("rule_id", RULES)
def test_a_rules_tests_use_metrics_of_their_site_in_range(rule_id):
    registry = SHIPPED_SET.registry
    for test in entry_of(rule_id).tests:
        for site, metric, text in (
            (site, *one) for site, values in test.all_values().items() for one in values.items()
        ):
            assert metric in registry.sites[site].metrics
            least, greatest = registry.metrics[metric].range
            assert all(value is None or least <= value <= greatest for value in parse_series(text))


@pytest.mark.parametrize("rule_id", RULES)
def test_a_rule_is_armed_somewhere_or_waits_for_a_zone(rule_id):
    assert SHIPPED_SET.armed_at(rule_id) or SHIPPED_SET.waits_for_zone(rule_id)


@pytest.mark.parametrize("rule_id", RULES)
def test_every_source_says_how_sure_it_is(rule_id):
    for source in entry_of(rule_id).source:
        assert re.search(r"\[[VKE]\]", source)


@pytest.mark.parametrize("rule_id", RULES)
def test_a_rule_is_told_in_both_languages(rule_id):
    entry = entry_of(rule_id)
    for words in (entry.words, entry.cause, entry.consequence, entry.action, entry.false_positives):
        assert re.search(r"[一-鿿]", words.zh)
        assert re.search(r"[A-Za-z]", words.en)
        assert not re.search(r"[一-鿿]", words.en)


@pytest.mark.parametrize("rule_id", RULES)
def test_a_rule_file_lies_in_the_folder_of_its_scenario(rule_id):
    checked = SHIPPED_SET.rules[rule_id]
    assert checked.path.parent.name == checked.rule.scenario.value


@pytest.mark.parametrize("rule_id", RULES)
def test_a_later_level_of_a_site_is_never_below_an_earlier_one(rule_id):
    # Limits from attributes are known per site only: there the order can go wrong unseen.
    for site in SHIPPED_SET.sites_of(rule_id):
        for judge in SHIPPED_SET.plan_for(site).judges:
            for limit in getattr(judge, "limits", ()):
                for low, high in pairwise(limit.rungs):
                    assert low.value <= high.value if limit.comparison.rises else low.value >= high.value, site.id


def test_the_shipped_catalogs_load_alike_each_time():
    assert load_registry().content_hash == SHIPPED_SET.registry.content_hash
    assert load_rules().catalog == SHIPPED_SET.catalog
