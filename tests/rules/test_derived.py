from dataclasses import replace

import pytest

from citybrain.attributes import Attribute
from citybrain.units import Quantity
from rules.derived import DERIVED, history_inputs
from rules.derived_series import DerivedSeries
from rules.series import Series

POLLUTANTS = ("so2_1h", "no2_1h", "co_1h", "o3_1h", "pm10_1h", "pm25_1h")
CLEAN = dict.fromkeys(POLLUTANTS, 0.0)
NO_ATTRIBUTES: dict[str, Attribute] = {}


def value(name, edition, inputs, attributes=NO_ATTRIBUTES):
    found = DERIVED[name, edition].find(inputs, attributes)
    return None if found is None else found.value


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        pytest.param(CLEAN, 1, id="at least 1"),
        pytest.param({**CLEAN, "pm25_1h": 125.0}, 165, id="the worst decides"),
        pytest.param({**CLEAN, "pm25_1h": 60.0}, 100, id="at the limit"),
        pytest.param({**CLEAN, "pm25_1h": 900.0, "o3_1h": 10.0}, 500, id="cap"),
        pytest.param({}, None, id="nothing known"),
        pytest.param({"pm25_1h": 60.0}, None, id="one missing: 100 says nothing"),
        pytest.param({"pm25_1h": 61.0}, 101, id="one missing: above 100 it is bad enough"),
        pytest.param({k: v for k, v in CLEAN.items() if k != "so2_1h"}, None, id="clean but one missing"),
    ],
)
def test_the_air_quality_index_of_one_hour(inputs, expected):
    assert value("aqi_1h", "hj633-2026", inputs) == expected


CAPACITY: dict[str, Attribute] = {"capacity": Quantity(200, "vehicles")}


@pytest.mark.parametrize(
    ("inputs", "attributes", "expected"),
    [
        pytest.param({"occupied": 0.0}, CAPACITY, 0, id="empty"),
        pytest.param({"occupied": 199.0}, CAPACITY, 100, id="half a percent is rounded up"),
        pytest.param({"occupied": 198.0}, CAPACITY, 99, id="99"),
        pytest.param({"occupied": 189.0}, CAPACITY, 95, id="94.5 is 95"),
        pytest.param({"occupied": 179.0}, CAPACITY, 90, id="89.5 is 90"),
        pytest.param({"occupied": 161.0}, CAPACITY, 81, id="80.5 is 81"),
        pytest.param({"occupied": 220.0}, CAPACITY, 100, id="drifted counts are cut"),
        pytest.param({"occupied": 90.0, "out_of_service": 100.0}, CAPACITY, 90, id="usable places only"),
        pytest.param({"occupied": 0.0, "out_of_service": 200.0}, CAPACITY, None, id="no usable place"),
        pytest.param({"out_of_service": 2.0}, CAPACITY, None, id="not counted"),
        pytest.param({"occupied": 10.0}, NO_ATTRIBUTES, None, id="no capacity"),
        pytest.param({"occupied": 10.0}, {"capacity": ("many",)}, None, id="a capacity in words"),
    ],
)
def test_occupancy_is_in_whole_percent_of_the_usable_places(inputs, attributes, expected):
    assert value("occupancy", None, inputs, attributes) == expected


PERMIT = {"permit_discharge_cod": Quantity(40, "mg/L"), "permit_discharge_tp": Quantity(0.3, "mg/L")}
HOURS_OF_OZONE = {name: [(hour, 300.0 if name == "o3_1h" else 1.0) for hour in range(24)] for name in POLLUTANTS}


