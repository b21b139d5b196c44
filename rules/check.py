"""The meaning of a rule file, checked against the registry: every fault with its place.

The shape (unknown fields, missing fields, wrong types) was checked before, by `rules.shape`.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from citybrain.documents import Document
from citybrain.faults import said_by
from citybrain.instants import MINUTE
from citybrain.model import LEVELS, Scenario
from citybrain.problems import Problem
from citybrain.registry import COUNTY, Registry
from citybrain.units import parse_quantity
from rules.binding import metres_of, number_in, plain_unit_of, silence_of, unit_of
from rules.derived import DERIVED
from rules.shape import (
    AnyRule,
    ConditionEntry,
    ConditionList,
    ConditionsEntry,
    GeofenceRule,
    LevelEntry,
    LimitEntry,
    MeasureEntry,
    NoDataRule,
    RuleTest,
    ThresholdRule,
    Value,
    Where,
)
from rules.silence import ANY_METRIC
from rules.trial_series import parse_series

Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """Checks one rule of a document; `loc` is where the rule stands in it."""

    document: Document
    registry: Registry
    scenario: Scenario
    loc: Loc

    def problems(self, rule: AnyRule) -> Iterator[Problem]:
        """Yield all that is wrong with the rule."""
        yield from self._where(rule.where, (*self.loc, "where"))
        yield from self._also_in(rule)
        match rule:
            case ThresholdRule():
                yield from self._threshold(rule)
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

    def _where(self, where: Where, loc: Loc) -> Iterator[Problem]:
        for kind in where.kind:
            if kind not in self.registry.kinds:
                yield self._unknown((*loc, "kind"), "R204", kind, self.registry.kinds)
        for site in where.site:
            if site not in self.registry.sites:
                yield self._unknown((*loc, "site"), "R203", site, self.registry.sites)
        counties = [zone.id for zone in self.registry.zones.values() if zone.kind == COUNTY]
        for county in where.county:
            if county not in counties:
                yield self._unknown((*loc, "county"), "R205", county, counties)
        attributes = {name for kind in self.registry.kinds.values() for name in kind.attributes}
        for name in where.attribute:
            if name not in attributes:
                yield self._unknown((*loc, "attribute", name), "R213", name, attributes)
        if where.zone is not None:
            yield from self._zone((*loc, "zone"), where.zone.kind, where.zone.id)

    def _zone(self, loc: Loc, kind: str | None, zone: str | None) -> Iterator[Problem]:
        if kind is not None and kind not in (kinds := {zone.kind for zone in self.registry.zones.values()}):
            yield self._unknown((*loc, "kind"), "R206", kind, kinds)
        if zone is not None and zone not in self.registry.zones:
            yield self._unknown((*loc, "id"), "R205", zone, self.registry.zones)

    def _threshold(self, rule: ThresholdRule) -> Iterator[Problem]:
        known: dict[str, str] = {}
        for name, measure in rule.all_measures().items():
            loc = (*self.loc, "measures", name) if rule.measures else (*self.loc, "measure")
            problem = self._measure(loc, measure)
            if problem is None:
                known[name] = unit_of(measure, self.registry)
            else:
                yield problem
        names = rule.all_measures()
        for name, measure in names.items():
            loc = (*self.loc, "measures", name) if rule.measures else (*self.loc, "measure")
            if name in known and measure.operand is not None:
                yield from self._operand(loc, name, measure, rule)
        for index, limit in enumerate(rule.all_limits()):
            loc = (*self.loc, "limits", index) if rule.limits else self.loc
            if limit.measure not in names:
                yield self._unknown((*loc, "measure"), "R207", limit.measure, names)
            elif limit.measure in known:
                yield from self._limit(loc, limit, names, known)
        if rule.tighten is not None:
            yield from self._conditions((*self.loc, "tighten", "while"), rule.tighten.conditions, names, known)
        yield from self._conditions((*self.loc, "only_while"), rule.only_while, names, known)
        yield from self._conditions((*self.loc, "clear_when"), rule.clear_when, names, known)

    def _operand(self, loc: Loc, name: str, measure: MeasureEntry, rule: ThresholdRule) -> Iterator[Problem]:
        """Check what a measure is set against: of its own unit, and not set against anything itself."""
        operand, unit = measure.operand, plain_unit_of(measure, self.registry)
        assert operand is not None, "the caller has looked"
        place = (*loc, "minus" if measure.minus is not None else "divided_by")
        if operand.measure is None:
            yield from self._value(place, Value(quantity=operand.quantity, site=operand.site), unit)
            return
        others = rule.all_measures()
        other = others.get(operand.measure)
        if other is None:
            yield self._unknown((*place, "measure"), "R207", operand.measure, others)
        elif other.operand is not None or operand.measure == name:
            yield self.document.problem(place, "R220", key=operand.measure)
        elif self._measure(loc, other) is None and plain_unit_of(other, self.registry) != unit:
            found = f"{operand.measure} ({plain_unit_of(other, self.registry)})"
            yield self.document.problem(place, "R211", found=found, expected=unit)

    def _measure(self, loc: Loc, measure: MeasureEntry) -> Problem | None:
        if measure.metric is not None:
            if measure.metric not in self.registry.metrics:
                return self._unknown((*loc, "metric"), "R201", measure.metric, self.registry.metrics)
            return None
        assert measure.derived is not None, "a measure has a metric or a derived value"
        if (measure.derived, measure.edition) in DERIVED:
            return None
        editions = [edition for name, edition in DERIVED if name == measure.derived]
        if not editions:
            return self._unknown((*loc, "derived"), "R202", measure.derived, {name for name, _ in DERIVED})
        expected = ", ".join(str(edition) for edition in editions if edition)
        return self.document.problem((*loc, "edition"), "R208", found=measure.edition, expected=expected or "-")

    def _limit(self, loc: Loc, limit: LimitEntry, names: Iterable[str], known: Mapping[str, str]) -> Iterator[Problem]:
        unit, word = known[limit.measure], limit.comparison.value
        if not limit.ladder:
            yield self.document.problem((*loc, word), "R212")
        numbers: dict[str, float] = {}
        for level in LEVELS:
            if level not in limit.ladder:
                continue
            written: LevelEntry = limit.ladder[level]
            place = (*loc, word, level.value)
            yield from self._value(place, written.value, unit)
            if written.value.quantity is not None and not list(self._value(place, written.value, unit)):
                numbers[level.value] = number_in(parse_quantity(written.value.quantity), unit)
            for index, condition in enumerate(written.conditions):
                yield from self._condition((*place, "and", index), condition, names, known)
        yield from self._order((*loc, word), numbers, limit)
        if limit.clear is not None:
            faults = list(self._value((*loc, "clear"), limit.clear, unit))
            yield from faults
            if not faults and limit.clear.quantity is not None and numbers:
                yield from self._clear_side((*loc, "clear"), limit, numbers, unit)
        if limit.deadband is not None:
            yield from self._value((*loc, "deadband"), Value(quantity=limit.deadband), unit)
            if parse_quantity(limit.deadband).number < 0:
                yield self.document.problem((*loc, "deadband"), "R218", found=limit.deadband, least="0")

    def _order(self, loc: Loc, numbers: Mapping[str, float], limit: LimitEntry) -> Iterator[Problem]:
        """Check that a higher level asks for no less: else the lower one could never be seen."""
        pairs = list(numbers.items())
        for (low, first), (high, second) in pairwise(pairs):
            if (second < first) if limit.comparison.rises else (second > first):
                sign = "<" if limit.comparison.rises else ">"
                yield self.document.problem((*loc, high), "R209", low=low, high=high, sign=sign)

    def _clear_side(self, loc: Loc, limit: LimitEntry, numbers: Mapping[str, float], unit: str) -> Iterator[Problem]:
        assert limit.clear is not None, "the caller has looked"
        assert limit.clear.quantity is not None, "the caller has looked"
        clear, lowest = number_in(parse_quantity(limit.clear.quantity), unit), next(iter(numbers.values()))
        if (clear > lowest) if limit.comparison.rises else (clear < lowest):
            yield self.document.problem(loc, "R210", found=limit.clear.quantity, lowest=f"{lowest:g} {unit}")

    def _value(self, loc: Loc, value: Value, unit: str) -> Iterator[Problem]:
        for text in (value.quantity, value.plus):
            if text is None:
                continue
            try:
                number_in(parse_quantity(text), unit)
            except ValueError:
                yield self.document.problem(loc, "R211", found=text, expected=unit)
        if value.site is not None:
            units = {
                kind.attributes[value.site] for kind in self.registry.kinds.values() if value.site in kind.attributes
            }
            if not units:
                attributes = {name for kind in self.registry.kinds.values() for name in kind.attributes}
                yield self._unknown(loc, "R213", value.site, attributes)
            elif unit not in units:
                yield self.document.problem(loc, "R211", found=f"{value.site} ({', '.join(units)})", expected=unit)

    def _conditions(
        self, loc: Loc, entry: ConditionsEntry, names: Iterable[str], known: Mapping[str, str]
    ) -> Iterator[Problem]:
        members, inside = (entry.any, (*loc, "any")) if isinstance(entry, ConditionList) else (entry, loc)
        for index, condition in enumerate(members):
            yield from self._condition((*inside, index), condition, names, known)

    def _condition(
        self, loc: Loc, condition: ConditionEntry, names: Iterable[str], known: Mapping[str, str]
    ) -> Iterator[Problem]:
        if condition.measure not in names:
            yield self._unknown((*loc, "measure"), "R207", condition.measure, names)
        elif condition.measure in known:
            word = condition.comparison.value
            yield from self._value((*loc, word), getattr(condition, word), known[condition.measure])

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

    def _rising(self, loc: Loc, spans: Mapping[str, int]) -> Iterator[Problem]:
        """Check that a higher level asks for a longer time."""
        for (low, first), (high, second) in pairwise(spans.items()):
            if second < first:
                yield self.document.problem((*loc, high), "R209", low=low, high=high, sign="<")

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

    def _unknown(self, loc: Loc, code: str, found: str, known: Iterable[str]) -> Problem:
        near = difflib.get_close_matches(found, sorted(known), n=1)
        return self.document.problem(loc, code, key=found, hint=near[0] if near else "")
