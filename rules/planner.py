"""From rules and a site to the plan of that site."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from citybrain.places import zones_from
from citybrain.registry import COUNTY, Registry
from citybrain.sites import Site
from rules.binding.areas import BoundAreas
from rules.binding.rule import binders, measuring
from rules.binding.units import series_key
from rules.checked import CheckedRule
from rules.derived import DERIVED
from rules.derived_series import DerivedSeries
from rules.geofence import GeofenceJudge
from rules.publishing import THE_SITE
from rules.rest import narrowest
from rules.route import Route, route_of
from rules.rule import SiteJudge, Ties
from rules.signals import Sender
from rules.silence import ANY_METRIC, SilenceJudge
from rules.site_plan import SitePlan
from rules.spans import Spans
from rules.threshold import ThresholdJudge
from rules.whereabouts import Whereabouts

_Part = TypeVar("_Part")


class Planner:
    """Makes the plan of each site from the rules in force."""

    def __init__(self, registry: Registry, rules: Sequence[CheckedRule], where: Whereabouts, areas: BoundAreas) -> None:
        self._registry = registry
        self._rules = rules
        self._entries = {checked.rule.id: checked.entry for checked in rules}
        self._where = where
        self._areas = areas
        self._shared: dict[Hashable, Any] = {}  # What the plans of like sites have in common.
        # Per rule the binders of its overrides, in their order, and that of the rule as it stands.
        self._bind = {checked.rule.id: list(binders(checked.entry, checked.rule, registry)) for checked in rules}

    def plan(self, site: Site) -> SitePlan:
        """Return the plan of a site."""
        zones = self._where.zones_of(site)
        senders = self._areas.senders_of(self._where.standing_ground(site))
        judges, spans = self._judges_at(site)
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
        standing = sorted(zone for zone in zones if self._registry.zones[zone].kind != COUNTY)
        derived = self._derived(
            site, [*(judge.rule.id for judge in judges), *(sender.rule for sender in senders)], reach
        )
        flagged: dict[str, tuple[str, ...]] = {}
        for key in dict.fromkeys(
            (*by_series, *senders_by_series, *(source for one in derived for source in one.inputs))
        ):
            metric, separator, _ = key.partition("|")
            if separator:
                flagged[metric] = (*flagged.get(metric, ()), key)
        feed, silences = self._registry.feeds[site.feed], _silences(judges, senders)
        return SitePlan(
            site=site,
            judges=judges,
            by_series=self._alike("by_series", by_series),
            reach=self._alike("reach", reach),
            derived=derived,
            senders=senders,
            routes=self._alike("routes", _routes(judges, by_series, senders_by_series, silences)),
            patience=min((judge.spans[0][1] for judge in judges if isinstance(judge, SilenceJudge)), default=math.inf),
            silences=self._alike("silences", silences),
            flagged=self._alike("flagged", flagged),
            zones=tuple(standing),
            ties={judge.rule.id: self._ties(judge.rule.id, site) for judge in judges},
            late_max=feed.late_max,
            reorder_for=feed.reorder_for,
            spans=spans,
            shelves=self._shared.setdefault(("shelves", *reach.items(), None, *flagged.items()), {}),
        )

    def _judges_at(self, site: Site) -> tuple[tuple[SiteJudge, ...], dict[int, Mapping[str, Spans]]]:
        """Return the judges of a site in the order of their rule ids, and per place when temporary zones arm them."""
        judges: list[SiteJudge] = []
        spans: dict[int, Mapping[str, Spans]] = {}
        for checked in self._rules:
            if not self._where.concerns(checked.entry.where, site):
                continue
            ground = self._where.ground(checked.entry, site)
            override = self.override_of(checked, site)
            for judge in self._bind[checked.rule.id][-1 if override is None else override](ground):
                by_key = {THE_SITE: ground.spans} if ground.spans is not None else {}
                if arming := judge.spans if isinstance(judge, GeofenceJudge) else by_key:
                    spans[len(judges)] = arming
                judges.append(self._shared.setdefault(judge, judge))
        return tuple(judges), spans

    def override_of(self, checked: CheckedRule, site: Site) -> int | None:
        """Return the place of the first override of a rule that concerns the site, if any."""
        overrides = enumerate(checked.entry.overrides)
        return next((place for place, one in overrides if self._where.concerns(one.where, site)), None)

    def _alike(self, part: str, found: Mapping[str, _Part]) -> Mapping[str, _Part]:
        """Return one mapping for all plans in which it is the same: less to hold, and most of it stays in the cache."""
        known: Mapping[str, _Part] = self._shared.setdefault((part, *found.items()), found)
        return known

    def _ties(self, rule_id: str, site: Site) -> Ties:
        """Return what an event of the rule at the site is tied to."""
        entry = self._entries[rule_id]
        also_in = (also for also in entry.also_in if also.where is None or self._where.concerns(also.where, site))
        affects = zones_from(self._registry, site, entry.affects) if entry.affects is not None else ()
        return Ties(tuple(also.scenario for also in also_in), affects)

    def _derived(self, site: Site, rule_ids: Iterable[str], reach: dict[str, int]) -> tuple[DerivedSeries, ...]:
        found: dict[str, DerivedSeries] = {}
        for rule_id in rule_ids:
            checked = measuring(self._entries[rule_id])
            if checked is None:
                continue
            for entry in checked.all_measures().values():
                if entry.derived is not None and (key := series_key(entry, checked.accept_flags)) in reach:
                    derived = DERIVED[entry.derived, entry.edition]
                    silences = tuple(self._registry.silent_for(site, metric) for metric in derived.inputs)
                    found[key] = self._shared.setdefault((key, silences), DerivedSeries(key, derived, silences))
                    for source in found[key].inputs:
                        reach[source] = max(reach.get(source, 0), reach[key], found[key].derived.history)
        return tuple(found.values())


def _routes(
    judges: Sequence[SiteJudge],
    by_series: Mapping[str, Sequence[int]],
    senders_by_series: Mapping[str, Sequence[int]],
    silences: Mapping[str, Sequence[int]],
) -> dict[str, Route]:
    """Return whom the samples of each series concern."""
    found = {}
    for key in dict.fromkeys((*by_series, *senders_by_series, *silences)):
        places = by_series.get(key, ())
        bands = [judges[place].bands[key] for place in places if key in judges[place].bands]
        silence = min(silences.get(key, ()), default=None)
        found[key] = route_of(places, senders_by_series.get(key, ()), narrowest(bands), silence)
    return found


def _silences(judges: Iterable[SiteJudge], senders: Iterable[Sender]) -> dict[str, tuple[int, ...]]:
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
