"""Each fault alone, at a rate that makes it happen: what the log sees of it, and that the world stays as it was."""

from collections import Counter, defaultdict
from dataclasses import replace

import orjson
import pytest

from citybrain.errors import CatalogError
from citybrain.instants import DAY, HOUR, MINUTE, SECOND, parse_instant
from citybrain.model import Feed
from simulators.fleet import simulate
from simulators.mishaps import episodes_of, outages_of
from simulators.rates import NONE, USUAL, FaultKind, FaultRates
from simulators.storyline import Blackout, load_storyline

SEED = 11
SITES = ("hs-hecheng", "rg-liandu", "ws-liandu", "pk-station", "ra-liandu-1", "bt-nanming-1", "dam-kaitan")
HOURS = 48


@pytest.fixture(scope="module")
def few(registry):
    return replace(registry, sites={name: registry.sites[name] for name in SITES})


@pytest.fixture(scope="module")
def story(registry):
    return load_storyline("quiet-day", registry.sites)


def seen(few, story, hours=HOURS, **rates):
    """Return the readings of each site as (at, observed_at, reading), in the order of the log."""
    told = story.model_copy(update={"faults": FaultRates(**rates)})
    found = defaultdict(list)
    for record in simulate(few, told, seed=SEED, start=story.start, hours=hours):
        if record.reading is not None:
            reading = orjson.loads(record.reading)
            found[record.site].append((record.at, parse_instant(reading["observed_at"]), reading))
    return found


def episodes(few, story, hours=HOURS, **rates):
    told = story.model_copy(update={"faults": FaultRates(**rates)})
    return episodes_of(few, told, seed=SEED, start=story.start, end=story.start + hours * HOUR)


@pytest.fixture(scope="module")
def sound(few, story):
    return seen(few, story)


def at_times(readings):
    return {observed_at: reading["values"] for _, observed_at, reading in readings}


def test_without_faults_there_are_none(few, story):
    assert story.faults == NONE
    assert episodes_of(few, story, seed=SEED, start=story.start, end=story.start + 30 * DAY) == []


def test_a_drop_out_is_a_gap_or_comes_in_a_burst_after_it(few, story, sound):
    rates = {"dropout": 1.0}
    found, lost, burst = seen(few, story, **rates), 0, 0
    told = episodes(few, story, **rates)
    for site in SITES:
        gaps = [one for one in told if one.site == site]
        for _, observed_at, _ in sound[site]:
            gap = next((one for one in gaps if one.since <= observed_at < one.until), None)
            arrived = [at for at, seen_at, _ in found[site] if seen_at == observed_at]
            if gap is None:
                continue
            lost += not arrived
            burst += bool(arrived)
            assert all(at >= gap.until for at in arrived)
        outside = [t for t in at_times(sound[site]) if not any(g.since <= t < g.until for g in gaps)]
        assert set(outside[:-40]) <= set(at_times(found[site]))
    assert lost > burst > 0


def test_a_stuck_sensor_repeats_itself_and_a_blocked_gauge_counts_nothing(few, story, sound):
    rates = {"stuck": 1.0}
    found, told = seen(few, story, **rates), episodes(few, story, **rates)
    assert {one.site for one in told} >= {"hs-hecheng", "rg-liandu"}
    for one in told:
        values = [r["values"] for _, t, r in found[one.site] if one.since <= t < one.until]
        assert all(value == values[0] for value in values) or one.site == "rg-liandu", one
        assert one.site != "rg-liandu" or {value["rain"] for value in values} <= {0}
        assert one.until - one.since <= 24 * HOUR


def test_a_spike_is_one_reading(few, story, sound):
    rates = {"spike": 2.0}
    found, told = seen(few, story, **rates), episodes(few, story, **rates)
    spikes = [one for one in told if one.metric == "stage" and one.site == "hs-hecheng"]
    before, after = at_times(sound["hs-hecheng"]), at_times(found["hs-hecheng"])
    off = {t: after[t]["stage"] - before[t]["stage"] for t in before if t in after and after[t] != before[t]}
    assert len(off) == len(spikes) > 2
    assert {round(step) for step in off.values()} <= {-3, -2, -1, 3}  # A gauge shows no less than its least.
    gamma, calm = at_times(found["ra-liandu-1"]), at_times(sound["ra-liandu-1"])
    factors = [gamma[t]["gamma_dose_rate"] / calm[t]["gamma_dose_rate"] for t in calm if t in gamma]
    assert sum(factor > 4.9 for factor in factors) == sum(one.site == "ra-liandu-1" for one in told)


