"""Binding of `threshold` rules: one rule and one site become a judge, with every limit a plain number.

A limit that names an attribute that the site, or no zone there, has is not judged at that site. Where an attribute goes
by season or hour there is one judge for each of its values.
"""

from collections.abc import Sequence
from dataclasses import replace

from citybrain.instants import DAY, HOUR, MINUTE
from citybrain.metrics import Shape
from citybrain.model import Level
from citybrain.registry import Registry
from citybrain.sites import Site
from citybrain.units import Quantity, parse_quantity
from rules.binding.ground import Ground, Here, SiteHere, named_by
from rules.binding.units import OCCUPANCY, inputs_of, number_in, plain_unit_of, series_key, unit_of
from rules.binding.words import full_words_of
from rules.calendar import armed_at
from rules.conditions import Condition, Conditions
from rules.cycles import Cycle
from rules.holding import Holding
from rules.lifecycle import Timing
from rules.measures import COVERAGE_MIN, Against, Measure, Own, Step
from rules.repeated import Repeated, parse_repeated
from rules.rule import Rule
from rules.seasons import Seasons, aligned, seasonal
from rules.shape.conditions import ConditionEntry, ConditionList, ConditionsEntry
from rules.shape.forecast import TrendEntry
from rules.shape.limited import LimitedRule
from rules.shape.limits import LevelEntry, LimitEntry
from rules.shape.measures import MeasureEntry
from rules.shape.rule import RuleEntry
from rules.shape.values import Operand, SameTime, Value
from rules.spans import Spans
from rules.threshold import Limit, Rung, ThresholdJudge, Tighten

DEADBAND_SHARE = 0.05  # Of the limit's value, where the author gives no deadband [E].
CONFIRMING_SAMPLES = 2  # The evidence gate of orange and red: valid samples in a row [E].
URGENT_HOLD = MINUTE  # What `urgent` asks for in place of the gate [E].
SHORT_HISTORY_MAX = 6 * HOUR  # So long a history is read from the series, sample by sample.
HOURLY_HISTORY_MAX = 7 * DAY  # So long a history is kept by hours, a longer one by days.
# How wide the slots of a history are, and how far from one that counts to the one before it, milliseconds.
_SLOTS = {SameTime.HOUR: (HOUR, DAY), SameTime.WEEKDAY_SLOT: (15 * MINUTE, 7 * DAY)}


