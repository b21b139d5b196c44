"""Which sites and zones a rule is about."""

from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from citybrain.faults import Fault
from citybrain.metrics import Entry, KindName, Name
from citybrain.sites import SiteId


class ZoneWhere(Entry):
    """Zones by kind or by id."""

    kind: KindName | None = None
    id: str | None = None

    @model_validator(mode="after")
    def _names_zones(self) -> "ZoneWhere":
        if (self.kind is None) == (self.id is None):
            raise Fault("zone")
        return self


def _as_zone_where(written: Any) -> Any:
    return {"kind": written} if isinstance(written, str) else written


AnyZone = Annotated[ZoneWhere, BeforeValidator(_as_zone_where)]
"""Zones by kind (`dam-safety`, or `{kind: dam-safety}`) or by id (`{id: zn-dam-safety-kaitan}`)."""


class PlaceEntry(Entry):
    """The zones of a geofence."""

    zone: AnyZone


class Where(Entry):
    """Which sites a rule concerns; every line that is written must hold."""

    kind: tuple[KindName, ...] = ()
    zone: AnyZone | None = None
    county: tuple[str, ...] = ()
    site: tuple[SiteId, ...] = ()
    attribute: dict[Name, tuple[str, ...]] = {}
