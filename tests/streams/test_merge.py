"""The merge of what the sources tell: moments in their order, each once, and none before every source has passed it."""

import random

import pytest

from citybrain.instants import MINUTE, SECOND, parse_instant
from citybrain.model import Feed
from rules.measures import Bound, Measured
from rules.signals import Signal
from streams.log import Place
from streams.merge import Merge
from streams.signal_log import Told

START = parse_instant("2026-06-20T08:00:00+08:00")
HERE, THERE = Place(Feed.HYDROLOGY, 0), Place(Feed.PARKING, 0)


def told(at: int, *, offset: int = 0, site: str = "hs-a") -> Told:
    return Told(
        Signal("aa-01", site, START + at, START + at, (Measured(1.0, Bound.EXACT, START + at),)), offset, 0, "m"
    )


def over(merge: Merge, *times: int) -> list[tuple[int, int]]:
    """Return (time, number of signals) of the moments that are over, those in which nothing came left out."""
    moments = list(merge.over([START + time for time in times]))
    return [(moment.at - START, len(moment.signals)) for moment in moments if moment.signals or moment.events]


@pytest.fixture
def merge() -> Merge:
    return Merge({HERE: None, THERE: None})


def test_a_moment_waits_for_every_source(merge):
    merge.take_signals(HERE, [told(0), told(1000)], offset=7)
    merge.take_passed(HERE, [START + MINUTE])
    assert over(merge) == []
    merge.take_passed(THERE, [START + 1000])
    assert over(merge) == [(0, 1)]  # Of the time that it has passed itself, more may come.
    merge.take_passed(THERE, [START + 1001])
    assert over(merge) == [(1000, 1)]


def test_repeats_count_once_whether_held_back_or_over(merge):
    for offset in (7, 8):
        merge.take_signals(HERE, [told(0, offset=3)], offset=offset)
    for source in (HERE, THERE):
        merge.take_passed(source, [START + MINUTE])
    assert over(merge) == [(0, 1)]
    merge.take_signals(HERE, [told(0, offset=3)], offset=9)
    for source in (HERE, THERE):
        merge.take_passed(source, [START + 2 * MINUTE])
    assert over(merge) == []
    assert merge.late == 0


def test_a_new_owner_begins_at_the_oldest_record_that_is_held_back(merge):
    assert merge.oldest is None
    merge.take_signals(HERE, [told(5000)], offset=8)
    merge.take_signals(THERE, [told(1000, site="pk-a")], offset=9)
    assert merge.oldest == 8
    merge.take_passed(HERE, [START + 6000])
    merge.take_passed(THERE, [START + 6000])
    assert over(merge) == [(1000, 1), (5000, 1)]
    assert merge.oldest is None


def test_who_is_given_up_on_keeps_nobody_waiting_and_counts_again_once_it_has_caught_up(merge):
    merge.take_passed(HERE, [START + MINUTE])
    assert merge.awaited() == {THERE: None}
    merge.give_up(THERE)
    merge.take_signals(HERE, [told(0)], offset=1)
    assert over(merge) == [(0, 1)]
    merge.take_signals(THERE, [told(1000, site="pk-a")], offset=2)
    merge.take_passed(THERE, [START + 2000])
    assert (over(merge), merge.late, merge.given_up) == ([], 1, {THERE})
    merge.take_passed(THERE, [START + MINUTE])
    assert merge.given_up == set()
    merge.take_passed(HERE, [START + 2 * MINUTE])
    assert over(merge) == []
    assert merge.position == START + MINUTE


def test_if_all_are_given_up_on_time_stands_still(merge):
    for source in (HERE, THERE):
        merge.take_passed(source, [START])
        merge.give_up(source)
    merge.take_signals(HERE, [told(1000)], offset=1)
    assert over(merge) == []


@pytest.mark.parametrize("seed", range(30))
def test_however_the_sources_lie_in_the_log_the_moments_are_the_same(seed):
    dice = random.Random(seed)
    sources = [Place(Feed.HYDROLOGY, number) for number in range(3)]
    logs = []
    for number, source in enumerate(sources):
        log, at = [], 0
        for offset in range(40):
            at += dice.choice((0, 1, 1, 30)) * SECOND
            log.append((source, [told(at, offset=offset, site=f"hs-{number}")] if dice.random() < 0.6 else [], at))
        logs.append([*log, (source, [], 3_000 * SECOND)])

    def played(dice: random.Random) -> list[tuple[int, tuple[str, ...]]]:
        merge, found, waiting = Merge(dict.fromkeys(sources)), [], [list(log) for log in logs]
        offset = 0
        while any(waiting):
            log = dice.choice([one for one in waiting if one])
            source, signals, at = log[0]
            if dice.random() < 0.9:  # Else it is told once more.
                log.pop(0)
            offset += 1
            merge.take_passed(source, [START + at])
            merge.take_signals(source, signals, offset=offset)
            for moment in merge.over([START + at]):
                if moment.signals:
                    found.append((moment.at, tuple(sorted(one.signal.site for one in moment.signals))))
        return found

    first = played(random.Random(1))
    assert len(first) > 10
    assert first == sorted(first)
    assert played(random.Random(2)) == first


def test_a_set_is_agreed_on_when_every_source_that_counts_has_gone_over_to_it_or_beyond(merge):
    assert merge.agreed is None
    merge.take_number(HERE, 3)
    assert merge.agreed is None  # The other has told of none.
    merge.take_number(THERE, 1)
    merge.take_number(HERE, 2)  # It was restarted from before.
    assert merge.agreed == 1
    merge.take_number(THERE, 4)
    assert merge.agreed == 3
    merge.give_up(HERE)
    assert merge.agreed == 4
    merge.give_up(THERE)
    assert merge.agreed is None
