"""A series of a site that is computed from others, value by value."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from citybrain.attributes import attributes_at
from citybrain.sites import Site
from rules.derived import Derived, Found, history_inputs
from rules.series import Series


@dataclass(frozen=True, slots=True)
class DerivedSeries:
    """A derived value under the key of its series, which ends with the flags that count where these are not only N."""

    key: str
    derived: Derived
    silent_for: tuple[int | None, ...] = ()  # How old each input may be; empty where those of the very instant count.
    inputs: tuple[str, ...] = field(init=False)  # The keys of the series that it is computed from.

    reads: frozenset[str] = field(init=False)  # The same.

    def __post_init__(self) -> None:
        _, separator, flags = self.key.partition("|")
        keys = tuple(f"{metric}{separator}{flags}" for metric in self.derived.inputs)
        object.__setattr__(self, "inputs", keys)
        object.__setattr__(self, "reads", frozenset(keys))

    def instants_from(self, series: Mapping[str, Series], instant: int) -> list[int]:
        """Return the instants, oldest first, whose values a new sample of the instant changes: its own and later ones.

        Whether there was a value before does not matter: the new sample may be the one that was missing.
        """
        if self.derived.same_instant:
            return [instant]
        found = {instant}
        for key in self.inputs:
            samples = series.get(key)
            if samples is not None and samples.instants and samples.instants[-1] > instant:
                found.update(samples.instants[bisect_right(samples.instants, instant) :])
        return sorted(at for at in found if not self.derived.history or at - instant < self.derived.history)

    def is_whole(self, found: Found, series: Mapping[str, Series], site: Site) -> bool:
        """Tell whether nothing is missing that the site measures: what it never sent is not missed."""
        if not found.missing:
            return True
        pairs = zip(self.derived.inputs, self.inputs, strict=True)
        return not any(key in series and metric in site.metrics for metric, key in pairs if metric in found.missing)

    def value_at(self, series: Mapping[str, Series], instant: int, site: Site) -> Found | None:
        """Return the value as of an instant from the series of the site, or None where nobody can say."""
        inputs = self._histories(series, instant) if self.derived.history else self._known(series, instant)
        return self.derived.find(inputs, attributes_at(site.attributes, instant) if site.is_dated else site.attributes)

    def _histories(self, series: Mapping[str, Series], instant: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for metric, key in zip(self.derived.inputs, self.inputs, strict=True):
            samples = series.get(key)
            first, end = samples.window(instant, self.derived.history) if samples is not None else (0, 0)
            found[metric] = (
                history_inputs(samples.instants[first:end], samples.values[first:end], instant)
                if samples is not None
                else []
            )
        return found

    def _known(self, series: Mapping[str, Series], instant: int) -> dict[str, float]:
        """Return the inputs that are known as of the instant: of that very instant, or not too old."""
        known: dict[str, float] = {}
        for number, metric in enumerate(self.derived.inputs):
            samples = series.get(self.inputs[number])
            place = samples.place_at(instant) if samples is not None else None
            if samples is None or place is None:
                continue
            age = instant - samples.instants[place]
            if age == 0 or (
                not self.derived.same_instant and ((silent_for := self.silent_for[number]) is None or age <= silent_for)
            ):
                known[metric] = samples.values[place]
        return known
