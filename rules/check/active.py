"""The check of `active`: hours of a site, holidays, and temporary zones."""

from collections.abc import Iterator

from citybrain.metrics import HOURS
from citybrain.problems import Problem
from citybrain.registry import HOLIDAYS
from rules.calendar import ActiveEntry, SpanEntry
from rules.check.base import Checker, Loc
from rules.shape.places import ZoneWhere


class ActiveCheck(Checker):
    """Checks when a rule is armed."""

    def _active(self, entry: SpanEntry | None, zone: ZoneWhere | None) -> Iterator[Problem]:
        """Check an `active` beside the zones that arm the rule, if any do."""
        loc: Loc = (*self.loc, "active")
        if entry is not None and entry.names_zones and not self._is_temporary(zone):
            yield self.document.problem((*loc, "from" if entry.since is not None else "until"), "R238")
        if not isinstance(entry, ActiveEntry):
            return
        if entry.holidays is not None and not self.registry.holidays.years:
            yield self.document.problem((*loc, "holidays"), "R237", file=HOLIDAYS)
        if entry.hours is not None and entry.hours.site is not None:
            declared = [kind.attributes for kind in self.registry.kinds.values()]
            yield from self._attribute((*loc, "hours"), "R213", entry.hours.site, declared, HOURS)

    def _is_temporary(self, where: ZoneWhere | None) -> bool:
        """Tell whether all zones that are meant are temporary ones."""
        if where is None:
            return False
        zone = self.registry.zones.get(where.id) if where.id is not None else None
        kinds = where.kind if zone is None else (zone.kind,)
        return bool(kinds) and all(self.registry.is_temporary(kind) for kind in kinds)