class LimitsBinder:
    """Binds the measures, limits and conditions of one rule."""

    def __init__(self, entry: LimitedRule, rule: Rule, registry: Registry) -> None:
        self._entry = entry
        self._rule = rule
        self._registry = registry
        self._names = list(entry.all_measures())
        self._named = named_by(entry)
        self._units = {name: unit_of(measure, registry) for name, measure in entry.all_measures().items()}

    def _tighten(self, measures: Sequence[Measure], site: Here) -> Tighten | None:
        entry = self._entry.tighten
        if entry is None:
            return None
        conditions = self._conditions(entry.conditions, measures, site)
        assert conditions is not None, "the shape wants at least one"
        return Tighten(entry.times, conditions)

    def _operand(self, entry: MeasureEntry, site: SiteHere) -> float | None:
        """Return the number that a measure is set against at the site; None where it is no number or not known."""
        operand, unit = entry.operand, plain_unit_of(entry, self._registry)
        if operand is None or operand.measure is not None or operand.own is not None:
            return None
        return self.resolve(Value(quantity=operand.quantity, site=operand.site, zone=operand.zone), unit, site)

    def _measure(self, entry: MeasureEntry, site: SiteHere) -> Measure:
        metric = self._registry.metrics[inputs_of(entry)[0]]
        step, span = _step(entry)
        covers = metric.covers or 0
        take, quantile = entry.taken
        return Measure(
            name=entry.derived or entry.metric or "",
            series=series_key(entry, self._entry.accept_flags),
            unit=unit_of(entry, self._registry),
            step=step,
            span=span,
            take=take,
            grows=metric.shape is Shape.INCREMENT,
            period=max(site.period, covers),
            covers=covers,
            silent_for=self._registry.silent_for(site, inputs_of(entry)[0]),
            against=against_of(entry),
            operand=self._operand(entry, site),
            operand_place=self._names.index(entry.operand.measure) if entry.operand and entry.operand.measure else None,
            speaks_on_change=metric.shape is Shape.ON_CHANGE,
            own=self._own(entry.operand, max(site.period, covers), site),
            quantile=quantile,
            coverage=COVERAGE_MIN if entry.coverage is None else parse_quantity(entry.coverage).number / 100,
            is_occupancy=entry.derived == OCCUPANCY,
            horizon=entry.within if isinstance(entry, TrendEntry) else 0,
            confidence=entry.confidence if isinstance(entry, TrendEntry) else 0.0,
            cycle=entry.over if isinstance(entry.over, Cycle) else None,
        )

    def _own(self, operand: Operand | None, period: int, site: Site) -> Own | None:
        """Return which part of its own past a measure is set against at the site, and how that is kept."""
        if operand is None or operand.own is None:
            return None
        over = operand.over or 0
        if operand.at is not None:
            return Own(operand.quantile, over, *_SLOTS[operand.at])
        # What late readings may still change is in no slot yet, so that a span of this order is read from the series.
        if over <= max(SHORT_HISTORY_MAX, 2 * self._registry.feeds[site.feed].late_max):
            return Own(operand.quantile, over, 0, over)
        width = HOUR if over <= HOURLY_HISTORY_MAX and period <= HOUR else DAY
        return Own(operand.quantile, over, width, width)

    def _limit(self, entry: LimitEntry, measures: Sequence[Measure], site: Here) -> Limit | None:
        place = self._names.index(entry.measure)
        unit = self._units[entry.measure]
        if measures[place].against is not None and not measures[place].has_operand:
            return None  # The site lacks the attribute that the measure is set against.
        numbers = {
            level: number
            for level in Level
            if level in entry.ladder and (number := self.resolve(entry.ladder[level].value, unit, site)) is not None
        }
        rungs = tuple(
            rung
            for level, number in numbers.items()
            if (rung := self._rung(entry, level, list(numbers.values()), number, measures, site)) is not None
        )
        if not rungs:
            return None
        clear = self.resolve(entry.clear_value, unit, site) if entry.clear_value is not None else None
        return Limit(place, entry.comparison, rungs, clear if clear is not None else rungs[0].leave)

    def _rung(
        self,
        entry: LimitEntry,
        level: Level,
        numbers: Sequence[float],
        number: float,
        measures: Sequence[Measure],
        site: Here,
    ) -> Rung | None:
        written = entry.ladder[level]
        conditions = self._conditions((*entry.conditions, *written.conditions), measures, site)
        if conditions is not None and any(member.limit is None for member in conditions.members):
            return None  # Its `and` can never be met here, so the level is not judged.
        deadband = deadband_of(entry, numbers, number, self._units[entry.measure])
        return Rung(
            rank=level.rank,
            value=number,
            leave=number - deadband if entry.comparison.rises else number + deadband,
            holding=self._holding(entry, level, measures[self._names.index(entry.measure)]),
            conditions=conditions,
        )

    def _holding(self, entry: LimitEntry, level: Level, measure: Measure) -> Holding:
        """Return what a level asks for: its own words first, then the limit's, then the rule's."""
        places: tuple[LevelEntry | LimitEntry | LimitedRule, ...] = (entry.ladder[level], entry, self._entry)
        hold = next((place.hold for place in places if place.hold is not None), None)
        repeated = next((place.repeated for place in places if place.repeated is not None), None)
        holding = _holding(self._entry, level, hold, measure)
        if repeated is None:
            return holding
        return replace(holding, hold=hold or 0, samples=1, repeated=_repeated(repeated, measure))

    def _conditions(self, entry: ConditionsEntry, measures: Sequence[Measure], site: Here) -> Conditions | None:
        is_any = isinstance(entry, ConditionList)
        written = entry.any if isinstance(entry, ConditionList) else entry
        members = tuple(self._condition(member, measures, site) for member in written)
        return Conditions(members, any_of=is_any) if members else None

    def _condition(self, entry: ConditionEntry, measures: Sequence[Measure], site: Here) -> Condition:
        numbers = [self.resolve(value, self._units[entry.measure], site) for value in entry.values]
        first = None if None in numbers else numbers[0]
        place = self._names.index(entry.measure)
        return Condition(
            place,
            entry.comparison,
            first,
            numbers[1] if len(numbers) > 1 else None,
            _holding_of_condition(entry, measures[place]),
        )

    @staticmethod
    def resolve(value: Value, unit: str, site: Here) -> float | None:
        """Return the number of a limit at the site, or None where the attribute has no value there."""
        if value.number is not None:
            return value.number
        if value.quantity is not None:
            return number_in(parse_quantity(value.quantity), unit)
        attribute = site.attributes.get(value.site) if value.site is not None else None
        if value.zone is not None:
            attribute = site.zone_attributes.get(value.zone)
        if not isinstance(attribute, Quantity):
            return None
        number = number_in(attribute, unit) * (1.0 if value.times is None else value.times)
        number += 0.0 if value.plus is None else number_in(parse_quantity(value.plus), unit)
        return round(number, 9)  # 0.7 m and 0.2 m are 0.9 m: a value right at the limit must meet it.


