import pytest

from rules.trial import Occurrence, TrialResult, parse_series, run_trials


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("4.2", [4.2]),
        ("-1 +2", [-1, 2]),
        ("4*3", [4, 4, 4]),
        ("1 _ 2 _*2", [1, None, 2, None, None]),
        ("4.2+0.1*4", [4.2, 4.3, 4.4, 4.5]),
        ("4-1*3", [4, 3, 2]),
        ("-1-0.5*3", [-1, -1.5, -2]),
        ("1+1", [1]),
        ("5*0", []),
    ],
)
def test_a_series_is_written_in_steps(text, expected):
    assert parse_series(text) == expected


@pytest.mark.parametrize("text", ["4 m", "x", "4*", "*3", "4**2", "1e3", "4,2", "_3", "4.2+*3"])
def test_a_step_that_cannot_be_read_is_named(text):
    with pytest.raises(ValueError, match="is no step of a series"):
        parse_series(text)


def trials(rules_of, rule, expect, **test):
    test = {"name": "one", "site": "hs-a", "values": {"stage": "1 4 4 1"}, "expect": expect, **test}
    (result,) = run_trials(rules_of(rule(tests=[test])), "aa-01")
    return result


FIRED = {"at": "5min", "level": "blue", "state": "firing"}
CLEARED = {"at": "15min", "level": "blue", "state": "cleared"}


@pytest.mark.parametrize(
    ("expect", "passes"),
    [
        pytest.param([FIRED, CLEARED], True, id="all met"),
        pytest.param([FIRED], False, id="one event more"),
        pytest.param([FIRED, CLEARED, {**CLEARED, "at": "1h"}], False, id="one event less"),
        pytest.param([{**FIRED, "level": "red"}, CLEARED], False, id="another level"),
        pytest.param([{**FIRED, "at": "10min"}, CLEARED], False, id="another time"),
        pytest.param([{**FIRED, "no_data": True}, CLEARED], False, id="another mark"),
        pytest.param([], False, id="not quiet"),
    ],
)
def test_a_trial_passes_when_every_event_is_expected_and_every_expectation_met(rules_of, rule, expect, passes):
    assert trials(rules_of, rule, expect).has_passed is passes


def test_a_trial_may_have_its_own_start_and_step(rules_of, rule):
    result = trials(
        rules_of,
        rule,
        [{**FIRED, "at": "1min"}, {**CLEARED, "at": "3min"}],
        start="2026-01-01T22:30:00+08:00",
        every="1min",
    )
    assert result.has_passed


def test_pairs_stand_side_by_side_in_the_order_of_time(rules_of, rule):
    result = trials(rules_of, rule, [{**FIRED, "at": "10min"}, CLEARED])
    assert isinstance(result, TrialResult)
    told = [tuple(str(one) if isinstance(one, Occurrence) else None for one in pair) for pair in result.pairs]
    assert told == [
        (None, "5min blue firing"),
        ("10min blue firing", None),
        ("15min blue cleared", "15min blue cleared"),
    ]


def test_a_trial_sees_no_other_rule(rules_of, rule):
    test = {"name": "one", "site": "hs-a", "values": {"stage": "1 4 4 1"}, "expect": [FIRED, CLEARED]}
    rules = rules_of(rule(tests=[test]), rule(id="bb-01"))
    assert [result.has_passed for result in run_trials(rules, "aa-01")] == [True]


def test_a_trial_may_declare_temporary_zones_of_its_own(rules_of, rule, city):
    #   minute   0  5  10  15  20  25     in force from 10 to 20
    fair = {"kind": "venue", "centre": [119.5, 28.5], "radius": "500 m", "from": "10min", "until": "20min"}
    over = {"at": "20min", "level": "blue", "state": "cleared"}
    test = {"name": "one", "site": "hs-a", "values": {"stage": "5*6"}, "zones": {"zn-fair": fair}}
    rules = rules_of(
        rule(where={"zone": {"kind": "venue"}}, tests=[{**test, "expect": [{**FIRED, "at": "10min"}, over]}])
    )
    assert [result.has_passed for result in run_trials(rules, "aa-01")] == [True]
    assert "zn-fair" not in rules.registry.zones


def test_an_attribute_of_a_zone_of_a_trial_counts(rules_of, rule):
    zone = {"kind": "venue", "centre": [119.5, 28.5], "radius": "500 m", "until": "1h"}
    low, high = ({**zone, "attributes": {"pool_limit": f"{metres} m"}} for metres in (4, 6))
    tests = [
        {"name": name, "site": "hs-a", "values": {"stage": "5*2"}, "zones": {"zn-fair": one}, "expect": expect}
        for name, one, expect in (("low", low, [{**FIRED, "at": "0s"}]), ("high", high, []))
    ]
    rules = rules_of(rule(where={"zone": {"kind": "venue"}}, at_least={"blue": {"zone": "pool_limit"}}, tests=tests))
    assert [result.has_passed for result in run_trials(rules, "aa-01")] == [True, True]
