"""Scores the alerts of a run against what really happened: found, missed, false, and how much an operator had to hear.

Pure: it takes a truth and events and knows no clock. The simulators know no hazard and no limit; which hazards an
incident may rightly raise is said here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from citybrain.alerts import AlertEvent, State
from citybrain.geometry import distance_m
from citybrain.instants import DAY, HOUR, MINUTE
from citybrain.model import LEVELS, Level, Scenario
from simulators.kinds import IncidentKind
from simulators.mishaps import Episode
from simulators.truth import Incident, Truth

TEN_MINUTES = 10 * MINUTE

# What one operator can take. Source: ANSI/ISA-18.2-2016, alarm performance metrics, and EEMUA 191, 3rd edition [K].
PER_HOUR_MAX = 6.0  # On average, "very likely to be acceptable"; 12 is the most that can be managed.
TEN_MINUTES_MAX = 10  # More is an alarm flood.
CHATTERING_COUNT, CHATTERING_SPAN = 3, MINUTE  # So many of one alarm within a minute; none should.
STANDING_AFTER = DAY  # Longer in force is stale; fewer than five on any day.
STANDING_MAX = 5


@dataclass(frozen=True, slots=True)
class _Signs:
    """What an incident may rightly raise, and for how long before its onset and after its end."""

    hazards: frozenset[str]
    early: int = 1 * HOUR
    tail: int = 2 * HOUR


def _signs(*hazards: str, early: int = 1 * HOUR, tail: int = 2 * HOUR) -> _Signs:
    return _Signs(frozenset(hazards), early, tail)


# Rain that washes radon out of the air is no radiation incident, so it stands nowhere here.
_SIGNS: Mapping[IncidentKind, _Signs] = {
    IncidentKind.STORM: _signs(
        *("rain", "flood", "landslide", "storm", "wind", "fog", "release", "navigation", "water-quality"), tail=DAY
    ),
    IncidentKind.FLOOD: _signs("flood", "release", "navigation", "water-quality", early=12 * HOUR, tail=DAY),
    IncidentKind.PONDING: _signs("flood", early=2 * HOUR),
    IncidentKind.SMOKE: _signs("smoke", "air", "haze", "fire", "forest-fire", tail=4 * HOUR),
    IncidentKind.GAS: _signs("gas", "toxic-gas", "odour"),
    IncidentKind.CROWDING: _signs("crowding", "access", "traffic", "disturbance", early=3 * HOUR),
    IncidentKind.DRIFT: _signs("navigation"),
    IncidentKind.BLACKOUT: _signs("blackout", "data-loss", tail=6 * HOUR),
    IncidentKind.INVERSION: _signs("air", "haze", "smoke", tail=DAY),
    IncidentKind.OZONE: _signs("air", "heat", tail=8 * HOUR),
    IncidentKind.FIRE: _signs("fire", "smoke", "fire-water", "air"),
    IncidentKind.STORE: _signs("food-temperature", "food-cluster"),
    IncidentKind.FROST: _signs("frost", "cold", "ice", early=12 * HOUR),
    IncidentKind.HEAT: _signs("heat", "air", early=6 * HOUR, tail=8 * HOUR),
    IncidentKind.FOG: _signs("fog", "haze"),
    IncidentKind.WIND: _signs("wind", "storm"),
    IncidentKind.LOW_FLOW: _signs("low-water", "drought", "water-supply", tail=6 * HOUR),
    IncidentKind.RADIATION: _signs("radiation"),
    IncidentKind.SPILL: _signs("water-quality", "water-pollution", "drinking-water", "discharge", tail=8 * HOUR),
    IncidentKind.NOISE: _signs("noise", "disturbance"),
    IncidentKind.JAM: _signs("traffic", "access", "crowding"),
}
# Known in whole counties.
_WIDE = frozenset(
    {IncidentKind.STORM, IncidentKind.SMOKE, IncidentKind.BLACKOUT, IncidentKind.INVERSION, IncidentKind.OZONE}
    | {IncidentKind.FROST, IncidentKind.HEAT, IncidentKind.FOG, IncidentKind.WIND}
)
_COUPLING = "coupling"  # Several at once: any incident may be one of them, but is not found by it.
_ABOUT_SENSORS = frozenset({"data-loss", "data-quality", "blackout"})
_FAULT_NOTICED = 6 * HOUR  # So long after a fault its alert, or what it upset, still belongs to it.


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alert from its first event to its end, as an operator meets it."""

    identifier: str
    rule: str
    hazard: str
    scenario: Scenario
    subject: str
    headline: Mapping[str, str]  # Per language.
    county: str
    position: tuple[float, float]
    sites: frozenset[str]
    is_wide: bool  # It is about an area.
    raised_at: int
    cleared_at: int | None
    level: Level  # The highest that it reached.
    sounded: tuple[int, ...]  # When it was raised, and when its level rose.


