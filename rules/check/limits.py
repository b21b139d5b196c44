"""The check of measures, limits and conditions."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from citybrain.model import LEVELS
from citybrain.problems import Problem
from citybrain.units import parse_quantity
from rules.binding.units import number_in, plain_unit_of, unit_of
from rules.check.active import ActiveCheck
from rules.check.base import Loc
from rules.derived import DERIVED
from rules.shape.area import AreaMeasureEntry
from rules.shape.conditions import ConditionEntry, ConditionList, ConditionsEntry
from rules.shape.limited import LimitedRule
from rules.shape.limits import LevelEntry, LimitEntry
from rules.shape.measures import MeasureEntry
from rules.shape.values import Value


class LimitsCheck(ActiveCheck):
    """Checks the measures, limits and conditions of a rule."""

    def _threshold(self, rule: LimitedRule) -> Iterator[Problem]:
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

    def _operand(self, loc: Loc, name: str, measure: MeasureEntry, rule: LimitedRule) -> Iterator[Problem]:
        """Check what a measure is set against: of its own unit, and not set against anything itself."""
        operand, unit = measure.operand, plain_unit_of(measure, self.registry)
        assert operand is not None, "the caller has looked"
        place = (*loc, "minus" if measure.minus is not None else "divided_by")
        if operand.measure is None:
            yield from self._value(place, Value(quantity=operand.quantity, site=operand.site, zone=operand.zone), unit)
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
        if isinstance(measure, AreaMeasureEntry) and (measure.silence or measure.alerts):
            return None
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