@pytest.mark.parametrize(
    ("name", "edition", "inputs", "attributes", "missing"),
    [
        pytest.param("aqi_1h", "hj633-2026", CLEAN, {}, (), id="all there"),
        pytest.param(
            "aqi_1h",
            "hj633-2026",
            {"pm25_1h": 450.0, **dict.fromkeys(POLLUTANTS[:3], 1.0)},
            {},
            ("o3_1h", "pm10_1h"),
            id="two pollutants",
        ),
        pytest.param("aqi_24h", "hj633-2026", HOURS_OF_OZONE, {}, (), id="a day"),
        pytest.param(
            "aqi_24h",
            "hj633-2026",
            {**HOURS_OF_OZONE, "o3_1h": HOURS_OF_OZONE["o3_1h"][:12]},
            {},
            ("o3_1h",),
            id="half a day of ozone",
        ),
        pytest.param(
            "water_class",
            "gb3838-2002",
            {"ph": 7.0, "cod_mn": 3.0, "tp": 0.15},
            {},
            ("dissolved_oxygen", "nh3_n"),
            id="water",
        ),
        pytest.param(
            "worst_share_of_limit",
            "gb3095-2026-grade1",
            {"so2_1h": 3.0, "co_1h": 1.0, "o3_1h": 9.0},
            {},
            ("no2_1h",),
            id="grade 1: particles have no limit",
        ),
        pytest.param(
            "worst_share_of_limit",
            "permit",
            {"discharge_cod": 20.0},
            PERMIT,
            ("discharge_tp",),
            id="a permit: what it does not name is not missed",
        ),
    ],
)
def test_the_worst_of_several_says_what_is_missing(name, edition, inputs, attributes, missing):
    assert DERIVED[name, edition].find(inputs, attributes).missing == missing


def test_every_derived_value_has_words_a_unit_and_inputs():
    for (name, _), derived in DERIVED.items():
        assert derived.words.zh, name
        assert derived.words.en, name
        assert derived.inputs, name


HOUR = 3_600_000
DIRTY_DAY = {name: [(hours_ago, 100.0 if name == "pm25_1h" else 1.0) for hours_ago in range(24)] for name in POLLUTANTS}


def test_a_history_is_told_in_hours_ago_the_newest_of_each():
    instants = [0, HOUR, HOUR + 1000, 3 * HOUR]
    assert history_inputs(instants, [1.0, 2.0, 3.0, 4.0], 3 * HOUR) == [(3, 1.0), (2, 3.0), (0, 4.0)]


@pytest.mark.parametrize(
    ("name", "edition", "expected"),
    [
        # PM2.5 of 100 µg/m³ for a day: 100 + 50 * 40 / 55 in 2026, 100 + 50 * 25 / 40 in 2012; rounded up.
        ("aqi_24h", "hj633-2026", 137),
        ("aqi_24h", "hj633-2012", 132),
        ("aqi_1h", "hj633-2012", 132),
    ],
)
def test_an_index_of_a_day_follows_its_edition(name, edition, expected):
    assert value(name, edition, DIRTY_DAY) == expected


def test_an_index_of_a_day_needs_its_hours():
    short = {name: hours[:10] for name, hours in DIRTY_DAY.items()}
    assert value("aqi_24h", "hj633-2026", short) is None


@pytest.mark.parametrize(
    ("attributes", "expected"), [({}, 3), ({"water_body": ("river",)}, 3), ({"water_body": ("lake",)}, 5)]
)
def test_the_water_class_depends_on_the_water_body(attributes, expected):
    # TP 0.15 mg/L is class Ⅲ in a river and class Ⅴ in a lake.
    assert value("water_class", "gb3838-2002", {"ph": 7.0, "tp": 0.15}, attributes) == expected


def test_the_share_of_a_permit_is_that_of_the_worst_item():
    permit = {"permit_discharge_cod": Quantity(40, "mg/L"), "permit_discharge_tp": Quantity(0.3, "mg/L")}
    sample = {"discharge_cod": 20.0, "discharge_tp": 0.45}
    assert value("worst_share_of_limit", "permit", sample, permit) == pytest.approx(1.5)
    assert value("worst_share_of_limit", "permit", sample) is None


def test_the_heat_index_needs_both_its_inputs():
    assert value("heat_index", None, {"air_temperature": 35.0}) is None
    assert value("heat_index", None, {"air_temperature": 35.0, "humidity": 60.0}) > 40


def test_the_index_of_a_day_is_judged_over_its_hours(rig):
    #  hour   0 .. 23       PM2.5 100 µg/m³ each hour: known from the 20th hourly value on
    driven = rig(
        where={"site": ["aq-a"]},
        measure={"derived": "aqi_24h", "edition": "hj633-2026"},
        at_least={"blue": "130 index"},
    )
    values = dict.fromkeys(POLLUTANTS, 1.0) | {"pm25_1h": 100.0}
    for hour in range(24):
        driven.send(hour * 60, values, site="aq-a")
    assert driven.seen == [f"{19 * 60} blue firing"]


