"""The shape of `geofence` rules."""

from typing import Literal

from pydantic import model_validator

from citybrain.faults import Fault
from citybrain.instants import Duration
from citybrain.model import Level
from rules.calendar import SpanEntry
from rules.shape.places import PlaceEntry, ZoneWhere
from rules.shape.rule import RuleEntry
from rules.shape.values import QuantityText

GEOFENCE_EVENTS = ("inside", "outside", "enter", "exit")


class GeofenceRule(RuleEntry):
    """A site that moves, and zones: it is inside one or outside all, it enters one, it leaves one."""

    type: Literal["geofence"]
    inside: PlaceEntry | None = None
    enter: PlaceEntry | None = None
    exit: PlaceEntry | None = None
    outside: PlaceEntry | None = None
    level: Level | None = None
    dwell: dict[Level, Duration] = {}
    buffer: QuantityText | None = None
    active: SpanEntry | None = None

    @model_validator(mode="after")
    def _has_one_event(self) -> "GeofenceRule":
        written = [name for name in GEOFENCE_EVENTS if getattr(self, name) is not None]
        if len(written) != 1:
            expected = ", ".join(GEOFENCE_EVENTS)
            raise Fault("comparison", found=written or "-", expected=expected)
        if (self.level is None) == (not self.dwell):
            raise Fault("level_or_dwell")
        if self.dwell and self.inside is None and self.outside is None:
            raise Fault("dwell")
        return self

    @property
    def event(self) -> tuple[str, ZoneWhere]:
        """Return what is watched for, and in which zones."""
        name = next(name for name in GEOFENCE_EVENTS if getattr(self, name) is not None)
        place: PlaceEntry = getattr(self, name)
        return name, place.zone
