"""How one incident changes: alerts join and leave, steps come due, people act, time passes. Pure functions."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from citybrain.alerts import AlertEvent, Tier, tiers_of
from citybrain.instants import DAY
from citybrain.model import Level
from scenarios.actions import Accept, Comment, End, HandOver, OnIncident, Release, Tick
from scenarios.playbook import Playbook
from scenarios.scripts import Scripts
from scenarios.shape import Stage, StepEntry
from scenarios.states import Brief, Incident, IncidentKey, Item, Mark, Phase, Remark, Supply

INCIDENT_KEPT = 30 * DAY  # After its end, for the review.
DEPOTS_MAX = 3  # Of each type of resource, the nearest.

_LEVEL_STAGES = {level: Stage(level.value) for level in Level}


def begun(event: AlertEvent, key: IncidentKey, playbook: Playbook, *, at: int) -> Incident:
    """Return the incident that an alert begins. It has no alert and no step yet."""
    status, scenario, county, coupling = key
    script = playbook.scripts.scripts.get(scenario)
    parts = (status.value, scenario.value, county, event.identifier, str(event.sequence))
    return Incident(
        id=hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32],
        status=status,
        scenario=scenario,
        county=county,
        coupling=coupling,
        scripts=playbook.scripts.catalog,
        phase=Phase.OPEN,
        level=None,
        reached={},
        started_at=at,
        alerts=(),
        joined=0,
        lead=script.lead if script is not None else None,
        supporting=script.supporting if script is not None else (),
        tiers=(),
        supplies=_supplies(script.resources if script is not None else (), playbook.scripts, event.subject.position),
    )


def joined(incident: Incident, event: AlertEvent, playbook: Playbook, *, at: int) -> Incident:
    """Return the incident with an open alert, at its present level. A tier is briefed when it is first needed."""
    hazard = playbook.hazard_of(event.rule.id)
    is_new = event.identifier not in incident.alerts
    reached = {**incident.reached}
    reached[hazard] = max(reached.get(hazard, event.level), event.level, key=lambda level: level.rank)
    return replace(
        incident,
        alerts=tuple(sorted({*incident.alerts, event.identifier})),
        joined=incident.joined + is_new,
        reached=dict(sorted(reached.items())),
        briefs=(*incident.briefs, *_new_briefs(incident, event, playbook.scripts, at=at)),
    )


def coupled(incident: Incident, others: Iterable[str]) -> Incident:
    """Return the incident of a coupling that refers to further incidents, those of the alerts that take part."""
    return replace(incident, members=tuple(dict.fromkeys((*incident.members, *others))))


def left(incident: Incident, identifier: str) -> Incident:
    """Return the incident without an alert."""
    return replace(incident, alerts=tuple(one for one in incident.alerts if one != identifier))


def settled(incident: Incident, levels: Iterable[Level], scripts: Scripts, *, at: int) -> Incident:
    """Return the incident with the level, phase and steps that follow from the levels of its open alerts."""
    level = max(levels, key=lambda one: one.rank, default=None)
    if level is None:
        since = incident.quiet_since if incident.phase is not Phase.OPEN else at
        phase = Phase.QUIET if incident.phase is Phase.OPEN else incident.phase
        return replace(incident, level=None, phase=phase, quiet_since=since)
    # What was due for the end is not, once there is an alert again.
    checklist = tuple(item for item in incident.checklist if item.stage is not Stage.CLOSING)
    tiers = tuple(tier for tier in Tier if tier in {*incident.tiers, *tiers_of(level)})
    incident = replace(incident, level=level, phase=Phase.OPEN, quiet_since=None, tiers=tiers, checklist=checklist)
    stages = [stage for reached, stage in _LEVEL_STAGES.items() if reached.rank <= incident.highest.rank]
    return _with_steps(incident, stages, scripts, at=at)


def end_proposed(incident: Incident, scripts: Scripts, *, at: int) -> Incident:
    """Return the incident whose end is proposed."""
    return _with_steps(replace(incident, phase=Phase.END_PROPOSED), [Stage.CLOSING], scripts, at=at)


def with_action(incident: Incident, action: OnIncident | Comment, scripts: Scripts, *, at: int) -> Incident:
    """Return the incident after an action that is allowed."""
    mark = Mark(action.by, at)
    match action:
        case Tick():
            items = (replace(item, done=mark) if item.step == action.step else item for item in incident.checklist)
            return replace(incident, checklist=tuple(items))
        case HandOver():
            return replace(incident, offered_to=action.to)
        case Accept():
            return replace(incident, holder=action.by, offered_to=None)
        case End():
            return _with_steps(replace(incident, phase=Phase.ENDED, ended=mark), [Stage.REVIEW], scripts, at=at)
        case Release():
            return replace(incident, released=mark)
        case Comment():
            return replace(incident, comments=(*incident.comments, Remark(action.by, at, action.text)))


def due_at(incident: Incident, scripts: Scripts) -> int | None:
    """Return when time alone changes it next: its end is proposed, or it is forgotten."""
    if incident.ended is not None:
        return incident.ended.at + INCIDENT_KEPT
    if incident.phase is Phase.QUIET and incident.quiet_since is not None:
        return incident.quiet_since + scripts.end_after(incident.scenario)
    return None


def _new_briefs(incident: Incident, event: AlertEvent, scripts: Scripts, *, at: int) -> Iterator[Brief]:
    script = scripts.scripts.get(incident.scenario)
    if script is None:
        return
    told = {brief.tier for brief in incident.briefs}
    for tier in tiers_of(event.level):
        if tier not in told:
            yield Brief(tier, script.tiers.of(tier), event.subject.position, at)


def _with_steps(incident: Incident, stages: Iterable[Stage], scripts: Scripts, *, at: int) -> Incident:
    """Add the steps that have come due and are not there yet; their time runs from now."""
    known = {item.step for item in incident.checklist}
    new = [
        _item(step, stage, incident, at=at)
        for stage in stages
        for step in scripts.steps(incident.scenario, stage)
        if step.id not in known and _concerns(step, stage, incident.reached)
    ]
    return replace(incident, checklist=(*incident.checklist, *new)) if new else incident


def _item(step: StepEntry, stage: Stage, incident: Incident, *, at: int) -> Item:
    units = step.units or ((incident.lead,) if incident.lead is not None else ())
    return Item(step.id, stage, step.text, units, at, at + step.within)


def _concerns(step: StepEntry, stage: Stage, reached: Mapping[str, Level]) -> bool:
    """Tell whether a hazard of the step has reached its level; for a step about the end, whether it was there."""
    least = next((level.rank for level, one in _LEVEL_STAGES.items() if one is stage), 0)
    return not step.hazards or any(reached[hazard].rank >= least for hazard in step.hazards if hazard in reached)


def _supplies(resources: Iterable[str], scripts: Scripts, position: tuple[float, float]) -> tuple[Supply, ...]:
    found = ((resource, *one) for resource in resources for one in scripts.nearest(resource, position)[:DEPOTS_MAX])
    return tuple(Supply(resource, depot.id, round(distance)) for resource, depot, distance in found)