class ThresholdBinder(LimitsBinder):
    """Binds one threshold rule to sites."""

    def bind(self, ground: Ground) -> ThresholdJudge | None:
        """Return the judge of the rule at the site; None where it has none of the metrics or of the attributes."""
        site = ground.ever()
        limits = self._limits(site)
        hours = self._entry.active.hours if self._entry.active is not None else None
        if not any(limits) or (hours is not None and hours.site is not None and hours.site not in site.attributes):
            return None
        whole = self._judge(site, limits, ground.spans)
        if not ground.changes(self._named):
            return whole

        def judge_of(instant: int) -> ThresholdJudge:
            then = ground.as_of(instant)
            return self._judge(then, aligned(limits, self._limits(then)), ground.spans)

        named = self._named
        seasons = Seasons(lambda at: ground.key_at(named, at), judge_of, lambda at: ground.turns_after(named, at))
        return seasonal(whole, seasons)

    def _limits(self, site: SiteHere) -> tuple[Limit | None, ...]:
        """Return the limits in the order in which they are written, None for one that is not judged at the site."""
        entries = self._entry.all_measures()
        if not any(set(inputs_of(entry)) & set(site.metrics) for entry in entries.values()):
            return ()
        measures = tuple(self._measure(entry, site) for entry in entries.values())
        return tuple(self._limit(side, measures, site) for entry in self._entry.all_limits() for side in entry.sides())

    def _judge(self, site: SiteHere, found: Sequence[Limit | None], spans: Spans | None) -> ThresholdJudge:
        entries = self._entry.all_measures()
        measures = tuple(self._measure(entry, site) for entry in entries.values())
        limits = tuple(limit for limit in found if limit is not None)
        ranks = [rung.rank for limit in limits for rung in limit.judged]
        lowest = min(ranks or [rung.rank for limit in limits for rung in limit.rungs])
        return ThresholdJudge(
            rule=self._rule,
            timing=Timing(self._entry.keep_firing_for, self._entry.min_life, lowest, latched=self._entry.latched),
            measures=measures,
            words=tuple(full_words_of(entry, self._entry, self._registry) for entry in entries.values()),
            limits=limits,
            only_while=self._conditions(self._entry.only_while, measures, site),
            clear_when=self._conditions(self._entry.clear_when, measures, site),
            active=armed_at(self._entry.active, site, self._registry.holidays, spans),
            tighten=self._tighten(measures, site),
        )


def deadband_of(entry: LimitEntry, numbers: Sequence[float], number: float, unit: str) -> float:
    """Return how far back from its number a level is left, given the numbers of all levels in their unit."""
    if entry.deadband is not None:
        return number_in(parse_quantity(entry.deadband), unit)
    if number != 0:
        return DEADBAND_SHARE * abs(number)
    steps = [abs(first - second) for first in numbers for second in numbers if first != second]
    return DEADBAND_SHARE * min(steps, default=0.0)


def against_of(entry: MeasureEntry) -> Against | None:
    """Return how a measure is set against its operand, if it has one."""
    if entry.minus is not None:
        return Against.MINUS
    if entry.sigmas_from is not None:
        return Against.SIGMAS_FROM
    return Against.DIVIDED_BY if entry.divided_by is not None else None


def _step(entry: MeasureEntry) -> tuple[Step, int]:
    if entry.over is not None:
        return Step.WINDOW, entry.over.longest if isinstance(entry.over, Cycle) else entry.over
    if entry.change_over is not None:
        return Step.CHANGE, entry.change_over
    if entry.slope_over is not None:
        return Step.TREND if isinstance(entry, TrendEntry) else Step.SLOPE, entry.slope_over
    return Step.NEWEST, 0


def _holding_of_condition(entry: ConditionEntry, measure: Measure) -> Holding | None:
    """Return how long or how often a condition must be met; None where once is enough. It has no evidence gate."""
    if entry.hold is None and entry.repeated is None:
        return None
    repeated = _repeated(entry.repeated, measure) if entry.repeated is not None else None
    has_gaps = not measure.speaks_on_change
    return Holding(entry.hold or 0, 1, measure.period, measure.covers, repeated, has_gaps=has_gaps)


def _repeated(text: str, measure: Measure) -> Repeated:
    return replace(parse_repeated(text), is_stamped_at_end=measure.is_stamped_at_end)


def _holding(entry: RuleEntry, level: Level, hold: int | None, measure: Measure) -> Holding:
    has_gaps = not measure.speaks_on_change
    if entry.urgent:
        return Holding(URGENT_HOLD if hold is None else hold, 1, measure.period, measure.covers, has_gaps=has_gaps)
    samples = CONFIRMING_SAMPLES if level.rank >= Level.ORANGE.rank and has_gaps else 1
    return Holding(hold or 0, samples, measure.period, measure.covers, has_gaps=has_gaps)
