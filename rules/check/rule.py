"""The check of one rule, whatever its type."""

from collections.abc import Iterator

from citybrain.faults import said_by
from citybrain.instants import MINUTE
from citybrain.model import LEVELS
from citybrain.problems import Problem
from citybrain.units import parse_quantity
from rules.binding.units import metres_of, silence_of, unit_of
from rules.check.base import Loc
from rules.check.limits import LimitsCheck
from rules.shape.file import AnyRule
from rules.shape.forecast import ForecastRule
from rules.shape.geofence import GeofenceRule
from rules.shape.no_data import NoDataRule
from rules.shape.rule import RuleTest
from rules.shape.threshold import ThresholdRule
from rules.silence import ANY_METRIC
from rules.trial_series import parse_series


class RuleCheck(LimitsCheck):
    """Checks one rule of a document."""

    def problems(self, rule: AnyRule) -> Iterator[Problem]:
        """Yield all that is wrong with the rule."""
        yield from self._where(rule.where, (*self.loc, "where"))
        yield from self._also_in(rule)
        match rule:
            case ThresholdRule():
                yield from self._threshold(rule)
            case ForecastRule():
                yield from self._forecast(rule)
            case NoDataRule():
                yield from self._no_data(rule)
            case GeofenceRule():
                yield from self._geofence(rule)
        for index, test in enumerate(rule.tests):
            yield from self._test((*self.loc, "tests", index), test)

    def _test(self, loc: Loc, test: RuleTest) -> Iterator[Problem]:
        if test.site not in self.registry.sites:
            yield self._unknown((*loc, "site"), "R203", test.site, self.registry.sites)
        longest = 0
        for metric, text in test.values.items():
            if metric not in self.registry.metrics:
                yield self._unknown((*loc, "values", metric), "R201", metric, self.registry.metrics)
            try:
                longest = max(longest, len(parse_series(text)))
            except ValueError as error:
                yield self.document.problem((*loc, "values", metric), "R110", **said_by(error))
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
        yield from self._zone((*self.loc, event, "zone"), where.kind, where.id)
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
