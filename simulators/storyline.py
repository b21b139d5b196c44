"""Storylines: what happens, where, when after the start and how strongly; from `simulators/catalog/*.yaml`.

A storyline speaks of nature and machines only. It knows no limit, no level and no rule.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from citybrain.documents import Document, load, validated
from citybrain.errors import CatalogError, MissingError
from citybrain.faults import Fault
from citybrain.instants import Duration, Instant
from citybrain.metrics import Entry, Metric, Name
from citybrain.model import Words
from citybrain.problems import Problem, sorted_problems
from citybrain.sites import LonLat, SiteId
from citybrain.units import Quantity, parse_quantity
from simulators.kinds import IncidentKind
from simulators.rates import NONE, Faults

SHIPPED = Path(__file__).parent / "catalog"
HOURS_MAX = 24 * 400  # A year and a month: the longest that alerts are kept.


def _in_unit(**factors: float) -> Callable[[object], float]:
    """Return a reader of quantities that takes the units given, each turned into the first by its factor."""

    def read(value: object) -> float:
        quantity = parse_quantity(value if isinstance(value, str) else repr(value))
        if quantity.unit not in factors:
            raise ValueError(f"the unit is {quantity.unit}, expected {' or '.join(factors)}")
        return quantity.number * factors[quantity.unit]

    return read


def _quantity(value: object) -> Quantity:
    return parse_quantity(value if isinstance(value, str) else repr(value))


Length = Annotated[float, BeforeValidator(_in_unit(m=1, km=1000)), Field(gt=0)]
Bearing = Annotated[float, BeforeValidator(_in_unit(deg=1)), Field(ge=0, le=360)]
Rain = Annotated[float, BeforeValidator(_in_unit(mm=1)), Field(ge=0, le=50)]
Concentration = Annotated[float, BeforeValidator(_in_unit(**{"µg/m3": 1})), Field(gt=0, le=900)]
GasLevel = Annotated[float, BeforeValidator(_in_unit(**{"%LEL": 1})), Field(gt=0, le=95)]
Amount = Annotated[
    Quantity, BeforeValidator(_quantity), WithJsonSchema({"type": "string", "examples": ["14 ℃", "-6 ℃"]})
]
Arrivals = Annotated[float, BeforeValidator(_in_unit(vehicles=1, persons=1)), Field(gt=0, le=20_000)]


class Storm(Entry):
    """A storm whose centre moves evenly along a path and whose rain follows a Chicago hyetograph."""

    starts: Duration
    lasts: Annotated[Duration, Field(gt=0)]
    return_period_years: Annotated[float, Field(ge=1, le=1000)]
    peak: Annotated[float, Field(gt=0, lt=1, description="when it is heaviest, as a share of its life")] = 0.4
    radius: Annotated[Length, Field(description="where the rain is e times less than at the centre")]
    path: Annotated[tuple[LonLat, ...], Field(min_length=1)]


class Plume(Entry):
    """Smoke of a fire on open ground that the wind carries away."""

    starts: Duration
    rises: Annotated[Duration, Field(gt=0)]
    lasts: Duration
    source: LonLat
    blows_to: Annotated[Bearing, Field(description="clockwise from north")]
    strength: Annotated[Concentration, Field(description="added PM2.5 near the source")]
    reach: Length
    width: Length


class Turn(Entry):
    """Where the wind blows to from a moment of a leak's life on."""

    after: Duration
    blows_to: Annotated[Bearing, Field(description="clockwise from north")]


class Leak(Entry):
    """Combustible gas that escapes at a point and thins out around it, drawn out by the wind where one is told."""

    starts: Duration
    rises: Annotated[Duration, Field(gt=0)]
    lasts: Duration
    fades: Annotated[Duration, Field(gt=0)]
    centre: LonLat
    strength: Annotated[GasLevel, Field(description="in the middle of the cloud")]
    spread: Length
    winds: tuple[Turn, ...] = ()


class Surge(Entry):
    """More arrivals than usual at a car park, berth section or visitor counter."""

    site: SiteId
    starts: Duration
    lasts: Annotated[Duration, Field(gt=0)]
    arrivals_per_hour: Arrivals
    stays_until: Annotated[
        Duration | None,
        Field(description="when the event is over, after the start; its guests leave within half an hour"),
    ] = None


class Drift(Entry):
    """A boat that leaves its course for a point, stays there and comes back."""

    site: SiteId
    starts: Duration
    goes: Annotated[Duration, Field(gt=0)]
    stays: Duration
    returns: Annotated[Duration, Field(gt=0)]
    to: LonLat


class Blackout(Entry):
    """Power or network fails around a point: sensors there fall silent together."""

    starts: Duration
    lasts: Annotated[Duration, Field(gt=0)]
    centre: LonLat
    radius: Length
    share: Annotated[float, Field(gt=0, le=1, description="of the sensors within the radius")] = 0.8


