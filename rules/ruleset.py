"""The rule set in force: all rule files of a catalog, checked, and bound to each site on first sight."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, overload

from citybrain.alerts import Certainty
from citybrain.documents import Document, load, validated
from citybrain.errors import CatalogError
from citybrain.geometry import AreaIndex
from citybrain.model import Scenario
from citybrain.problems import Problem, sorted_problems
from citybrain.registry import SHIPPED, Registry, read_registry
from citybrain.sites import Site
from rules.binding.geofence import GeofenceBinder
from rules.binding.no_data import bind_silence
from rules.binding.quality import QualityBinder
from rules.binding.threshold import ThresholdBinder
from rules.binding.units import series_key
from rules.check.rule import RuleCheck
from rules.derived import DERIVED
from rules.derived_series import DerivedSeries
from rules.history import READY_SHARE
from rules.rule import Judge, Rule
from rules.shape.file import AnyRule, RuleFile
from rules.shape.forecast import ForecastRule
from rules.shape.no_data import NoDataRule
from rules.shape.places import Where
from rules.shape.rule import RuleEntry
from rules.shape.threshold import ThresholdRule
from rules.silence import SilenceJudge
from rules.threshold import ThresholdJudge

SHIPPED_RULES = Path(__file__).parent / "catalog"

# What stands in a rule for people to read, and does not decide anything.
_WORDS_ONLY = {
    "rows",
    "also_in",
    "words",
    "source",
    "cause",
    "consequence",
    "action",
    "respond_within",
    "false_positives",
    "tests",
}


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """A rule that passed its checks, and where its author wrote it."""

    entry: AnyRule
    rule: Rule
    path: Path
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class SitePlan:
    """Exactly what concerns one site."""

    site: Site
    judges: tuple[Judge, ...]  # In the order of their rule ids.
    by_series: Mapping[str, tuple[int, ...]]  # Series key -> places of the judges that read it.
    reach: Mapping[str, int]  # Series key -> how far back a window looks, milliseconds.
    derived: tuple[DerivedSeries, ...]
    silences: Mapping[str, tuple[int, ...]]  # Series key -> silences at which something is due, ascending.
    flagged: Mapping[str, tuple[str, ...]]  # Metric -> series keys that take more than valid values.
    zones: tuple[str, ...]  # Where the site stands; counties left out.
    also_in: Mapping[str, tuple[Scenario, ...]]  # Rule id -> further scenarios of its events here.
    late_max: int  # How far behind the newest a sample may be, milliseconds.
    _places: dict[tuple[str, ...], tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)

    def places_of(self, series: tuple[str, ...]) -> tuple[int, ...]:
        """Return the places of the judges that read any of the series, ascending. Kept, as readings look alike."""
        places = self._places.get(series)
        if places is None:
            found = {place for key in series for place in self.by_series.get(key, ())}
            places = self._places[series] = tuple(sorted(found))
        return places


class RuleSet:
    """Checked rules over a registry. `catalog` is the hash of everything that decides or is quoted."""

    def __init__(self, registry: Registry, rules: Iterable[CheckedRule]) -> None:
        self.registry = registry
        self.rules = {checked.rule.id: checked for checked in sorted(rules, key=lambda checked: checked.rule.id)}
        self.catalog = _digest(
            [registry.content_hash, [[checked.rule.scenario, _plain(checked.entry)] for checked in self.rules.values()]]
        )[:12]
        self._index = AreaIndex((zone.id, zone.area) for zone in registry.zones.values())
        self._kinds = {zone.id: zone.kind for zone in registry.zones.values()}
        self._plans: dict[str, SitePlan] = {}
        self._bind = {checked.rule.id: _binder(checked, registry) for checked in self.rules.values()}

    def only(self, rule_id: str) -> "RuleSet":
        """Return the same set with nothing but one rule in it; for tests of that rule."""
        return RuleSet(self.registry, [self.rules[rule_id]])

    def zones_at(self, position: tuple[float, float]) -> frozenset[str]:
        """Return the ids of all zones around a position."""
        return self._index.containing(position)

    def plan_for(self, site: Site) -> SitePlan:
        """Return the plan of the site; made on first sight."""
        plan = self._plans.get(site.id)
        if plan is None:
            plan = self._plans[site.id] = self._make_plan(site)
        return plan

    def sites_of(self, rule_id: str) -> list[Site]:
        """Return the sites that the rule is armed at."""
        return [
            site
            for site in self.registry.sites.values()
            if any(judge.rule.id == rule_id for judge in self.plan_for(site).judges)
        ]

    def warm_ups(self) -> dict[str, int]:
        """Return per rule that compares with history how much of it, in milliseconds, it waits for at a new site."""
        found: dict[str, int] = {}
        for rule_id, checked in self.rules.items():
            entries = checked.entry.all_measures().values() if isinstance(checked.entry, ThresholdRule) else ()
            spans = [entry.operand.over for entry in entries if entry.operand is not None and entry.operand.over]
            if spans:
                found[rule_id] = round(READY_SHARE * max(spans))
        return found

    def _make_plan(self, site: Site) -> SitePlan:
        zones = self.zones_at(site.position)
        judges = tuple(
            judge
            for rule_id, checked in self.rules.items()
            if self._concerns(checked.entry.where, site, zones)
            for judge in self._bind[rule_id](site)
        )
        by_series: dict[str, tuple[int, ...]] = {}
        reach: dict[str, int] = {}
        for place, judge in enumerate(judges):
            for key in judge.series_keys:
                by_series[key] = (*by_series.get(key, ()), place)
            for spec in judge.measures if isinstance(judge, ThresholdJudge) else ():
                reach[spec.series] = max(reach.get(spec.series, 0), spec.reach)
        standing = sorted(zone for zone in zones if self._kinds[zone] != "county")
        derived = self._derived(judges, reach)
        flagged: dict[str, tuple[str, ...]] = {}
        for key in dict.fromkeys((*by_series, *(source for one in derived for source in one.inputs))):
            metric, separator, _ = key.partition("|")
            if separator:
                flagged[metric] = (*flagged.get(metric, ()), key)
        late_max = self.registry.feeds[site.feed].late_max
        return SitePlan(
            site=site,
            judges=judges,
            by_series=by_series,
            reach=reach,
            derived=derived,
            silences=_silences(judges),
            flagged=flagged,
            zones=tuple(standing),
            also_in={judge.rule.id: self._also_in(judge.rule.id, site, zones) for judge in judges},
            late_max=late_max,
        )

    def _also_in(self, rule_id: str, site: Site, zones: frozenset[str]) -> tuple[Scenario, ...]:
        """Return the further scenarios that an event of the rule at the site belongs to."""
        return tuple(
            also.scenario
            for also in self.rules[rule_id].entry.also_in
            if also.where is None or self._concerns(also.where, site, zones)
        )

    def _derived(self, judges: Iterable[Judge], reach: dict[str, int]) -> tuple[DerivedSeries, ...]:
        found: dict[str, DerivedSeries] = {}
        for judge in judges:
            checked = _measuring(self.rules[judge.rule.id].entry)
            if checked is None:
                continue
            for entry in checked.all_measures().values():
                if entry.derived is not None:
                    key = series_key(entry, checked.accept_flags)
                    found[key] = DerivedSeries(key, DERIVED[entry.derived, entry.edition])
                    for source in found[key].inputs:
                        reach[source] = max(reach.get(source, 0), reach[key], found[key].derived.history)
        return tuple(found.values())

    def _concerns(self, where: Where, site: Site, zones: frozenset[str]) -> bool:
        if where.kind and site.kind not in where.kind:
            return False
        if where.county and site.county not in where.county:
            return False
        if where.site and site.id not in where.site:
            return False
        if where.zone is not None and not any(
            zone == where.zone.id or self._kinds[zone] == where.zone.kind for zone in zones
        ):
            return False
        return all(_has(site, name, words) for name, words in where.attribute.items())


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
    for path in paths:
        document, faults = load(path)
        problems += faults
        if document is None:
            continue
        file, faults = validated(document, RuleFile)
        problems += faults
        if file is not None:
            problems += _check_file(document, file, registry, checked)
    if problems:
        return None, sorted_problems(problems)
    rules_set = RuleSet(registry, checked.values())
    problems += _unarmed(rules_set)
    return (None, sorted_problems(problems)) if problems else (rules_set, [])


def _unarmed(rules: RuleSet) -> Iterator[Problem]:
    """Yield a problem for each rule that no site of the catalog could ever meet."""
    for checked in rules.rules.values():
        if not rules.sites_of(checked.rule.id):
            yield Problem(checked.path, checked.line, checked.column, "R217", {"key": checked.rule.id})


def _check_file(
    document: Document, file: RuleFile, registry: Registry, checked: dict[str, CheckedRule]
) -> list[Problem]:
    problems: list[Problem] = []
    folder = document.path.parent.name
    if folder != file.scenario.value and document.path.parent.parent.name == "catalog":
        problems.append(document.problem(("scenario",), "R216", found=file.scenario.value, folder=folder))
    for index, entry in enumerate(file.rules):
        loc = ("rules", index)
        problems += RuleCheck(document, registry, file.scenario, loc).problems(entry)
        if entry.id in checked:
            problems.append(document.problem((*loc, "id"), "R215", key=entry.id, other=checked[entry.id].path))
        line, column = document.place((*loc, "id"))
        checked[entry.id] = CheckedRule(entry, _rule(entry, file), document.path, line, column)
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
    )


@overload
def _measuring(entry: ThresholdRule | ForecastRule) -> ThresholdRule: ...
@overload
def _measuring(entry: AnyRule) -> ThresholdRule | None: ...
def _measuring(entry: AnyRule) -> ThresholdRule | None:
    """Return the rule as one that compares measures with limits; None where it does something else."""
    if isinstance(entry, ForecastRule):
        return entry.as_threshold()
    return entry if isinstance(entry, ThresholdRule) else None


def _binder(checked: CheckedRule, registry: Registry) -> Callable[[Site], Sequence[Judge]]:
    """Return what makes the judges of the rule at a site: none or one, or one for each metric of it."""
    entry, rule = checked.entry, checked.rule
    bind: Callable[[Site], Judge | None]
    if isinstance(entry, ThresholdRule) and entry.is_of_any_metric:
        return QualityBinder(entry, rule, registry).bind
    if isinstance(entry, ThresholdRule | ForecastRule):
        bind = ThresholdBinder(_measuring(entry), rule, registry).bind
    elif isinstance(entry, NoDataRule):
        bind = partial(bind_silence, entry, rule, registry=registry)
    else:
        bind = GeofenceBinder(entry, rule, registry).bind
    return lambda site: [judge for judge in (bind(site),) if judge is not None]


def _silences(judges: Iterable[Judge]) -> dict[str, tuple[int, ...]]:
    """Return the silences that matter per series: when its value is unknown, and the limits of `no_data` rules."""
    spans: dict[str, set[int]] = {}
    for judge in judges:
        for key, span in judge.silent_after.items():
            spans.setdefault(key, set()).add(span)
        if isinstance(judge, SilenceJudge):
            spans.setdefault(judge.series, set()).update(span for _, span in judge.spans)
    return {key: tuple(sorted(found)) for key, found in spans.items()}


def _has(site: Site, name: str, words: Iterable[str]) -> bool:
    attribute = site.attributes.get(name)
    return isinstance(attribute, tuple) and bool(set(attribute) & set(words))


def _plain(entry: RuleEntry) -> dict[str, Any]:
    return entry.model_dump(mode="json")


def _digest(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()
