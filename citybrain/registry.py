"""The registry: feeds, metrics, kinds, sites and zones of the city, loaded from the catalog folder and checked."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from citybrain import geometry
from citybrain.attributes import Attribute, AttributeEntry, Dated, parse_attribute, quantities_of
from citybrain.coordinates import Crs, to_wgs84
from citybrain.documents import Document, load, validated
from citybrain.errors import CatalogError
from citybrain.faults import said_by
from citybrain.holidays import HolidayFile, Holidays, holidays_of
from citybrain.metrics import FeedFile, Kind, Metric, Shape
from citybrain.model import Feed, Words
from citybrain.problems import Problem, sorted_problems
from citybrain.rivers import Reach, RiverFile, RiverPoint, course_of
from citybrain.sites import Site, SiteFile
from citybrain.units import Quantity, format_number, parse_quantity
from citybrain.zones import CountyFile, Zone, ZoneEntry, ZoneFile, ZoneKind, ZoneKindFile

SHIPPED = Path(__file__).parent / "catalog"
COUNTY = "county"
CITY = "331100"  # Lishui's own adcode of GB/T 2260.
CITY_WORDS = Words("丽水市", "Lishui")
ZONE_KINDS = "zone-kinds.yaml"
RIVERS = "rivers.yaml"
HOLIDAYS = "holidays.yaml"
_NOT_NEEDED = {"*.geojson", RIVERS, HOLIDAYS}  # Files that a catalog may lack.


@dataclass(frozen=True, slots=True)
class FeedInfo:
    """What the registry knows of a feed as a whole."""

    words: Words
    late_max: int  # Milliseconds.
    reorder_for: int = 0  # How long readings are held to be put in order, milliseconds.


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything that rules and simulators may refer to, each by its id. `content_hash` names this very content."""

    feeds: Mapping[Feed, FeedInfo]
    metrics: Mapping[str, Metric]
    kinds: Mapping[str, Kind]
    kind_feeds: Mapping[str, Feed]
    sites: Mapping[str, Site]
    zones: Mapping[str, Zone]
    zone_kinds: Mapping[str, ZoneKind]
    reaches: Mapping[str, Reach]  # Of the river graph; empty where no file declares one.
    holidays: Holidays  # Of the years that a file declares.
    content_hash: str

    def county_name(self, adcode: str) -> Words:
        """Return the name of a county; its adcode where no outline names it."""
        if adcode == CITY:
            return CITY_WORDS
        zone = self.zones.get(adcode)
        return zone.words if zone is not None else Words(adcode, adcode)

    def is_temporary(self, zone_kind: str) -> bool:
        """Tell whether zones of a kind come and go."""
        declared = self.zone_kinds.get(zone_kind)
        return declared is not None and declared.temporary

    def covers(self, metric: str) -> int | None:
        """Return the span that one value of the metric stands for, or None for a metric of the moment."""
        declared = self.metrics.get(metric)
        return declared.covers if declared is not None else None

    def silent_for(self, site: Site, metric: str) -> int | None:
        """Return how old a value may grow before it is unknown; None where it holds until the next one."""
        declared = self.metrics.get(metric)
        if declared is not None and declared.shape is Shape.ON_CHANGE:
            return declared.silent_for
        return site.silent_for(self.covers(metric))


def load_registry(folder: Path | None = None) -> Registry:
    """Return the registry of a catalog folder (`feeds/`, `sites/`, `zones/` and more), by default the shipped one.

    Raises CatalogError whose text lists every fault with its place.
    """
    registry, problems = read_registry(folder or SHIPPED)
    if registry is None:
        raise CatalogError("\n".join(problem.line_of_report("en") for problem in problems))
    return registry


def read_registry(folder: Path) -> tuple[Registry | None, list[Problem]]:
    """Read a catalog folder. Without a registry there is at least one problem."""
    reader = _Reader(folder)
    registry = reader.read()
    return (None, sorted_problems(reader.problems)) if reader.problems else (registry, [])


