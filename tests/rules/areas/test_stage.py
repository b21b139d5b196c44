"""The area stage as a whole: order within a moment, spread over engines, snapshots at any point, what is gone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citybrain.alerts import Ending
from citybrain.codec import encode_event
from citybrain.errors import SnapshotError
from citybrain.instants import MINUTE, SECOND, parse_instant
from citybrain.model import Reading
from rules.areas.stage import AreaStage
from rules.engine import Engine

START = parse_instant("2026-06-20T08:00:00+08:00")
SITES = ["gd-etdz-1", "gd-etdz-2", "gd-etdz-3", "aq-etdz-1"]
ROWS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 20, 30, 40]),  # Seconds after the one before.
        st.sampled_from(SITES),
        st.sampled_from([0, 0, 0, 1, 4]),  # Minutes under way.
        st.integers(0, 7),
    ),
    max_size=40,
)
FEW = settings(max_examples=40, derandomize=True, deadline=None)


def reading(site: str, observed_at: int, value: int) -> Reading:
    metric = "pm25_1h" if site.startswith("aq") else "combustible_gas"
    return Reading(site, observed_at, {metric: value * (40.0 if metric == "pm25_1h" else 10.0)})


def moments(rows) -> list[tuple[int, list[Reading]]]:
    """Return (at, readings), clock records every 30 s and for ten minutes at the end."""
    found: dict[int, list[Reading]] = {}
    at = START
    for seconds, site, under_way, value in rows:
        at += seconds * SECOND
        found.setdefault(at, []).append(reading(site, at - under_way * MINUTE, value))
    clocks = range(START, at + 10 * MINUTE, 30 * SECOND)
    return [(moment, found.get(moment, [])) for moment in sorted({*found, *clocks})]


@pytest.fixture(scope="module")
def rules(rules_of_module):
    air = {"type": "threshold", "where": {"kind": ["air-station"]}, "measure": {"metric": "pm25_1h"}, "hazard": "air"}
    gas = {"type": "area", "group_by": {"zone": "chemical"}, "measure": {"metric": "combustible_gas"}}
    return rules_of_module(
        {
            **gas,
            "id": "aa-01",
            "at_least": {"blue": "10 %LEL", "orange": "30 %LEL", "red": {"value": "50 %LEL", "sites": 2}},
            "for": "1min",
            "keep_firing_for": "1min",
        },
        {
            **gas,
            "id": "aa-02",
            "measure": {"metric": "combustible_gas", "over": "2min", "take": "mean", "across": "mean"},
            "at_least": {"yellow": "25 %LEL"},
        },
        {
            **gas,
            "id": "aa-03",
            "where": {"kind": ["combustible-gas-detector"]},
            "measure": {"silence": True, "across": "count", "sites_where": {"at_least": "2 periods"}},
            "at_least": {"yellow": "1 sites", "orange": "2 sites"},
            "for": "1min",
        },
        {**air, "id": "bb-01", "at_least": {"yellow": "100 µg/m3"}},
        {
            "id": "cc-01",
            "type": "coupling",
            "group_by": "county",
            "measure": {"alerts": "any", "level": "yellow", "across": "count", "distinct": "hazard_family"},
            "at_least": "2 hazards",
            "raise": "one above the highest member",
        },
    )


class Both:
    """Site engines, each for some of the sites, and the area stage behind them."""

    def __init__(self, rules, parts=1):
        self.rules = rules
        self.engines = [Engine(rules) for _ in range(parts)]
        self.areas = AreaStage(rules.areas.plan)

    def judge(self, made):
        events = []
        for at, readings in made:
            signals, seen = [], []
            for number, engine in enumerate(self.engines):
                own = [one for one in readings if SITES.index(one.site) % len(self.engines) == number]
                for judged in [engine.observe(one, at=at) for one in own] or [engine.advance(at)]:
                    signals += judged.signals
                    seen += judged.events
            events += [*seen, *self.areas.take(at, signals, seen)]
        return events

    def restarted(self):
        """Return the same under new engines, from snapshots."""
        other = Both(self.rules, len(self.engines))
        for engine, old in zip(other.engines, self.engines, strict=True):
            engine.restore(old.snapshot())
        open_events = [event for engine in other.engines for event in engine.open_events]
        assert other.areas.restore(self.areas.snapshot(), open_events) == []
        assert other.areas.snapshot() == self.areas.snapshot()
        return other


def encoded(events):
    return sorted(encode_event(event) for event in events)


def ordered(made, *, reverse):
    """Return the moments with their sites one way round or the other; a site's own records keep their order."""
    return [(at, sorted(readings, key=lambda one: one.site, reverse=reverse)) for at, readings in made]


@FEW
@given(ROWS)
def test_the_order_within_a_moment_makes_no_difference(rules, rows):
    made = moments(rows)
    first, second = Both(rules), Both(rules)
    expected = encoded([*first.judge(ordered(made, reverse=False)), *first.areas.finish()])
    assert encoded([*second.judge(ordered(made, reverse=True)), *second.areas.finish()]) == expected
    assert first.areas.snapshot() == second.areas.snapshot()


@FEW
@given(ROWS, st.integers(2, 4))
def test_any_number_of_engines_tells_the_areas_the_same(rules, rows, parts):
    made = moments(rows)
    whole, spread = Both(rules), Both(rules, parts)
    expected = encoded([*whole.judge(made), *whole.areas.finish()])
    assert encoded([*spread.judge(made), *spread.areas.finish()]) == expected


@FEW
@given(ROWS, st.floats(0, 1))
def test_a_restart_at_any_moment_changes_nothing(rules, rows, where):
    made = moments(rows)
    cut = round(where * len(made))
    whole, first = Both(rules), Both(rules)
    expected = encoded([*whole.judge(made), *whole.areas.finish()])
    found = [*first.judge(made[:cut]), *first.areas.finish()]
    second = first.restarted()
    found += [*second.judge(made[cut:]), *second.areas.finish()]
    assert encoded(found) == expected
    assert second.areas.snapshot() == whole.areas.snapshot()


def test_a_rule_that_is_gone_ends_its_alerts(rig, rules_of):
    driven = rig()
    driven.gas(0, 12)
    assert driven.seen == ["0 blue firing"]
    other = rules_of(
        {
            "id": "aa-02",
            "type": "area",
            "group_by": "county",
            "measure": {"metric": "combustible_gas"},
            "at_least": {"blue": "10 %LEL"},
        }
    )
    (event,) = driven.restart(other)
    assert (event.state, event.ending, event.rule.id) == ("cleared", Ending.RULE_ENDED, "aa-01")


def test_an_edited_rule_keeps_its_alert_and_starts_to_count_anew(rig, rules_of):
    driven = rig()
    driven.gas(0, 12)
    other = rules_of(
        {
            "id": "aa-01",
            "type": "area",
            "group_by": {"zone": "chemical"},
            "measure": {"metric": "combustible_gas"},
            "at_least": {"blue": "8 %LEL"},
        }
    )
    assert driven.restart(other) == []
    driven.gas(0.5, 7.9)
    driven.gas(1, 7)
    assert driven.seen == ["0 blue firing", "1 blue cleared"]


@pytest.mark.parametrize("torn", [b"{}", b"[1]", b"{", b'{"version": 99}'], ids=["empty", "list", "torn", "version"])
def test_a_torn_snapshot_is_refused(rules, torn):
    with pytest.raises(SnapshotError):
        AreaStage(rules.areas.plan).restore(torn, ())
