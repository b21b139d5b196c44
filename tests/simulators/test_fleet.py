from dataclasses import replace
from itertools import islice, pairwise

import orjson
import pytest

from citybrain.instants import HOUR, MINUTE, SECOND, parse_instant
from citybrain.model import Feed
from citybrain.registry import Registry
from simulators.fleet import CLOCK_EVERY, simulate
from simulators.storyline import load_storyline


def records(registry: Registry, name: str = "first-light", *, seed: int = 7, hours: float = 1.0):
    story = load_storyline(name, registry.sites)
    return list(simulate(registry, story, seed=seed, start=story.start, hours=hours))


def test_the_same_arguments_give_the_same_records_byte_for_byte(registry):
    assert records(registry) == records(registry)


def test_another_seed_gives_other_records(registry):
    assert records(registry, seed=7) != records(registry, seed=8)


def test_removing_a_site_changes_no_other_site(registry):
    gone = "rg-longquan"
    fewer = replace(registry, sites={name: site for name, site in registry.sites.items() if name != gone})
    assert [record for record in records(registry) if record.site != gone] == records(fewer)


@pytest.mark.parametrize("name", ["first_light", "quiet_day"])
def test_records_come_in_the_order_of_at_and_never_before_they_were_observed(name, request):
    run = request.getfixturevalue(name)
    assert all(before.at <= after.at for before, after in pairwise(run.records))
    assert all(seen.at > seen.observed_at for there in run.by_site.values() for seen in there)


@pytest.mark.parametrize("name", ["first_light", "quiet_day"])
def test_a_clock_record_comes_every_thirty_seconds_and_at_the_end(name, request):
    run = request.getfixturevalue(name)
    clocks = [record.at for record in run.records if record.is_clock]
    assert clocks[0] == run.story.start
    assert all(after - before == CLOCK_EVERY <= 30 * SECOND for before, after in pairwise(clocks))
    assert run.records[-1].is_clock
    assert run.records[-1].at == run.story.start + round(run.story.hours * HOUR)


@pytest.mark.parametrize("name", ["first_light", "quiet_day"])
def test_every_value_is_plausible_and_of_its_kind(name, request, registry):
    run = request.getfixturevalue(name)
    for site_id, there in run.by_site.items():
        site = registry.sites[site_id]
        for seen in there:
            assert set(seen.values) <= set(site.metrics)
            assert (seen.position is not None) == site.moves
            for metric, value in seen.values.items():
                least, most = registry.metrics[metric].range
                assert least <= value <= most, (site_id, metric, value)


def test_every_site_speaks_with_all_its_metrics_within_a_day(quiet_day, registry):
    for site in registry.sites.values():
        said = {metric for seen in quiet_day.by_site[site.id] for metric in seen.values}
        assert said == set(site.metrics), site.id


def test_every_feed_that_has_a_site_carries_readings_keyed_by_site(first_light, registry):
    feeds = {record.feed for record in first_light.records if record.reading is not None}
    assert feeds == set(Feed)
    for record in islice(first_light.records, 2000):
        if record.reading is not None:
            assert orjson.loads(record.reading)["site"] == record.site
            assert registry.sites[record.site].feed is record.feed


def test_a_periodic_site_keeps_its_period(quiet_day, registry):
    for site in registry.sites.values():
        if site.kind == "berth-section":
            continue
        instants = [seen.observed_at for seen in quiet_day.by_site[site.id]]
        spans = {after - before for before, after in pairwise(instants)}
        # A record that is under way for minutes when the run ends is lost: only the tail may have a gap.
        early = {after - before for before, after in pairwise(instants[: -(15 * MINUTE // site.period) - 2])}
        assert early <= {site.period}, (site.id, spans)


def test_a_berth_section_is_never_silent_for_longer_than_its_period(quiet_day, registry):
    for site in registry.sites.values():
        if site.kind == "berth-section":
            instants = [seen.observed_at for seen in quiet_day.by_site[site.id]][:-5]
            assert max(after - before for before, after in pairwise(instants)) <= site.period


def test_hourly_means_are_observed_on_the_full_hour(quiet_day):
    assert all(seen.observed_at % HOUR == 0 for seen in quiet_day.by_site["aq-liandu-1"])
    assert [hour for hour, _ in quiet_day.series("ns-huayuan", "laeq_1h")] == [*range(1, 24)]


def test_uplinks_are_seconds_with_a_tail_of_minutes_and_mostly_keep_order(quiet_day):
    delays = sorted(seen.at - seen.observed_at for seen in quiet_day.by_site["gd-etdz-1"])
    assert 2 * SECOND < delays[len(delays) // 2] < 6 * SECOND
    assert delays[-1] <= 10 * MINUTE
    arrivals = [seen.at for seen in quiet_day.by_site["gd-etdz-1"]]
    overtaken = sum(before > after for before, after in pairwise(arrivals))
    assert 0 < overtaken < len(arrivals) * 0.02


def test_a_run_may_start_at_any_instant(registry):
    story = load_storyline("first-light", registry.sites)
    start = parse_instant("2026-12-31T23:47:11.123+08:00")
    made = list(simulate(registry, story, seed=1, start=start, hours=0.5))
    assert made[0].at == start
    assert all(record.at >= start for record in made)