@dataclass(frozen=True, slots=True)
class Finding:
    """One incident and the alarms it raised, the first first."""

    incident: Incident
    alarms: tuple[Alarm, ...]

    @property
    def lag(self) -> int | None:
        """Return how long after the onset it was first told, negative before it; None for a miss."""
        return self.alarms[0].raised_at - self.incident.since if self.alarms else None

    @property
    def lead(self) -> int | None:
        """Return how long before its worst moment it was first told; None for a miss."""
        return self.incident.peak[0] - self.alarms[0].raised_at if self.alarms else None


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """An alarm that no incident explains, and the fault of a sensor that may have made it."""

    alarm: Alarm
    fault: Episode | None


@dataclass(frozen=True, slots=True)
class Score:
    """How good the alerts of a run were."""

    truth: Truth
    findings: tuple[Finding, ...]
    false: tuple[FalseAlarm, ...]
    alarms: tuple[Alarm, ...]
    tens: tuple[int, ...]  # Alarms that sounded in each ten minutes from the start on.
    worst_ten: tuple[int, int]  # When the worst ten minutes began, and how many sounded in them.
    busiest_county: tuple[str, float]  # Adcode, and alarms per hour at its field command.
    chattering: tuple[tuple[str, str], ...]  # Rule and subject.
    standing: tuple[Alarm, ...]

    @property
    def misses(self) -> tuple[Incident, ...]:
        """Return the incidents that nobody was told of."""
        return tuple(finding.incident for finding in self.findings if not finding.alarms)

    @property
    def hours(self) -> float:
        """Return how long the run was."""
        return (self.truth.end - self.truth.start) / HOUR

    @property
    def per_hour(self) -> float:
        """Return how many alarms an hour sounded at the centre, which hears all of them."""
        return sum(self.tens) / self.hours

    @property
    def false_levels(self) -> Mapping[Level, int]:
        """Return how many false alarms there were of each level, the highest first."""
        found = Counter(one.alarm.level for one in self.false)
        return {level: found[level] for level in reversed(LEVELS)}


