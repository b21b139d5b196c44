"""A measure set against its own past: which part of it counts, when it is ready, and what late readings change."""

import math
import random
from dataclasses import replace
from statistics import fmean, median, pstdev

import orjson
import pytest

from citybrain.instants import DAY, HOUR, MINUTE
from rules.history import History
from rules.measures import Against, Measure, Own, Step, Take
from rules.series import Series

HOURLY = Own(0.5, 3 * DAY, HOUR, DAY)
ALL_HOURS = Own(None, 3 * DAY, HOUR, HOUR)
START = 100 * DAY - 8 * HOUR  # Midnight in the city.
LATE = 2 * HOUR


def spec(own: Own, span: int = 0, **given) -> Measure:
    values = {
        "name": "x",
        "series": "x",
        "unit": "m",
        "step": Step.WINDOW if span else Step.NEWEST,
        "span": span,
        "take": Take.MEAN if span else None,
        "period": HOUR,
        "covers": 0,
        "silent_for": round(3.5 * HOUR),
        "against": Against.MINUS,
        "own": own,
        **given,
    }
    return Measure(**values)


class Feed:
    """One series and the history of one measure, settled after every sample, as a judge does."""

    def __init__(self, given: Measure) -> None:
        self.spec = given
        self.series = Series(keep=given.reach + LATE, late_max=LATE)
        self.history = History()

    def send(self, instant: int, value: float) -> None:
        self.series.add(instant, value)
        self.history.settle(self.spec, self.spec.own, self.series)

    def past(self):
        return self.history.past(self.spec, self.spec.own, self.series, self.series.newest_at)


def hourly(given: Measure, values, start: int = START) -> Feed:
    feed = Feed(given)
    for number, value in enumerate(values):
        feed.send(start + number * HOUR, float(value))
    return feed


def test_the_same_hour_of_three_days_counts_and_no_other():
    # The value is the hour of the day, times the number of the day.
    values = [hour * day for day in (1, 5, 2, 9) for hour in range(24)]
    for hours in range(73, 96):
        feed = hourly(spec(HOURLY), values[: hours + 1])
        assert feed.past().own == 2 * (hours - 72), "the median of 1, 5 and 2 times the hour"


@pytest.mark.parametrize(("days", "is_ready"), [(1, False), (2, True), (3, True)])
def test_the_same_hour_is_ready_when_half_of_its_days_are_known(days, is_ready):
    feed = hourly(spec(HOURLY), [1.0] * (24 * days + 1))
    assert (feed.past() is not None) is is_ready


@pytest.mark.parametrize(("hours", "is_ready"), [(37, False), (38, True)])
def test_a_whole_span_is_ready_when_half_of_it_is_known(hours, is_ready):
    # The newest hour and two more are not settled: 36 of 72 need 39 samples.
    feed = hourly(spec(ALL_HOURS), [1.0] * (hours + 1))
    assert (feed.past() is not None) is is_ready


def test_mean_and_deviation_are_those_of_all_settled_values():
    values = [math.sin(number) * 3 + 180 for number in range(71)]
    feed = hourly(spec(ALL_HOURS), values)
    settled = values[:-3]
    assert feed.past().own == pytest.approx(fmean(settled), abs=1e-12)
    assert feed.past().deviation == pytest.approx(pstdev(settled), abs=1e-10)


def test_what_is_older_than_the_span_is_forgotten():
    feed = hourly(spec(ALL_HOURS), [*[100.0] * 24, *[1.0] * 80])
    assert feed.past() == (1.0, 0.0)
    assert len(feed.history.slots) <= 73


def test_the_same_hour_of_three_days_is_72_values():
    feed = hourly(spec(HOURLY), [1.0] * 24 * 10)
    assert len(feed.history.slots) <= 73


def test_thirty_days_are_thirty_values():
    feed = hourly(spec(Own(None, 30 * DAY, DAY, DAY)), [float(number % 24) for number in range(24 * 40)])
    assert len(feed.history.slots) <= 31
    assert feed.past().own == pytest.approx(11.5)
    assert feed.past().deviation == pytest.approx(pstdev(range(24)))


def test_the_same_quarter_of_an_hour_of_four_weeks():
    own = Own(0.5, 28 * DAY, 15 * MINUTE, 7 * DAY)
    feed = Feed(spec(own, period=15 * MINUTE))
    for week, factor in enumerate((1.0, 4.0, 2.0, 3.0, 7.0)):
        for quarter in range(672 if week < 4 else 300):
            feed.send(START + week * 7 * DAY + quarter * 15 * MINUTE, factor * quarter)
    assert feed.past().own == 2.5 * 299
    assert len(feed.history.slots) <= 2689


def test_a_window_is_not_part_of_its_own_past():
    # Ten high hours are judged as a mean of twelve hours: none of them, nor any window with one, is in the history.
    feed = hourly(spec(ALL_HOURS, 12 * HOUR), [*[1.0] * 70, *[9.0] * 10])
    assert feed.past() == (1.0, 0.0)


def test_a_short_history_is_every_sample_before():
    own = Own(0.5, HOUR, 0, HOUR)
    feed = Feed(spec(own, period=5 * MINUTE))
    for number, value in enumerate([50, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99]):
        feed.send(START + number * 5 * MINUTE, float(value))
    assert feed.past().own == median(range(1, 13))
    assert feed.history.slots == {}


@pytest.mark.parametrize(("samples", "is_ready"), [(6, False), (7, True)])
def test_a_short_history_is_ready_when_half_of_it_is_known(samples, is_ready):
    feed = Feed(spec(Own(0.5, HOUR, 0, HOUR), period=5 * MINUTE))
    for number in range(samples):
        feed.send(START + number * 5 * MINUTE, 1.0)
    assert (feed.past() is not None) is is_ready


