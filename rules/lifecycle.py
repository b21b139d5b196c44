"""The life of an alert, as one pure function: inactive, pending, firing, recovering, cleared.

Ranks stand for levels: 0 none, 1 blue to 4 red. Raising and escalating happen at once, to the highest rank that
holds. Going down takes time: for every rank a timer runs while the measure is on the good side of it, all of them in
parallel, so that one step may pass several ranks; a last timer runs while the clear condition holds.

A latched alert only goes up. When another would be cleared it is `recovering`, and stays so until a person resets it;
a reset before that is without effect, as the condition still holds. Source: ISA-18.2-2016, latching alarms.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from citybrain.alerts import State
from rules.flapping import CALM, Flapping

Timers = tuple[int | None, int | None, int | None, int | None]
_STOPPED: Timers = (None, None, None, None)


Sides = tuple[bool | None, bool | None, bool | None, bool | None]
UNKNOWN_SIDES: Sides = (None, None, None, None)


@dataclass(frozen=True, slots=True)
class Timing:
    """How slowly an alert goes down, and the rank below which there is nothing but clearing."""

    keep: int  # `keep_firing_for`, milliseconds.
    min_life: int  # Milliseconds.
    lowest: int = 1
    latched: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of its subject at one instant."""

    instant: int
    rank: int  # The highest whose limit is met for long enough; 0 for none.
    since: int | None  # When the first of the limits that are met now began to be; None while none is.
    good_side: Sides  # Per rank; None is unknown.
    is_clear: bool | None  # Whether the clear condition holds.
    broke_off: bool = False  # There was a gap in the data before this instant.
    is_in_part: bool = False  # What is unknown may be for a moment: the items of one instant come one by one.
    wake_in: int | None = None  # When, in milliseconds, it will be otherwise without any new sample; None: not at all.


@dataclass(frozen=True, slots=True)
class Alert:
    """Where an alert stands. The last onset is kept after it cleared: the next one must be later."""

    state: State | None = None  # None: inactive.
    rank: int = 0
    identifier: str = ""
    sequence: int = 0
    onset: int | None = None  # Of the open episode, or of the last one.
    fired_at: int | None = None
    no_data: bool = False
    leaving: Timers = _STOPPED  # Since when the measure is on the good side, per rank.
    clearing: int | None = None  # Since when the clear condition holds.
    flapping: Flapping = CALM

    @property
    def is_open(self) -> bool:
        """Tell whether it was raised and not cleared."""
        return self.state in (State.FIRING, State.RECOVERING)


class Step(StrEnum):
    """A change of an alert that is published."""

    RAISED = "raised"
    ESCALATED = "escalated"
    STEPPED_DOWN = "stepped_down"
    CLEARED = "cleared"
    OVER = "over"  # Latched: the condition is gone, a reset would clear it.
    BACK = "back"  # Latched: the condition is there again.
    SETTLED = "settled"  # It flaps no more.


_COMES_OR_GOES = (Step.RAISED, Step.CLEARED, Step.OVER, Step.BACK)


def advance(alert: Alert, verdict: Verdict, timing: Timing) -> tuple[Alert, Step | None]:
    """Return where the alert stands after the verdict, and the published change, if any.

    `identifier` and `sequence` are the caller's: they depend on the subject, not on time.
    """
    after, step = _advance(alert, verdict, timing)
    if step in _COMES_OR_GOES:
        return replace(after, flapping=alert.flapping.changed(verdict.instant)), step
    if after.is_open and alert.flapping.is_on:
        after = replace(after, flapping=alert.flapping.settled(verdict.instant))
        step = step if step is not None or after.flapping.is_on else Step.SETTLED
    return after, step


def _advance(alert: Alert, verdict: Verdict, timing: Timing) -> tuple[Alert, Step | None]:
    if not alert.is_open:
        return _before_firing(alert, verdict)
    if verdict.rank > alert.rank:
        return replace(alert, state=State.FIRING, rank=verdict.rank, leaving=_STOPPED, clearing=None), Step.ESCALATED
    return _while_firing(alert, verdict, timing)


