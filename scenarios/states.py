"""What the incident stage publishes: the state of an alert, an incident with its checklist, the answer to an action.

Each value is complete in itself, for readers and for the stage that starts again from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter

from citybrain.alerts import AlertEvent, State, Tier
from citybrain.instants import Instant
from citybrain.model import Level, Scenario, Status, Words
from scenarios.actions import AccountId, Identifier, Text
from scenarios.chain import Chain
from scenarios.shape import Stage

COMMENTS_MAX = 100  # Of one alert or incident.

_FORBID = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Mark:
    """Who did something, and the time of the record that says so."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    by: AccountId
    at: Instant


@dataclass(frozen=True, slots=True)
class Remark:
    """What somebody wrote, and when."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    by: AccountId
    at: Instant
    text: Text


@dataclass(frozen=True, slots=True)
class Shelf:
    """Who put an alert aside, why, and until when."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    by: AccountId
    at: Instant
    until: Instant
    reason: Text


@dataclass(frozen=True, slots=True)
class AlertState:
    """The latest event of one alert, and what people did with it."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    event: AlertEvent
    taken_at: Instant  # When its first event was taken in.
    incidents: tuple[Identifier, ...] = ()  # That it joined, the oldest first.
    acknowledged: Mark | None = None
    shelved: Shelf | None = None
    false_alarm: Remark | None = None
    comments: tuple[Remark, ...] = ()
    inhibited_by: Identifier | None = None  # An open alert beside which it says nothing new, the first that was found.
    asked: Tier | None = None  # Who is to acknowledge it; None: nobody has to.
    asked_at: Instant | None = None
    cleared_at: Instant | None = None

    @property
    def identifier(self) -> str:
        """Return the identifier of the alert."""
        return self.event.identifier

    @property
    def is_open(self) -> bool:
        """Tell whether it was raised and not cleared."""
        return self.event.state is not State.CLEARED


class Phase(StrEnum):
    """The life of an incident."""

    OPEN = "open"
    QUIET = "quiet"  # No alert is open.
    END_PROPOSED = "end_proposed"  # None has been for an hour; a person decides.
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Item:
    """One step of a checklist, complete in itself: the script may change while the incident runs."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    step: str
    stage: Stage
    text: Words
    units: tuple[str, ...]
    since: Instant  # When it came due,
    due_at: Instant  # and by when it is to be done.
    done: Mark | None = None


@dataclass(frozen=True, slots=True)
class Supply:
    """A type of resource, and a depot that holds it, with its distance from where the incident began."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    resource: str
    depot: str
    distance_m: int


@dataclass(frozen=True, slots=True)
class Brief:
    """What a tier is told to do, and the point of the alert for which it was first needed."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    tier: Tier
    text: Words
    position: tuple[float, float]  # (lon, lat), WGS 84.
    since: Instant


IncidentKey = tuple[Status, Scenario, str, str | None]  # Status, scenario, county, rule of a coupling.


@dataclass(frozen=True, slots=True)
class Incident:
    """One running episode of one scenario in one county."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    id: Identifier
    status: Status
    scenario: Scenario
    county: str  # Adcode of GB/T 2260.
    scripts: str  # Hash of the scripts under which it began.
    phase: Phase
    level: Level | None  # The highest of its open alerts; None while none is open.
    reached: Mapping[str, Level]  # Per hazard the highest level so far.
    started_at: Instant
    alerts: tuple[Identifier, ...]  # That are open, sorted.
    joined: Annotated[int, Field(ge=1)]  # How many times an alert has joined it.
    lead: str | None  # None: the scenario has no script.
    supporting: tuple[str, ...]
    tiers: tuple[Tier, ...]  # Who has been told so far.
    checklist: tuple[Item, ...] = ()
    briefs: tuple[Brief, ...] = ()  # Of the tiers in `tiers`; none where the scenario has no script.
    supplies: tuple[Supply, ...] = ()  # Per type of resource the nearest depots, the nearest first.
    coupling: str | None = None  # The coupling rule whose alerts it is about; None: all others of its scenario.
    members: tuple[Identifier, ...] = ()  # Of a coupling: the incidents of the alerts that take part.
    holder: AccountId | None = None
    offered_to: AccountId | None = None
    comments: tuple[Remark, ...] = ()
    quiet_since: Instant | None = None
    ended: Mark | None = None
    released: Mark | None = None  # Its bulletin; None: there are drafts only.
    chain: Chain | None = None  # Of its bulletins; None: none was written yet.

    @property
    def key(self) -> IncidentKey:
        """Return what at most one running incident has."""
        return self.status, self.scenario, self.county, self.coupling

    @property
    def highest(self) -> Level:
        """Return the highest level so far."""
        return max(self.reached.values(), key=lambda level: level.rank)


class Refusal(StrEnum):
    """Why an action is refused; the texts stand in the locale files under `refusal`."""

    UNKNOWN = "unknown"
    CLEARED = "cleared"
    ACKNOWLEDGED = "acknowledged"
    RED = "red"
    BAD_TIME = "bad_time"
    NOT_SHELVED = "not_shelved"
    TAGGED = "tagged"
    NOT_LATCHED = "not_latched"
    STILL_MET = "still_met"
    FULL = "full"
    ENDED = "ended"
    ALERTS_OPEN = "alerts_open"
    RELEASED = "released"
    NO_ALERT_OPEN = "no_alert_open"
    UNKNOWN_STEP = "unknown_step"
    TICKED = "ticked"
    NOT_HOLDER = "not_holder"
    NOT_OFFERED = "not_offered"
    UNKNOWN_SITE = "unknown_site"
    NOT_OUT = "not_out"
    NOT_TEMPORARY = "not_temporary"
    ZONE_EXISTS = "zone_exists"
    UNKNOWN_ZONE = "unknown_zone"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one action: accepted, or refused with a reason in both languages."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    action: Identifier
    accepted: bool
    at: Instant
    refusal: Refusal | None = None
    text: Words | None = None


ALERT_STATES: TypeAdapter[AlertState] = TypeAdapter(AlertState)
INCIDENTS: TypeAdapter[Incident] = TypeAdapter(Incident)
OUTCOMES: TypeAdapter[Outcome] = TypeAdapter(Outcome)
