"""A compiled rule, and what a judge of it is: the rule bound to one site."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from citybrain.alerts import Certainty, Evidence
from citybrain.instants import Duration
from citybrain.model import Level, Scenario, Words
from rules.lifecycle import Timing, Verdict
from rules.rest import Band
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
    latched: bool = False  # Its alerts end by the control record `reset` alone.
    is_trial: bool = False  # Its alerts are recorded and told to nobody.
    certainty: Certainty = Certainty.OBSERVED
    metric: str | None = None  # The one of several metrics that a judge of a `quality` rule looks at.

    @property
    def key(self) -> str:
        """Return what names its judge among those of one site."""
        return self.id if self.metric is None else f"{self.id}:{self.metric}"


@dataclass(frozen=True, slots=True)
class Ties:
    """What the events of a rule are tied to at one site or group, besides its own scenario and place."""

    also_in: tuple[Scenario, ...] = ()  # Further scenarios.
    affects: tuple[str, ...] = ()  # Zones where people may be affected.


@dataclass(slots=True)
class Heard:
    """When a series was heard last, on the clock of the living log, and how many of its deadlines have passed.

    A series that is waited for and never came counts from the beginning of the wait.
    """

    at: int
    passed: int = 0
    due: int | None = None  # The next deadline that is scheduled.
    ever: bool = True  # False: only waited for.


class SiteView(Protocol):
    """What a judge may see of its site."""

    series: dict[str, Series]  # By series key.
    position: tuple[float, float] | None  # The newest, for a site that moves.
    inside: frozenset[str]  # Ids of the zones around the newest position.

    @property
    def heard(self) -> dict[str, Heard]:
        """Return when each of its series was heard last, or began to be waited for."""
        ...

    def silence(self, key: str) -> int:
        """Return how long a series has been silent, milliseconds of a living log; 0 if nobody waits for it."""
        ...

    def lost_for(self, key: str) -> int:
        """Return how long a series that was heard once has been silent; 0 if it never was."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on one subject of the judge, and how to say why."""

    zone: str | None  # None: the subject is the site itself.
    verdict: Verdict


class Judge(Protocol):
    """A rule bound to one site or group. It holds no state: what it remembers is handed in as `memory`.

    It is a value with a hash, and like sites share equal ones: all that decides takes part in comparing.
    """

    def __hash__(self) -> int: ...

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

    @property
    def zones(self) -> frozenset[str]:
        """Return the zones that its alerts may be about; empty where they are about the site itself."""
        ...

    @property
    def has_wakes(self) -> bool:
        """Tell whether it may change its mind although nothing comes."""
        ...

    @property
    def is_about_silence(self) -> bool:
        """Tell whether it judges the record's own time: how long nothing came."""
        ...

    def new_memory(self, zones: Sequence[str] = ()) -> Any:
        """Return what it remembers before the first sample, with alerts open in some zones."""
        ...

    def is_blind(self, view: Any) -> bool:
        """Tell whether what it goes by has been silent for too long to be known."""
        ...

    def judge(self, memory: Any, view: Any, instant: int, *, is_open: bool) -> Sequence[Finding]:
        """Judge the site as of the instant; the memory is brought up to date.

        `is_open` says whether any alert of it is open.
        """
        ...

    def evidence(self, memory: Any, view: Any, instant: int, *, rank: int, zone: str | None) -> Evidence:
        """Return what decides, or would decide, about the rank at the instant."""
        ...

    def dump(self, memory: Any) -> Any:
        """Return the memory as plain data."""
        ...

    def load(self, data: Any) -> Any:
        """Return the memory that `dump` wrote."""
        ...


class SiteJudge(Judge, Protocol):
    """A rule bound to one site, which says when nobody needs to ask it."""

    @property
    def bands(self) -> Mapping[str, Band]:
        """Return per series the values that leave it at rest, once it is; without one, any."""
        ...

    def quiet_until(self, memory: Any, view: Any, instant: int) -> float | None:
        """Return, while no alert is open, until when judging would find nothing and remember nothing; None: it may.

        Until then nothing can change that but a late or revised sample, or one outside its bands.
        """
        ...


def level_of(rank: int) -> Level:
    """Return the level of a rank from 1 to 4."""
    return tuple(Level)[rank - 1]


def is_any_silent(judge: Judge, view: SiteView) -> bool:
    """Tell whether any series that a judge reads has been silent for too long to be known."""
    return any(view.lost_for(key) >= span for key, span in judge.silent_after.items())
