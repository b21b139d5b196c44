"""Which sites and zones a rule is about."""

from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from citybrain.faults import Fault
from citybrain.metrics import Entry, KindName, Name
from citybrain.sites import SiteId
from citybrain.units import Length
from citybrain.zones import Zone


def _as_list(written: Any) -> Any:
    return (written,) if isinstance(written, str) else written


class ZoneWhere(Entry):
    """Zones by kind, or one of several kinds, or by id."""

    kind: Annotated[tuple[KindName, ...], BeforeValidator(_as_list)] = ()
    id: str | None = None

    @model_validator(mode="after")
    def _names_zones(self) -> "ZoneWhere":
        if bool(self.kind) == (self.id is not None):
            raise Fault("zone")
        return self

    def names(self, zone: Zone) -> bool:
        """Tell whether it is one of the zones meant."""
        return zone.id == self.id or zone.kind in self.kind


class ZoneNear(ZoneWhere):
    """Zones that a site stands in, or within a distance of."""

    within: Length | None = None


def _as_zone_where(written: Any) -> Any:
    return {"kind": written} if isinstance(written, str) else written


AnyZone = Annotated[ZoneWhere, BeforeValidator(_as_zone_where)]
"""Zones by kind (`dam-safety`, or `{kind: dam-safety}`) or by id (`{id: zn-dam-safety-kaitan}`)."""

AnyZoneNear = Annotated[ZoneNear, BeforeValidator(_as_zone_where)]
"""The same, with a distance: `{kind: [basic-farmland, scenic], within: 500 m}`."""


class PlaceEntry(Entry):
    """The zones of a geofence."""

    zone: AnyZone


class Where(Entry):
    """Which sites a rule concerns; every line that is written must hold."""

    kind: tuple[KindName, ...] = ()
    zone: AnyZoneNear | None = None
    county: tuple[str, ...] = ()
    site: tuple[SiteId, ...] = ()
    attribute: dict[Name, tuple[str, ...]] = {}