def test_a_drift_is_half_a_percent_an_hour(few, story, sound):
    rates = {"drift": 1.0}
    found = seen(few, story, **rates)
    (one,) = [one for one in episodes(few, story, **rates) if one.site == "ra-liandu-1"]
    before, after = at_times(sound["ra-liandu-1"]), at_times(found["ra-liandu-1"])
    for t in before:
        share = 0.005 * (t - one.since) / HOUR if one.since <= t < one.until else 0.0
        if t in after:
            assert after[t]["gamma_dose_rate"] == pytest.approx(before[t]["gamma_dose_rate"] * (1 + share), abs=1)


def test_an_offset_comes_with_flag_m_and_stays_under_flag_n(few, story, sound):
    rates = {"offset": 1.0}
    found, told = seen(few, story, **rates), episodes(few, story, **rates)
    assert {one.site for one in told} == {"hs-hecheng", "dam-kaitan"}
    one = next(one for one in told if one.site == "hs-hecheng")
    before = at_times(sound["hs-hecheng"])
    there = [(t, r) for _, t, r in found["hs-hecheng"] if one.since <= t < one.until]
    assert there
    for t, reading in there:
        assert reading["values"]["stage"] == pytest.approx(before[t]["stage"] + 0.3, abs=0.011)
        assert reading.get("flags") == ({"stage": "M"} if t - one.since < 30 * MINUTE else None)


def test_a_skewed_clock_is_minutes_or_the_zone_off(few, story, sound):
    rates = {"clock_skew": 3.0}
    found, told = seen(few, story, **rates), episodes(few, story, **rates)
    shifts = Counter(round(one.size / HOUR) for one in told)
    assert shifts[0] > 0
    assert set(shifts) <= {-8, 0, 8}
    one = next(one for one in told if one.site == "hs-hecheng")
    true = [t for _, t, _ in sound["hs-hecheng"] if one.since <= t < one.until]
    told_times = {t for _, t, _ in found["hs-hecheng"]}
    assert {t + round(one.size) for t in true[:20]} <= told_times


def test_a_duplicate_is_the_same_reading_again_later(few, story, sound):
    rates = {"duplicate": 5.0}
    found, told = seen(few, story, **rates), episodes(few, story, **rates)
    for site in SITES:
        by_time = defaultdict(list)
        for at, t, reading in found[site]:
            by_time[t].append((at, reading))
        repeated = [copies for copies in by_time.values() if len(copies) > 1]
        assert abs(len(repeated) - sum(one.site == site for one in told)) <= 3  # Some come after the end.
        for (first, reading), *others in repeated:
            assert len(others) <= 3
            assert all(other == reading and 5 * SECOND <= at - first <= 3 * HOUR for at, other in others)


def test_a_late_reading_is_minutes_late_and_the_same(few, story, sound):
    found = seen(few, story, late=20.0)
    overdue = [at - t for site in SITES for at, t, _ in found[site]]
    usual = [at - t for site in SITES for at, t, _ in sound[site]]
    assert sum(span > 5 * MINUTE for span in overdue) > 5 * sum(span > 5 * MINUTE for span in usual)
    assert max(overdue) < 31 * MINUTE
    assert all(at_times(found[s]).items() <= at_times(sound[s]).items() for s in SITES)


def test_a_calibration_carries_its_flag(few, story):
    found = seen(few, story, calibration=3.0)
    flagged = [reading for site in SITES for _, _, reading in found[site] if "flags" in reading]
    assert {letter for reading in flagged for letter in reading["flags"].values()} == {"C", "M"}
    assert all(reading["flags"].keys() == reading["values"].keys() for reading in flagged)


