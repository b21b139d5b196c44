"""Taking readings in: their values go into the series of their site, and so does what is computed of them."""

import math

from citybrain.model import VALID_FLAG, Reading, Reason
from rules.deadlines import DELAY_PERIODS_MAX
from rules.derived_series import DerivedSeries
from rules.geofence import POSITION
from rules.refusals import Refusal, refusal
from rules.route import ALL, NOWHERE
from rules.ruleset import RuleSet
from rules.series import Arrival, Series
from rules.silence import ANY_METRIC
from rules.site_plan import SitePlan
from rules.site_state import SiteState, new_series

NEWS = 1 << 64  # Beside the senders of a site, as bits: that it was heard at all.


class Taker:
    """Takes the readings of any number of sites in. It keeps no state of its own."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._registry = rules.registry

    def take(self, state: SiteState, reading: Reading, at: int, refused: list[Refusal]) -> tuple[int, int]:
        """Put the values of a reading into the series of its site; say what was not taken.

        Return, as bits, the judges to ask, and the senders that have something to tell.
        """
        plan, instant = state.plan, reading.observed_at
        under_way = _under_way(state, instant, at)
        heard_at = state.clock.living - under_way
        if instant >= state.rests_until or under_way >= plan.patience:
            state.awake, state.rests_until = ALL, math.inf
        touched, stirred, told, fresh = self._take_values(state, reading, heard_at, refused)
        if plan.derived and fresh:
            for key in self._derive(state, fresh, instant, at):
                route = plan.routes.get(key, NOWHERE)
                stirred |= route.judges  # What is computed is a bound at times, and is not always heard.
                told |= route.senders
        if reading.position is not None and plan.site.moves and self._move_site(state, reading.position, instant):
            route = state.hear(POSITION, heard_at)
            touched |= route.judges
            told |= route.senders | NEWS
        if told & NEWS:
            route = state.hear(ANY_METRIC, heard_at)
            touched |= route.judges
            told = told | route.senders if route.silence is not None and plan.senders else told & ~NEWS
        return touched & state.awake | stirred, told

    def _take_values(
        self, state: SiteState, reading: Reading, heard_at: int, refused: list[Refusal]
    ) -> tuple[int, int, int, list[str]]:
        """Put the values where they belong.

        Return, as bits, the judges that read what came, those that may find something in it although they rest, and the
        senders; at last the series that have other samples now.
        """
        plan, instant, are_plain = state.plan, reading.observed_at, reading.flags is None
        touched = stirred = told = 0
        fresh: list[str] = []
        for metric, value in reading.values.items():
            shelf = plan.shelves.get(metric)
            if shelf is not None and are_plain and shelf.least <= value <= shelf.greatest:
                keys = shelf.valid
            else:
                keys = self._keys(plan, reading, metric, refused)
            for key in keys:
                series, route = state.series.get(key) or _series(state, key), plan.routes.get(key, NOWHERE)
                arrival = series.add(instant, value)
                if arrival is Arrival.NEWEST:
                    told |= NEWS
                    if route.silence is not None:
                        state.hear(key, heard_at)
                    if not route.least <= value <= route.greatest:
                        series.beyond_at = instant
                        stirred |= route.judges
                    elif instant - series.beyond_at < route.clean or series.total >= route.total:
                        stirred |= route.judges
                elif arrival is Arrival.INSIDE:
                    series.beyond_at = series.instants[-1]
                    stirred |= route.judges
                else:
                    refused.append(refusal(arrival, key.partition("|")[0]))
                    continue
                touched |= route.judges
                told |= route.senders
                fresh.append(key)
        return touched, stirred, told, fresh

    def _keys(self, plan: SitePlan, reading: Reading, metric: str, refused: list[Refusal]) -> tuple[str, ...]:
        """Return the keys of the series that take a value of the reading; none if it is refused."""
        shelf = plan.shelves.get(metric) or plan.shelf(metric, self._registry)
        if shelf is None:
            refused.append((Reason.UNKNOWN_METRIC, metric, f"no feed declares the metric {metric!r}"))
            return ()
        value = reading.values[metric]
        if not shelf.least <= value <= shelf.greatest:
            text = f"{metric} is {value:g} {shelf.unit}, expected {shelf.least:g} to {shelf.greatest:g}"
            refused.append((Reason.RANGE, metric, text))
            return ()
        flag = VALID_FLAG if reading.flags is None else reading.flags.get(metric, VALID_FLAG)
        keys = shelf.by_flag.get(flag)
        if keys is None:
            refused.append((Reason.FLAG, metric, f"{metric} has the flag {flag!r}, expected {VALID_FLAG!r}"))
            return ()
        return keys

    def _derive(self, state: SiteState, fresh: list[str], instant: int, at: int) -> list[str]:
        """Compute the derived values that new samples change, as of their instant and of all later ones.

        Return the series that are otherwise now.
        """
        found = []
        for derived in state.plan.derived:
            if not derived.reads.isdisjoint(fresh):
                instants = derived.instants_from(state.series, instant)
                # All of them are computed, so `any` will not do.
                if True in [self._derive_at(state, derived, one, at) for one in instants]:
                    fresh.append(derived.key)
                    found.append(derived.key)
        return found

    def _derive_at(self, state: SiteState, derived: DerivedSeries, instant: int, at: int) -> bool:
        """Compute one derived value; tell whether that changes anything."""
        key, series = derived.key, state.series.get(derived.key)
        found = derived.value_at(state.series, instant, state.plan.site)
        if found is None:
            # A revision may take away what was known.
            return series is not None and series.remove(instant)
        series = series or _series(state, key)
        is_whole = derived.is_whole(found, state.series, state.plan.site)
        if series.compute(instant, found.value, is_whole=is_whole) not in (Arrival.NEWEST, Arrival.INSIDE):
            return False
        if series.newest_at == instant and state.is_telling(key, instant):
            state.hear(key, state.clock.living - _under_way(state, instant, at))
        return True

    def _move_site(self, state: SiteState, position: tuple[float, float], instant: int) -> bool:
        """Take over a position, unless it is older than the one that is known; tell whether it is news."""
        if state.position_at is not None and instant <= state.position_at:
            return False
        state.position, state.position_at = position, instant
        state.inside = self._rules.zones_at(position)
        return True


def _series(state: SiteState, key: str) -> Series:
    series = state.series[key] = new_series(state.plan, key)
    return series


def _under_way(state: SiteState, instant: int, at: int) -> int:
    """Return for how long a reading that is heard now counts as under way.

    A burst after a broken link brings old values; more than a period is left for the next one to come.
    """
    return 0 if at < instant else min(at - instant, DELAY_PERIODS_MAX * state.plan.site.period)
