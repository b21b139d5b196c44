"""The check of one rule, whatever its type."""

from collections.abc import Iterator

from citybrain.faults import said_by
from citybrain.instants import MINUTE
from citybrain.model import LEVELS
from citybrain.problems import Problem
from citybrain.units import parse_quantity
from rules.binding.units import metres_of, silence_of, unit_of
from rules.check.area import AreaCheck
from rules.check.base import Loc
from rules.check.trial_zones import zone_problems
from rules.shape.area import AreaRule, CouplingRule, SequenceRule
from rules.shape.file import AnyRule
from rules.shape.forecast import ForecastRule
from rules.shape.geofence import GeofenceRule
from rules.shape.no_data import NoDataRule
from rules.shape.overrides import OverrideEntry
from rules.shape.places import ZoneWhere
from rules.shape.rule import RuleTest
from rules.shape.threshold import ThresholdRule
from rules.silence import ANY_METRIC
from rules.trial_series import parse_series

_AS_WRITTEN = {"hold": "for"}


class RuleCheck(AreaCheck):
    """Checks one rule of a document."""

    def problems(self, rule: AnyRule) -> Iterator[Problem]:
        """Yield all that is wrong with the rule."""
        yield from self._where(rule.where, (*self.loc, "where"))
        yield from self._also_in(rule)
        if rule.affects is not None:
            nearest = (rule.affects.nearest,) if rule.affects.nearest is not None else ()
            yield from self._zone(
                (*self.loc, "affects"), ZoneWhere.model_construct(kind=(*rule.affects.kind, *nearest))
            )
        found = list(self._deciding(rule))
        yield from found
        known = {(problem.code, str(problem.values)) for problem in found}
        for index, override in enumerate(rule.overrides):
            faults = list(self._override((*self.loc, "overrides", index), rule, override))
            yield from (fault for fault in faults if (fault.code, str(fault.values)) not in known)
        for index, test in enumerate(rule.tests):
            yield from self._test((*self.loc, "tests", index), test)

    def _deciding(self, rule: AnyRule) -> Iterator[Problem]:
        """Check what the rule decides by."""
        match rule:
            case ThresholdRule():
                yield from self._threshold(rule)
                yield from self._no_quorums(rule)
                yield from self._active(rule.active, rule.where.zone)
            case ForecastRule():
                yield from self._forecast(rule)
                yield from self._active(rule.active, rule.where.zone)
            case AreaRule():
                yield from self._area(rule)
                yield from self._active(rule.active, ZoneWhere(kind=rule.group_by.zone) if rule.group_by.zone else None)
            case CouplingRule():
                yield from self._coupling(rule)
            case SequenceRule():
                yield from self._sequence(rule)
            case NoDataRule():
                yield from self._no_data(rule)
            case GeofenceRule():
                yield from self._geofence(rule)

    def _override(self, loc: Loc, rule: AnyRule, override: OverrideEntry) -> Iterator[Problem]:
        """Check an override, and the rule with it in place as a rule of its own."""
        if isinstance(rule, AreaRule | CouplingRule | SequenceRule):
            yield self.document.problem(loc, "R256")
            return
        yield from self._where(override.where, (*loc, "where"))
        if self._comes_and_goes(override.where.zone):
            yield self.document.problem((*loc, "where", "zone"), "R257")
        fields = _replaceable(rule)
        strange = [name for name in override.replaced if name not in fields]
        for name in strange:
            word = _AS_WRITTEN.get(name, name)
            expected = ", ".join(_AS_WRITTEN.get(field, field) for field in fields)
            yield self.document.problem((*loc, word), "R251", key=word, expected=expected)
        if not strange:
            overridden = RuleCheck(self.document, self.registry, self.scenario, loc)
            yield from overridden._deciding(rule.overridden(override))

    def _comes_and_goes(self, where: ZoneWhere | None) -> bool:
        """Tell whether any zone that is meant is a temporary one."""
        if where is None:
            return False
        zone = self.registry.zones.get(where.id) if where.id is not None else None
        kinds = where.kind if zone is None else (zone.kind,)
        return any(self.registry.is_temporary(kind) for kind in kinds)

    def _no_quorums(self, rule: ThresholdRule) -> Iterator[Problem]:
        """Check that a rule about one site does not ask for several."""
        for index, limit in enumerate(rule.all_limits()):
            loc = (*self.loc, "limits", index) if rule.limits else self.loc
            places = [((*loc, "sites"), limit.sites)]
            places += [
                ((*loc, limit.comparison.value, level.value, "sites"), entry.sites)
                for level, entry in limit.ladder.items()
            ]
            for place, quorum in places:
                if quorum is not None:
                    yield self.document.problem(place, "R266")

    def _test(self, loc: Loc, test: RuleTest) -> Iterator[Problem]:
        longest = 0
        for site, values in test.all_values().items():
            place = (*loc, "values") if test.site is not None else (*loc, "sites", site)
            if site not in self.registry.sites:
                where = (*loc, "site") if test.site is not None else place
                yield self._unknown(where, "R203", site, self.registry.sites)
            for metric, text in values.items():
                if metric not in self.registry.metrics:
                    yield self._unknown((*place, metric), "R201", metric, self.registry.metrics)
                try:
                    longest = max(longest, len(parse_series(text)))
                except ValueError as error:
                    yield self.document.problem((*place, metric), "R110", **said_by(error))
        yield from zone_problems(self.document, (*loc, "zones"), test.zones, self.registry)
        if len(test.positions) > longest:
            yield self.document.problem((*loc, "positions"), "R219", found=len(test.positions), values=longest)

    def _also_in(self, rule: AnyRule) -> Iterator[Problem]:
        for index, also in enumerate(rule.also_in):
            loc = (*self.loc, "also_in", index)
            if also.scenario is self.scenario:
                yield self.document.problem((*loc, "scenario"), "R221", key=also.scenario.value)
            if also.where is not None:
                yield from self._where(also.where, (*loc, "where"))

    def _forecast(self, rule: ForecastRule) -> Iterator[Problem]:
        threshold = rule.as_threshold()
        (measure,), (limit,) = threshold.all_measures().values(), threshold.all_limits()
        problem = self._measure((*self.loc, "measure"), measure, threshold)
        if problem is not None:
            yield problem
            return
        known = {limit.measure: unit_of(measure, self.registry)}
        yield from self._limit(self.loc, limit, known, known, word="reaches")

    def _no_data(self, rule: NoDataRule) -> Iterator[Problem]:
        if rule.metric != ANY_METRIC and rule.metric not in self.registry.metrics:
            yield self._unknown((*self.loc, "metric"), "R201", rule.metric, self.registry.metrics)
        if not rule.silent_for:
            yield self.document.problem((*self.loc, "silent_for"), "R212")
        spans: dict[str, int] = {}
        for level in [level for level in LEVELS if level in rule.silent_for]:
            place = (*self.loc, "silent_for", level.value)
            try:
                # What is short in periods and long in minutes depends on the site; five minutes are the usual period.
                spans[level.value] = silence_of(rule.silent_for[level], 5 * MINUTE)
            except ValueError as error:
                yield self.document.problem(place, "R110", **said_by(error))
                continue
            if spans[level.value] <= 0:
                yield self.document.problem(place, "R218", found=rule.silent_for[level], least="1s")
        yield from self._rising((*self.loc, "silent_for"), spans)

    def _geofence(self, rule: GeofenceRule) -> Iterator[Problem]:
        event, where = rule.event
        yield from self._zone((*self.loc, event, "zone"), where)
        yield from self._active(rule.active, where)
        if rule.buffer is not None:
            try:
                metres_of(parse_quantity(rule.buffer))
            except ValueError:
                yield self.document.problem((*self.loc, "buffer"), "R211", found=rule.buffer, expected="m, km")
        dwell = {level.value: rule.dwell[level] for level in LEVELS if level in rule.dwell}
        yield from self._rising((*self.loc, "dwell"), dwell)
        for kind in rule.where.kind:
            if kind in self.registry.kinds and not self.registry.kinds[kind].moves:
                yield self.document.problem((*self.loc, "where", "kind"), "R214", key=kind)


def _replaceable(rule: AnyRule) -> list[str]:
    """Return the fields that an override of the rule may replace."""
    fields = ["keep_firing_for", "min_life"]
    match rule:
        case ThresholdRule():
            fields.append("hold")
            if rule.limits:
                fields.append("limits")
            else:
                fields += [rule.all_limits()[0].comparison.value, "clear"]
        case NoDataRule():
            fields.append("silent_for")
    return fields
