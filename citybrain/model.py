"""The values that all parts exchange: feeds, levels, scenarios, readings, rejections.

Coordinates are `(lon, lat)` in degrees WGS 84. Instants are milliseconds since the epoch (`citybrain.instants`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, Strict

from citybrain.instants import Instant


class Feed(StrEnum):
    """A stream of readings; `agency` carries values that other offices compute and hand over."""

    HYDROLOGY = "hydrology"
    PARKING = "parking"
    ENVIRONMENT = "environment"
    AGENCY = "agency"


class Status(StrEnum):
    """Whether something is real or a drill, in the words of CAP 1.2 in lower case."""

    ACTUAL = "actual"
    EXERCISE = "exercise"
    TEST = "test"


class Scenario(StrEnum):
    """The 13 scenario scripts of the command centre, and `system` for alerts about the service itself.

    Source: Lishui government document 29 of 2019, annex, section 2 (1) 5.
    """

    POLICE_INCIDENT_RESPONSE = "police-incident-response"
    ECOLOGICAL_PROTECTION = "ecological-protection"
    TOURISM_SAFETY_CONTROL = "tourism-safety-control"
    MAJOR_EVENT_SAFEGUARD = "major-event-safeguard"
    FIRE_RESCUE = "fire-rescue"
    FLOOD_DROUGHT_COMMAND = "flood-drought-command"
    ROAD_TRANSPORT_SAFETY = "road-transport-safety"
    SOCIAL_STABILITY = "social-stability"
    DISEASE_CONTROL = "disease-control"
    EXTREME_WEATHER_RESPONSE = "extreme-weather-response"
    FOOD_SAFETY_INCIDENT = "food-safety-incident"
    CIVIL_AIR_DEFENCE_COMMAND = "civil-air-defence-command"
    AGRICULTURAL_DISASTER_RESPONSE = "agricultural-disaster-response"
    SYSTEM = "system"


class Level(StrEnum):
    """The four alert levels of the Emergency Response Law, lowest first: Ⅳ blue to Ⅰ red."""

    BLUE = "blue"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"

    @property
    def rank(self) -> int:
        """Return 1 for blue up to 4 for red; 0 is kept for no level at all."""
        return _RANKS[self]

    @property
    def numeral(self) -> str:
        """Return the Roman numeral of the level, Ⅳ for blue to Ⅰ for red."""
        return "ⅣⅢⅡⅠ"[self.rank - 1]


LEVELS: tuple[Level, ...] = tuple(Level)
_RANKS: dict[Level, int] = {level: rank for rank, level in enumerate(LEVELS, start=1)}


@dataclass(frozen=True, slots=True)
class Words:
    """One text in the two languages of the product."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    zh: Annotated[str, Field(min_length=1)]
    en: Annotated[str, Field(min_length=1)]

    def in_language(self, language: str) -> str:
        """Return the text in `zh` or `en`."""
        return self.zh if language == "zh" else self.en


Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Position = tuple[Annotated[float, Strict(), Field(ge=-180, le=180)], Annotated[float, Strict(), Field(ge=-90, le=90)]]

MetricKey = Annotated[str, Field(max_length=64)]

VALID_FLAG = "N"  # Of the letters of HJ 212 that a reading may carry per metric.


@dataclass(frozen=True, slots=True)
class Reading:
    """What one site observed at one instant: a number per metric, in the metric's declared unit.

    Privacy: no field can hold who or whose; unknown fields are refused by the codec.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    site: Annotated[str, Field(min_length=1, max_length=64)]
    observed_at: Instant
    values: Annotated[Mapping[MetricKey, Number], Field(min_length=1, max_length=64)]
    flags: Mapping[MetricKey, Annotated[str, Field(min_length=1, max_length=2)]] | None = None
    position: Position | None = None  # Only for a site that moves.
    status: Status | None = None  # None: the topic decides.

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, self.values.values())):
            metric, value = next(pair for pair in self.values.items() if not math.isfinite(pair[1]))
            raise ValueError(f"values.{metric} is {value}, expected a finite number")


REJECTION_TEXT_MAX = 1000


class Reason(StrEnum):
    """Why a record, or one metric of it, was not judged."""

    SCHEMA = "schema"  # Not the JSON of a reading or a control record.
    UNKNOWN_METRIC = "unknown_metric"  # No feed declares it.
    RANGE = "range"  # Outside the metric's plausible range.
    LATE = "late"  # Older than the newest by more than the feed's `late_max`.
    DUPLICATE = "duplicate"  # Same site, metric, instant and value again.
    FLAG = "flag"  # Its flag says that the value is not valid, and no rule accepts that flag.
    CLOCK = "clock"  # Observed more than five minutes after it was received, or more than thirty days before.
    UNKNOWN_SITE = "unknown_site"
    WRONG_FEED = "wrong_feed"  # The site belongs to another feed.
    WRONG_KEY = "wrong_key"  # The record's key is not the site.
    MISROUTED = "misrouted"  # The key belongs to another partition.
    STATUS = "status"  # An exercise on a live topic, or the reverse.
    TOO_LARGE = "too_large"
    ENGINE_ERROR = "engine_error"  # Judging it failed; the record is kept for the engineer.


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record, or some metrics of it, that was not judged, and why."""

    reason: Reason
    text: str  # For a person: what was found and what was expected; at most REJECTION_TEXT_MAX characters.
    site: str | None = None
    metrics: tuple[str, ...] = ()  # Empty: the whole record.
    reading: Reading | None = None  # Where it was held, and it is not the record at hand that is rejected.

    def __post_init__(self) -> None:
        if len(self.text) > REJECTION_TEXT_MAX:
            # A record of a megabyte must not become a megabyte of complaint.
            object.__setattr__(self, "text", f"{self.text[: REJECTION_TEXT_MAX - 3]}...")


class ControlKind(StrEnum):
    """What a control record of a feed topic says."""

    CLOCK = "clock"  # Nothing but the time of the record itself.
    RESET = "reset"  # A person lets a latched alert go.
    CATALOG = "catalog"  # From here on another rule set is in force.
    CANARY = "canary"  # Nothing at all, not even a time: a worker looks whether it comes through.


@dataclass(frozen=True, slots=True)
class Reset:
    """Which latched alert is to be let go: that of a rule on a subject, by the key of the subject."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    rule: Annotated[str, Field(min_length=1, max_length=64)]
    subject: Annotated[str, Field(min_length=1, max_length=160)]  # A site, or `site@zone`.

    @property
    def site(self) -> str:
        """Return the site that the subject is at."""
        return self.subject.partition("@")[0].partition(":")[0]


@dataclass(frozen=True, slots=True)
class Switch:
    """Which rule set is in force from here on: its number, the offset at which the topic `catalog` has it."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    number: Annotated[int, Strict(), Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Control:
    """A record that carries no reading but moves the engine: the time, and what a person orders."""

    kind: ControlKind
    reset: Reset | None = None  # For the kind `reset`, and only there.
    switch: Switch | None = None  # For the kind `catalog`, and only there.
