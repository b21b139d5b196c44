"""A series of a site that is computed from others, value by value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from citybrain.attributes import attributes_at
from citybrain.registry import Registry
from citybrain.sites import Site
from rules.derived import Derived, history_inputs
from rules.series import Series


@dataclass(frozen=True, slots=True)
class DerivedSeries:
    """A derived value under the key of its series, which ends with the flags that count where these are not only N."""

    key: str
    derived: Derived
    inputs: tuple[str, ...] = field(init=False)  # The keys of the series that it is computed from.

    def __post_init__(self) -> None:
        _, separator, flags = self.key.partition("|")
        keys = tuple(f"{metric}{separator}{flags}" for metric in self.derived.inputs)
        object.__setattr__(self, "inputs", keys)

    def value_at(self, series: Mapping[str, Series], instant: int, site: Site, registry: Registry) -> float | None:
        """Return the value as of an instant from the series of the site, or None where nobody can say."""
        inputs = (
            self._histories(series, instant) if self.derived.history else self._known(series, instant, site, registry)
        )
        return self.derived.compute(
            inputs, attributes_at(site.attributes, instant) if site.is_dated else site.attributes
        )

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

    def _known(self, series: Mapping[str, Series], instant: int, site: Site, registry: Registry) -> dict[str, float]:
        """Return the inputs that are known as of the instant: of that very instant, or not too old."""
        known: dict[str, float] = {}
        for metric, key in zip(self.derived.inputs, self.inputs, strict=True):
            samples = series.get(key)
            place = samples.place_at(instant) if samples is not None else None
            if samples is None or place is None:
                continue
            age = instant - samples.instants[place]
            silent_for = registry.silent_for(site, metric)
            if age == 0 or (not self.derived.same_instant and (silent_for is None or age <= silent_for)):
                known[metric] = samples.values[place]
        return known
