"""The rule set in force: all rule files of a catalog, checked, and bound to each site on first sight."""

import hashlib
import json
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from citybrain.alerts import Certainty
from citybrain.documents import Document, load, validated
from citybrain.errors import CatalogError
from citybrain.geometry import AreaIndex, size_of, widened
from citybrain.model import Scenario
from citybrain.places import zones_from
from citybrain.problems import Problem, sorted_problems
from citybrain.registry import SHIPPED, Registry, read_registry
from citybrain.sites import Site
from rules.binding.areas import AreaSetBinder
from rules.binding.ground import Ground
from rules.binding.rule import binders, measuring
from rules.binding.units import series_key
from rules.check.inhibits import Link, link_problems, links_of
from rules.check.rule import RuleCheck
from rules.derived import DERIVED
from rules.derived_series import DerivedSeries
from rules.geofence import GeofenceJudge
from rules.history import READY_SHARE
from rules.inhibition import Inhibition
from rules.publishing import THE_SITE
from rules.rule import Judge, Rule, Ties
from rules.shape.area import AreaRule, CouplingRule, SequenceRule
from rules.shape.file import AnyRule, RuleFile
from rules.shape.forecast import ForecastRule
from rules.shape.limited import LimitedRule
from rules.shape.no_data import NoDataRule
from rules.shape.places import Where, ZoneNear
from rules.shape.rule import RuleEntry, RuleStatus
from rules.shape.threshold import ThresholdRule
from rules.shelf import Shelf, shelf_of
from rules.signals import Sender
from rules.silence import ANY_METRIC, SilenceJudge
from rules.spans import Spans, spans_of
from rules.threshold import ThresholdJudge

_Part = TypeVar("_Part")

PLACES_MAX = 1024  # Kinds of readings, by the series that they touch; a device sends a handful.

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


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """A rule that passed its checks, and where its author wrote it."""

    entry: AnyRule
    rule: Rule
    path: Path
    line: int
    column: int
    override_places: tuple[tuple[int, int], ...]  # Line and column of each override.


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
    senders: tuple[Sender, ...]  # What is told of the site to rules over several sites.
    senders_by_series: Mapping[str, tuple[int, ...]]
    zones: tuple[str, ...]  # Where the site stands; counties left out.
    ties: Mapping[str, Ties]  # Rule id -> what its events are tied to here.
    late_max: int  # How far behind the newest a sample may be, milliseconds.
    reorder_for: int  # How long a reading is held, milliseconds.
    spans: Mapping[int, Mapping[str, Spans]]  # Place of a judge -> when temporary zones arm it, by zone or site.
    shelves: dict[str, Shelf] = field(default_factory=dict, compare=False, repr=False)  # By metric, on first sight.
    _places: dict[tuple[str, ...], tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)
    _senders: dict[tuple[str, ...], tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)

    def shelf(self, metric: str, registry: Registry) -> Shelf | None:
        """Return where the values of a metric go; made on first sight, None for one that no feed declares."""
        declared = registry.metrics.get(metric)
        if declared is None:
            return None
        is_read, flagged = metric in self.reach, self.flagged.get(metric, ())
        shelf = self.shelves[metric] = shelf_of(metric, declared, flagged, is_read=is_read)
        return shelf

    def places_of(self, series: tuple[str, ...]) -> tuple[int, ...]:
        """Return the places of the judges that read any of the series, ascending. Kept, as readings look alike."""
        return _kept(self._places, self.by_series, series)

    def senders_of(self, series: tuple[str, ...]) -> tuple[int, ...]:
        """Return the places of the senders that read any of the series, ascending."""
        return _kept(self._senders, self.senders_by_series, series)


