"""A compiled rule, and what a judge of it is: the rule bound to one site."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from citybrain.alerts import Evidence
from citybrain.instants import Duration
from citybrain.model import Level, Scenario, Words
from rules.lifecycle import Timing, Verdict
from rules.series import Series


@dataclass(frozen=True, slots=True)
class Rule:
    """What all judges of one rule share. `fingerprint` changes when anything that decides changes."""

    id: str
    rows: tuple[str, ...]
    scenario: Scenario
    words: Words
    hazard: str
    cause: Words
    consequence: Words
    action: Words
    respond_within: Duration
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SiteView:
    """What a judge may see of its site at one instant."""

    series: Mapping[str, Series]  # By series key.
    position: tuple[float, float] | None  # The newest, for a site that moves.
    inside: frozenset[str]  # Ids of the zones around the newest position.
    silences: Mapping[str, int]  # Series key -> how long it has been silent, milliseconds of a living log.


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on one subject of the judge, and how to say why."""

    zone: str | None  # None: the subject is the site itself.
    verdict: Verdict


class Judge(Protocol):
    """A rule bound to one site. It holds no state: what it remembers is handed in as `memory`."""

    @property
    def rule(self) -> Rule:
        """Return the rule."""
        ...

    @property
    def timing(self) -> Timing:
        """Return how slowly its alerts go down."""
        ...

    @property
    def series_keys(self) -> tuple[str, ...]:
        """Return the series whose new samples make it judge anew."""
        ...

    @property
    def silent_after(self) -> Mapping[str, int]:
        """Return per series how long a silence, in milliseconds, makes what it said unknown."""
        ...

    def new_memory(self) -> Any:
        """Return what it remembers before the first sample."""
        ...

    def judge(self, memory: Any, view: SiteView, instant: int) -> Sequence[Finding]:
        """Judge the site as of the instant; the memory is brought up to date."""
        ...

    def evidence(self, view: SiteView, instant: int, *, rank: int, zone: str | None) -> Evidence:
        """Return what decides, or would decide, about the rank at the instant."""
        ...

    def dump(self, memory: Any) -> Any:
        """Return the memory as plain data."""
        ...

    def load(self, data: Any) -> Any:
        """Return the memory that `dump` wrote."""
        ...


def level_of(rank: int) -> Level:
    """Return the level of a rank from 1 to 4."""
    return tuple(Level)[rank - 1]