def test_a_short_history_of_a_window_is_the_windows_before_it():
    # means of ten minutes:  1.5 | 3.5 | 5.5 | 7.5 | 9.5 | 11.5 | the judged one
    feed = Feed(spec(Own(0.5, HOUR, 0, HOUR), 10 * MINUTE, period=5 * MINUTE))
    for number, value in enumerate([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99, 99]):
        feed.send(START + number * 5 * MINUTE, float(value))
    assert feed.past().own == median([1.5, 3.5, 5.5, 7.5, 9.5, 11.5])


@pytest.mark.parametrize("value", [0.1, 1 / 3, 180.123])
def test_equal_values_do_not_deviate(value):
    assert hourly(spec(ALL_HOURS), [value] * 80).past().deviation == 0.0


def test_late_and_revised_values_give_the_history_they_would_have_given_in_order():
    dice = random.Random(4)
    values = [dice.uniform(0, 100) for _ in range(100)]
    ordered, shuffled = hourly(spec(ALL_HOURS), values), Feed(spec(ALL_HOURS))
    for number in range(100):
        if number % 3 != 1:
            shuffled.send(START + number * HOUR, values[number] + (5.0 if number % 3 == 2 else 0.0))
        if number % 3 == 2:
            shuffled.send(START + (number - 1) * HOUR, values[number - 1])
            shuffled.send(START + number * HOUR, values[number])
    assert shuffled.history.dump() == ordered.history.dump()


def test_an_outage_loses_nothing_of_what_waits():
    feed = hourly(spec(ALL_HOURS), [1.0] * 50)
    waiting = 50 - len(feed.history.slots)
    assert waiting == 3
    feed.send(START + 55 * HOUR, 1.0)
    assert len(feed.history.slots) == 50


def test_a_history_comes_back_from_its_dump():
    feed = hourly(spec(ALL_HOURS), [number * 0.1 for number in range(60)])
    again = History()
    again.load(orjson.loads(orjson.dumps(feed.history.dump())))
    assert again.dump() == feed.history.dump()
    assert again.past(feed.spec, ALL_HOURS, feed.series, feed.series.newest_at) == feed.past()


def test_what_is_known_in_part_joins_no_history():
    feed = Feed(replace(spec(ALL_HOURS, 4 * HOUR), take=Take.MAX))
    for number in range(40):
        feed.send(START + 3 * number * HOUR, 1.0)
    assert feed.history.slots == {}


# Through the engine: the air station speaks once an hour.

RISE = {
    "where": {"site": ["aq-a"]},
    "measure": {"metric": "pm25_1h", "minus": {"own": "median", "over": "3d", "at": "same_hour"}},
    "at_least": {"blue": "30 µg/m3"},
    "clear": "15 µg/m3",
}


def breathe(driven, values, start=0):
    for number, value in enumerate(values, start=start):
        driven.send(number * 60, {"pm25_1h": float(value)}, site="aq-a")


def test_a_rule_arms_itself_when_half_of_its_history_is_there(rig):
    driven = rig(**RISE)
    breathe(driven, [*[10] * 24, 90, *[10] * 23, 90, 50, 20])
    # At hour 24 one of three days is known, at hour 48 two: 10 and 90, so that 90 is 40 above their median.
    assert driven.seen[0] == f"{48 * 60} blue firing"
    assert driven.events[0].evidence.value == 40.0


@pytest.mark.parametrize("cut", [0, 20, 47, 48, 49, 50])
def test_a_restart_changes_nothing(rig, cut):
    values = [*[10] * 24, 90, *[10] * 23, 90, 50, 20]
    whole, parted = rig(**RISE), rig(**RISE)
    breathe(whole, values)
    breathe(parted, values[:cut])
    before = parted.engine.snapshot()
    parted.restart()
    assert parted.engine.snapshot() == before
    breathe(parted, values[cut:], start=cut)
    assert parted.seen == whole.seen
    assert parted.engine.snapshot() == whole.engine.snapshot()


def test_standard_deviations_from_the_mean_of_thirty_days(rig):
    driven = rig(
        where={"site": ["aq-a"]},
        measure={"metric": "pm25_1h", "sigmas_from": {"own": "mean", "over": "30d"}},
        at_least={"blue": "3 sigma"},
    )
    breathe(driven, [10 + 2 * (-1) ** number for number in range(16 * 24)])
    assert driven.seen == []
    breathe(driven, [15.9], start=16 * 24)
    assert driven.seen == []
    breathe(driven, [16.1], start=16 * 24 + 1)
    assert driven.seen == [f"{(16 * 24 + 1) * 60} blue firing"]
    assert (driven.events[0].evidence.unit, driven.events[0].evidence.value) == ("sigma", pytest.approx(3.05))


def test_a_deviation_of_zero_and_a_divisor_of_zero_are_unknown(rig):
    for against in ("sigmas_from", "divided_by"):
        limit = "0 sigma" if against == "sigmas_from" else "0 x"
        driven = rig(
            where={"site": ["aq-a"]},
            measure={"metric": "pm25_1h", against: {"own": "mean", "over": "8h"}},
            at_least={"blue": limit},
        )
        breathe(driven, [0] * 12)
        assert driven.seen == []


def test_a_set_says_which_rules_wait_for_their_history(rules_of, rule):
    rules = rules_of(rule(**RISE), rule(id="bb-01"))
    assert rules.warm_ups() == {"aa-01": 36 * HOUR}
