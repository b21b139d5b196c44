"""The measures of an area rule at one group: which sites they are of, and how one number comes from many."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from citybrain.geometry import distance_m
from citybrain.model import Words
from rules.areas.across import Across, Aggregate, Counted
from rules.areas.records import AlertCount, AlertRecord
from rules.conditions import compare
from rules.measures import Measure, Measured
from rules.rule import SiteView
from rules.threshold import Limit, Rung


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many sites must meet a limit. With `within_m` they stand that close to one of them."""

    sites: int = 1
    within_m: float | None = None

    def holds(self, positions: Sequence[tuple[float, float]]) -> bool:
        """Tell whether these sites are enough."""
        return len(positions) >= self.sites and self.most(positions) >= self.sites

    def most(self, positions: Sequence[tuple[float, float]]) -> int:
        """Return how many of these sites could ever agree: all of them, or the most that stand close together."""
        if self.within_m is None:
            return len(positions)
        counts = (sum(distance_m(one, other) <= self.within_m for other in positions) for one in positions)
        return max(counts, default=0)


@dataclass(frozen=True, slots=True)
class Member:
    """A site of a group, for one measure."""

    position: tuple[float, float]
    silent_for: int | None  # A value older than this is unknown; None: it holds until the next.
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Sector:
    """Only what lies to one side of the wind, as seen from the group."""

    origin: tuple[float, float]
    spread: float  # Degrees.
    is_downwind: bool
    direction: int  # The places of the wind among the rule's measures.
    speed: int


@dataclass(frozen=True, slots=True)
class AreaMeasure:
    """A measure of a group. Without `aggregate` and `alerts` it is a number of each site."""

    spec: Measure  # Its unit, its period, and the zone's own number that every site is set against, if any.
    words: Words
    members: Mapping[str, Member]  # By site, ascending.
    aggregate: Aggregate | None = None
    across: Across | None = None
    counted: Counted | None = None  # Which values the number counts, if it counts any.
    alerts: AlertCount | None = None
    sector: Sector | None = None

    @property
    def is_per_site(self) -> bool:
        """Tell whether it is a number of each site."""
        return self.aggregate is None and self.alerts is None

    def bears_out(self, found: Measured, limit: Limit, rung: Rung, scale: float) -> bool:
        """Tell whether a site's value speaks for a rung by itself: it is counted, or meets it; part of a sum cannot."""
        if self.counted is not None:
            return found.value is not None and self.counted.holds(found.value)
        return self.across is not Across.SUM and compare(found, limit.comparison, rung.value * scale) is True


class AreaView(SiteView, Protocol):
    """What a judge may see of its group."""

    newest_at: int  # The instant that it was judged as of, at least.
    values: Sequence[Mapping[str, Measured]]  # Per measure: the last value of each site.
    mute: Sequence[Set[str]]  # Per measure: the sites that do not know any more.
    records: Sequence[Mapping[str, AlertRecord]]  # Per measure: the alerts that it counts, open or lately closed.


def member_key(place: int, site: str) -> str:
    """Return the key under which a site's silence is counted for one measure."""
    return f"{place}|{site}"