class Change(Entry):
    """What becomes of some metrics, whatever the cause: at one site, around a point, or in the whole city."""

    kind: Annotated[IncidentKind | None, Field(description="what it is; nothing where it is a circumstance")] = None
    starts: Duration
    rises: Duration = 0
    lasts: Duration
    fades: Duration = 0
    site: SiteId | None = None
    centre: LonLat | None = None
    radius: Length | None = None
    adds: dict[Name, Amount] = {}
    becomes: dict[Name, Amount] = {}

    @model_validator(mode="after")
    def _is_consistent(self) -> "Change":
        if (self.centre is None) != (self.radius is None) or (self.site is not None and self.centre is not None):
            raise Fault("change_place")
        if not {*self.adds, *self.becomes}:
            raise Fault("change_nothing")
        return self


class Storyline(Entry):
    """One file of `simulators/catalog/`."""

    storyline: SiteId
    fleet: Annotated[SiteId | None, Field(description="which sites take part; without one, all of them")] = None
    words: Words = Field(alias="name")
    about: str
    start: Annotated[Instant, Field(description="when it begins unless the caller says otherwise")]
    hours: Annotated[float, Field(gt=0, le=HOURS_MAX)]
    wetness: Annotated[float, Field(ge=0, le=1, description="of the ground at the start")] = 0.3
    drizzle: Annotated[Rain, Field(description="the most that falls in an hour outside storms")] = 0.0
    storms: tuple[Storm, ...] = ()
    plumes: tuple[Plume, ...] = ()
    leaks: tuple[Leak, ...] = ()
    surges: tuple[Surge, ...] = ()
    drifts: tuple[Drift, ...] = ()
    blackouts: tuple[Blackout, ...] = ()
    changes: tuple[Change, ...] = ()
    faults: Annotated[Faults, Field(description="of sensors; the world itself stays as it is")] = NONE

    @model_validator(mode="after")
    def _one_drift_at_a_time(self) -> "Storyline":
        ends: dict[str, int] = {}
        for drift in sorted(self.drifts, key=lambda drift: drift.starts):
            if drift.starts < ends.get(drift.site, 0):
                raise ValueError(f"two drifts of {drift.site} overlap, expected one after the other")
            ends[drift.site] = drift.starts + drift.goes + drift.stays + drift.returns
        return self


def storyline_path(name: str, folder: Path | None = None) -> Path:
    """Return the file of a storyline given by name or by path. Raises MissingError with the names there are."""
    folder = folder or SHIPPED
    path = Path(name) if name.endswith((".yaml", ".yml")) else folder / f"{name}.yaml"
    if not path.is_file():
        names = ", ".join(sorted(found.stem for found in folder.glob("*.yaml"))) or "none"
        raise MissingError(f"there is no storyline {name!r}; {folder} has: {names}")
    return path


def read_storyline(
    path: Path, sites: Collection[str], metrics: Mapping[str, Metric] | None = None
) -> tuple[Storyline | None, list[Problem]]:
    """Read one storyline that may name the sites and, if given, the metrics. Without one there is a problem."""
    document, problems = load(path)
    if document is None:
        return None, problems
    story, problems = validated(document, Storyline)
    if story is not None:
        problems = [*_unknown_sites(document, story, sites), *_misfits(document, story, metrics)]
    return (None, sorted_problems(problems)) if problems else (story, [])


def load_storyline(
    name: str,
    sites: Collection[str],
    folder: Path | None = None,
    *,
    metrics: Mapping[str, Metric] | None = None,
) -> Storyline:
    """Return the storyline of that name or path.

    Raises MissingError if there is none, and CatalogError whose text lists every fault with its place.
    """
    story, problems = read_storyline(storyline_path(name, folder), sites, metrics)
    if story is None:
        raise CatalogError("\n".join(problem.line_of_report("en") for problem in problems))
    return story


def _unknown_sites(document: Document, story: Storyline, sites: Collection[str]) -> list[Problem]:
    named = [("surges", index, surge.site) for index, surge in enumerate(story.surges)]
    named += [("drifts", index, drift.site) for index, drift in enumerate(story.drifts)]
    named += [("changes", index, one.site) for index, one in enumerate(story.changes) if one.site is not None]
    return [
        document.problem((part, index, "site"), "R110", text=f"there is no site {site!r} in the catalog")
        for part, index, site in named
        if site not in sites
    ]


def _misfits(document: Document, story: Storyline, metrics: Mapping[str, Metric] | None) -> Iterator[Problem]:
    """Yield the metrics of changes that nobody measures, and amounts in another unit than theirs."""
    for index, change in enumerate(story.changes if metrics is not None else ()):
        for how, amounts in (("adds", change.adds), ("becomes", change.becomes)):
            for name, amount in amounts.items():
                assert metrics is not None, "without metrics nothing is looked at"
                metric, place = metrics.get(name), ("changes", index, how, name)
                if metric is None:
                    yield document.problem(place, "R201", key=name, hint="")
                elif metric.unit != amount.unit:
                    yield document.problem(place, "R211", found=amount, expected=metric.unit)