def test_a_low_battery_runs_down_and_then_says_nothing(few, story, sound):
    rates = {"low_battery": 1.0}
    hours = 24 * 7
    found, told = seen(few, story, hours, **rates), episodes(few, story, hours, **rates)
    assert {one.site for one in told} == {"bt-nanming-1"}
    one = told[0]
    volts = [(t, r["values"]["battery_voltage"]) for _, t, r in found["bt-nanming-1"] if one.since <= t < one.until]
    assert volts[0][1] == 12.6
    assert 11.0 <= volts[-1][1] < 11.1
    assert volts[-1][0] - one.since < 3 * DAY + MINUTE < one.until - one.since


def test_a_blackout_silences_a_share_of_the_sensors_around_a_point(registry, story):
    told = Blackout.model_validate(
        {"starts": "1h", "lasts": "2h", "centre": [119.92, 28.45], "radius": "15 km", "share": 0.7}
    )
    dark = story.model_copy(update={"blackouts": (told,)})
    found = episodes_of(registry, dark, seed=SEED, start=story.start, end=story.start + DAY)
    assert {(one.since - story.start, one.until - story.start, one.kind) for one in found} == {
        (HOUR, 3 * HOUR, FaultKind.BLACKOUT)
    }
    near = [s for s in registry.sites.values() if s.county == "331102" and s.kind == "berth-section"]
    hit = {one.site for one in found} & {site.id for site in near}
    assert 0.4 < len(hit) / len(near) < 0.95
    spoke = {
        record.site: record
        for record in simulate(registry, dark, seed=SEED, start=story.start, hours=3)
        if record.site in hit and story.start + 90 * MINUTE < record.at < story.start + 3 * HOUR
    }
    assert spoke == {}


def test_blackouts_are_drawn_per_county_and_month(registry, story):
    often = story.model_copy(update={"faults": FaultRates(blackout=2.0)})
    found = outages_of(registry, often, seed=SEED, start=story.start, end=story.start + 90 * DAY)
    counties = len({site.county for site in registry.sites.values()})
    assert 0.6 < len(found) / (2.0 * 3 * counties) < 1.5
    assert all(30 * MINUTE <= one.until - one.since <= 6 * HOUR for one in found)


def test_faults_come_as_often_as_they_should(registry, story):
    told = story.model_copy(update={"faults": USUAL})
    days = 200
    found = Counter(
        one.kind for one in episodes_of(registry, told, seed=SEED, start=story.start, end=story.start + days * DAY)
    )
    sensors = sum(site.feed is not Feed.AGENCY for site in registry.sites.values())
    for kind in (FaultKind.DROPOUT, FaultKind.DUPLICATE, FaultKind.LATE, FaultKind.CALIBRATION, FaultKind.STUCK):
        assert found[kind] / sensors / days == pytest.approx(USUAL.of(kind), rel=0.15), kind


def test_switching_one_kind_changes_no_other(few, story):
    alone = episodes(few, story, dropout=0.5)
    both = episodes(few, story, dropout=0.5, spike=1.0)
    assert [one for one in both if one.kind is FaultKind.DROPOUT] == alone


def test_a_faulty_run_is_repeatable_and_in_order(registry):
    story = load_storyline("faulty-week", registry.sites)
    runs = [list(simulate(registry, story, seed=5, start=story.start, hours=6)) for _ in range(2)]
    assert runs[0] == runs[1]
    assert [record.at for record in runs[0]] == sorted(record.at for record in runs[0])


@pytest.mark.parametrize(
    ("written", "says"),
    [("often", "expected one of none, usual"), ("{dropuot: 1}", "R104"), ("{spike: -1}", "R109")],
    ids=["word", "kind", "rate"],
)
def test_wrong_faults_are_told_with_their_place(tmp_path, written, says):
    path = tmp_path / "s.yaml"
    head = "storyline: s\nname: {zh: 试, en: Test}\nabout: A test.\nstart: 2026-05-13T00:00:00+08:00\nhours: 1\n"
    path.write_text(f"{head}faults: {written}\n", encoding="utf-8")
    with pytest.raises(CatalogError, match=r"s\.yaml:6:\d+") as raised:
        load_storyline(str(path), ())
    assert says in str(raised.value)
