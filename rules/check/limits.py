"""The check of measures, limits and conditions."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from citybrain.metrics import Shape
from citybrain.model import LEVELS
from citybrain.problems import Problem
from citybrain.units import parse_quantity
from rules.areas.across import Across
from rules.binding.meaning import has_no_history, is_sum_of_states, needs_samples
from rules.binding.units import inputs_of, plain_unit_of, unit_of
from rules.check.active import ActiveCheck
from rules.check.base import OWN_UNIT, Loc
from rules.conditions import meets
from rules.derived import DERIVED
from rules.measures import Take
from rules.shape.area import AreaMeasureEntry
from rules.shape.conditions import ConditionEntry, ConditionList, ConditionsEntry
from rules.shape.limited import LimitedRule
from rules.shape.limits import Bands, Ladder, LimitEntry
from rules.shape.measures import OPERANDS, MeasureEntry
from rules.shape.rule import RuleEntry
from rules.shape.threshold import ThresholdRule
from rules.shape.values import Value
from rules.silence import ANY_METRIC


class LimitsCheck(ActiveCheck):
    """Checks the measures, limits and conditions of a rule."""

    def _threshold(self, rule: LimitedRule) -> Iterator[Problem]:
        known: dict[str, str] = {}
        for name, measure in rule.all_measures().items():
            loc = (*self.loc, "measures", name) if rule.measures else (*self.loc, "measure")
            problem = self._measure(loc, measure, rule)
            if problem is None:
                known[name] = self._unit_of(measure)
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
                yield from self._limit(loc, limit, names, known, word=limit.word)
                yield from self._reach(loc, limit.word, limit, names[limit.measure])
        if rule.tighten is not None:
            yield from self._conditions((*self.loc, "tighten", "while"), rule.tighten.conditions, names, known)
        yield from self._conditions((*self.loc, "only_while"), rule.only_while, names, known)
        yield from self._conditions((*self.loc, "clear_when"), rule.clear_when, names, known)

    def _unit_of(self, measure: MeasureEntry) -> str:
        is_own = measure.divided_by is None and measure.sigmas_from is None and measure.take != Take.COVERAGE
        return OWN_UNIT if measure.metric == ANY_METRIC and is_own else unit_of(measure, self.registry)

    def _operand(self, loc: Loc, name: str, measure: MeasureEntry, rule: LimitedRule) -> Iterator[Problem]:
        """Check what a measure is set against: of its own unit, and itself set against a plain one at most."""
        operand = measure.operand
        assert operand is not None, "the caller has looked"
        place = (*loc, next(word for word in OPERANDS if getattr(measure, word) is not None))
        if measure.metric == ANY_METRIC:
            if operand.own is None:
                yield self.document.problem(place, "R246", found=operand.quantity or operand.site or operand.measure)
            return
        if has_no_history(measure, self.registry.metrics[inputs_of(measure)[0]].shape):
            yield self.document.problem(place, "R243", key=measure.metric or measure.derived)
        if operand.own is not None:
            return
        unit = plain_unit_of(measure, self.registry)
        if operand.measure is None:
            yield from self._value(place, Value(quantity=operand.quantity, site=operand.site, zone=operand.zone), unit)
            return
        others = rule.all_measures()
        other = others.get(operand.measure)
        if other is None:
            yield self._unknown((*place, "measure"), "R207", operand.measure, others)
        elif operand.measure == name or not _may_be_operand(other, rule):
            yield self.document.problem(place, "R220", key=operand.measure)
        elif self._measure(loc, other, rule) is None and self._unit_of(other) != unit:
            found = f"{operand.measure} ({self._unit_of(other)})"
            yield self.document.problem(place, "R211", found=found, expected=unit)

    def _measure(self, loc: Loc, measure: MeasureEntry, rule: RuleEntry) -> Problem | None:
        if isinstance(measure, AreaMeasureEntry) and (measure.silence or measure.alerts):
            return None
        if measure.metric == ANY_METRIC and isinstance(rule, ThresholdRule) and rule.is_of_any_metric:
            return None
        if measure.metric is not None:
            if measure.metric == ANY_METRIC:
                return self.document.problem((*loc, "metric"), "R245")
            if measure.metric not in self.registry.metrics:
                return self._unknown((*loc, "metric"), "R201", measure.metric, self.registry.metrics)
            return self._meaning(loc, measure, self.registry.metrics[measure.metric].shape)
        assert measure.derived is not None, "a measure has a metric or a derived value"
        if (measure.derived, measure.edition) in DERIVED:
            shape = self.registry.metrics[inputs_of(measure)[0]].shape
            return self._meaning(loc, measure, shape if shape is Shape.ON_CHANGE else Shape.SAMPLE)
        editions = [edition for name, edition in DERIVED if name == measure.derived]
        if not editions:
            return self._unknown((*loc, "derived"), "R202", measure.derived, {name for name, _ in DERIVED})
        expected = ", ".join(str(edition) for edition in editions if edition)
        return self.document.problem((*loc, "edition"), "R208", found=measure.edition, expected=expected or "-")

    def _meaning(self, loc: Loc, measure: MeasureEntry, shape: Shape) -> Problem | None:
        """Return what is wrong with what is taken of values of a shape, if anything."""
        key = measure.metric or measure.derived
        if is_sum_of_states(measure, shape):
            return self.document.problem((*loc, "take"), "R241", key=key)
        if needs_samples(measure, shape):
            place = (*loc, "take" if measure.take else "slope_over")
            return self.document.problem(place, "R242", key=key, take=measure.take or "slope")
        return None

    def _limit(
        self, loc: Loc, limit: LimitEntry, names: Iterable[str], known: Mapping[str, str], *, word: str
    ) -> Iterator[Problem]:
        """Check a limit; `word` is the field under which its levels are written."""
        unit = known[limit.measure]
        ladder: Ladder | Bands = getattr(limit, limit.word)
        if not ladder:
            yield self.document.problem((*loc, word), "R212")
        for level in LEVELS:
            conditions = ladder[level].conditions if level in ladder else ()
            for index, condition in enumerate(conditions):
                yield from self._condition((*loc, word, level.value, "and", index), condition, names, known)
        for index, condition in enumerate(limit.conditions):
            yield from self._condition((*loc, "and", index), condition, names, known)
        for side in limit.sides():
            yield from self._side(loc, word, side, unit)
        for level, band in (limit.outside or {}).items():
            yield from self._band((*loc, word, level.value), band.value, unit)
        if limit.deadband is not None:
            yield from self._value((*loc, "deadband"), Value(quantity=limit.deadband), unit)
            if parse_quantity(limit.deadband).number < 0:
                yield self.document.problem((*loc, "deadband"), "R218", found=limit.deadband, least="0")

    def _side(self, loc: Loc, word: str, limit: LimitEntry, unit: str) -> Iterator[Problem]:
        """Check the values of one comparison: each of its unit, in order, and on the right side of `clear`."""
        numbers: dict[str, float] = {}
        for level in LEVELS:
            if level not in limit.ladder:
                continue
            value, place = limit.ladder[level].value, (*loc, word, level.value)
            yield from self._value(place, value, unit)
            number = self._number(place, value, unit)
            if number is not None:
                numbers[level.value] = number
        yield from self._order((*loc, word), numbers, limit)
        clear = limit.clear_value
        if clear is not None:
            yield from self._value((*loc, "clear"), clear, unit)
            number = self._number((*loc, "clear"), clear, unit)
            if number is not None and numbers:
                found = clear.quantity or f"{number:g}"
                yield from self._clear_side((*loc, "clear"), number, limit, numbers, found=found, unit=unit)

    def _reach(self, loc: Loc, word: str, limit: LimitEntry, measure: MeasureEntry) -> Iterator[Problem]:
        """Check that no level lies beyond what is plausible of the metric: it could never be seen."""
        metric = self.registry.metrics.get(measure.metric or "")
        if metric is None or not _keeps_range(measure):
            return
        least, greatest = metric.range
        for side in limit.sides():
            is_met = meets(side.comparison)
            for level, entry in side.ladder.items():
                number = self._number(loc, entry.value, metric.unit)
                if number is not None and not is_met(greatest if side.comparison.rises else least, number):
                    place = (*loc, word, level.value)
                    yield self.document.problem(
                        place, "R270", level=level.value, least=f"{least:g}", greatest=f"{greatest:g} {metric.unit}"
                    )

    def _band(self, loc: Loc, band: tuple[Value, Value], unit: str) -> Iterator[Problem]:
        """Check that there is room between the two values of `outside`."""
        first, second = (self._number(loc, value, unit) for value in band)
        if first is not None and second is not None and first >= second:
            written = [value.quantity or value.number for value in band]
            yield self.document.problem(loc, "R240", found=written[0], other=written[1])

    def _order(self, loc: Loc, numbers: Mapping[str, float], limit: LimitEntry) -> Iterator[Problem]:
        """Check that a higher level asks for no less: else the lower one could never be seen."""
        pairs = list(numbers.items())
        for (low, first), (high, second) in pairwise(pairs):
            if (second < first) if limit.comparison.rises else (second > first):
                sign = "<" if limit.comparison.rises else ">"
                yield self.document.problem((*loc, high), "R209", low=low, high=high, sign=sign)

    def _clear_side(
        self, loc: Loc, clear: float, limit: LimitEntry, numbers: Mapping[str, float], *, found: str, unit: str
    ) -> Iterator[Problem]:
        lowest = next(iter(numbers.values()))
        if (clear > lowest) if limit.comparison.rises else (clear < lowest):
            yield self.document.problem(loc, "R210", found=found, lowest=f"{lowest:g} {unit}".strip())

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
            for value in condition.values:
                yield from self._value((*loc, condition.word), value, known[condition.measure])
            if condition.outside is not None:
                yield from self._band((*loc, condition.word), condition.outside, known[condition.measure])


def _keeps_range(measure: MeasureEntry) -> bool:
    """Tell whether what is taken of a metric lies where its values lie."""
    is_changed = measure.change_over is not None or measure.slope_over is not None or measure.operand is not None
    is_plain = measure.take not in (Take.SUM, Take.COUNT, Take.RANGE, Take.COVERAGE)
    return (
        is_plain and not is_changed and getattr(measure, "across", None) not in (Across.SUM, Across.COUNT, Across.SHARE)
    )


def _may_be_operand(other: MeasureEntry, rule: LimitedRule) -> bool:
    """Tell whether another measure may be set against this one: plain, or at one site a single step from it."""
    if other.operand is None:
        return True
    if not isinstance(rule, ThresholdRule) or other.operand.own is not None:
        return False
    farther = rule.all_measures().get(other.operand.measure or "")
    return farther is None or farther.operand is None