WHOLE = dict.fromkeys(POLLUTANTS, 1.0) | {"o3_1h": 210.0}
BAD = WHOLE | {"pm25_1h": 450.0}
OF_PART = {name: value for name, value in WHOLE.items() if name != "pm25_1h"}
BAD_OF_PART = {name: value for name, value in BAD.items() if name != "o3_1h"}
AQI = {"derived": "aqi_1h", "edition": "hj633-2026"}
AQI_OF_DAY = {"derived": "aqi_24h", "edition": "hj633-2026"}


def air(rig, hours, **fields):
    #  hour by hour, aq-a; PM2.5 450 µg/m³ is an index of 467, O3 210 µg/m³ one of 105
    driven = rig(
        **{"where": {"site": ["aq-a"]}, "measure": AQI, "above": {"blue": "100 index", "red": "300 index"}, **fields}
    )
    for hour, values in enumerate(hours):
        driven.send(hour * 60, values, site="aq-a")
    return driven


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param(
            [BAD, BAD, WHOLE], ["0 blue firing", "60 red firing", "120 blue firing"], id="whole: it steps down"
        ),
        pytest.param([BAD, BAD, OF_PART], ["0 blue firing", "60 red firing"], id="a part does not step down"),
        pytest.param([BAD_OF_PART, BAD_OF_PART], ["0 blue firing", "60 red firing"], id="a part raises"),
        pytest.param([BAD, BAD_OF_PART], ["0 blue firing", "60 red firing"], id="a part confirms"),
        pytest.param([WHOLE, BAD, OF_PART, BAD], ["0 blue firing", "180 red firing"], id="a part breaks no streak"),
    ],
)
def test_an_index_of_part_of_the_pollutants_may_raise_and_never_lower(rig, hours, expected):
    assert air(rig, hours).seen == expected


def test_an_index_of_part_does_not_clear_and_is_marked_when_the_whole_one_is_silent(rig):
    clean, of_part = WHOLE | {"o3_1h": 10.0}, OF_PART | {"o3_1h": 10.0}
    marked = ["0 blue firing", "210 blue firing no_data"]
    driven = air(rig, [BAD, *[OF_PART] * 12, WHOLE, clean], above={"blue": "110 index"})
    assert driven.seen == [*marked, "780 blue firing", "840 blue cleared"]
    assert air(rig, [BAD, *[of_part] * 4, clean], above={"blue": "110 index"}).seen == [*marked, "300 blue cleared"]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param(
            [WHOLE, *[OF_PART] * 12, BAD_OF_PART], ["780 blue firing"], id="raised after a long time of parts"
        ),
        pytest.param([BAD_OF_PART] * 12, ["0 blue firing"], id="what still meets a limit is no lost data"),
    ],
)
def test_an_index_of_part_that_meets_a_limit_is_heard(rig, hours, expected):
    assert air(rig, hours, above={"blue": "110 index"}).seen == expected


def test_what_a_site_never_sent_or_has_no_instrument_for_is_not_missed(city):
    without = replace(city.sites["aq-a"], metrics=tuple(name for name in POLLUTANTS if name != "co_1h"))
    series = DerivedSeries("aqi_1h@hj633-2026", DERIVED["aqi_1h", "hj633-2026"])
    found = series.derived.find({name: value for name, value in BAD.items() if name != "co_1h"}, NO_ATTRIBUTES)
    sent = {name: Series(keep=0, late_max=0) for name in POLLUTANTS}
    assert not series.is_whole(found, sent, city.sites["aq-a"])
    assert series.is_whole(found, sent, without)
    assert series.is_whole(found, {name: one for name, one in sent.items() if name != "co_1h"}, city.sites["aq-a"])


