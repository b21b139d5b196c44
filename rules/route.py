"""Routes: whom a new sample of a series concerns at a site. Judges and senders are bits, by place in its plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rules.rest import EVERYTHING, Band

ALL = -1  # All places there may be, as bits.
PLACES_MAX = 4096  # Sets of places that are remembered; sites of one kind have the same few.


@dataclass(frozen=True, slots=True)
class Route:
    """Whom samples of one series concern, and the band in which they do not concern a judge that rests."""

    judges: int = 0
    senders: int = 0
    least: float = EVERYTHING.least
    greatest: float = EVERYTHING.greatest
    clean: int = EVERYTHING.clean
    total: float = EVERYTHING.total
    silence: int | None = None  # The shortest that makes a difference, milliseconds.


NOWHERE = Route()


def route_of(judges: Sequence[int], senders: Sequence[int], band: Band, silence: int | None) -> Route:
    """Return the route to judges and senders by their places."""
    return Route(bits(judges), bits(senders), band.least, band.greatest, band.clean, band.total, silence)


def bits(places: Sequence[int]) -> int:
    """Return places as bits of one number."""
    return sum(1 << place for place in set(places))


@lru_cache(PLACES_MAX)
def places(some: int) -> tuple[int, ...]:
    """Return the places of bits, ascending."""
    return tuple(place for place in range(some.bit_length()) if some >> place & 1)
