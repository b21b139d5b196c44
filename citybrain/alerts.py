"""Alert events: what is published when an alert is raised, changes or ends. Words follow CAP 1.2.

One episode of one rule on one subject has one `identifier`; its events count `sequence` 1, 2, 3. The pair is unique
and the same on every replay, so that a consumer can drop a repeat.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter

from citybrain.instants import Duration, Instant
from citybrain.model import Level, Scenario, Status, Words


class MessageType(StrEnum):
    """The `msgType` of CAP 1.2: the first event is Alert, the last Cancel, those between Update."""

    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"


class State(StrEnum):
    """The life of an alert, in the words of Prometheus and Grafana. `pending` is never published."""

    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    CLEARED = "cleared"


class Tier(StrEnum):
    """Who an event is for: the centre sees all, the field command its county, a responder team one point."""

    CENTRE = "centre"
    FIELD = "field"
    RESPONDER = "responder"


class Ending(StrEnum):
    """Why an alert is cleared."""

    RECOVERED = "recovered"  # The clear condition held for `keep_firing_for`.
    RESET = "reset"  # A person reset it: its rule is latched.
    ZONE_ENDED = "zone_ended"  # The temporary zone that armed the rule is over.
    RULE_ENDED = "rule_ended"  # The rule, or its hold on this subject, is no longer in the catalog.


class Certainty(StrEnum):
    """The `certainty` of CAP 1.2: what was measured is observed, what a trend leads to is likely."""

    OBSERVED = "Observed"
    LIKELY = "Likely"


class SubjectKind(StrEnum):
    """What an alert can be about."""

    SITE = "site"
    ASSET_IN_ZONE = "asset_in_zone"
    ZONE = "zone"
    COUNTY = "county"
    CITY = "city"
    CELL = "cell"


_FORBID = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about, with its name and point."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    kind: SubjectKind
    site: str | None  # None for an area.
    zone: str | None  # The zone, county, city or cell of an area; the zone that an asset is in.
    words: Words
    position: tuple[float, float]  # (lon, lat), WGS 84.
    metric: str | None = None  # Where the rule judges each metric of a site by itself, the one it is about.

    @property
    def key(self) -> str:
        """Return the part of an alert's identity that names the subject."""
        place = "@".join(part for part in (self.site, self.zone) if part is not None)
        return place if self.metric is None else f"{place}:{self.metric}"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value that took part in a decision."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    observed_at: Instant
    value: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What decided: a measure, its value, the limit it was held against, and the newest readings behind it."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    measure: str  # The metric or derived value.
    words: Words
    value: float | None  # None: there is no value, which is the point of a `no_data` alert.
    unit: str
    comparison: str  # at_least, above, at_most, below, reaches, inside, enter, exit, silent_for.
    limit: float | None
    window: Duration | None = None
    take: str | None = None  # sum, mean, p90, change, slope ... over the window; None: the newest value.
    readings: tuple[Sample, ...] = ()  # Oldest first, at most `EVIDENCE_READINGS_MAX`.
    across: str | None = None  # Of an alert about an area: mean, min, max, sum, count or share of its sites.
    sites: tuple[str, ...] = ()  # Of an alert about an area: those that decided, the worst first; 20 at most.
    alerts: tuple[str, ...] = ()  # Of an alert about alerts: their identifiers, at most `EVIDENCE_SITES_MAX`.
    trend: float | None = None  # Of a forecast: how fast the value rises, in its unit per hour.
    expected_at: Instant | None = None  # Of a forecast: when the trend leads to the limit.


EVIDENCE_READINGS_MAX = 12
EVIDENCE_SITES_MAX = 20


@dataclass(frozen=True, slots=True)
class RuleReference:
    """The rule that decided, and the hash of the catalog it stood in."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    id: str
    catalog: str


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One change of one alert, complete in itself."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    identifier: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    sequence: Annotated[int, Field(ge=1)]
    status: Status
    message_type: Annotated[MessageType, Field(alias="msgType")]
    references: tuple[str, ...]  # The events of this alert before this one, as `identifier/sequence`.
    scenario: Scenario
    also_in: tuple[Scenario, ...]  # Further scenarios that it belongs to; it is published once.
    rule: RuleReference
    subject: Subject
    county: str  # Adcode of GB/T 2260.
    geometry: dict[str, Any]  # GeoJSON.
    zones: tuple[str, ...]  # That it lies in.
    affects: tuple[str, ...]  # Zones around, downstream or downwind, where people may be affected.
    level: Level
    previous_level: Level | None
    state: State
    no_data: bool
    onset: Instant  # When the condition began.
    observed_at: Instant  # The reading, or the deadline, that decided.
    sent: Instant  # The `at` of the deciding record.
    evidence: Evidence
    headline: Words
    description: Words
    instruction: Words
    tiers: tuple[Tier, ...]
    certainty: Certainty = Certainty.OBSERVED
    ending: Ending | None = None  # Only in the event that clears.
    flapping: bool = False  # It comes and goes again and again.
    trial: bool = False  # Its rule is on trial: it stands in the journal, is for no tier and on no alert topic.
    latched: bool = False  # It ends by a reset alone; `recovering` says that a reset would clear it now.

    @property
    def key(self) -> tuple[str, int, str, str]:
        """Return what two runs over the same records must agree on: identifier, sequence, level and state."""
        return self.identifier, self.sequence, self.level.value, self.state.value


EVENTS: TypeAdapter[AlertEvent] = TypeAdapter(AlertEvent)


def identify(status: Status, drill: str | None, rule: str, subject: Subject, onset: int) -> str:
    """Return the identifier of the episode: 32 hexadecimal digits, the same on every replay."""
    text = "\n".join((status.value, drill or "", rule, subject.key, str(onset)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def tiers_of(level: Level) -> tuple[Tier, ...]:
    """Return who is told at a level: the response ladder brings the field command in at yellow, teams at orange.

    Source: the response ladder shared by the 13 scripts [E].
    """
    if level.rank >= Level.ORANGE.rank:
        return (Tier.CENTRE, Tier.FIELD, Tier.RESPONDER)
    return (Tier.CENTRE, Tier.FIELD) if level is Level.YELLOW else (Tier.CENTRE,)