def _kept(
    kept: dict[tuple[str, ...], tuple[int, ...]], by_series: Mapping[str, tuple[int, ...]], series: tuple[str, ...]
) -> tuple[int, ...]:
    places = kept.get(series)
    if places is None:
        if len(kept) >= PLACES_MAX:
            kept.clear()  # A sender that shuffles its metrics must not fill the memory.
        places = kept[series] = tuple(sorted({place for key in series for place in by_series.get(key, ())}))
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
        self._sizes = {zone.id: size_of(zone.area) for zone in registry.zones.values()}
        self._near: dict[ZoneNear, AreaIndex] = {}
        self._plans: dict[str, SitePlan] = {}
        self._shared: dict[Hashable, Any] = {}  # What the plans of like sites have in common.
        self.in_force = [checked for checked in self.rules.values() if checked.entry.status is not RuleStatus.DRAFT]
        entries = {checked.rule.id: (checked.entry, checked.rule) for checked in self.in_force}
        self.areas = AreaSetBinder(entries, registry, self._is_concerned).bind(self.catalog)
        self._minds_silence = self.areas.minds_silence or any(
            isinstance(checked.entry, NoDataRule) for checked in self.in_force
        )
        # Per rule the binders of its overrides, in their order, and that of the rule as it stands.
        self._bind = {
            checked.rule.id: list(binders(checked.entry, checked.rule, registry)) for checked in self.in_force
        }

    def only(self, rule_id: str) -> "RuleSet":
        """Return a set of one rule, in force even if a draft, and of those whose alerts it is about; for its tests."""
        chosen = [self.rules[name] for name in sorted(self._needed(rule_id))]
        active = {"status": RuleStatus.ACTIVE}
        return RuleSet(self.registry, [replace(one, entry=one.entry.model_copy(update=active)) for one in chosen])

    def _needed(self, rule_id: str) -> set[str]:
        named = {name for name in self.areas.plan.named_by(rule_id) if name in self.rules}
        return {rule_id}.union(*(self._needed(name) for name in named))

    def zones_at(self, position: tuple[float, float]) -> frozenset[str]:
        """Return the ids of all zones around a position."""
        return self._index.containing(position)

    def plan_for(self, site: Site) -> SitePlan:
        """Return the plan of the site; made on first sight."""
        plan = self._plans.get(site.id)
        if plan is None:
            plan = self._plans[site.id] = self._make_plan(site)
        return plan

    def armed_at(self, rule_id: str) -> int:
        """Return at how many sites the rule is judged; a rule over several sites, at how many groups of them."""
        return self.areas.plan.group_count(rule_id) or len(self.sites_of(rule_id))

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

    def _make_plan(self, site: Site) -> SitePlan:
        zones = self.zones_at(site.position)
        senders = self.areas.senders_of(self._standing_ground(site, zones))
        judges, spans = self._judges_at(site, zones)
        by_series: dict[str, tuple[int, ...]] = {}
        reach: dict[str, int] = {}
        for place, judge in enumerate(judges):
            for key in judge.series_keys:
                by_series[key] = (*by_series.get(key, ()), place)
            for spec in judge.measures if isinstance(judge, ThresholdJudge) else ():
                reach[spec.series] = max(reach.get(spec.series, 0), spec.reach)
        senders_by_series: dict[str, tuple[int, ...]] = {}
        for place, sender in enumerate(senders):
            for key in sender.series_keys:
                senders_by_series[key] = (*senders_by_series.get(key, ()), place)
            for told in sender.measures:
                if told is not None:
                    reach[told.series] = max(reach.get(told.series, 0), told.reach)
        standing = sorted(zone for zone in zones if self._kinds[zone] != "county")
        derived = self._derived([*(judge.rule.id for judge in judges), *(sender.rule for sender in senders)], reach)
        flagged: dict[str, tuple[str, ...]] = {}
        for key in dict.fromkeys(
            (*by_series, *senders_by_series, *(source for one in derived for source in one.inputs))
        ):
            metric, separator, _ = key.partition("|")
            if separator:
                flagged[metric] = (*flagged.get(metric, ()), key)
        feed = self.registry.feeds[site.feed]
        return SitePlan(
            site=site,
            judges=judges,
            by_series=self._alike("by_series", by_series),
            reach=self._alike("reach", reach),
            derived=derived,
            senders=senders,
            senders_by_series=senders_by_series,
            silences=self._alike("silences", _silences(judges, senders)),
            flagged=self._alike("flagged", flagged),
            zones=tuple(standing),
            ties={judge.rule.id: self._ties(judge.rule.id, site, zones) for judge in judges},
            late_max=feed.late_max,
            reorder_for=feed.reorder_for,
            spans=spans,
            shelves=self._shared.setdefault(("shelves", *reach.items(), None, *flagged.items()), {}),
            _places=self._shared.setdefault(("places", *by_series.items()), {}),
        )

    def _judges_at(self, site: Site, zones: frozenset[str]) -> tuple[tuple[Judge, ...], dict[int, Mapping[str, Spans]]]:
        """Return the judges of a site in the order of their rule ids, and per place when temporary zones arm them."""
        judges: list[Judge] = []
        spans: dict[int, Mapping[str, Spans]] = {}
        for checked in self.in_force:
            if not self._concerns(checked.entry.where, site, zones):
                continue
            ground = self._ground(checked.entry, site, zones)
            override = self._override_of(checked, site, zones)
            for judge in self._bind[checked.rule.id][-1 if override is None else override](ground):
                by_key = {THE_SITE: ground.spans} if ground.spans is not None else {}
                if arming := judge.spans if isinstance(judge, GeofenceJudge) else by_key:
                    spans[len(judges)] = arming
                judges.append(self._shared.setdefault(judge, judge))
        return tuple(judges), spans

    def _override_of(self, checked: CheckedRule, site: Site, zones: frozenset[str]) -> int | None:
        """Return the place of the first override of a rule that concerns the site, if any."""
        overrides = enumerate(checked.entry.overrides)
        return next((place for place, one in overrides if self._concerns(one.where, site, zones)), None)

    def idle_overrides(self, checked: CheckedRule) -> set[int]:
        """Return the places of the overrides of a rule that are the first to concern a site nowhere."""
        idle: set[int | None] = set(range(len(checked.entry.overrides)))
        for site in self.registry.sites.values() if idle else ():
            zones = self.zones_at(site.position)
            if self._concerns(checked.entry.where, site, zones):
                idle.discard(self._override_of(checked, site, zones))
        return {place for place in idle if place is not None}

    def _alike(self, part: str, found: Mapping[str, _Part]) -> Mapping[str, _Part]:
        """Return one mapping for all plans in which it is the same: less to hold, and most of it stays in the cache."""
        known: Mapping[str, _Part] = self._shared.setdefault((part, *found.items()), found)
        return known

    def _ties(self, rule_id: str, site: Site, zones: frozenset[str]) -> Ties:
        """Return what an event of the rule at the site is tied to."""
        entry = self.rules[rule_id].entry
        also_in = (also for also in entry.also_in if also.where is None or self._concerns(also.where, site, zones))
        affects = zones_from(self.registry, site, entry.affects) if entry.affects is not None else ()
        return Ties(tuple(also.scenario for also in also_in), affects)

    def _derived(self, rule_ids: Iterable[str], reach: dict[str, int]) -> tuple[DerivedSeries, ...]:
        found: dict[str, DerivedSeries] = {}
        for rule_id in rule_ids:
            checked = measuring(self.rules[rule_id].entry)
            if checked is None:
                continue
            for entry in checked.all_measures().values():
                if entry.derived is not None and (key := series_key(entry, checked.accept_flags)) in reach:
                    found[key] = DerivedSeries(key, DERIVED[entry.derived, entry.edition])
                    for source in found[key].inputs:
                        reach[source] = max(reach.get(source, 0), reach[key], found[key].derived.history)
        return tuple(found.values())

    def _is_concerned(self, where: Where, site: Site) -> bool:
        return self._concerns(where, site, self.zones_at(site.position))

    def _standing_ground(self, site: Site, zones: frozenset[str]) -> Ground:
        """Return the site and the zones around it, for rules that are not its own alone."""
        counting = sorted(zones, key=lambda zone: (self._sizes[zone], zone))
        return Ground(site, tuple(self.registry.zones[zone] for zone in counting))

    def _ground(self, entry: AnyRule, site: Site, zones: frozenset[str]) -> Ground:
        found = self._found(entry.where.zone, site, zones) if entry.where.zone is not None else frozenset()
        counting = sorted(zones | found, key=lambda zone: (self._sizes[zone], zone))
        active = entry.active if isinstance(entry, ThresholdRule | ForecastRule) else None
        since, until = (active.since, active.until) if active is not None else (None, None)
        spans = spans_of([self.registry.zones[zone] for zone in found], since, until)
        return Ground(site, tuple(self.registry.zones[zone] for zone in counting), spans)

    def _found(self, where: ZoneNear, site: Site, zones: frozenset[str]) -> frozenset[str]:
        """Return the zones that a rule's `where` finds at the site, which stands in the zones given."""
        if where.within is not None:
            return self._widened(where).containing(site.position)
        return frozenset(zone for zone in zones if where.names(self.registry.zones[zone]))

    def _widened(self, where: ZoneNear) -> AreaIndex:
        """Return the index of the zones that are meant, each with the distance around it; made on first use."""
        index = self._near.get(where)
        if index is None:
            assert where.within is not None, "without a distance nothing is widened"
            meant = [zone for zone in self.registry.zones.values() if where.names(zone)]
            index = AreaIndex((zone.id, widened(zone.area, by_m=where.within)) for zone in meant)
            self._near[where] = index
        return index

    def _concerns(self, where: Where, site: Site, zones: frozenset[str]) -> bool:
        if where.kind and site.kind not in where.kind:
            return False
        if where.county and site.county not in where.county:
            return False
        if where.site and site.id not in where.site:
            return False
        if where.zone is not None and not self._found(where.zone, site, zones):
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
    """Yield a problem for each rule in force, and each override, that no site of the catalog could ever meet.

    A rule over temporary zones waits for one.
    """
    for checked in rules.in_force:
        if rules.waits_for_zone(checked.rule.id):
            continue
        for place in sorted(rules.idle_overrides(checked)):
            yield Problem(checked.path, *checked.override_places[place], "R252", {"key": checked.rule.id})
        if not rules.armed_at(checked.rule.id):
            yield Problem(checked.path, checked.line, checked.column, "R217", {"key": checked.rule.id})


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
        line, column = document.place((*loc, "id"))
        overrides = tuple(document.place((*loc, "overrides", place)) for place in range(len(entry.overrides)))
        checked[entry.id] = CheckedRule(entry, _rule(entry, file), document.path, line, column, overrides)
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


def _silences(judges: Iterable[Judge], senders: Iterable[Sender]) -> dict[str, tuple[int, ...]]:
    """Return the silences that matter per series: when its value is unknown, and what rules about silence ask for."""
    spans: dict[str, set[int]] = {}
    for judge in judges:
        for key, span in judge.silent_after.items():
            spans.setdefault(key, set()).add(span)
        if isinstance(judge, SilenceJudge):
            spans.setdefault(judge.series, set()).update(span for _, span in judge.spans)
    for sender in senders:
        if sender.spans:
            spans.setdefault(ANY_METRIC, set()).update(sender.spans)
    return {key: tuple(sorted(found)) for key, found in spans.items()}


def _has(site: Site, name: str, words: Iterable[str]) -> bool:
    attribute = site.attributes.get(name)
    return isinstance(attribute, tuple) and bool(set(attribute) & set(words))


def _plain(entry: RuleEntry) -> dict[str, Any]:
    return entry.model_dump(mode="json")


def _digest(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()