class _Reader:
    """Collects what the files say, and everything that is wrong with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digest = hashlib.sha256()
        self.problems: list[Problem] = []
        self.feeds: dict[Feed, FeedInfo] = {}
        self.metrics: dict[str, Metric] = {}
        self.kinds: dict[str, Kind] = {}
        self.kind_feeds: dict[str, Feed] = {}
        self._kind_places: dict[str, Document] = {}
        self.zone_kinds: dict[str, ZoneKind] = {}
        self.reaches: dict[str, Reach] = {}
        self.holidays = Holidays()
        self.zones: dict[str, Zone] = {}
        self.sites: dict[str, Site] = {}

    def read(self) -> Registry:
        for document in self._documents("feeds", "*.yaml"):
            self._read_feed(document)
        self._check_kinds()
        for document in self._documents(".", HOLIDAYS):
            holidays, problems = validated(document, HolidayFile)
            self.problems += problems
            self.holidays = holidays_of(holidays) if holidays is not None else self.holidays
        for document in self._documents(".", RIVERS):
            self._read_rivers(document)
        for document in self._documents(".", ZONE_KINDS):
            self._read_zone_kinds(document)
        for document in self._documents("zones", "*.geojson"):
            self._read_counties(document)
        for document in self._documents("zones", "*.yaml"):
            self._read_zones(document)
        for document in self._documents("sites", "*.yaml"):
            self._read_sites(document)
        return Registry(
            self.feeds,
            self.metrics,
            self.kinds,
            self.kind_feeds,
            self.sites,
            self.zones,
            self.zone_kinds,
            self.reaches,
            self.holidays,
            self._digest.hexdigest(),
        )

    def _documents(self, name: str, pattern: str) -> Iterator[Document]:
        paths = sorted((self._folder / name).glob(pattern))
        if not paths and pattern not in _NOT_NEEDED:
            self.problems.append(Problem(self._folder / name, 1, 1, "R120", {"pattern": pattern}))
        for path in paths:
            document, problems = load(path)
            self.problems += problems
            if document is not None:
                self._digest.update(json.dumps([path.name, document.data], ensure_ascii=True).encode())
                yield document

    def _read_feed(self, document: Document) -> None:
        file, problems = validated(document, FeedFile)
        self.problems += problems
        if file is None:
            return
        if file.feed in self.feeds:
            self.problems.append(document.problem(("feed",), "R121", key=file.feed.value))
        self.feeds[file.feed] = FeedInfo(file.words, file.late_max, file.reorder_for)
        for name, metric in file.metrics.items():
            if name in self.metrics:
                self.problems.append(document.problem(("metrics", name), "R121", key=name))
            self.metrics[name] = metric
        for name, kind in file.kinds.items():
            if name in self.kinds:
                self.problems.append(document.problem(("kinds", name), "R121", key=name))
            self.kinds[name], self.kind_feeds[name] = kind, file.feed
            self._kind_places[name] = document

    def _check_kinds(self) -> None:
        """Check that the metrics of all kinds are declared, in whichever file."""
        for name, kind in self.kinds.items():
            for index, metric in enumerate(kind.metrics):
                if metric not in self.metrics:
                    place = ("kinds", name, "metrics", index)
                    self.problems.append(self._kind_places[name].problem(place, "R126", key=metric))

    def _read_rivers(self, document: Document) -> None:
        file, problems = validated(document, RiverFile)
        self.problems += problems
        self.reaches = dict(file.reaches) if file else {}
        for name, reach in self.reaches.items():
            place = ("reaches", name, "next")
            if reach.next is not None and reach.next not in self.reaches:
                self.problems.append(document.problem(place, "R233", key=reach.next, file=RIVERS))
            course = course_of(self.reaches, name)
            last = self.reaches.get(course[-1])
            if last is not None and last.next == name and name == min(course):  # One complaint a circle.
                self.problems.append(document.problem(place, "R234", course=" → ".join([*course, name])))

    def _river_point(
        self, document: Document, loc: tuple[str | int, ...], attributes: Mapping[str, Attribute]
    ) -> RiverPoint | None:
        """Return where `reach` and `chainage` say that something is; a reach alone is a word like any other."""
        written, chainage = attributes.get("reach"), attributes.get("chainage")
        named = written if isinstance(written, tuple) else ()
        place = (*loc, "attributes", "reach")
        unknown = [reach for reach in named if reach not in self.reaches]
        if self.reaches or chainage is not None:
            self.problems += [document.problem(place, "R233", key=reach, file=RIVERS) for reach in unknown]
        if not isinstance(chainage, Quantity) or unknown:
            return None
        length_km = self.reaches[named[0]].length / 1000 if len(named) == 1 else 0.0
        if len(named) != 1 or not 0 <= chainage.number <= length_km:
            place = (*loc, "attributes", "chainage")
            expected = f"0 to {format_number(length_km)} km"
            self.problems.append(document.problem(place, "R235", found=chainage, expected=expected))
            return None
        return RiverPoint(named[0], chainage.number * 1000)

    def _read_zone_kinds(self, document: Document) -> None:
        file, problems = validated(document, ZoneKindFile)
        self.problems += problems
        for name, kind in file.kinds.items() if file else ():
            assert file is not None, "kinds come from a file"
            self.zone_kinds[name] = kind.model_copy(update={"attributes": {**file.attributes, **kind.attributes}})

    def _read_counties(self, document: Document) -> None:
        file, problems = validated(document, CountyFile)
        self.problems += problems
        for index, feature in enumerate(file.features if file else ()):
            words = Words(feature.properties.name_zh, feature.properties.name_en)
            try:
                area = geometry.from_geojson(feature.geometry)
            except ValueError as error:
                self.problems.append(document.problem(("features", index, "geometry"), "R110", **said_by(error)))
                continue
            if feature.properties.adcode in self.zones:
                place = ("features", index, "properties", "adcode")
                self.problems.append(document.problem(place, "R121", key=feature.properties.adcode))
            self.zones[feature.properties.adcode] = Zone(feature.properties.adcode, COUNTY, words, area)

    def _read_zones(self, document: Document) -> None:
        file, problems = validated(document, ZoneFile)
        self.problems += problems
        if file is None:
            return
        kind = self.zone_kinds.get(file.kind)
        if kind is None:
            self.problems.append(document.problem(("kind",), "R230", key=file.kind, file=ZONE_KINDS))
            return
        for index, entry in enumerate(file.zones):
            if entry.id in self.zones:
                self.problems.append(document.problem(("zones", index, "id"), "R121", key=entry.id))
            try:
                area = _outline(entry, file.crs)
            except ValueError as error:
                self.problems.append(document.problem(("zones", index), "R110", **said_by(error)))
                continue
            span = (entry.start, entry.end) if entry.start is not None and entry.end is not None else None
            if kind.temporary != (span is not None):
                code = "R231" if kind.temporary else "R232"
                self.problems.append(document.problem(("zones", index, "start"), code, key=file.kind))
            attributes = self._attributes(document, ("zones", index), entry.attributes, kind.attributes)
            river = self._river_point(document, ("zones", index), attributes)
            self.zones[entry.id] = Zone(entry.id, file.kind, entry.words, area, attributes, span, river)

    def _read_sites(self, document: Document) -> None:
        file, problems = validated(document, SiteFile)
        self.problems += problems
        if file is None:
            return
        kind = self.kinds.get(file.kind)
        if kind is None:
            self.problems.append(document.problem(("kind",), "R122", key=file.kind))
            return
        feed = self.kind_feeds[file.kind]
        for index, entry in enumerate(file.sites):
            loc = ("sites", index)
            if entry.id in self.sites:
                self.problems.append(document.problem((*loc, "id"), "R121", key=entry.id))
            if entry.county not in self.zones:
                self.problems.append(document.problem((*loc, "county"), "R123", key=entry.county))
            attributes = self._attributes(document, loc, entry.attributes, kind.attributes)
            self.sites[entry.id] = Site(
                entry.id,
                entry.words,
                feed,
                file.kind,
                entry.county,
                to_wgs84(entry.position, file.crs),
                entry.period or file.period or kind.period,
                kind.metrics,
                attributes,
                kind.moves,
                self._river_point(document, loc, attributes),
                any(isinstance(attribute, Dated) for attribute in attributes.values()),
            )

    def _attributes(
        self,
        document: Document,
        loc: tuple[str | int, ...],
        written: Mapping[str, AttributeEntry],
        declared: Mapping[str, str],
    ) -> dict[str, Attribute]:
        attributes: dict[str, Attribute] = {}
        for name, value in written.items():
            place = (*loc, "attributes", name)
            expected = declared.get(name)
            if expected is None:
                self.problems.append(document.problem(place, "R124", key=name, known=", ".join(declared)))
                continue
            try:
                attribute = parse_attribute(value, expected)
            except ValueError as error:
                self.problems.append(document.problem(place, "R110", **said_by(error)))
                continue
            for unit in {quantity.unit for quantity in quantities_of(attribute)} - {expected}:
                self.problems.append(document.problem(place, "R125", found=unit, expected=expected))
            attributes[name] = attribute
        return attributes


def _outline(entry: ZoneEntry, crs: Crs) -> geometry.Area:
    if entry.circle is not None:
        radius = parse_quantity(entry.circle.radius)
        if radius.unit not in ("m", "km"):
            raise ValueError(f"the radius is in {radius.unit}, expected m or km")
        radius_m = radius.number * (1000 if radius.unit == "km" else 1)
        return geometry.circle(to_wgs84(entry.circle.centre, crs), radius_m=radius_m)
    if entry.box is not None:
        west, south, east, north = entry.box
        (west, south), (east, north) = to_wgs84((west, south), crs), to_wgs84((east, north), crs)
        return geometry.box(west, south, east, north)
    assert entry.polygon is not None, "the file's shape wants one outline"
    return geometry.polygon([to_wgs84(corner, crs) for corner in entry.polygon])
