"""The rule set in force: all rule files of a catalog, checked, and bound to each site on first sight."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from citybrain.alerts import Certainty
from citybrain.documents import Document, load, validated
from citybrain.errors import CatalogError
from citybrain.model import Scenario
from citybrain.problems import Problem, sorted_problems
from citybrain.registry import SHIPPED, Registry, read_registry
from citybrain.sites import Site
from rules.binding.areas import AreaSetBinder, counted_by
from rules.check.inhibits import Link, link_problems, links_of
from rules.check.rule import RuleCheck
from rules.checked import CheckedRule
from rules.history import READY_SHARE
from rules.inhibition import Inhibition
from rules.planner import Planner
from rules.reach import unreachable
from rules.rule import Rule
from rules.shape.area import AreaRule, CouplingRule, SequenceRule
from rules.shape.file import AnyRule, RuleFile
from rules.shape.forecast import ForecastRule
from rules.shape.limited import LimitedRule
from rules.shape.no_data import NoDataRule
from rules.shape.rule import RuleEntry, RuleStatus
from rules.site_plan import SitePlan
from rules.whereabouts import Whereabouts

SHIPPED_RULES = Path(__file__).parent / "catalog"

# What stands in a rule for people to read, and does not decide anything.
_WORDS_ONLY = {
    "rows",
    "status",
    "also_in",
    "inhibits",
    "affects",
    "words",
    "source",
    "cause",
    "consequence",
    "action",
    "respond_within",
    "false_positives",
    "tests",
}


class RuleSet:
    """Checked rules over a registry. `catalog` is the hash of everything that decides or is quoted."""

    def __init__(self, registry: Registry, rules: Iterable[CheckedRule]) -> None:
        self.registry = registry
        self.rules = {checked.rule.id: checked for checked in sorted(rules, key=lambda checked: checked.rule.id)}
        self.catalog = _digest(
            [registry.content_hash, [[checked.rule.scenario, _plain(checked.entry)] for checked in self.rules.values()]]
        )[:12]
        self._where = Whereabouts(registry)
        self._plans: dict[str, SitePlan] = {}
        self.in_force = [checked for checked in self.rules.values() if checked.entry.status is not RuleStatus.DRAFT]
        entries = {checked.rule.id: (checked.entry, checked.rule) for checked in self.in_force}
        self.areas = AreaSetBinder(entries, registry, self._where.concerns).bind(self.catalog)
        self._planner = Planner(registry, self.in_force, self._where, self.areas)
        self._minds_silence = self.areas.minds_silence or any(
            isinstance(checked.entry, NoDataRule) for checked in self.in_force
        )

    @property
    def over_sites(self) -> frozenset[str]:
        """Return the ids of the rules in force over several sites, over alerts and over hazards."""
        return frozenset(bound.rule.id for bound in self.areas.plan.rules)

    def only(self, rule_id: str) -> "RuleSet":
        """Return a set of one rule, in force even if a draft, and of those whose alerts it is about; for its tests."""
        entries = {name: checked.entry for name, checked in self.rules.items()}
        needed, queue = set(), [rule_id]
        while queue:
            name = queue.pop()
            if name in self.rules and name not in needed:
                needed.add(name)
                queue += counted_by(entries[name], entries)
        chosen = [self.rules[name] for name in sorted(needed)]
        active = {"status": RuleStatus.ACTIVE}
        return RuleSet(self.registry, [replace(one, entry=one.entry.model_copy(update=active)) for one in chosen])

    def zones_at(self, position: tuple[float, float]) -> frozenset[str]:
        """Return the ids of all zones around a position."""
        return self._where.zones_at(position)

    def plan_for(self, site: Site) -> SitePlan:
        """Return the plan of the site; made on first sight."""
        plan = self._plans.get(site.id)
        if plan is None:
            plan = self._plans[site.id] = self._planner.plan(site)
        return plan

    def armed_at(self, rule_id: str) -> int:
        """Return at how many sites the rule is judged; a rule over several sites, at how many groups of them."""
        return self.areas.plan.group_count(rule_id) or len(self.sites_of(rule_id))

    def is_armed(self, rule_id: str) -> bool:
        """Tell whether the rule is judged anywhere. It takes the plans of few sites to see that, where it is."""
        where = self.rules[rule_id].entry.where
        meant = (site for site in self.registry.sites.values() if self._where.concerns(where, site))
        return self.areas.plan.group_count(rule_id) > 0 or any(
            judge.rule.id == rule_id for site in meant for judge in self.plan_for(site).judges
        )

    def waits_for_zone(self, rule_id: str) -> bool:
        """Tell whether the rule is about temporary zones, of which there may be none today."""
        entry = self.rules[rule_id].entry
        kinds = entry.where.zone.kind if entry.where.zone is not None else ()
        if isinstance(entry, AreaRule | CouplingRule | SequenceRule):
            kinds = (*kinds, *entry.group_by.zone)
        return any(self.registry.is_temporary(kind) for kind in kinds)

    def waits_for(self, site: Site) -> bool:
        """Tell whether a rule minds the silence of the site."""
        if not self._minds_silence:
            return False  # Most plans are not there yet at the start, and without such a rule none is needed.
        plan = self.plan_for(site)
        return any(judge.is_about_silence for judge in plan.judges) or any(one.silences for one in plan.senders)

    def inhibitions(self) -> dict[str, tuple[Inhibition, ...]]:
        """Return what the rules in force do to the alerts of others, by the rule that does it."""
        return {
            checked.rule.id: tuple(Inhibition(one.rule, one.level, one.within) for one in checked.entry.inhibits)
            for checked in self.in_force
            if checked.entry.inhibits
        }

    def sites_of(self, rule_id: str) -> list[Site]:
        """Return the sites that the rule is armed at; none for a rule over several sites."""
        return [
            site
            for site in self.registry.sites.values()
            if any(judge.rule.id == rule_id for judge in self.plan_for(site).judges)
        ]

    def warm_ups(self) -> dict[str, int]:
        """Return per rule that compares with history how much of it, in milliseconds, it waits for at a new site."""
        found: dict[str, int] = {}
        for rule_id, checked in self.rules.items():
            entries = checked.entry.all_measures().values() if isinstance(checked.entry, LimitedRule) else ()
            spans = [entry.operand.over for entry in entries if entry.operand is not None and entry.operand.over]
            if spans:
                found[rule_id] = round(READY_SHARE * max(spans))
        return found

    def idle_overrides(self, checked: CheckedRule) -> set[int]:
        """Return the places of the overrides of a rule that are the first to concern a site nowhere."""
        idle: set[int | None] = set(range(len(checked.entry.overrides)))
        for site in self.registry.sites.values() if idle else ():
            if self._where.concerns(checked.entry.where, site):
                idle.discard(self._planner.override_of(checked, site))
        return {place for place in idle if place is not None}


def load_rules(rules: Path | None = None, catalog: Path | None = None) -> RuleSet:
    """Return the rule set of two catalog folders, by default the shipped ones.

    Raises CatalogError whose text lists every fault with its place.
    """
    found, problems = read_rules(rules or SHIPPED_RULES, catalog or SHIPPED)
    if found is None:
        raise CatalogError("\n".join(problem.line_of_report("en") for problem in problems))
    return found


def read_rules(rules: Path, catalog: Path) -> tuple[RuleSet | None, list[Problem]]:
    """Read and check a rule folder (or one file) over a catalog folder. Without a set there are problems."""
    registry, problems = read_registry(catalog)
    if registry is None:
        return None, problems
    paths = [rules] if rules.is_file() else sorted(rules.rglob("*.yaml"))
    if not paths:
        return None, [Problem(rules, 1, 1, "R120", {"pattern": "*.yaml"})]
    checked: dict[str, CheckedRule] = {}
    checks: list[tuple[RuleCheck, AnyRule]] = []
    links: list[Link] = []
    # One file, or the folder of one scenario, may name rules that stand elsewhere.
    are_all_read = rules.is_dir() and rules.name not in set(Scenario)
    for path in paths:
        document, faults = load(path)
        problems += faults
        if document is None:
            are_all_read = False
            continue
        file, faults = validated(document, RuleFile)
        problems += faults
        are_all_read &= file is not None
        if file is not None:
            problems += _check_file(document, file, registry, checked, checks)
            links += [link for index, entry in enumerate(file.rules) for link in links_of(document, index, entry)]
    problems += link_problems(links, checked, are_all_read=are_all_read)
    entries = {rule_id: one.entry for rule_id, one in checked.items()}
    for check, entry in checks:
        problems += check.unfit_names(entry, entries)
    if problems:
        return None, sorted_problems(problems)
    rules_set = RuleSet(registry, checked.values())
    problems += _unarmed(rules_set)
    return (None, sorted_problems(problems)) if problems else (rules_set, [])


def _unarmed(rules: RuleSet) -> Iterator[Problem]:
    """Yield a problem for each rule in force, level and override that no site or group of the catalog could ever meet.

    A rule over temporary zones waits for one.
    """
    for checked in rules.in_force:
        if rules.waits_for_zone(checked.rule.id):
            continue
        for place in sorted(rules.idle_overrides(checked)):
            yield checked.override_problem(place, "R252", key=checked.rule.id)
        if not rules.is_armed(checked.rule.id):
            yield checked.problem("R217", key=checked.rule.id)
        if isinstance(checked.entry, AreaRule):
            yield from unreachable(checked, checked.entry, rules.areas.binder(checked.rule.id))


def _check_file(
    document: Document,
    file: RuleFile,
    registry: Registry,
    checked: dict[str, CheckedRule],
    checks: list[tuple[RuleCheck, AnyRule]],
) -> list[Problem]:
    problems: list[Problem] = []
    folder = document.path.parent.name
    if folder != file.scenario.value and document.path.parent.parent.name == "catalog":
        problems.append(document.problem(("scenario",), "R216", found=file.scenario.value, folder=folder))
    for index, entry in enumerate(file.rules):
        loc = ("rules", index)
        check = RuleCheck(document, registry, file.scenario, loc)
        problems += check.problems(entry)
        checks.append((check, entry))
        if entry.id in checked:
            problems.append(document.problem((*loc, "id"), "R215", key=entry.id, other=checked[entry.id].path))
        checked[entry.id] = CheckedRule(entry, _rule(entry, file), document, loc)
    return problems


def _rule(entry: AnyRule, file: RuleFile) -> Rule:
    deciding = {name: value for name, value in _plain(entry).items() if name not in _WORDS_ONLY}
    return Rule(
        id=entry.id,
        rows=entry.rows or (entry.id,),
        scenario=file.scenario,
        words=entry.words,
        hazard=entry.hazard,
        cause=entry.cause,
        consequence=entry.consequence,
        action=entry.action,
        respond_within=entry.respond_within,
        fingerprint=_digest(deciding)[:16],
        certainty=Certainty.LIKELY if isinstance(entry, ForecastRule) else Certainty.OBSERVED,
        latched=entry.latched,
        is_trial=entry.status is RuleStatus.TRIAL,
    )


def _plain(entry: RuleEntry) -> dict[str, Any]:
    return entry.model_dump(mode="json")


def _digest(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()
