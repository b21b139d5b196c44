"""The check of rules over several sites."""

from collections.abc import Iterator, Mapping

from citybrain.model import Level
from citybrain.places import PlaceWord
from citybrain.problems import Problem
from citybrain.registry import COUNTY
from citybrain.units import parse_quantity
from rules.binding.units import RATIO, metres_of, number_in, site_unit_of, unit_of
from rules.check.base import Loc
from rules.check.limits import LimitsCheck
from rules.shape.area import AreaMeasureEntry, AreaRule, CouplingRule, GroupEntry, SequenceRule
from rules.shape.conditions import ConditionList, ConditionsEntry
from rules.shape.limits import BandEntry, LevelEntry, LimitEntry
from rules.shape.rule import RuleEntry, RuleStatus
from rules.shape.values import QuorumEntry, Value


class AreaCheck(LimitsCheck):
    """Checks what only rules over several sites have: groups, places, quorums."""

    def _area(self, rule: AreaRule) -> Iterator[Problem]:
        yield from self._group((*self.loc, "group_by"), rule.group_by)
        for name, measure in rule.area_measures().items():
            loc = (*self.loc, "measures", name) if rule.measures else (*self.loc, "measure")
            if self._measure(loc, measure, rule) is None:
                yield from self._area_measure(loc, measure, rule.group_by)
        yield from self._threshold(rule)
        if rule.sites is not None:
            yield from self._quorum((*self.loc, "sites"), rule.sites)
        if rule.active is not None and rule.active.hours is not None and rule.active.hours.site is not None:
            yield self.document.problem((*self.loc, "active", "hours"), "R263")
        measures = rule.area_measures()
        for index, limit in enumerate(rule.all_limits()):
            loc = (*self.loc, "limits", index) if rule.limits else self.loc
            measured = measures.get(limit.measure)
            yield from self._sites_of(loc, limit, is_of_group=measured is not None and _is_of_group(measured))
        yield from self._untimed(rule)

    def _coupling(self, rule: CouplingRule) -> Iterator[Problem]:
        yield from self._group((*self.loc, "group_by"), rule.group_by)
        yield from self._area_measure((*self.loc, "measure"), rule.measure, rule.group_by)
        if not rule.measure.alerts:
            yield self.document.problem((*self.loc, "measure"), "R261")
            return
        yield from self._value(
            (*self.loc, "at_least"), Value(quantity=rule.at_least), unit_of(rule.measure, self.registry)
        )

    def _sequence(self, rule: SequenceRule) -> Iterator[Problem]:
        yield from self._group((*self.loc, "group_by"), rule.group_by)
        for index, step in enumerate(rule.steps):
            if step.place is not None:
                yield from self._place((*self.loc, "steps", index, "from"), step.place, rule.group_by)

    def _group(self, loc: Loc, group_by: GroupEntry) -> Iterator[Problem]:
        known = {*self.registry.zone_kinds, COUNTY}
        for kind in group_by.zone:
            if kind not in known:
                yield self._unknown((*loc, "zone"), "R206", kind, known)
        if group_by.site is not None and group_by.site not in self.registry.kinds:
            yield self._unknown((*loc, "site"), "R204", group_by.site, self.registry.kinds)
        for name in ("within", "cell"):
            yield from self._length((*loc, name), getattr(group_by, name))

    def _length(self, loc: Loc, text: str | None) -> Iterator[Problem]:
        if text is None:
            return
        try:
            metres = metres_of(parse_quantity(text))
        except ValueError:
            yield self.document.problem(loc, "R211", found=text, expected="m, km")
            return
        if metres <= 0:
            yield self.document.problem(loc, "R218", found=text, least="1 m")

    def _area_measure(self, loc: Loc, measure: AreaMeasureEntry, group_by: GroupEntry) -> Iterator[Problem]:
        if measure.place is not None:
            yield from self._place((*loc, "from"), measure.place, group_by)
        if measure.sites_where is not None:
            word = measure.sites_where.comparison.value
            value: Value = getattr(measure.sites_where, word)
            if value.quantity is None:
                yield self.document.problem((*loc, "sites_where", word), "R263")
            else:
                yield from self._value((*loc, "sites_where", word), value, site_unit_of(measure, self.registry))
        attributes = {name for kind in self.registry.kinds.values() for name in kind.attributes}
        if measure.weight is not None and measure.weight not in attributes:
            yield self._unknown((*loc, "weight"), "R213", measure.weight, attributes)

    def _place(self, loc: Loc, place: PlaceWord, group_by: GroupEntry) -> Iterator[Problem]:
        kinds = (*place.kind, place.nearest) if place.nearest is not None else place.kind
        for kind in kinds:
            if kind not in self.registry.kinds:
                yield self._unknown(loc, "R204", kind, self.registry.kinds)
        if group_by.whole == "city" or group_by.cell is not None:
            yield self.document.problem(loc, "R264")

    def _sites_of(self, loc: Loc, limit: LimitEntry, *, is_of_group: bool) -> Iterator[Problem]:
        entries: Mapping[Level, LevelEntry | BandEntry] = limit.outside or limit.ladder
        levels = [((*loc, limit.word, level.value), entry) for level, entry in entries.items()]
        written = [((*loc, "sites"), limit.sites), *(((*place, "sites"), entry.sites) for place, entry in levels)]
        for place, quorum in written:
            if quorum is not None and is_of_group:
                yield self.document.problem(place, "R265", key=limit.measure)
            elif quorum is not None:
                yield from self._quorum(place, quorum)
        for place, value in (*((place, entry.value) for place, entry in levels), ((*loc, "clear"), limit.clear)):
            pair = value if isinstance(value, tuple) else (value,)
            if any(one is not None and one.site is not None for one in pair):
                yield self.document.problem(place, "R263")

    def _untimed(self, rule: AreaRule) -> Iterator[Problem]:
        """Check that no condition on a measure of each site counts time: nobody counts it site by site."""
        found: list[tuple[Loc, ConditionsEntry]] = [
            ((*self.loc, "only_while"), rule.only_while),
            ((*self.loc, "clear_when"), rule.clear_when),
            ((*self.loc, "tighten", "while"), rule.tighten.conditions if rule.tighten is not None else ()),
        ]
        for index, limit in enumerate(rule.all_limits()):
            loc = (*self.loc, "limits", index) if rule.limits else self.loc
            found.append(((*loc, "and"), limit.conditions))
            entries: Mapping[Level, LevelEntry | BandEntry] = limit.outside or limit.ladder
            found += [((*loc, limit.word, level.value, "and"), one.conditions) for level, one in entries.items()]
        for loc, entry in found:
            members, inside = (entry.any, (*loc, "any")) if isinstance(entry, ConditionList) else (entry, loc)
            for index, member in enumerate(members):
                measure = rule.area_measures().get(member.measure)
                is_timed = member.hold is not None or member.repeated is not None
                if is_timed and measure is not None and not _is_of_group(measure):
                    yield self.document.problem((*inside, index), "R247", key=member.measure)

    def _quorum(self, loc: Loc, quorum: QuorumEntry) -> Iterator[Problem]:
        yield from self._length((*loc, "within"), quorum.within)
        if quorum.share is None:
            return
        try:
            share = number_in(parse_quantity(quorum.share), RATIO)
        except ValueError:
            yield self.document.problem(loc, "R211", found=quorum.share, expected="%")
            return
        if not 0 < share <= 1:
            yield self.document.problem(loc, "R267", found=quorum.share)

    def alerts_named(self, rule: RuleEntry) -> Iterator[tuple[Loc, str]]:
        """Yield the rules whose alerts a rule is about, each with the place where it is named."""
        match rule:
            case AreaRule():
                for name, measure in rule.area_measures().items():
                    loc = (*self.loc, "measures", name) if rule.measures else (*self.loc, "measure")
                    if measure.alerts != "any":
                        yield from (((*loc, "alerts"), named) for named in measure.alerts)
            case CouplingRule() if rule.measure.alerts != "any":
                yield from (((*self.loc, "measure", "alerts"), named) for named in rule.measure.alerts)
            case SequenceRule():
                yield from (((*self.loc, "steps", index, "alert"), step.alert) for index, step in enumerate(rule.steps))

    def unfit_names(self, rule: RuleEntry, others: Mapping[str, RuleEntry]) -> Iterator[Problem]:
        """Yield a problem for each rule that is named although it is not there, or is itself about alerts."""
        for loc, name in self.alerts_named(rule):
            other = others.get(name)
            if other is None:
                yield self._unknown(loc, "R260", name, others)
            elif is_about_alerts(other) and not (isinstance(rule, CouplingRule | SequenceRule) and is_area(other)):
                yield self.document.problem(loc, "R262", key=name)
            elif other.status is RuleStatus.DRAFT and rule.status is not RuleStatus.DRAFT:
                yield self.document.problem(loc, "R271", key=name)


def _is_of_group(measure: AreaMeasureEntry) -> bool:
    is_of_nearest = measure.place is not None and measure.place.nearest is not None
    return measure.across is not None or bool(measure.alerts) or is_of_nearest


def is_area(rule: RuleEntry) -> bool:
    """Tell whether a rule is of the type `area`."""
    return isinstance(rule, AreaRule)


def is_about_alerts(rule: RuleEntry) -> bool:
    """Tell whether a rule is about alerts of others, wholly or in part."""
    if isinstance(rule, AreaRule):
        return any(measure.alerts for measure in rule.area_measures().values())
    return isinstance(rule, CouplingRule | SequenceRule)
