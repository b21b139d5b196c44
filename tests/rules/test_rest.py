"""Rest: a judge is left alone only while looking would find nothing. The slow way is to look each time."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citybrain.codec import encode_event
from citybrain.instants import MINUTE, SECOND, parse_instant
from citybrain.model import Reading
from rules.conditions import Comparison, compare
from rules.engine import Engine
from rules.measures import Against, Measure, Step, Take, measure, set_against
from rules.rest import EVERYTHING, Band, band_of, narrowest, rest_of
from rules.route import ALL
from rules.series import Series

START = parse_instant("2026-06-20T08:00:00+08:00")
SPANS = {Step.NEWEST: 0, Step.WINDOW: 60, Step.CHANGE: 20, Step.SLOPE: 30, Step.TREND: 30}


def spec(step: Step = Step.NEWEST, **more) -> Measure:
    fields = {"take": None, "period": 5, "covers": 0, "silent_for": 25, **more}
    return Measure(name="x", series="x", unit="m", step=step, span=SPANS[step], **fields)


def series_of(samples) -> Series:
    made = Series(keep=90, late_max=60)
    for instant, value in samples:
        made.add(instant, value)
    return made


@st.composite
def specs(draw) -> Measure:
    step = draw(st.sampled_from([Step.NEWEST, *[Step.WINDOW] * 3, Step.CHANGE]))
    return spec(
        step,
        take=draw(st.sampled_from(Take)) if step is Step.WINDOW else None,
        grows=draw(st.booleans()),
        against=draw(st.sampled_from([None, None, Against.MINUS, Against.DIVIDED_BY])),
        operand=draw(st.sampled_from([None, 0.0, 0.3, 2.0, -2.0])),
        speaks_on_change=draw(st.booleans()),
    )


LIMITS = st.integers(-1, 12).map(lambda number: number / 10) | st.sampled_from([0.1 + 0.2, 50.0, 75.0, 99.0])
SAMPLES = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 12)), min_size=1, max_size=40)


@settings(max_examples=800, derandomize=True, deadline=None)
@given(specs(), SAMPLES, st.sampled_from(Comparison), LIMITS)
def test_values_inside_a_band_meet_no_limit(spec, samples, comparison, limit):
    band = band_of(spec, comparison, limit)
    series, beyond_at, instant = series_of([]), -math.inf, 0
    for periods, tenths in samples:
        instant += 5 * periods
        series.add(instant, tenths / 10)
        if band is None:
            continue
        if not band.least <= tenths / 10 <= band.greatest:
            beyond_at = instant
        elif instant - beyond_at >= band.clean and series.total < band.total:
            found = set_against(spec, measure(spec, series, instant), ())
            assert compare(found, comparison, limit) is not True


@settings(max_examples=800, derandomize=True, deadline=None)
@given(st.sampled_from([Take.RANGE, Take.COVERAGE]), SAMPLES, st.sampled_from(Comparison), LIMITS)
def test_a_limit_is_not_met_before_its_rest_is_over(take, samples, comparison, limit):
    one = spec(Step.WINDOW, take=take)
    rest, series, instant, until = rest_of(one, comparison, limit), series_of([]), 0, -math.inf
    for periods, tenths in samples:
        instant += 5 * periods
        series.add(instant, tenths / 10)
        is_met = compare(measure(one, series, instant), comparison, limit)
        assert is_met is not True or instant >= until
        if rest is not None and is_met is not True:
            until = rest(series, instant)


@pytest.mark.parametrize(
    ("fields", "comparison", "limit", "expected"),
    [
        ({}, Comparison.AT_LEAST, 4.0, Band(greatest=math.nextafter(4.0, 0.0))),
        ({}, Comparison.BELOW, 4.0, Band(least=math.nextafter(4.0, 9.0))),
        pytest.param({"against": Against.MINUS}, Comparison.ABOVE, 4.0, EVERYTHING, id="nobody knows the operand"),
        pytest.param({"operand_place": 1, "against": Against.MINUS}, Comparison.ABOVE, 4.0, None, id="another measure"),
        pytest.param({"step": Step.CHANGE}, Comparison.ABOVE, 4.0, None, id="a change is no value"),
    ],
)
def test_the_band_of_a_limit(fields, comparison, limit, expected):
    assert band_of(spec(**fields), comparison, limit) == expected


def test_of_several_bands_the_narrowest_counts():
    assert narrowest([Band(greatest=4.0, clean=5), Band(least=1.0, greatest=6.0), Band(total=9.0)]) == Band(1, 4, 5, 9)
    assert narrowest([]) == EVERYTHING


@pytest.mark.parametrize(
    ("take", "limit", "samples", "expected"),
    [
        pytest.param(Take.RANGE, 0.0, [(0, 1), (5, 2), (10, 2)], 60, id="the newest that differs leaves at 60"),
        pytest.param(Take.RANGE, 0.0, [(0, 2), (5, 2)], 5, id="all the same"),
        pytest.param(Take.COVERAGE, 75.0, [(0, 1)], 55, id="too young to be known"),
        pytest.param(Take.COVERAGE, 75.0, [(at * 5, 1) for at in range(13)], 70, id="two samples more than needed"),
        pytest.param(
            Take.COVERAGE,
            75.0,
            [(at, 1) for at in (0, 5, 10, *range(50, 63))],
            70,
            id="many samples of a short time are not enough",
        ),
        pytest.param(Take.COVERAGE, 75.0, [(0, 1), (60, 1)], 60, id="too few"),
    ],
)
def test_how_long_a_limit_rests(take, limit, samples, expected):
    rest = rest_of(spec(Step.WINDOW, take=take), Comparison.AT_MOST, limit)
    assert rest is not None
    assert rest(series_of(samples), samples[-1][0]) == expected


class Wakeful(Engine):
    """The engine whose judges never rest."""

    def observe(self, *given, **more):
        for state in self._sites.values():
            state.awake = ALL
        return super().observe(*given, **more)


@pytest.fixture(scope="module")
def rules(rules_of, rule):
    def windowed(name, take, **fields):
        return rule(id=name, where={}, measure={"metric": "stage", "over": "20min", "take": take}, **fields)

    quality = {"type": "quality", "where": {}, "at_most": None}
    return rules_of(
        rule(id="aa-01", where={}, at_least={"blue": "3 m", "red": "7 m"}, for_="4min", keep_firing_for="3min"),
        windowed("aa-02", "mean", below={"yellow": "2 m"}),
        windowed("aa-03", "max", at_least={"blue": "6 m"}, keep_firing_for="3min"),
        windowed("aa-04", "min", at_least={"blue": "3 m"}),
        rule(id="aa-05", where={}, measure={"metric": "stage", "slope_over": "20min"}, at_least={"blue": "5 m/h"}),
        rule(id="aa-06", where={}, measure={"metric": "stage", "change_over": "10min"}, at_least={"orange": "2 m"}),
        rule(
            id="aa-07",
            where={},
            measure=None,
            measures={"stage": {"metric": "stage", "minus": "2 m"}, "inflow": {"metric": "inflow"}},
            limits=[
                {"measure": "stage", "at_least": {"blue": "3 m"}},
                {"measure": "inflow", "above": {"yellow": "25 m³/s"}},
            ],
        ),
        rule(
            id="aa-08",
            **{**quality, "at_most": {"blue": 1}},
            measure={"metric": "any", "over": "20min", "take": "range", "coverage": "20 %"},
        ),
        rule(
            id="aa-09",
            **{**quality, "at_most": {"blue": "60 %"}},
            measure={"metric": "stage", "over": "40min", "take": "coverage"},
        ),
        rule(id="dd-01", type="no_data", measure=None, where={}, silent_for={"blue": "1.5 periods", "red": "25min"}),
        rule(id="dd-02", type="no_data", measure=None, where={}, metric="inflow", silent_for={"blue": "20min"}),
    )


PAUSE = 20  # Minutes; for so long the log itself is silent.
ROWS = st.lists(
    st.tuples(
        st.sampled_from([1, 5, 5, 5, 15, PAUSE]),  # Minutes.
        st.sampled_from(["hs-a", "hs-b"]),
        st.sampled_from([0, 0, 0, 0, 3, 10, 30]),  # Minutes under way.
        st.sampled_from([1, 1, 1, 2, 2, 4, 6, 8]),
        st.sampled_from([0.0, 0.0, 30.0]),
    ),
    max_size=60,
)


def both(rules, rows, restart=None) -> list[str]:
    """Judge rows with and without rest, see that it makes no difference, and return the events of one rule set."""
    engines, told, seen = [Engine(rules), Wakeful(rules)], [[], []], []
    at = tick = START
    for number, (minutes, site, under_way, stage, inflow) in enumerate(rows):
        at += minutes * MINUTE
        values = {"stage": float(stage), **({"inflow": inflow} if inflow else {})}
        for one, engine in enumerate(engines):
            judged = [engine.advance(moment) for moment in range(tick, at if minutes < PAUSE else tick, 30 * SECOND)]
            judged.append(engine.observe(Reading(site, at - under_way * MINUTE, values), at=at))
            events = [event for each in judged for event in each.events]
            told[one] += [encode_event(event) for event in events]
            seen += [f"{event.rule.id} {event.state.value}" for event in events if one == 0]
            if number == restart:
                engines[one] = type(engine)(rules)
                engines[one].restore(engine.snapshot())
        tick = at
    assert told[0] == told[1]
    assert engines[0].snapshot() == engines[1].snapshot()
    return seen


@settings(max_examples=60, derandomize=True, deadline=None)
@given(ROWS, st.integers(0, 60))
def test_whether_judges_rest_makes_no_difference(rules, rows, restart):
    both(rules, rows, restart)


#   minutes under way stand before a slash; one sample each five minutes
@pytest.mark.parametrize(
    ("name", "stages", "expected"),
    [
        pytest.param("aa-02", "8 1 1 1 3", "firing", id="a high value leaves the window, the low one stays"),
        pytest.param("aa-03", "2 2 2 2 2 6/8 2", "firing", id="a late value is beyond the limit"),
        pytest.param("aa-08", "4 2 2 2 2 2", "firing cleared firing", id="what differed leaves the window"),
        pytest.param("aa-09", "2 2 2 2 2 2 2 2 2 20/2 _ _ _ _ _ 2", "firing", id="samples are missing by and by"),
        pytest.param("dd-01", "2 2 2 _ _ 2 2", "firing cleared", id="a silence is over"),
        pytest.param("dd-01", "2 2 _ _ _ 9/2", "firing", id="what comes after a pause of the log is old"),
    ],
)
def test_a_judge_is_woken(rules, name, stages, expected):
    words, rows, waited = stages.split(), [], 0
    for word in words:
        waited += 5
        if word != "_":
            under_way, _, value = word.rpartition("/")
            rows.append((waited, "hs-a", int(under_way or 0), int(value), 0.0))
            waited = 0
    seen = [event.removeprefix(f"{name} ") for event in both(rules.only(name), rows) if event.startswith(name)]
    assert " ".join(seen) == expected
