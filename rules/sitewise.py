"""An engine whose state is taken apart and put together site by site: how the worker keeps it."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from citybrain.alerts import AlertEvent
from rules.engine import Engine
from rules.explain import ended
from rules.ruleset import RuleSet
from rules.site_state import last_events, load_state


class SitewiseEngine(Engine):
    """The one engine; what its `snapshot` holds can be had in pieces: the clocks, and one piece for each site.

    A piece depends on the records of its site and on the time, never on other sites. So pieces that were taken at
    different records fit together, if each is put in when its own record has been reached.
    """

    @property
    def catalog(self) -> str:
        """Return the hash of the rule set."""
        return self._rules.catalog

    @property
    def signatures(self) -> Mapping[str, str]:
        """Return, by rule over several sites, what the values of its signals are values of."""
        return self._rules.areas.plan.signatures

    @property
    def living(self) -> int:
        """Return the time of the living log."""
        return self._clock.living

    @property
    def site_ids(self) -> Iterable[str]:
        """Return the ids of the sites that have a state."""
        return self._sites.keys()

    def stand_at(self, at: int | None, living: int) -> None:
        """Set both clocks, before the first site is put in."""
        assert not self._sites, "sites were judged on other clocks"
        self._clock.restore(at, living)

    def begin_waiting(self) -> None:
        """Wait for the sites that are expected and were not put in, unless nothing has begun yet."""
        if self._clock.at is not None:
            self._wait_for_expected()

    def dump_site(self, site_id: str) -> dict[str, Any] | None:
        """Return the state of a site as plain data, or None if it has none."""
        state = self._sites.get(site_id)
        return state.dump() if state is not None else None

    def load_site(self, site_id: str, dumped: dict[str, Any], *, catalog: str) -> tuple[AlertEvent, ...]:
        """Put in the state of a site, dumped under the rule set of a hash; return the events that clear what is gone.

        The clocks must stand where they stood when it was dumped.
        """
        site = self._registry.sites.get(site_id)
        if site is None:
            orphans = [event for standing in dumped.get("rules", {}).values() for event in last_events(standing)]
        else:
            is_same = catalog == self._rules.catalog
            state, orphans = load_state(self._rules.plan_for(site), self._clock, dumped, is_same_catalog=is_same)
            self._take_over(state)
        return tuple(ended(event, catalog=self._rules.catalog, at=self._clock.at or 0) for event in orphans)

    def stirred(self) -> list[str]:
        """Return, once, the sites that time has changed since it was last asked; those of readings are left out."""
        found = sorted(self._stirred)
        self._stirred.clear()
        return found

    def under(self, rules: RuleSet, *, expects: Iterable[str]) -> tuple[Self, tuple[AlertEvent, ...]]:
        """Return an engine that goes on from here under another rule set, and the events that clear what is gone."""
        engine = type(self)(rules, status=self._status, drill=self._drill, expects=expects)
        return engine, engine.restore(self.snapshot()).events
