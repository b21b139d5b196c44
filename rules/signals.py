"""Signals: what the site stage tells the area stage of one site, rule by rule."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rules.measures import UNKNOWN, Bound, Measure, Measured, looks_again_in, measure
from rules.measuring import Histories, against_all, new_histories, settle_all
from rules.rule import SiteView
from rules.seasons import Seasons
from rules.silence import ANY_METRIC


class Signal(NamedTuple):
    """The values of a rule's measures at one site. `at` is the time of the record that brought them."""

    rule: str
    site: str
    at: int
    instant: int
    measured: tuple[Measured | None, ...]  # In the order of the rule's measures; None: nothing new of this one.


@dataclass(frozen=True, slots=True)
class Sender:
    """A rule over several sites, bound to one of them: it says what its measures are there, and judges nothing."""

    rule: str
    measures: tuple[Measure | None, ...]  # In the order of the rule's measures; None: not measured here.
    silences: tuple[int, ...]  # Places of the measures that are about silence.
    spans: tuple[int, ...]  # Silences that make a difference to them, milliseconds.
    period: int  # Of the site, milliseconds.
    as_of: Seasons["Sender"] | None = None  # Where an attribute that it names goes by season or hour.
    series_keys: tuple[str, ...] = field(init=False)
    has_operands: bool = field(init=False)
    has_wakes: bool = field(init=False)  # Whether what it says may change although nothing comes.

    def __post_init__(self) -> None:
        has_wakes = any(spec is not None and spec.speaks_on_change for spec in self.measures)
        object.__setattr__(self, "has_wakes", has_wakes)
        keys = tuple(dict.fromkeys(spec.series for spec in self.measures if spec is not None))
        object.__setattr__(self, "series_keys", keys)
        has_operands = any(spec is not None and spec.against is not None for spec in self.measures)
        object.__setattr__(self, "has_operands", has_operands)

    def new_memory(self) -> Histories:
        """Return empty histories for the measures that are set against their own past."""
        return new_histories(self.measures)

    def tell(self, memory: Histories, view: SiteView, instant: int, *, site: str, at: int) -> Signal:
        """Return the values of the measures as of the instant; the memory is brought up to date."""
        if self.as_of is not None:
            return self.as_of(instant).tell(memory, view, instant, site=site, at=at)
        return Signal(self.rule, site, at, instant, tuple(self._measured(memory, view, instant)))

    def tell_again(self, memory: Histories, view: SiteView, instant: int, *, site: str, at: int) -> Signal:
        """Return what has become, by time alone, of the measures of what speaks only on change."""
        if self.as_of is not None:
            return self.as_of(instant).tell_again(memory, view, instant, site=site, at=at)
        found = zip(self.measures, self._measured(memory, view, instant), strict=True)
        holding = tuple(value if spec is not None and spec.speaks_on_change else None for spec, value in found)
        return Signal(self.rule, site, at, instant, holding)

    def looks_again_in(self, view: SiteView, instant: int) -> int | None:
        """Return in how many milliseconds it will have something else to say though nothing comes; None if never."""
        waits = [
            looks_again_in(spec, view.series[spec.series], instant)
            for spec in self.measures
            if spec is not None and spec.speaks_on_change and spec.series in view.series
        ]
        if self.as_of is not None and (turn := self.as_of.turns_after(instant)) is not None:
            waits.append(turn - instant)
        return min((wait for wait in waits if wait is not None), default=None)

    def is_moving_since(self, view: SiteView, told_at: int) -> bool:
        """Tell whether time alone has changed what it says since it was told again, or since its newest sample."""
        return self.looks_again_in(view, max(told_at, newest_of(view, self.series_keys))) is not None

    def _measured(self, memory: Histories, view: SiteView, instant: int) -> list[Measured | None]:
        found = view.series
        measured = [
            None if spec is None else measure(spec, found[spec.series], instant) if spec.series in found else UNKNOWN
            for spec in self.measures
        ]
        if self.has_operands:
            settle_all(self.measures, memory, found)
            against = against_all(self.measures, memory, found, [one or UNKNOWN for one in measured])
            measured = [None if one is None else value for one, value in zip(measured, against, strict=True)]
        if self.has_wakes:
            pairs = zip(self.measures, measured, strict=True)
            measured = [
                None if spec is None or one is None else _as_said(spec, one, view, instant) for spec, one in pairs
            ]
        return measured

    def tell_silence(self, view: SiteView, *, site: str, at: int) -> Signal:
        """Return how long the site has been silent, in its own periods."""
        periods = Measured(view.silence(ANY_METRIC) / self.period, Bound.EXACT, at)
        measured = tuple(periods if place in self.silences else None for place in range(len(self.measures)))
        return Signal(self.rule, site, at, at, measured)


def _as_said(spec: Measure, found: Measured, view: SiteView, instant: int) -> Measured:
    """Return what holds with the instant at which it was said: it is no sign of life that it still does."""
    if not spec.speaks_on_change or found.value is None:
        return found
    series = view.series[spec.series]
    place = series.place_at(instant)
    assert place is not None, "a value has a sample behind it"
    return found._replace(newest_at=series.instants[place])


def newest_of(view: SiteView, keys: Sequence[str]) -> int:
    """Return the instant of the newest sample of some series; 0 where there is none."""
    newest = 0
    for key in keys:
        series = view.series.get(key)
        if series is not None and series.instants and series.instants[-1] > newest:
            newest = series.instants[-1]
    return newest