def score(truth: Truth, events: Iterable[AlertEvent], hazards: Mapping[str, str]) -> Score:
    """Return the score of the events of a run; `hazards` names the hazard of each rule, by its id."""
    alarms = alarms_of(events, hazards)
    findings = tuple(
        Finding(incident, tuple(alarm for alarm in alarms if alarm.hazard != _COUPLING and explains(incident, alarm)))
        for incident in truth.incidents
    )
    explained = {alarm.identifier for alarm in alarms if any(explains(one, alarm) for one in truth.incidents)}
    false = tuple(
        FalseAlarm(alarm, fault)
        for alarm in alarms
        if alarm.identifier not in explained
        for fault in [_fault_behind(alarm, truth.faults)]
        if not (fault is not None and _is_about_sensors(alarm))
    )
    sounded = sorted(at for alarm in alarms for at in alarm.sounded)
    tens = [0] * max(1, -(-(truth.end - truth.start) // TEN_MINUTES))
    for at in sounded:
        tens[min(max(0, (at - truth.start) // TEN_MINUTES), len(tens) - 1)] += 1
    return Score(
        truth,
        findings,
        false,
        tuple(alarms),
        tuple(tens),
        _worst(sounded, truth.start),
        _busiest(alarms, (truth.end - truth.start) / HOUR),
        tuple(_chattering(alarms)),
        tuple(a for a in alarms if (a.cleared_at or truth.end) - a.raised_at > STANDING_AFTER),
    )


def alarms_of(events: Iterable[AlertEvent], hazards: Mapping[str, str]) -> list[Alarm]:
    """Return one alarm for each identifier, by when it was raised. Rules on trial tell nobody."""
    episodes: dict[str, list[AlertEvent]] = defaultdict(list)
    for event in events:
        if not event.trial:
            episodes[event.identifier].append(event)
    found = [_alarm(sorted(episode, key=lambda event: event.sequence), hazards) for episode in episodes.values()]
    return sorted(found, key=lambda alarm: (alarm.raised_at, alarm.identifier))


def explains(incident: Incident, alarm: Alarm) -> bool:
    """Tell whether an incident may rightly have raised an alarm: by its hazard, its time and its place."""
    signs = _SIGNS[incident.kind]
    if alarm.hazard not in signs.hazards and alarm.hazard != _COUPLING:
        return False
    if not incident.since - signs.early <= alarm.raised_at <= incident.until + signs.tail:
        return False
    if incident.place in alarm.sites:
        return True
    if alarm.county in incident.counties and (alarm.is_wide or incident.kind in _WIDE):
        return True
    return distance_m(incident.position, alarm.position) <= incident.radius_m


def _alarm(events: Sequence[AlertEvent], hazards: Mapping[str, str]) -> Alarm:
    first, last = events[0], events[-1]
    sounded, heard = [], 0
    for event in events:
        if event.state is not State.CLEARED and event.level.rank > heard:
            sounded.append(event.sent)
        heard = max(heard, event.level.rank)
    sites = {site for event in events for site in (event.subject.site, *event.evidence.sites) if site is not None}
    return Alarm(
        first.identifier,
        first.rule.id,
        hazards[first.rule.id],
        first.scenario,
        first.subject.key,
        {"zh": first.headline.zh, "en": first.headline.en},
        first.county,
        first.subject.position,
        frozenset(sites),
        first.subject.site is None,
        first.sent,
        last.sent if last.state is State.CLEARED else None,
        max((event.level for event in events), key=lambda level: level.rank),
        tuple(sounded),
    )


def _is_about_sensors(alarm: Alarm) -> bool:
    return alarm.hazard in _ABOUT_SENSORS or alarm.scenario is Scenario.SYSTEM


def _fault_behind(alarm: Alarm, faults: Iterable[Episode]) -> Episode | None:
    """Return the fault that was at a site of the alarm, the latest one."""
    behind = [
        fault
        for fault in faults
        if fault.site in alarm.sites and fault.since <= alarm.raised_at <= fault.until + _FAULT_NOTICED
    ]
    return max(behind, key=lambda fault: fault.since, default=None)


def _worst(sounded: Sequence[int], start: int) -> tuple[int, int]:
    """Return the ten minutes in which most sounded: they begin with one of them."""
    worst, first = (start, 0), 0
    for last, at in enumerate(sounded):
        while sounded[first] <= at - TEN_MINUTES:
            first += 1
        if last - first + 1 > worst[1]:
            worst = (sounded[first], last - first + 1)
    return worst


def _busiest(alarms: Iterable[Alarm], hours: float) -> tuple[str, float]:
    """Return the county whose field command hears most: what is yellow or above there."""
    counts = Counter[str]()
    for alarm in alarms:
        if alarm.level.rank >= Level.YELLOW.rank:
            counts[alarm.county] += len(alarm.sounded)
    county, count = max(counts.items(), key=lambda pair: (pair[1], pair[0]), default=("", 0))
    return county, count / hours


def _chattering(alarms: Iterable[Alarm]) -> list[tuple[str, str]]:
    sounded: dict[tuple[str, str], list[int]] = defaultdict(list)
    for alarm in alarms:
        sounded[alarm.rule, alarm.subject] += alarm.sounded
    return [
        key
        for key, times in sorted(sounded.items())
        if any(
            later - at < CHATTERING_SPAN
            for at, later in zip(sorted(times), sorted(times)[CHATTERING_COUNT - 1 :], strict=False)
        )
    ]
