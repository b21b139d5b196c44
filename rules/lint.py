"""What an author should hear of although it is no fault: where a rule is judged in part only."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from citybrain.model import Level
from citybrain.problems import Problem
from citybrain.sites import Site
from rules.binding.area import AreaBinder
from rules.checked import CheckedRule
from rules.ruleset import RuleSet
from rules.shape.area import AreaRule
from rules.shape.limited import LimitedRule
from rules.shape.rule import RuleStatus

NAMES_MAX = 3  # So many are named, the rest is counted.


def warnings(rules: RuleSet) -> Iterator[Problem]:
    """Yield what is worth knowing of a set that has no faults."""
    for checked in rules.in_force:
        if checked.entry.status is RuleStatus.DEPRECATED:
            yield checked.problem("R250", key=checked.rule.id)
        if isinstance(checked.entry, AreaRule):
            yield from _left_out(checked, rules.areas.binder(checked.rule.id))
        elif isinstance(checked.entry, LimitedRule):
            yield from _not_judged(checked, checked.entry, rules.sites_of(checked.rule.id))


def _not_judged(checked: CheckedRule, entry: LimitedRule, sites: Iterable[Site]) -> Iterator[Problem]:
    """Yield for each level the sites at which it is not judged, as they lack the attribute that it names."""
    lacking: dict[tuple[str, str], list[str]] = defaultdict(list)
    for site in sites:
        for level, name in sorted(_named_per_level(entry)):
            if name not in site.attributes:
                lacking[level.value, name].append(site.id)
    for (level_name, attribute), ids in lacking.items():
        yield checked.problem("R268", rule=checked.rule.id, level=level_name, attribute=attribute, **_some(ids))


def _named_per_level(entry: LimitedRule) -> set[tuple[Level, str]]:
    """Return the attributes of a site that the levels name, on either side of `outside`."""
    sides = (side for limit in entry.all_limits() for side in limit.sides())
    ladders = (side.ladder for side in sides)
    return {
        (level, one.value.site) for ladder in ladders for level, one in ladder.items() if one.value.site is not None
    }


def _left_out(checked: CheckedRule, binder: AreaBinder) -> Iterator[Problem]:
    """Yield for each measure the groups in which no site has it, so that its conditions and limits are left out."""
    lacking: dict[str, list[str]] = defaultdict(list)
    for bound in binder.groups:
        for place, one in enumerate(bound.judge.measures):
            if not one.members and one.alerts is None:
                lacking[binder.name_at(place)].append(bound.group.id)
    for name, ids in lacking.items():
        yield checked.problem("R269", rule=checked.rule.id, measure=name, **_some(ids))


def _some(ids: list[str]) -> dict[str, object]:
    names = ", ".join(sorted(ids)[:NAMES_MAX])
    return {"count": len(ids), "names": names if len(ids) <= NAMES_MAX else f"{names} ..."}
