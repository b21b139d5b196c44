"""What concerns one site: its judges and senders, and which of them a new sample asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from citybrain.registry import Registry
from citybrain.sites import Site
from rules.derived_series import DerivedSeries
from rules.route import Route
from rules.rule import SiteJudge, Ties
from rules.shelf import Shelf, shelf_of
from rules.signals import Sender
from rules.spans import Spans


@dataclass(frozen=True, slots=True)
class SitePlan:
    """Exactly what concerns one site."""

    site: Site
    judges: tuple[SiteJudge, ...]  # In the order of their rule ids.
    by_series: Mapping[str, tuple[int, ...]]  # Series key -> places of the judges that read it.
    reach: Mapping[str, int]  # Series key -> how far back a window looks, milliseconds.
    derived: tuple[DerivedSeries, ...]
    silences: Mapping[str, tuple[int, ...]]  # Series key -> silences at which something is due, ascending.
    flagged: Mapping[str, tuple[str, ...]]  # Metric -> series keys that take more than valid values.
    senders: tuple[Sender, ...]  # What is told of the site to rules over several sites.
    zones: tuple[str, ...]  # Where the site stands; counties left out.
    ties: Mapping[str, Ties]  # Rule id -> what its events are tied to here.
    late_max: int  # How far behind the newest a sample may be, milliseconds.
    reorder_for: int  # How long a reading is held, milliseconds.
    spans: Mapping[int, Mapping[str, Spans]]  # Place of a judge -> when temporary zones arm it, by zone or site.
    routes: Mapping[str, Route]  # Series key -> whom its samples concern.
    patience: float  # A reading that was on its way for so long may wake those that are about silence, milliseconds.
    shelves: dict[str, Shelf] = field(default_factory=dict, compare=False, repr=False)  # By metric, on first sight.

    def shelf(self, metric: str, registry: Registry) -> Shelf | None:
        """Return where the values of a metric go; made on first sight, None for one that no feed declares."""
        declared = registry.metrics.get(metric)
        if declared is None:
            return None
        is_read, flagged = metric in self.reach, self.flagged.get(metric, ())
        shelf = self.shelves[metric] = shelf_of(metric, declared, flagged, is_read=is_read)
        return shelf