def cut_off(alert: Alert) -> Alert:
    """Return where an alert stands whose ground is gone, such as a temporary zone that is over."""
    return Alert(State.CLEARED, alert.rank, alert.identifier, onset=alert.onset, flapping=alert.flapping)


def reset(alert: Alert, timing: Timing) -> Alert | None:
    """Return where a latched alert stands after its reset; None where the reset is without effect."""
    if not timing.latched or alert.state is not State.RECOVERING:
        return None
    return Alert(State.CLEARED, alert.rank, onset=alert.onset, flapping=alert.flapping)


def _before_firing(alert: Alert, verdict: Verdict) -> tuple[Alert, Step | None]:
    if verdict.rank == 0:
        state = State.PENDING if verdict.since is not None else None
        return (alert if alert.state is state else replace(alert, state=state)), None
    began = verdict.since if verdict.since is not None else verdict.instant
    onset = began if alert.onset is None else max(began, alert.onset + 1)
    return Alert(State.FIRING, verdict.rank, onset=onset, fired_at=verdict.instant), Step.RAISED


def _while_firing(alert: Alert, verdict: Verdict, timing: Timing) -> tuple[Alert, Step | None]:
    # What the limits still raise is not clear, whatever an overlapping clear condition says.
    clearing = _timer(alert.clearing, verdict.is_clear if verdict.rank == 0 else False, verdict)
    assert alert.fired_at is not None, "an open alert was raised at some instant"
    is_old_enough = verdict.instant - alert.fired_at >= timing.min_life
    has_run = clearing is not None and verdict.instant - clearing >= timing.keep
    is_over = has_run and is_old_enough and verdict.is_clear is True
    if timing.latched:
        return _while_latched(replace(alert, clearing=clearing), verdict, is_over=is_over)
    if is_over:
        return Alert(State.CLEARED, alert.rank, onset=alert.onset), Step.CLEARED
    leaving = _leaving(alert, verdict)
    rank = max(verdict.rank, _rank_left(alert.rank, leaving, timing, verdict))
    state = State.FIRING if clearing is None else State.RECOVERING
    if (state, rank, leaving, clearing) == (alert.state, alert.rank, alert.leaving, alert.clearing):
        return alert, None
    after = replace(alert, state=state, rank=rank, leaving=leaving, clearing=clearing)
    return after, (Step.STEPPED_DOWN if rank < alert.rank else None)


def _while_latched(alert: Alert, verdict: Verdict, *, is_over: bool) -> tuple[Alert, Step | None]:
    # What was over stays so until the condition is known to hold: missing data say nothing either way.
    is_still_over = alert.state is State.RECOVERING and verdict.rank == 0 and verdict.is_clear is not False
    state = State.RECOVERING if is_over or is_still_over else State.FIRING
    if state is alert.state:
        return alert, None
    return replace(alert, state=state), (Step.OVER if state is State.RECOVERING else Step.BACK)


def _leaving(alert: Alert, verdict: Verdict) -> Timers:
    if True not in verdict.good_side and not verdict.is_in_part:
        return _STOPPED
    first, second, third, fourth = (
        _timer(since, is_good, verdict) for since, is_good in zip(alert.leaving, verdict.good_side, strict=True)
    )
    return first, second, third, fourth


def _timer(since: int | None, holds: bool | None, verdict: Verdict) -> int | None:
    """Return since when a condition holds. Unknown data, and a gap before known ones, start it anew.

    What may be known in a moment neither starts nor ends it.
    """
    if holds is None and verdict.is_in_part:
        return since
    if holds is not True:
        return None
    return verdict.instant if since is None or verdict.broke_off else since


def _rank_left(rank: int, leaving: Timers, timing: Timing, verdict: Verdict) -> int:
    """Return the rank that remains: the highest whose timer has not run out, or that nobody knows to be left.

    The lowest one is left by clearing only.
    """
    for candidate in range(rank, timing.lowest, -1):
        since = leaving[candidate - 1]
        has_run = since is not None and verdict.instant - since >= timing.keep
        if not has_run or verdict.good_side[candidate - 1] is not True:
            return candidate
    return min(rank, timing.lowest)
