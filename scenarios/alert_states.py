"""How the state of one alert changes: by an event, an action, a mark of inhibition, or time. Pure functions."""

from dataclasses import replace

from citybrain.alerts import AlertEvent, State, Tier
from citybrain.instants import DAY
from citybrain.model import Level
from scenarios.actions import Acknowledge, Comment, OnAlert, ResetAlert, Shelve, TagFalseAlarm, Unshelve
from scenarios.states import AlertState, Mark, Remark, Shelf

ALERT_KEPT = 7 * DAY  # After it cleared.

_TIERS = tuple(Tier)


def with_event(held: AlertState | None, event: AlertEvent, *, at: int) -> AlertState:
    """Return the state after an event. A higher level asks for a new acknowledgement, and ends a shelf."""
    state = AlertState(event, taken_at=at) if held is None else replace(held, event=event)
    if event.state is State.CLEARED:
        return replace(state, shelved=None, cleared_at=state.cleared_at or at)
    if held is not None and event.level.rank > held.event.level.rank:
        # The tier that was asked last is asked again: it has the time of the new level.
        asked_at = at if state.asked is not None else None
        state = replace(state, acknowledged=None, shelved=None, asked_at=asked_at)
    return replace(state, cleared_at=None)


def with_action(state: AlertState, action: OnAlert | Comment, *, at: int) -> AlertState:
    """Return the state after an action that is allowed. A reset changes nothing here: the engine answers it."""
    match action:
        case Acknowledge():
            return replace(state, acknowledged=Mark(action.by, at))
        case Shelve():
            return replace(state, shelved=Shelf(action.by, at, action.until, action.reason))
        case Unshelve():
            return replace(state, shelved=None)
        case TagFalseAlarm():
            return replace(state, false_alarm=Remark(action.by, at, action.reason))
        case Comment():
            return replace(state, comments=(*state.comments, Remark(action.by, at, action.text)))
        case ResetAlert():
            return state


def called(state: AlertState, *, at: int) -> AlertState:
    """Return the state with who is to acknowledge it: the centre first; nobody where nobody has to."""
    if not _needs_answer(state):
        return replace(state, asked=None, asked_at=None)
    return state if state.asked is not None else replace(state, asked=Tier.CENTRE, asked_at=at)


def escalates_at(state: AlertState, after: int | None) -> int | None:
    """Return when the next tier is asked, `after` milliseconds; None where there is none, or nobody is asked."""
    if state.asked_at is None or state.asked is _TIERS[-1] or after is None:
        return None
    return state.asked_at + after


def escalated(state: AlertState, *, at: int) -> AlertState:
    """Return the state in which the next tier is asked."""
    assert state.asked is not None, "somebody was asked before"
    return replace(state, asked=_TIERS[_TIERS.index(state.asked) + 1], asked_at=at)


def _needs_answer(state: AlertState) -> bool:
    """Tell whether somebody has to acknowledge: one that is shelved or inhibited is put aside for now."""
    is_put_aside = state.shelved is not None or state.inhibited_by is not None or state.event.trial
    return (
        state.is_open
        and not is_put_aside
        and state.acknowledged is None
        and state.event.level.rank >= Level.ORANGE.rank
    )
