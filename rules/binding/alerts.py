"""Binding of rules about alerts alone: couplings and sequences, each bound to its groups."""

from collections.abc import Iterable
from dataclasses import dataclass

from citybrain.model import LEVELS, Level
from citybrain.registry import Registry
from citybrain.sites import Site
from citybrain.units import parse_quantity
from rules.areas.coupling import CouplingJudge
from rules.areas.grouping import Group, Grouping
from rules.areas.records import AlertCount
from rules.areas.sequence import SequenceJudge
from rules.binding.units import number_in, unit_of
from rules.lifecycle import Timing
from rules.rule import Rule
from rules.shape.area import CouplingRule, SequenceRule


@dataclass(frozen=True, slots=True)
class BoundAlerts:
    """A rule about alerts, bound to one group."""

    group: Group
    judge: CouplingJudge | SequenceJudge


class CouplingBinder:
    """Binds one coupling rule to its groups."""

    def __init__(self, entry: CouplingRule, rule: Rule, registry: Registry, sites: Iterable[Site]) -> None:
        self.grouping = Grouping(entry.group_by, registry, sites)
        hazards = round(number_in(parse_quantity(entry.at_least), unit_of(entry.measure, registry)))
        level = entry.measure.level or Level.BLUE
        assert entry.measure.across is not None, "the shape wants to know how alerts are counted"
        count = AlertCount(entry.measure.across, level.rank, 0, entry.measure.distinct)
        timing = Timing(entry.keep_firing_for, entry.min_life, min(level.rank + 1, len(LEVELS)), latched=entry.latched)
        judge = CouplingJudge(rule, timing, hazards, count)
        self.groups = tuple(BoundAlerts(group, judge) for group in self.grouping.groups.values())


class SequenceBinder:
    """Binds one sequence rule to its groups."""

    def __init__(self, entry: SequenceRule, rule: Rule, registry: Registry, sites: Iterable[Site]) -> None:
        self.grouping = Grouping(entry.group_by, registry, sites)
        ranks = tuple(step.level.rank for step in entry.steps)
        timing = Timing(entry.keep_firing_for, entry.min_life, entry.raising.rank, latched=entry.latched)
        judge = SequenceJudge(rule, timing, ranks, entry.within, entry.raising.rank)
        self.groups = tuple(BoundAlerts(group, judge) for group in self.grouping.groups.values())
