"""The witness: looks at the fields of a run without any sensor between, and says what happened.

It builds the world of the run anew from the same seed, so that looking changes nothing.
"""

from collections.abc import Iterable, Iterator

from citybrain.geometry import distance_m
from citybrain.instants import HOUR, MINUTE
from citybrain.registry import Registry
from citybrain.sites import Site
from simulators.air import plume_ug_m3
from simulators.basins import BASINS
from simulators.changes import place_share, time_share
from simulators.fields import BERTHS, World, has_spaces
from simulators.fleets import taking_part
from simulators.gas import cloud_middle, leak_lel
from simulators.kinds import IncidentKind
from simulators.mishaps import episodes_of, outages_of
from simulators.parking import Park
from simulators.rain import StormCell
from simulators.storyline import Storyline
from simulators.truth import Incident, Truth, thinned
from simulators.wet import StandingWater

STEP = 5 * MINUTE
_TOUCHED = 0.1  # A place where a tenth of it arrives is touched.
_KERB_CM = 12.0
_FULL, _NO_LONGER_FULL = 98.0, 90.0  # Per cent of the spaces: in the last two nobody finds one.
_ONE_EVENT = 1 * HOUR  # What is full again after less was the same crowd.
_SITE_RADIUS_M = 3_000.0
_MIDDLE = (119.92, 28.45)  # Of the city, for what is everywhere.

Point = tuple[int, float]


def truth_of(registry: Registry, storyline: Storyline, *, seed: int, start: int, hours: float) -> Truth:
    """Return what happens in the run that `simulate` makes of the same arguments."""
    registry = taking_part(registry, storyline)
    end = start + round(hours * HOUR)
    scene = _Scene(registry, storyline, seed=seed, start=start, end=end)
    incidents = tuple(sorted(scene.incidents(), key=lambda one: (one.since, one.kind, one.place)))
    faults = tuple(episodes_of(registry, storyline, seed=seed, start=start, end=end))
    return Truth(start, end, seed, storyline.storyline, incidents, faults)


