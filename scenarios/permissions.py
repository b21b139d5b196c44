"""Which action is allowed in which state: one table, each row an action and what bars it, in the order of asking."""

from collections.abc import Mapping
from dataclasses import dataclass

from citybrain.alerts import State
from citybrain.i18n import say
from citybrain.instants import DAY
from citybrain.model import Level, Words
from citybrain.registry import Registry
from scenarios.actions import Action, DeclareZone, Shelve, SiteBack, SiteOut, Tick, WithdrawZone
from scenarios.states import COMMENTS_MAX, AlertState, Incident, Phase, Refusal

SHELF_MAX = 1 * DAY  # Longer than any shift, so that each shift decides anew [E].
SITE_OUT_MAX = 92 * DAY
ZONE_AHEAD_MAX = 400 * DAY  # The greatest time from now to the end of a declared zone.


@dataclass(frozen=True, slots=True)
class City:
    """What an action on the city is held against: the registry, and what was declared and not ended."""

    registry: Registry
    zones: Mapping[str, DeclareZone]
    sites_out: Mapping[str, SiteOut]


# Action -> what bars it. A target that is not held bars every action on it (`unknown`).
BARS: Mapping[str, tuple[Refusal, ...]] = {
    # On an alert.
    "acknowledge": (Refusal.CLEARED, Refusal.ACKNOWLEDGED),
    "shelve": (Refusal.CLEARED, Refusal.RED, Refusal.BAD_TIME),
    "unshelve": (Refusal.CLEARED, Refusal.NOT_SHELVED),
    "tag_false_alarm": (Refusal.TAGGED,),
    "reset": (Refusal.CLEARED, Refusal.NOT_LATCHED, Refusal.STILL_MET),
    # On an incident.
    "tick": (Refusal.UNKNOWN_STEP, Refusal.TICKED),
    "hand_over": (Refusal.ENDED, Refusal.NOT_HOLDER),
    "accept": (Refusal.ENDED, Refusal.NOT_OFFERED),
    "end": (Refusal.ENDED, Refusal.ALERTS_OPEN),
    "release": (Refusal.ENDED, Refusal.RELEASED, Refusal.NO_ALERT_OPEN),
    # On either.
    "comment": (Refusal.FULL,),
    # On the city.
    "site_out": (Refusal.UNKNOWN_SITE, Refusal.BAD_TIME),
    "site_back": (Refusal.NOT_OUT,),
    "declare_zone": (Refusal.NOT_TEMPORARY, Refusal.ZONE_EXISTS, Refusal.BAD_TIME),
    "withdraw_zone": (Refusal.UNKNOWN_ZONE,),
}

Target = AlertState | Incident | City


def refusal(target: Target, action: Action, *, at: int) -> Refusal | None:
    """Return the first thing that bars an action on its target at a time; None when it is allowed."""
    return next((bar for bar in BARS[action.kind] if _holds(bar, target, action, at)), None)


def words_of(reason: Refusal) -> Words:
    """Return a refusal in both languages."""
    return Words(say("zh", f"refusal.{reason.value}"), say("en", f"refusal.{reason.value}"))


def _holds(bar: Refusal, target: Target, action: Action, at: int) -> bool:
    if bar is Refusal.BAD_TIME:
        return _is_bad_time(action, at)
    if bar is Refusal.FULL:
        return not isinstance(target, City) and len(target.comments) >= COMMENTS_MAX
    if isinstance(target, AlertState):
        return _bars_alert(bar, target)
    return _bars_incident(bar, target, action) if isinstance(target, Incident) else _bars_city(bar, target, action)


def _is_bad_time(action: Action, at: int) -> bool:
    match action:
        case Shelve():
            return not at < action.until <= at + SHELF_MAX
        case SiteOut():
            return not at < action.until <= at + SITE_OUT_MAX
        case DeclareZone():
            return action.zone.end is None or not at < action.zone.end <= at + ZONE_AHEAD_MAX
    raise AssertionError(f"{action.kind} names no time")


def _bars_alert(bar: Refusal, alert: AlertState) -> bool:
    match bar:
        case Refusal.CLEARED:
            return not alert.is_open
        case Refusal.ACKNOWLEDGED:
            return alert.acknowledged is not None
        case Refusal.RED:
            return alert.event.level is Level.RED
        case Refusal.NOT_SHELVED:
            return alert.shelved is None
        case Refusal.TAGGED:
            return alert.false_alarm is not None
        case Refusal.NOT_LATCHED:
            return not alert.event.latched
        case Refusal.STILL_MET:
            return alert.event.state is State.FIRING
    raise AssertionError(f"{bar} is not asked of an alert")


def _bars_incident(bar: Refusal, incident: Incident, action: Action) -> bool:
    match bar:
        case Refusal.ENDED:
            return incident.phase is Phase.ENDED
        case Refusal.ALERTS_OPEN:
            return incident.phase is Phase.OPEN
        case Refusal.RELEASED:
            return incident.released is not None
        case Refusal.NO_ALERT_OPEN:
            return incident.phase is not Phase.OPEN
        case Refusal.NOT_HOLDER:
            return incident.holder not in (None, action.by)
        case Refusal.NOT_OFFERED:
            is_free = incident.holder is None and incident.offered_to is None
            return not is_free and incident.offered_to != action.by
    item = next((item for item in incident.checklist if isinstance(action, Tick) and item.step == action.step), None)
    if bar is Refusal.UNKNOWN_STEP:
        return item is None
    assert bar is Refusal.TICKED, f"{bar} is not asked of an incident"
    return item is not None and item.done is not None


def _bars_city(bar: Refusal, city: City, action: Action) -> bool:
    match bar, action:
        case Refusal.UNKNOWN_SITE, SiteOut():
            return action.site not in city.registry.sites
        case Refusal.NOT_OUT, SiteBack():
            return action.site not in city.sites_out
        case Refusal.NOT_TEMPORARY, DeclareZone():
            return not city.registry.is_temporary(action.zone_kind)
        case Refusal.ZONE_EXISTS, DeclareZone():
            return action.zone.id in city.zones or action.zone.id in city.registry.zones
        case Refusal.UNKNOWN_ZONE, WithdrawZone():
            return action.zone not in city.zones
    raise AssertionError(f"{bar} is not asked of {action.kind}")
