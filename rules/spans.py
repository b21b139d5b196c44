"""When temporary zones arm a rule: spans that begin and end with them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from citybrain.faults import Fault
from citybrain.instants import parse_duration
from citybrain.zones import Zone

_EDGE = re.compile(r"(?P<edge>start|end)(?: (?P<sign>[+-]) (?P<shift>\S+))?")


@dataclass(frozen=True, slots=True)
class Edge:
    """An instant counted from the start or the end of a zone."""

    is_end: bool
    shift: int = 0  # Milliseconds.

    def of(self, span: tuple[int, int]) -> int:
        """Return the instant for a zone that is in force over a span."""
        return span[self.is_end] + self.shift


def parse_edge(text: str) -> Edge:
    """Return what `start - 3h` or `end` says. Raises ValueError for anything else."""
    found = _EDGE.fullmatch(text)
    if found is None:
        raise Fault("edge", found=repr(text))
    shift = parse_duration(found["shift"]) if found["shift"] is not None else 0
    return Edge(found["edge"] == "end", -shift if found["sign"] == "-" else shift)


def _checked_edge(text: str) -> str:
    parse_edge(text)
    return text


EdgeText = Annotated[str, AfterValidator(_checked_edge), Field(examples=["start - 3h", "end + 2h"])]


@dataclass(frozen=True, slots=True)
class Spans:
    """The temporary zones that arm a rule at a site, each with its span: (zone, from, until)."""

    zones: tuple[tuple[str, int, int], ...]

    def holds(self, instant: int) -> bool:
        """Tell whether any of the zones arms the rule at the instant."""
        return any(begin <= instant < end for _, begin, end in self.zones)

    def end_after(self, instant: int) -> int:
        """Return when the rule will not be armed any more: the instant itself where it is not armed now."""
        end = instant
        while later := [until for _, begin, until in self.zones if begin <= end < until]:
            end = max(later)
        return end

    def begins_after(self, instant: int) -> list[int]:
        """Return when zones will arm the rule that do not yet."""
        return [begin for _, begin, _ in self.zones if begin > instant]

    def turns_after(self, instant: int) -> int | None:
        """Return when the next zone begins or ceases to arm the rule; None where none does any more."""
        edges = (edge for _, begin, end in self.zones for edge in (begin, end))
        return min((edge for edge in edges if edge > instant), default=None)

    def armed_at(self, instant: int) -> tuple[str, ...]:
        """Return the zones that arm the rule at the instant."""
        return tuple(zone for zone, begin, end in self.zones if begin <= instant < end)


def spans_of(zones: Iterable[Zone], since: str | None, until: str | None) -> Spans | None:
    """Return the spans over which zones arm a rule, from their start to their end unless it is written otherwise.

    None: one of them is no temporary zone, or there are none, and the rule is always armed.
    """
    begin, end = parse_edge(since or "start"), parse_edge(until or "end")
    found = sorted(zones, key=lambda zone: zone.id)
    spans = [(zone.id, begin.of(zone.span), end.of(zone.span)) for zone in found if zone.span is not None]
    return Spans(tuple(spans)) if spans and len(spans) == len(found) else None
