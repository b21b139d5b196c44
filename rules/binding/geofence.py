"""Binding of `geofence` rules."""

from collections.abc import Sequence

from citybrain.geometry import AreaIndex, widened
from citybrain.model import Level
from citybrain.registry import Registry
from citybrain.sites import Site
from citybrain.units import parse_quantity
from citybrain.zones import Zone
from rules.binding.threshold import CONFIRMING_SAMPLES
from rules.binding.units import metres_of
from rules.geofence import ALL_ZONES, Event, GeofenceJudge
from rules.holding import Holding
from rules.lifecycle import Timing
from rules.rule import Rule
from rules.shape.geofence import GeofenceRule
from rules.spans import Spans, spans_of


class GeofenceBinder:
    """Binds one geofence rule to sites that move."""

    def __init__(self, entry: GeofenceRule, rule: Rule, registry: Registry) -> None:
        self._entry = entry
        self._rule = rule
        _, where = entry.event
        zones = [zone for zone in registry.zones.values() if where.names(zone)]
        self._zones = frozenset(zone.id for zone in zones)
        self._spans = _spans(entry, zones)
        self._around: AreaIndex | None = None
        if entry.buffer is not None:
            by_m = metres_of(parse_quantity(entry.buffer))
            self._around = AreaIndex((zone.id, widened(zone.area, by_m=by_m)) for zone in zones)

    def bind(self, site: Site) -> GeofenceJudge | None:
        """Return the judge of the rule at the site; None where the site does not move."""
        if not site.moves:
            return None
        rungs = _moving_rungs(self._entry, site)
        timing = Timing(self._entry.keep_firing_for, self._entry.min_life, rungs[0][0], latched=self._entry.latched)
        event, _ = self._entry.event
        around = self._around.containing if self._around is not None else None
        silent_for = site.silent_for(None)
        return GeofenceJudge(self._rule, timing, Event(event), self._zones, rungs, silent_for, around, self._spans)


def _spans(entry: GeofenceRule, zones: Sequence[Zone]) -> dict[str, Spans]:
    """Return when the temporary zones of the rule count, by zone; of `outside` when any zone does."""
    since, until = (entry.active.since, entry.active.until) if entry.active is not None else (None, None)
    groups = {ALL_ZONES: zones} if entry.outside is not None else {}
    groups |= {zone.id: [zone] for zone in zones}
    return {key: spans for key, group in groups.items() if (spans := spans_of(group, since, until)) is not None}


def _moving_rungs(entry: GeofenceRule, site: Site) -> tuple[tuple[int, Holding], ...]:
    dwell = entry.dwell or {level: 0 for level in Level if level is entry.level}
    return tuple((level.rank, _moving_holding(entry, level, dwell[level], site)) for level in Level if level in dwell)


def _moving_holding(entry: GeofenceRule, level: Level, hold: int, site: Site) -> Holding:
    is_gated = level.rank >= Level.ORANGE.rank and not entry.urgent
    return Holding(hold, CONFIRMING_SAMPLES if is_gated else 1, site.period, 0)
