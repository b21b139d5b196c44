"""Conditions that ask for time or for repetition of their own: `{measure: rain_1h, below: 5 mm, for: 2h}`.

Each has a run (a streak or a tally) in the memory of its judge, in the order in which the conditions stand there.
"""

from collections.abc import Iterable, Sequence

from rules.conditions import Condition, Conditions, Held
from rules.holding import Holding, Streak
from rules.measures import Measured
from rules.repeated import Tally

Run = Streak | Tally


def timed_in(all_conditions: Iterable[Conditions | None]) -> tuple[Condition, ...]:
    """Return the conditions that have a run, in the order in which they stand."""
    members = (member for conditions in all_conditions if conditions is not None for member in conditions.members)
    return tuple(member for member in members if member.holding is not None)


def new_run(holding: Holding) -> Run:
    """Return the run of a limit or condition before its first sample."""
    return Streak() if holding.repeated is None else Tally()


def note(run: Run, is_met: bool | None, sample_at: int, holding: Holding) -> None:
    """Take in the verdict on the sample of the instant; an unknown one leaves no trace."""
    if isinstance(run, Tally):
        assert holding.repeated is not None, "a tally counts what is repeated"
        run.note(is_met, sample_at, holding.repeated)
    else:
        run.note(is_met, sample_at, holding)


def is_enough(run: Run, holding: Holding) -> bool:
    """Tell whether the run is as long as is asked for."""
    if isinstance(run, Tally):
        assert holding.repeated is not None, "a tally counts what is repeated"
        return run.is_enough(holding.repeated)
    return run.is_enough(holding)


def note_all(timed: Sequence[Condition], runs: Sequence[Run], measured: Sequence[Measured]) -> None:
    """Bring the runs of all conditions up to date."""
    for condition, run in zip(timed, runs, strict=True):
        assert condition.holding is not None, "only timed conditions have runs"
        note(run, condition.test_now(measured), measured[condition.measure].newest_at, condition.holding)


def held_of(timed: Sequence[Condition], runs: Sequence[Run], measured: Sequence[Measured]) -> Held:
    """Return of each condition whether it has been met for long enough; those that say the same have equal runs.

    One with `for` is unknown while its measure is; one that counts nights stands as it was counted.
    """
    held: dict[Condition, bool | None] = {}
    for condition, run in zip(timed, runs, strict=True):
        assert condition.holding is not None, "only timed conditions have runs"
        is_known = bool(run.units) if isinstance(run, Tally) else condition.test_now(measured) is not None
        held[condition] = is_enough(run, condition.holding) if is_known else None
    return held


def wake_in(holdings: Sequence[Holding], runs: Sequence[Run], instant: int) -> int | None:
    """Return in how many milliseconds a run of what speaks only on change will be long enough, if any goes on."""
    waits = [
        holding.hold - (instant - run.since)
        for holding, run in zip(holdings, runs, strict=True)
        if run.since is not None and not holding.has_gaps
    ]
    return min((wait for wait in waits if wait > 0), default=None)