class _Scene:
    """The world of the run, and where it is looked at."""

    def __init__(self, registry: Registry, storyline: Storyline, *, seed: int, start: int, end: int) -> None:
        self._registry = registry
        self._story = storyline
        self._seed, self._start, self._end = seed, start, end
        self._world = World(registry, storyline, seed=seed, start=start)
        self._sites = [site for _, site in sorted(registry.sites.items())]

    def incidents(self) -> Iterator[Incident]:
        yield from self._storms()
        if self._story.storms:
            yield from self._floods()
            yield from self._ponding()
        yield from self._clouds()
        yield from self._crowds()
        yield from self._drifts()
        yield from self._blackouts()
        yield from self._changes()

    def _storms(self) -> Iterator[Incident]:
        for number, storm in enumerate(self._story.storms):
            cell = StormCell(storm, self._start)
            since, until = self._span(storm.starts, storm.starts + storm.lasts)
            moments = list(self._moments(since, until))
            course = [(at, cell.intensity_mm_h(cell.centre(at), at)) for at in moments]
            peak_at = max(course, key=lambda point: point[1], default=(since, 0.0))[0]

            def share(position: tuple[float, float], cell: StormCell = cell, moments: list[int] = moments) -> float:
                return max((cell.share_at(position, at) for at in moments), default=0.0)

            counties = {site.county for site in self._sites if share(site.position) >= _TOUCHED}
            wet = {basin.id for basin in BASINS if max(map(share, basin.points)) >= _TOUCHED}
            for basin in BASINS:  # In flow order: the flood runs down.
                if any(above in wet for above, _ in basin.upstream):
                    wet.add(basin.id)
            counties |= {self._registry.sites[name].county for name in wet if name in self._registry.sites}
            yield from self._told(
                IncidentKind.STORM,
                f"storm-{number}",
                cell.centre(peak_at),
                course,
                counties=counties,
                radius_m=2 * storm.radius,
                until=until,
                measure="rain_intensity",
                unit="mm/h",
            )

    def _floods(self) -> Iterator[Incident]:
        gauges = [site for site in self._sites if "stage" in site.metrics]
        courses: dict[str, list[Point]] = {site.id: [] for site in gauges}
        for at in self._moments(self._start, self._end):
            self._world.rivers.advance(at)
            for site in gauges:
                courses[site.id].append((at, self._world.rivers[site.id].stage_m))
        for site in gauges:
            basin = self._world.rivers[site.id].basin
            full = basin.dam.gate_stage_m if basin.dam is not None else basin.bank_stage_m
            yield from self._at_site(IncidentKind.FLOOD, site, courses[site.id], full, measure="stage", unit="m")

    def _ponding(self) -> Iterator[Incident]:
        for site in self._sites:
            if "water_depth" in site.metrics and site.kind == "road-water-gauge":
                rain, seed, start = self._world.rain, self._seed, self._start
                water = StandingWater(site.id, site.position, rain=rain, seed=seed, start=start)
                course = [(at, water.read(at)["water_depth"]) for at in self._moments(start, self._end)]
                yield from self._at_site(IncidentKind.PONDING, site, course, _KERB_CM, measure="water_depth", unit="cm")

    def _clouds(self) -> Iterator[Incident]:
        """Yield what spreads from a point: smoke and gas."""
        for number, plume in enumerate(self._story.plumes):
            since, until = self._span(plume.starts, plume.starts + plume.rises + plume.lasts)
            course = [(at, plume_ug_m3(plume, self._start, plume.source, at)) for at in self._moments(since, until)]
            risen = self._start + plume.starts + plume.rises
            arrives = [
                site.county
                for site in self._sites
                if plume_ug_m3(plume, self._start, site.position, risen) >= _TOUCHED * plume.strength
            ]
            yield from self._told(
                IncidentKind.SMOKE,
                f"plume-{number}",
                plume.source,
                course,
                counties={*arrives},
                radius_m=plume.width,
                until=until,
                measure="pm25",
                unit="µg/m3",
            )
        for number, leak in enumerate(self._story.leaks):
            since, until = self._span(leak.starts, leak.starts + leak.rises + leak.lasts + leak.fades)
            course = [
                (at, leak_lel(leak, self._start, cloud_middle(leak, self._start, at), at))
                for at in self._moments(since, until)
            ]
            yield from self._told(
                IncidentKind.GAS,
                f"leak-{number}",
                leak.centre,
                course,
                counties=set(),
                radius_m=2 * leak.spread,
                until=until,
                measure="combustible_gas",
                unit="%LEL",
            )

    def _crowds(self) -> Iterator[Incident]:
        for site in self._sites:
            if not has_spaces(site.metrics) or site.kind == BERTHS:
                continue  # A full kerb is an ordinary morning.
            park = self._world.park(site)
            course = [(at, _occupancy(park, at)) for at in self._moments(self._start, self._end)]
            spans = list(_spans(course, _FULL, _NO_LONGER_FULL))
            spans += [
                self._span(surge.starts, surge.starts + surge.lasts)
                for surge in self._story.surges
                if surge.site == site.id
            ]
            for since, until in _merged(spans):
                yield from self._told(
                    IncidentKind.CROWDING,
                    site.id,
                    site.position,
                    [(at, share) for at, share in course if since <= at <= until],
                    counties={site.county},
                    radius_m=_SITE_RADIUS_M,
                    until=until,
                    measure="occupied",
                    unit="%",
                )

    def _drifts(self) -> Iterator[Incident]:
        for drift in self._story.drifts:
            site = self._registry.sites.get(drift.site)
            if site is None:
                continue
            since, until = self._span(drift.starts, drift.starts + drift.goes + drift.stays + drift.returns)
            course = self._world.course(site)
            away = [(at, distance_m(course.true_position(at), site.position)) for at in self._moments(since, until)]
            yield from self._told(
                IncidentKind.DRIFT,
                site.id,
                drift.to,
                away,
                counties={site.county},
                radius_m=_SITE_RADIUS_M,
                until=until,
                measure="distance",
                unit="m",
            )

    def _blackouts(self) -> Iterator[Incident]:
        for outage in outages_of(self._registry, self._story, seed=self._seed, start=self._start, end=self._end):
            reached = [s for s in self._sites if distance_m(outage.centre, s.position) <= outage.radius_m]
            dark = [(at, 100 * outage.share) for at in self._moments(outage.since, min(outage.until, self._end))]
            yield from self._told(
                IncidentKind.BLACKOUT,
                outage.name,
                outage.centre,
                dark,
                counties={site.county for site in reached},
                radius_m=outage.radius_m,
                until=min(outage.until, self._end),
                measure="silent",
                unit="%",
            )

    def _changes(self) -> Iterator[Incident]:
        for number, change in enumerate(self._story.changes):
            if change.kind is None:
                continue
            since, until = self._span(change.starts, change.starts + change.rises + change.lasts + change.fades)
            measure, amount = next(iter({**change.adds, **change.becomes}.items()))
            course = [
                (at, amount.number * time_share(change, at - self._start - change.starts))
                for at in self._moments(since, until)
            ]
            at_site = self._registry.sites.get(change.site) if change.site is not None else None
            yield from self._told(
                change.kind,
                change.site or f"{change.kind}-{number}",
                at_site.position if at_site is not None else change.centre or _MIDDLE,
                course,
                counties={
                    site.county
                    for site in self._sites
                    if measure in site.metrics and place_share(change, site.id, site.position) >= _TOUCHED
                },
                radius_m=2 * change.radius if change.radius is not None else _SITE_RADIUS_M,
                until=until,
                measure=measure,
                unit=amount.unit,
            )

    def _at_site(
        self, kind: IncidentKind, site: Site, course: list[Point], from_on: float, *, measure: str, unit: str
    ) -> Iterator[Incident]:
        """Yield each span in which something at a site stands above a physical mark."""
        for since, until in _merged(_spans(course, from_on, from_on)):
            yield from self._told(
                kind,
                site.id,
                site.position,
                [(at, value) for at, value in course if since <= at <= until],
                counties={site.county},
                radius_m=_SITE_RADIUS_M,
                until=until,
                measure=measure,
                unit=unit,
            )

    def _told(
        self,
        kind: IncidentKind,
        place: str,
        position: tuple[float, float],
        course: list[Point],
        *,
        counties: set[str],
        radius_m: float,
        until: int,
        measure: str,
        unit: str,
    ) -> Iterator[Incident]:
        """Yield the incident, unless all of it lies after the end of the run."""
        if not course:
            return
        touched = counties or {self._nearest(position).county}
        yield Incident(
            kind,
            place,
            position,
            radius_m,
            tuple(sorted(touched)),
            course[0][0],
            until,
            measure,
            unit,
            thinned(course),
        )

    def _nearest(self, position: tuple[float, float]) -> Site:
        return min(self._sites, key=lambda site: (distance_m(position, site.position), site.id))

    def _span(self, starts: int, ends: int) -> tuple[int, int]:
        return self._start + starts, min(self._end, self._start + ends)

    def _moments(self, since: int, until: int) -> range:
        return range(since, until + 1, STEP)


def _occupancy(park: Park, at: int) -> float:
    park.advance(at)
    return 100 * park.occupied / park.capacity


def _spans(course: Iterable[Point], rises_to: float, falls_below: float) -> Iterator[tuple[int, int]]:
    """Yield from when to when a course is up: from the first mark on, until it falls below the second."""
    since, last = None, 0
    for at, value in course:
        last = at
        if since is None and value >= rises_to:
            since = at
        elif since is not None and value < falls_below:
            yield since, at
            since = None
    if since is not None:
        yield since, last


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the spans in order, those that overlap or nearly touch as one."""
    since, until = None, 0
    for begins, ends in sorted(spans):
        if since is None:
            since, until = begins, ends
        elif begins <= until + _ONE_EVENT:
            until = max(until, ends)
        else:
            yield since, until
            since, until = begins, ends
    if since is not None:
        yield since, until
