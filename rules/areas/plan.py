"""Who listens to what: rules over several sites bound to their groups, and how signals and alerts find them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from citybrain.alerts import AlertEvent
from citybrain.geometry import distance_m
from citybrain.registry import Registry
from rules.areas.grouping import Group, Grouping
from rules.areas.state import GroupJudge, GroupPlan
from rules.publishing import THE_SITE
from rules.rule import Rule, Ties
from rules.spans import Spans

OVER_SITES, OVER_ALERTS, OVER_HAZARDS = 1, 2, 3  # The orders: each sees alerts of the ones before it.


@dataclass(frozen=True, slots=True)
class Listening:
    """A measure of a rule that is about alerts."""

    place: int
    rules: frozenset[str]
    near: Mapping[str, frozenset[str]] | None = None  # Group -> sites whose alerts count; None: those inside it.
    reach_m: float | None = None  # And whatever else lies so near to it.
    sites: frozenset[str] | None = None  # Only alerts about these sites; None: about any.
    counties: tuple[str, ...] = ()  # Of alerts that are about no site, only those in these counties; empty: in any.

    def minds(self, event: AlertEvent) -> bool:
        """Tell whether an alert is of those that the rule wants, wherever its groups lie."""
        if event.subject.site is not None:
            return self.sites is None or event.subject.site in self.sites
        return not self.counties or event.county in self.counties


@dataclass(frozen=True, slots=True)
class BoundRule:
    """A rule over several sites with all its groups."""

    rule: Rule
    order: int
    grouping: Grouping
    judges: Mapping[str, tuple[Group, GroupJudge]]  # By group.
    members: Mapping[str, tuple[frozenset[str], ...]]  # Group -> per measure the sites that it listens to.
    measures: tuple[str, ...]  # A signature of each.
    listening: tuple[Listening, ...]
    keep: int  # How long a closed alert may matter, milliseconds.
    ties: Callable[[Group], Ties]
    spans: Mapping[str, Spans] = field(default_factory=dict)  # Group -> when its temporary zone arms the rule.


@dataclass(slots=True)
class AreaPlan:
    """All rules over several sites, ready to be judged."""

    registry: Registry
    catalog: str
    hazards: Mapping[str, str]  # Rule -> its hazard family.
    rules: tuple[BoundRule, ...]
    plans: dict[str, GroupPlan] = field(init=False)
    orders: tuple[int, ...] = field(init=False)
    signatures: dict[str, str] = field(init=False)  # Rule -> what the values of its signals are values of.
    _listeners: dict[tuple[str, str], list[GroupPlan]] = field(init=False)
    _by_alert: dict[str, list[tuple[BoundRule, Listening]]] = field(init=False)

    def __post_init__(self) -> None:
        self.plans, self._listeners, self._by_alert = {}, {}, {}
        self.orders = tuple(sorted({bound.order for bound in self.rules}))
        self.signatures = {
            bound.rule.id: sha256("\n".join(bound.measures).encode()).hexdigest()[:12] for bound in self.rules
        }
        periods = {site.id: site.period for site in self.registry.sites.values()}
        for bound in self.rules:
            for group_id, (group, judge) in bound.judges.items():
                sites = frozenset().union(*bound.members.get(group_id, ()))
                plan = GroupPlan(
                    id=f"{bound.rule.id}/{group_id}",
                    group=group,
                    judge=judge,
                    measures=bound.measures,
                    members=bound.members.get(group_id, ()),
                    periods={site: periods[site] for site in sites},
                    keep=bound.keep,
                    ties=bound.ties(group),
                    spans={THE_SITE: bound.spans[group_id]} if group_id in bound.spans else {},
                    order=bound.order,
                )
                self.plans[plan.id] = plan
                for site in sites:
                    self._listeners.setdefault((bound.rule.id, site), []).append(plan)
            for listening in bound.listening:
                for rule_id in listening.rules:
                    self._by_alert.setdefault(rule_id, []).append((bound, listening))

    def groups_of(self, rule_id: str, site: str, order: int) -> Iterable[GroupPlan]:
        """Return the groups of a rule that listen to a site, if the rule is of the order."""
        plans = self._listeners.get((rule_id, site), ())
        return [plan for plan in plans if plan.order == order]

    def groups_about(self, event: AlertEvent, order: int) -> list[tuple[GroupPlan, list[int]]]:
        """Return the groups of an order that an alert belongs to, each with the measures that count it."""
        found: dict[str, list[int]] = {}
        for bound, listening in self._by_alert.get(event.rule.id, ()):
            is_told = bound.rule.is_trial or not event.trial  # A rule on trial moves nothing but others on trial.
            if bound.order == order and is_told and listening.minds(event):
                for group in self._groups_around(bound, listening, event):
                    found.setdefault(f"{bound.rule.id}/{group}", []).append(listening.place)
        return [(self.plans[key], places) for key, places in sorted(found.items())]

    def _groups_around(self, bound: BoundRule, listening: Listening, event: AlertEvent) -> Iterable[str]:
        subject = event.subject
        if listening.near is None:
            return (
                bound.grouping.containing(subject.position, county=event.county, site=subject.site)
                & bound.judges.keys()
            )
        return [
            group_id
            for group_id, (group, _) in bound.judges.items()
            if subject.site in listening.near.get(group_id, ())
            or (
                subject.site is None
                and listening.reach_m is not None
                and distance_m(group.position, subject.position) <= listening.reach_m
            )
        ]

    def group_count(self, rule_id: str) -> int:
        """Return at how many groups a rule is judged."""
        return sum(len(bound.judges) for bound in self.rules if bound.rule.id == rule_id)
