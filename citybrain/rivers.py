"""The river graph: reaches that flow into one another, from `citybrain/catalog/rivers.yaml`.

A reach enters the next one at its upper end. A place on it is given by its chainage: km above the lower end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from citybrain.metrics import Entry, KindName
from citybrain.model import Words
from citybrain.units import Length


class Reach(Entry):
    """One stretch of a river; `next` is the reach that it flows into, None where it leaves the graph."""

    words: Words = Field(alias="name")
    length: Length
    next: KindName | None = None


class RiverFile(Entry):
    """`citybrain/catalog/rivers.yaml`: all reaches by their id."""

    source: str
    reaches: Annotated[dict[KindName, Reach], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class RiverPoint:
    """A place on a river."""

    reach: str
    chainage_m: float  # Above the lower end of the reach.


def course_of(reaches: Mapping[str, Reach], first: str) -> list[str]:
    """Return the reaches from one down to where it leaves the graph; a circle is cut where it closes."""
    course: list[str] = []
    reach: str | None = first
    while reach is not None and reach not in course:
        course.append(reach)
        reach = reaches[reach].next if reach in reaches else None
    return course


def run_m(reaches: Mapping[str, Reach], above: RiverPoint, below: RiverPoint) -> float | None:
    """Return how many metres the water runs from one place down to another; None where it does not come by."""
    if above.reach == below.reach:
        run = above.chainage_m - below.chainage_m
        return run if run >= 0 else None
    course = course_of(reaches, above.reach)
    if below.reach not in course:
        return None
    between = course[1 : course.index(below.reach) + 1]
    return above.chainage_m + sum(reaches[reach].length for reach in between) - below.chainage_m
