"""All rules over several sites of a set, bound to their groups and to the sites and alerts that they listen to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from citybrain.places import PlaceWord, sites_from, zones_from
from citybrain.registry import Registry
from citybrain.sites import Site
from rules.areas.grouping import Group, Grouping
from rules.areas.plan import OVER_ALERTS, OVER_HAZARDS, OVER_SITES, AreaPlan, BoundRule, Listening
from rules.binding.alerts import CouplingBinder, SequenceBinder
from rules.binding.area import AreaBinder, span_of
from rules.binding.ground import Ground
from rules.rule import Rule, Ties
from rules.shape.area import AreaRule, CouplingRule, SequenceRule
from rules.shape.no_data import NoDataRule
from rules.shape.places import Where
from rules.shape.rule import RuleEntry
from rules.shape.threshold import ThresholdRule
from rules.signals import Sender

OverSites = AreaRule | CouplingRule | SequenceRule
Concerns = Callable[[Where, Site], bool]


@dataclass(frozen=True, slots=True)
class BoundAreas:
    """The plan of the area stage, and what each site must tell it."""

    plan: AreaPlan
    binders: tuple[AreaBinder, ...]

    def binder(self, rule_id: str) -> AreaBinder:
        """Return how an area rule is bound to its groups."""
        return next(binder for binder in self.binders if binder.rule_id == rule_id)

    @property
    def minds_silence(self) -> bool:
        """Tell whether any rule is about the silence of sites."""
        return any(entry.silence for binder in self.binders for entry in binder.places.values())

    def senders_of(self, ground: Ground) -> tuple[Sender, ...]:
        """Return what a site must tell, rule by rule."""
        found = (binder.sender(ground) for binder in self.binders)
        return tuple(sender for sender in found if sender is not None)


class AreaSetBinder:
    """Binds the rules over several sites of one set."""

    def __init__(self, rules: Mapping[str, tuple[RuleEntry, Rule]], registry: Registry, concerns: Concerns) -> None:
        self._rules = rules
        self._registry = registry
        self._concerns = concerns
        self._entries = {rule_id: entry for rule_id, (entry, _) in rules.items()}

    def bind(self, catalog: str) -> BoundAreas:
        """Return the whole stage."""
        bound: list[BoundRule] = []
        binders: list[AreaBinder] = []
        for entry, rule in self._rules.values():
            if isinstance(entry, AreaRule):
                binder = AreaBinder(entry, rule, self._registry, self._sites(entry))
                binders.append(binder)
                bound.append(self._area(entry, rule, binder))
            elif isinstance(entry, CouplingRule):
                bound.append(self._coupling(entry, rule))
            elif isinstance(entry, SequenceRule):
                bound.append(self._sequence(entry, rule))
        hazards = {rule_id: rule.hazard for rule_id, (_, rule) in self._rules.items()}
        return BoundAreas(AreaPlan(self._registry, catalog, hazards, tuple(bound)), tuple(binders))

    def _sites(self, entry: OverSites) -> list[Site]:
        return [site for site in self._registry.sites.values() if self._concerns(entry.where, site)]

    def _area(self, entry: AreaRule, rule: Rule, binder: AreaBinder) -> BoundRule:
        # Beside measures of sites, `where` says which sites those are, and not whose alerts count.
        is_alone = all(measure.alerts for measure in entry.area_measures().values())
        listening = tuple(
            self._listening(place, measure.alerts, measure.place, binder.grouping, entry.where if is_alone else Where())
            for place, measure in binder.places.items()
            if measure.alerts
        )
        return BoundRule(
            rule=rule,
            order=OVER_ALERTS if listening else OVER_SITES,
            grouping=binder.grouping,
            judges={bound.group.id: (bound.group, bound.judge) for bound in binder.groups},
            members={
                bound.group.id: tuple(frozenset(one.members) for one in bound.judge.measures) for bound in binder.groups
            },
            measures=tuple(f"{binder.name_at(place)}={one!r}" for place, one in binder.places.items()),
            listening=listening,
            keep=max((span_of(measure) for measure in binder.places.values() if measure.alerts), default=0),
            ties=self._ties(entry),
            spans={
                group_id: spans
                for group_id, group in binder.grouping.groups.items()
                if (spans := binder.spans_of(group)) is not None
            },
        )

    def _coupling(self, entry: CouplingRule, rule: Rule) -> BoundRule:
        binder = CouplingBinder(entry, rule, self._registry, self._sites(entry))
        measure = entry.measure
        return BoundRule(
            rule=rule,
            order=OVER_HAZARDS,
            grouping=binder.grouping,
            judges={bound.group.id: (bound.group, bound.judge) for bound in binder.groups},
            members={},
            measures=(repr(measure),),
            listening=(self._listening(0, measure.alerts, measure.place, binder.grouping, entry.where),),
            keep=0,
            ties=self._ties(entry),
        )

    def _sequence(self, entry: SequenceRule, rule: Rule) -> BoundRule:
        binder = SequenceBinder(entry, rule, self._registry, self._sites(entry))
        listening = tuple(
            self._listening(place, (step.alert,), step.place, binder.grouping, entry.where)
            for place, step in enumerate(entry.steps)
        )
        return BoundRule(
            rule=rule,
            order=OVER_HAZARDS,
            grouping=binder.grouping,
            judges={bound.group.id: (bound.group, bound.judge) for bound in binder.groups},
            members={},
            measures=tuple(repr(step) for step in entry.steps),
            listening=listening,
            keep=entry.within,
            ties=self._ties(entry),
        )

    def _listening(
        self, place: int, alerts: Iterable[str], word: PlaceWord | None, grouping: Grouping, where: Where
    ) -> Listening:
        rules = frozenset(_counted(alerts, self._entries)) & self._rules.keys()
        sites = None
        if where != Where():
            sites = frozenset(site.id for site in self._registry.sites.values() if self._concerns(where, site))
        if word is None:
            return Listening(place, rules, sites=sites, counties=where.county)
        near = {
            group.id: frozenset(sites_from(self._registry, group.origin, word))
            for group in grouping.groups.values()
            if group.origin is not None
        }
        return Listening(place, rules, near, word.reach_m, sites, where.county)

    def _ties(self, entry: OverSites) -> Callable[[Group], Ties]:
        def of_group(group: Group) -> Ties:
            also_in = (also for also in entry.also_in if also.where is None or self._is_at(also.where, group))
            affects: tuple[str, ...] = ()
            if entry.affects is not None and group.origin is not None:
                affects = zones_from(self._registry, group.origin, entry.affects)
            return Ties(tuple(also.scenario for also in also_in), affects)

        return of_group

    def _is_at(self, where: Where, group: Group) -> bool:
        """Tell whether a group lies in the counties and is of the kind of zone that an author wants."""
        if where.county and group.county not in where.county:
            return False
        kinds = {self._registry.zones[zone].kind for zone in group.zones}
        return where.zone is None or bool(kinds & set(where.zone.kind)) or where.zone.id in group.zones


def counted_by(entry: RuleEntry, entries: Mapping[str, RuleEntry]) -> frozenset[str]:
    """Return the rules whose alerts a rule is about, out of those that there are."""
    named: list[Iterable[str]] = []
    if isinstance(entry, AreaRule):
        named = [measure.alerts for measure in entry.area_measures().values()]
    elif isinstance(entry, CouplingRule):
        named = [entry.measure.alerts]
    elif isinstance(entry, SequenceRule):
        named = [(step.alert,) for step in entry.steps]
    return frozenset().union(*(_counted(alerts, entries) for alerts in named))


def _counted(alerts: Iterable[str], entries: Mapping[str, RuleEntry]) -> Iterable[str]:
    """Return the rules that `alerts` names; `any` is every hazard, and a sensor that fails is none."""
    if alerts != "any":
        return alerts
    return [name for name, entry in entries.items() if _is_about_hazard(entry)]


def _is_about_hazard(entry: RuleEntry) -> bool:
    is_quality = isinstance(entry, ThresholdRule) and entry.type == "quality"
    return not is_quality and not isinstance(entry, CouplingRule | NoDataRule)
