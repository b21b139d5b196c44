"""Streaks: one sample every 5 minutes; `1` met, `0` not met, `?` unknown, `_` missing; the last one judged anew,
met `=` or not `!`."""

import pytest

from citybrain.instants import MINUTE
from rules.holding import Holding, Streak


def enough(words: str, *, hold: float = 0, samples: int = 1, covers: float = 0) -> str:
    """Return after each sample whether the run is long enough: `y`, or `-`."""
    holding = Holding(round(hold * MINUTE), samples, 5 * MINUTE, round(covers * MINUTE))
    streak, told, at = Streak(), "", 0
    for word in words:
        if word in "=!":  # The last sample judged again: revised to met, or to not met.
            streak.note(word == "=", at, holding)
        else:
            at += 5 * MINUTE
            if word == "_":
                told += "_"
                continue
            streak.note(None if word == "?" else word == "1", at, holding)
        told += "y" if streak.is_enough(holding) else "-"
    return told


@pytest.mark.parametrize(
    ("words", "asked", "expected"),
    [
        ("01101", {}, "-yy-y"),
        ("0111", {"hold": 10}, "---y"),
        ("0111", {"hold": 10.01}, "----"),
        ("1011101", {"hold": 5}, "---yy--"),
        ("0110111", {"samples": 2}, "--y--yy"),
        ("01111", {"hold": 5, "samples": 3}, "---yy"),
        # One sample may be missing, two may not: 10 minutes are no gap, 15 are.
        ("1_1", {"hold": 10}, "-_y"),
        ("1__1", {"hold": 10}, "-__-"),
        ("1__111", {"hold": 10}, "-__--y"),
        ("11__1", {"samples": 2}, "-y__-"),
        # Unknown is as missing.
        ("1?1", {"hold": 10}, "--y"),
        ("1??1", {"hold": 10}, "----"),
        ("1?1", {"samples": 2}, "--y"),
        # A value that stands for the hour before it has lasted that hour.
        ("01", {"hold": 60, "covers": 60}, "-y"),
        ("011", {"hold": 65, "covers": 60}, "--y"),
        # The same sample judged twice counts once; revised to good it ends the run.
        ("1=", {"samples": 2}, "--"),
        ("1=1", {"samples": 2}, "--y"),
        ("11!1", {"samples": 2}, "-y--"),
        ("1!=1", {"samples": 2}, "---y"),
    ],
)
def test_a_run_is_enough_when_it_lasts_and_has_its_samples(words, asked, expected):
    assert enough(words, **asked) == expected


def test_a_streak_survives_its_plain_form():
    streak, other = Streak(), Streak()
    holding = Holding(0, 1, 5, 0)
    streak.note(True, 10, holding)
    streak.note(True, 15, holding)
    other.load(streak.dump())
    assert other.dump() == [10, 2, 15]


def test_nothing_is_enough_before_the_first_sample():
    assert not Streak().is_enough(Holding(0, 0, 5, 0))
