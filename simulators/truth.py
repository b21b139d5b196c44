"""Ground truth: what really happened in a run, and which sensors failed, as JSON lines beside its trace.

The first line is a header. Each further line is `{"incident": {...}}` or `{"fault": {...}}`. How bad an incident was is
told as the physical number, for whoever scores the alerts: no limit is known here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from citybrain.errors import MissingError, SnapshotError
from citybrain.instants import format_instant, parse_instant
from simulators.kinds import IncidentKind
from simulators.mishaps import Episode
from simulators.rates import FaultKind

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that happened: where, from when to when, and how bad it was at each moment."""

    kind: IncidentKind
    place: str  # A site, or the name of the storyline's entry.
    position: tuple[float, float]  # (lon, lat), WGS 84.
    radius_m: float
    counties: tuple[str, ...]  # Adcodes of all that it touches.
    since: int
    until: int
    measure: str
    unit: str
    course: tuple[tuple[int, float], ...]  # (instant, value), thinned out.

    @property
    def peak(self) -> tuple[int, float]:
        """Return when it was worst, and how bad: what falls below the ordinary is told as a negative number."""
        return max(self.course, key=lambda point: abs(point[1]))


@dataclass(frozen=True, slots=True)
class Truth:
    """All that happened in a run of `start` to `end`."""

    start: int
    end: int
    seed: int
    storyline: str
    incidents: tuple[Incident, ...] = ()
    faults: tuple[Episode, ...] = ()


def truth_path(trace: Path) -> Path:
    """Return where the truth of a trace lies: `storm.truth.jsonl` beside `storm.jsonl` or `storm.jsonl.gz`."""
    return trace.with_name(f"{trace.name.removesuffix('.gz').removesuffix('.jsonl')}.truth.jsonl")


def write_truth(path: Path, truth: Truth) -> None:
    """Write a truth file. Raises MissingError where nothing can be written."""
    try:
        with path.open("wb") as file:
            file.writelines(orjson.dumps(line) + b"\n" for line in _lines(truth))
    except OSError as error:
        raise MissingError(f"cannot write {path}: {error.strerror}") from error


def read_truth(path: Path) -> Truth:
    """Return the truth of a file. Raises MissingError without one, SnapshotError for a line that is none of truth."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise MissingError(f"{path}: {error.strerror}") from error
    incidents, faults = [], []
    try:
        header = orjson.loads(lines[0])
        if header["truth"] != FORMAT:
            raise SnapshotError(f"{path}:1: found `truth` {header['truth']!r}, expected {FORMAT}")
        for line in lines[1:]:
            data = orjson.loads(line)
            if "incident" in data:
                incidents.append(_incident(data["incident"]))
            else:
                faults.append(_fault(data["fault"]))
        times = parse_instant(header["start"]), parse_instant(header["end"])
        return Truth(*times, header["seed"], header["storyline"], tuple(incidents), tuple(faults))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise SnapshotError(f"{path}: this is no truth file ({error!r})") from error


def _lines(truth: Truth) -> Iterator[Mapping[str, Any]]:
    yield {
        "truth": FORMAT,
        "seed": truth.seed,
        "storyline": truth.storyline,
        "start": format_instant(truth.start),
        "end": format_instant(truth.end),
    }
    for incident in truth.incidents:
        told: dict[str, Any] = {name: getattr(incident, name) for name in _INCIDENT}
        told["course"] = [(format_instant(at), round(value, 3)) for at, value in incident.course]
        yield {"incident": _with_instants(told)}
    for fault in truth.faults:
        yield {"fault": _with_instants({name: getattr(fault, name) for name in _FAULT})}


_INCIDENT = ("kind", "place", "position", "radius_m", "counties", "since", "until", "measure", "unit")
_FAULT = ("kind", "site", "since", "until", "metric", "size")


def _with_instants(told: dict[str, Any]) -> dict[str, Any]:
    return {**told, "since": format_instant(told["since"]), "until": format_instant(told["until"])}


def _incident(data: Mapping[str, Any]) -> Incident:
    lon, lat = data["position"]
    return Incident(
        IncidentKind(data["kind"]),
        data["place"],
        (lon, lat),
        data["radius_m"],
        tuple(data["counties"]),
        parse_instant(data["since"]),
        parse_instant(data["until"]),
        data["measure"],
        data["unit"],
        tuple((parse_instant(at), value) for at, value in data["course"]),
    )


def _fault(data: Mapping[str, Any]) -> Episode:
    since, until = parse_instant(data["since"]), parse_instant(data["until"])
    return Episode(FaultKind(data["kind"]), data["site"], since, until, data["metric"], data["size"])


def thinned(course: Iterable[tuple[int, float]], most: int = 100) -> tuple[tuple[int, float], ...]:
    """Return at most so many points of a course, evenly taken, the worst always among them."""
    points = list(course)
    step = -(-len(points) // most) or 1
    worst = max(points, key=lambda point: abs(point[1]))
    return tuple(sorted({*points[::step], worst, points[-1]}))
