"""What concerns one site: its judges and senders, and which of them a new sample asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from citybrain.registry import Registry
from citybrain.sites import Site
from rules.derived_series import DerivedSeries
from rules.rule import Judge, Ties
from rules.shelf import Shelf, shelf_of
from rules.signals import Sender
from rules.spans import Spans

PLACES_MAX = 1024  # Kinds of readings, by the series that they touch; a device sends a handful.


@dataclass(frozen=True, slots=True)
class SitePlan:
    """Exactly what concerns one site."""

    site: Site
    judges: tuple[Judge, ...]  # In the order of their rule ids.
    by_series: Mapping[str, tuple[int, ...]]  # Series key -> places of the judges that read it.
    reach: Mapping[str, int]  # Series key -> how far back a window looks, milliseconds.
    derived: tuple[DerivedSeries, ...]
    silences: Mapping[str, tuple[int, ...]]  # Series key -> silences at which something is due, ascending.
    flagged: Mapping[str, tuple[str, ...]]  # Metric -> series keys that take more than valid values.
    senders: tuple[Sender, ...]  # What is told of the site to rules over several sites.
    senders_by_series: Mapping[str, tuple[int, ...]]
    zones: tuple[str, ...]  # Where the site stands; counties left out.
    ties: Mapping[str, Ties]  # Rule id -> what its events are tied to here.
    late_max: int  # How far behind the newest a sample may be, milliseconds.
    reorder_for: int  # How long a reading is held, milliseconds.
    spans: Mapping[int, Mapping[str, Spans]]  # Place of a judge -> when temporary zones arm it, by zone or site.
    shelves: dict[str, Shelf] = field(default_factory=dict, compare=False, repr=False)  # By metric, on first sight.
    _places: dict[tuple[str, ...], tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)
    _senders: dict[tuple[str, ...], tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)

    def shelf(self, metric: str, registry: Registry) -> Shelf | None:
        """Return where the values of a metric go; made on first sight, None for one that no feed declares."""
        declared = registry.metrics.get(metric)
        if declared is None:
            return None
        is_read, flagged = metric in self.reach, self.flagged.get(metric, ())
        shelf = self.shelves[metric] = shelf_of(metric, declared, flagged, is_read=is_read)
        return shelf

    def places_of(self, series: tuple[str, ...]) -> tuple[int, ...]:
        """Return the places of the judges that read any of the series, ascending. Kept, as readings look alike."""
        return _kept(self._places, self.by_series, series)

    def senders_of(self, series: tuple[str, ...]) -> tuple[int, ...]:
        """Return the places of the senders that read any of the series, ascending."""
        return _kept(self._senders, self.senders_by_series, series)


def _kept(
    kept: dict[tuple[str, ...], tuple[int, ...]], by_series: Mapping[str, tuple[int, ...]], series: tuple[str, ...]
) -> tuple[int, ...]:
    places = kept.get(series)
    if places is None:
        if len(kept) >= PLACES_MAX:
            kept.clear()  # A sender that shuffles its metrics must not fill the memory.
        places = kept[series] = tuple(sorted({place for key in series for place in by_series.get(key, ())}))
    return places
