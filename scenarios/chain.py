"""The values of unified release (统一发布): what a bulletin says, and the chain of messages of one incident.

Words follow CAP 1.2. A bulletin is complete in itself: `scenarios/cap.py` writes it as XML, and its JSON is its own.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter

from citybrain.alerts import Certainty, MessageType
from citybrain.instants import Instant
from citybrain.model import Level, Scenario, Words
from scenarios.actions import Identifier

_FORBID = ConfigDict(extra="forbid")


class BulletinStatus(StrEnum):
    """The `status` of CAP 1.2. What is a draft is for nobody but who may release it."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    TEST = "Test"
    DRAFT = "Draft"


class Severity(StrEnum):
    """The `severity` of CAP 1.2."""

    EXTREME = "Extreme"
    SEVERE = "Severe"
    MODERATE = "Moderate"
    MINOR = "Minor"


class Urgency(StrEnum):
    """The `urgency` of CAP 1.2."""

    IMMEDIATE = "Immediate"
    EXPECTED = "Expected"
    PAST = "Past"


class Response(StrEnum):
    """The `responseType` of CAP 1.2: what kind of thing the instruction asks for."""

    MONITOR = "Monitor"
    PREPARE = "Prepare"
    EXECUTE = "Execute"
    ALL_CLEAR = "AllClear"


class Category(StrEnum):
    """The `category` of CAP 1.2."""

    GEO = "Geo"
    MET = "Met"
    SAFETY = "Safety"
    FIRE = "Fire"
    HEALTH = "Health"
    ENVIRONMENT = "Env"
    TRANSPORT = "Transport"
    INFRASTRUCTURE = "Infra"
    CBRNE = "CBRNE"
    OTHER = "Other"


@dataclass(frozen=True, slots=True)
class Told:
    """What a bulletin says of the incident. Nothing is sent while this stays as it is."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    level: Level
    hazards: tuple[str, ...]  # Of the open alerts, that of the highest first.
    headlines: tuple[Words, ...]  # Of the open alerts, the highest first.
    more: Annotated[int, Field(ge=0)]  # Open alerts beyond those.
    zones: tuple[str, ...]  # Where people may be affected.
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Reference:
    """One message, as later ones of its chain refer to it."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    sender: str
    identifier: str
    sent: Instant  # In whole seconds: CAP has no fraction.


@dataclass(frozen=True, slots=True)
class Chain:
    """The messages of one incident so far: its drafts, and from the release on what went out."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    status: BulletinStatus
    number: Annotated[int, Field(ge=1)]  # How many messages there were, drafts among them.
    earlier: tuple[Reference, ...]  # Those of this status, the oldest first.
    told: Told  # What the last of them said,
    told_at: Instant  # and when.
    pending: bool = False  # There is something new to say, too soon after the last message.
    closed: bool = False  # The last message was the Cancel.


@dataclass(frozen=True, slots=True)
class BulletinArea:
    """Where a bulletin holds: a county with its adcode, or a zone in which people may be affected."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    words: Words
    polygons: tuple[str, ...]  # As in CAP: `lat,lon lat,lon ...`, closed.
    adcode: str | None = None  # Of GB/T 2260.


@dataclass(frozen=True, slots=True)
class Bulletin:
    """One message of the chain of an incident."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    identifier: str
    sender: str
    sent: Instant
    status: BulletinStatus
    message_type: Annotated[MessageType, Field(alias="msgType")]
    references: tuple[Reference, ...]  # To all earlier messages of the same status.
    note: Words | None  # Of a draft or a drill.
    incident: Identifier
    scenario: Scenario
    county: str
    hazards: tuple[str, ...]
    level: Level
    categories: tuple[Category, ...]
    response: Response
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    onset: Instant
    expires: Instant | None  # None: it ends the chain.
    sender_name: Words
    event: Words
    headline: Words
    description: Words
    instruction: Words
    areas: tuple[BulletinArea, ...]

    @property
    def reference(self) -> Reference:
        """Return how later messages refer to this one."""
        return Reference(self.sender, self.identifier, self.sent)


BULLETINS: TypeAdapter[Bulletin] = TypeAdapter(Bulletin)
