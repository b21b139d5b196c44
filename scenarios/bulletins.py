"""The life of the bulletins of an incident: drafts, the release by a person, updates, the end. Pure functions.

One chain per incident. Until a person releases it all its messages are drafts; then an Alert goes out, an Update when
there is something new to say, and the Cancel when a person ends the incident.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from citybrain import geometry
from citybrain.alerts import Certainty, MessageType
from citybrain.instants import HOUR, MINUTE, SECOND
from citybrain.model import Level, Status
from citybrain.registry import CITY, COUNTY, Registry
from citybrain.zones import Zone
from scenarios import wording
from scenarios.chain import (
    Bulletin,
    BulletinArea,
    BulletinStatus,
    Category,
    Chain,
    Reference,
    Response,
    Severity,
    Told,
    Urgency,
)
from scenarios.playbook import OTHER_HAZARD, Playbook
from scenarios.states import AlertState, Incident, Phase

UPDATE_EVERY = 5 * MINUTE  # At most one message in that time, unless the level rises.
RENEW_AFTER = 12 * HOUR  # What was released is said again while alerts are open,
VALID_FOR = 24 * HOUR  # so that it never lapses then; without open alerts it lapses by itself.
HEADLINES_MAX = 5
HAZARDS_MAX = 3
ZONES_MAX = 10
REFERENCES_MAX = 200  # The newest; of older ones each was taken back by those.

# Source: the domain study, section 3.9, alert exchange.
_SEVERITIES = {
    Level.BLUE: Severity.MINOR,
    Level.YELLOW: Severity.MODERATE,
    Level.ORANGE: Severity.SEVERE,
    Level.RED: Severity.EXTREME,
}
# Which level asks for what follows the response ladder [E].
_RESPONSES = {
    Level.BLUE: Response.MONITOR,
    Level.YELLOW: Response.PREPARE,
    Level.ORANGE: Response.EXECUTE,
    Level.RED: Response.EXECUTE,
}
_STATUSES = {
    Status.ACTUAL: BulletinStatus.ACTUAL,
    Status.EXERCISE: BulletinStatus.EXERCISE,
    Status.TEST: BulletinStatus.TEST,
}
_HAZARDS: Mapping[Category, tuple[str, ...]] = {
    Category.MET: (
        *("rain", "storm", "wind", "snow", "cold", "heat", "fog", "haze", "frost", "ice", "flood", "drought"),
        *("official-signal",),
    ),
    Category.GEO: ("landslide",),
    Category.FIRE: ("fire", "forest-fire", "smoke", "fire-water"),
    Category.HEALTH: ("drinking-water", "epidemic-risk", "food-cluster", "food-temperature"),
    Category.ENVIRONMENT: (
        *("air", "discharge", "disturbance", "low-water", "noise", "odour", "water-pollution", "water-quality"),
    ),
    Category.TRANSPORT: ("traffic", "navigation"),
    Category.INFRASTRUCTURE: ("blackout", "water-supply", "data-loss", "data-quality"),
    Category.CBRNE: ("gas", "toxic-gas", "radiation"),
    Category.SAFETY: ("access", "crowding", "release", "coupling"),
    Category.OTHER: (OTHER_HAZARD,),
}
CATEGORIES: Mapping[str, Category] = {hazard: category for category, ones in _HAZARDS.items() for hazard in ones}


def written(
    incident: Incident, alerts: Iterable[AlertState], playbook: Playbook, *, at: int
) -> tuple[Incident, Bulletin | None]:
    """Return the incident with its chain brought up to date, and the message that is to be sent now, if any.

    `alerts` are the open ones of the incident.
    """
    chain, told = incident.chain, told_of(incident, alerts, playbook)
    if chain is not None and chain.closed:
        return incident, None
    status = BulletinStatus.DRAFT if incident.released is None else _STATUSES[incident.status]
    if incident.phase is Phase.ENDED and chain is not None:
        return _sent(incident, MessageType.CANCEL, chain.status, chain.told, playbook, at=at)
    if told is None:
        return _waiting(incident, is_pending=False), None
    if chain is None or chain.status is not status:
        return _sent(incident, MessageType.ALERT, status, told, playbook, at=at)
    if _is_due(chain, told, incident, at=at):
        return _sent(incident, MessageType.UPDATE, status, told, playbook, at=at)
    return _waiting(incident, is_pending=told != chain.told), None


def due_at(incident: Incident) -> int | None:
    """Return when time alone makes the next message due: what came too soon after the last, or the last said again."""
    chain = incident.chain
    if chain is None or chain.closed or incident.phase is not Phase.OPEN:
        return None
    if chain.pending:
        return chain.told_at + UPDATE_EVERY
    return chain.told_at + RENEW_AFTER if incident.released is not None else None


def told_of(incident: Incident, alerts: Iterable[AlertState], playbook: Playbook) -> Told | None:
    """Return what there is to say now; None while no alert is open. What is inhibited says nothing new."""
    found = sorted(alerts, key=lambda one: (-one.event.level.rank, one.event.onset, one.identifier))
    if incident.level is None or not found:
        return None
    shown = [one.event for one in found if one.inhibited_by is None]
    is_observed = any(one.event.certainty is Certainty.OBSERVED for one in found if one.event.level is incident.level)
    return Told(
        level=incident.level,
        hazards=tuple(dict.fromkeys(playbook.hazard_of(one.event.rule.id) for one in found))[:HAZARDS_MAX],
        headlines=tuple(event.headline for event in shown[:HEADLINES_MAX]),
        more=len(found) - len(shown[:HEADLINES_MAX]),
        zones=tuple(dict.fromkeys(zone for event in shown for zone in event.affects))[:ZONES_MAX],
        certainty=Certainty.OBSERVED if is_observed else Certainty.LIKELY,
    )


def _is_due(chain: Chain, told: Told, incident: Incident, *, at: int) -> bool:
    if told.level.rank > chain.told.level.rank:
        return True
    if told != chain.told:
        return at >= chain.told_at + UPDATE_EVERY
    return incident.released is not None and at >= chain.told_at + RENEW_AFTER


def _waiting(incident: Incident, *, is_pending: bool) -> Incident:
    if incident.chain is None or incident.chain.pending is is_pending:
        return incident
    return replace(incident, chain=replace(incident.chain, pending=is_pending))


def _sent(
    incident: Incident, kind: MessageType, status: BulletinStatus, told: Told, playbook: Playbook, *, at: int
) -> tuple[Incident, Bulletin]:
    """Return the incident after a message, and the message."""
    chain = incident.chain
    earlier = chain.earlier if chain is not None and chain.status is status else ()
    number = chain.number + 1 if chain is not None else 1
    bulletin = _bulletin(incident, kind, status, told, playbook, earlier=earlier, number=number, at=at)
    after = Chain(
        status=status,
        number=number,
        earlier=(*earlier, bulletin.reference)[-REFERENCES_MAX:],
        told=told,
        told_at=at,
        closed=kind is MessageType.CANCEL,
    )
    return replace(incident, chain=after), bulletin


def _bulletin(
    incident: Incident,
    kind: MessageType,
    status: BulletinStatus,
    told: Told,
    playbook: Playbook,
    *,
    earlier: tuple[Reference, ...],
    number: int,
    at: int,
) -> Bulletin:
    is_over = kind is MessageType.CANCEL
    is_urgent = told.level.rank >= Level.ORANGE.rank
    return Bulletin(
        identifier=f"{incident.id}-{number}",
        sender=playbook.sender,
        sent=at // SECOND * SECOND,
        status=status,
        message_type=kind,
        references=earlier,
        note=wording.note_of(incident, status),
        incident=incident.id,
        scenario=incident.scenario,
        county=incident.county,
        hazards=told.hazards,
        level=told.level,
        categories=tuple(dict.fromkeys(CATEGORIES.get(hazard, Category.OTHER) for hazard in told.hazards)),
        response=Response.ALL_CLEAR if is_over else _RESPONSES[told.level],
        urgency=Urgency.PAST if is_over else Urgency.IMMEDIATE if is_urgent else Urgency.EXPECTED,
        severity=_SEVERITIES[told.level],
        certainty=told.certainty,
        onset=incident.started_at // SECOND * SECOND,
        expires=None if is_over else (at + VALID_FOR) // SECOND * SECOND,
        sender_name=wording.sender_name_of(incident, playbook),
        event=wording.event_of(told, playbook),
        headline=wording.headline_of(incident, told, playbook, is_over=is_over),
        description=wording.description_of(told, playbook, is_over=is_over),
        instruction=wording.instruction_of(incident, told, playbook, is_over=is_over),
        areas=tuple(_areas(incident.county, told, playbook.registry)),
    )


def _areas(county: str, told: Told, registry: Registry) -> Iterator[BulletinArea]:
    """Yield the county, then the zones in which people may be affected; a zone that nobody knows has no outline."""
    counties = [zone for zone in registry.zones.values() if zone.kind == COUNTY and county in (CITY, zone.id)]
    yield BulletinArea(registry.county_name(county), _outlines(counties), county)
    for name in told.zones:
        if name in registry.zones:
            yield BulletinArea(registry.zones[name].words, _outlines([registry.zones[name]]))


def _outlines(zones: Iterable[Zone]) -> tuple[str, ...]:
    """Return outlines as CAP writes them: latitude before longitude, the first point again at the end."""
    rings = (ring for zone in zones for ring in geometry.outlines(zone.area))
    return tuple(" ".join(f"{lat:.5f},{lon:.5f}" for lon, lat in ring) for ring in rings)