def test_a_part_that_comes_before_the_rest_of_its_hour_is_made_whole_by_it(rig):
    driven = air(rig, [BAD_OF_PART, BAD_OF_PART], above={"blue": "100 index", "red": "300 index"})
    driven.send(61, WHOLE, site="aq-a", observed=60)  # A revision too: PM2.5 was wrong.
    assert driven.seen == ["0 blue firing", "60 red firing", "60 blue firing"]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param([BAD, WHOLE, WHOLE, WHOLE], ["0.04 blue firing", "180.04 blue cleared"], id="it ends"),
        pytest.param(
            [BAD, BAD, *[WHOLE] * 4], ["0.04 blue firing", "60.04 red firing", "240.04 red cleared"], id="red"
        ),
        pytest.param([BAD, WHOLE, BAD, WHOLE], ["0.04 blue firing"], id="a bad hour starts it anew"),
    ],
)
def test_a_timer_runs_on_while_the_items_of_an_hour_arrive_one_by_one(rig, hours, expected):
    # The items of an hour bear one instant and come in records of their own, O3 first, half a second apart.
    driven = rig(
        where={"site": ["aq-a"]},
        measure=AQI,
        above={"blue": "120 index", "red": "300 index"},
        keep_firing_for="2h",
    )
    for hour, values in enumerate(hours):
        for number, (item, amount) in enumerate(sorted(values.items(), key=lambda pair: pair[0] != "o3_1h")):
            driven.send(hour * 60 + number / 120, {item: amount}, site="aq-a", observed=hour * 60)
    told = [f"{event.sent / 60_000 - driven.start / 60_000:.2f} {event.level} {event.state}" for event in driven.events]
    assert told == expected


def test_a_timer_starts_anew_after_hours_of_which_an_item_is_missing(rig):
    driven = air(rig, [BAD, WHOLE, *[OF_PART] * 2, WHOLE, WHOLE], above={"blue": "120 index"}, keep_firing_for="2h")
    assert driven.seen[-1] == "0 blue firing"
    driven.send(6 * 60, WHOLE, site="aq-a")
    assert driven.seen[-1] == "360 blue cleared"


def test_what_is_known_in_part_survives_a_restart(rig):
    driven = air(rig, [BAD, BAD, OF_PART])
    driven.restart()
    driven.send(181, {"so2_1h": 1.0}, site="aq-a", observed=120.5)
    assert driven.seen == ["0 blue firing", "60 red firing"]


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ({"over": "3h", "take": "mean"}, None),  # At least 315.
        ({"over": "3h", "take": "max"}, "red"),
        ({"over": "3h", "take": "count"}, "blue"),
    ],
)
def test_a_window_over_parts_is_a_lower_bound(rig, measure, expected):
    limits = {"blue": "2 index"} if measure["take"] == "count" else {"red": "400 index"}
    driven = air(rig, [BAD_OF_PART, BAD_OF_PART, OF_PART], measure={**AQI, **measure}, at_least=limits, above=None)
    assert [event.level.value for event in driven.events][-1:] == ([expected] if expected else [])


def day(rig, hours):
    """Drive the index of a day by hourly means of 100 µg/m³ PM2.5, an index of 137; the hours come in this order."""
    driven = rig(where={"site": ["aq-a"]}, measure=AQI_OF_DAY, at_least={"blue": "130 index"})
    values = dict.fromkeys(POLLUTANTS, 1.0) | {"pm25_1h": 100.0}
    for place, hour in enumerate(hours, 1):
        driven.send(place * 60 + 5, values, site="aq-a", observed=hour * 60)
    return driven


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param([*range(20)], [(20, 19)], id="in order: known from the 20th hour on"),
        pytest.param([*range(18), 19, 18], [(20, 19)], id="the late hour makes the newest one known"),
        pytest.param([*range(17), 18, 19, 17], [(20, 19)], id="two hours late"),
        pytest.param([*range(4), *range(5, 20)], [], id="one hour is missing"),
    ],
)
def test_a_late_hour_makes_the_later_indices_known_and_the_newest_is_judged(rig, hours, expected):
    driven = day(rig, hours)
    seen = [((event.sent - driven.start) // HOUR, (event.observed_at - driven.start) / HOUR) for event in driven.events]
    assert seen == expected


def test_a_late_hour_changes_nothing_beyond_the_reach_of_the_index():
    derived = DerivedSeries("aqi_24h@hj633-2026", DERIVED["aqi_24h", "hj633-2026"])
    samples = Series(keep=100 * HOUR, late_max=100 * HOUR)
    for hour in range(0, 60, 2):
        samples.add(hour * HOUR, 1.0)
    assert derived.instants_from({"o3_1h": samples}, 31 * HOUR) == [at * HOUR for at in (31, *range(32, 55, 2))]
    at_once = DerivedSeries("aqi_1h@hj633-2026", DERIVED["aqi_1h", "hj633-2026"])
    assert at_once.instants_from({"o3_1h": samples}, 31 * HOUR) == [31 * HOUR]
