"""Alerts as rules about alerts see them: when each was open, at which level, and about what."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from citybrain.alerts import AlertEvent, State
from citybrain.model import LEVELS
from rules.areas.across import Across, Distinct
from rules.measures import Bound, Measured

Instants = list[int | None]


@dataclass(slots=True)
class AlertRecord:
    """One alert. `reached` and `left` hold per rank, from blue up, when it first came to it and when it fell below."""

    identifier: str
    rule: str
    site: str
    measure: str  # What decided about it; with the site it tells two alerts of one cause.
    hazard: str
    position: tuple[float, float]  # (lon, lat)
    rank: int = 0  # 0: closed.
    reached: Instants = field(default_factory=lambda: [None] * len(LEVELS))
    left: Instants = field(default_factory=lambda: [None] * len(LEVELS))

    def take_in(self, event: AlertEvent) -> None:
        """Take in what an event says of the alert."""
        self.rank = 0 if event.state is State.CLEARED else event.level.rank
        for place in range(len(LEVELS)):
            if self.rank > place:
                self.reached[place] = event.observed_at if self.reached[place] is None else self.reached[place]
                self.left[place] = None
            elif self.reached[place] is not None and self.left[place] is None:
                self.left[place] = event.observed_at

    def close(self, at: int) -> None:
        """End it as of a time: its rule, or what it was about, is gone."""
        self.rank = 0
        self.left = [
            at if came is not None and went is None else went
            for came, went in zip(self.reached, self.left, strict=True)
        ]

    def was_at(self, rank: int, instant: int, *, over: int) -> bool:
        """Tell whether it is at the rank or above, or was within the span before the instant."""
        if self.rank >= rank:
            return True
        left = self.left[rank - 1]
        return left is not None and instant - left < over

    def dump(self) -> Any:
        """Return the record as plain data."""
        return list(asdict(self).values())


def record_of(event: AlertEvent, hazard: str) -> AlertRecord:
    """Return a record of an alert that was never seen before."""
    return AlertRecord(
        event.identifier,
        event.rule.id,
        event.subject.site or event.subject.key,
        event.evidence.measure,
        hazard,
        event.subject.position,
    )


@dataclass(frozen=True, slots=True)
class AlertCount:
    """How one number comes from alerts."""

    across: Across
    rank: int  # At this rank or above.
    over: int  # Or so within this span, milliseconds; 0: now.
    distinct: Distinct | None

    def selected(self, records: Iterable[AlertRecord], instant: int) -> list[AlertRecord]:
        """Return the alerts that count, the worst first, each cause once where causes are told apart."""
        found = [record for record in records if record.was_at(self.rank, instant, over=self.over)]
        found.sort(key=lambda record: (-record.rank, record.rule, record.identifier))
        if self.distinct is None:
            return found
        kept: dict[str, AlertRecord] = {}
        causes: set[tuple[str, str]] = set()
        for record in found:
            if self.distinct is Distinct.SITE:
                kept.setdefault(record.site, record)
            elif (record.site, record.measure) not in causes:
                # Two rules about one number of one site are one hazard, not two.
                causes.add((record.site, record.measure))
                kept.setdefault(record.hazard, record)
        return list(kept.values())

    def value(self, records: Iterable[AlertRecord], instant: int) -> Measured:
        """Return the number. It is always known: no alert is an answer."""
        found = self.selected(records, instant)
        number = max((one.rank for one in found), default=0) if self.across is Across.MAX_LEVEL else len(found)
        return Measured(float(number), Bound.EXACT, instant)

    def changes_in(self, records: Iterable[AlertRecord], instant: int) -> int | None:
        """Return in how many milliseconds the next alert drops out of the span, if any does."""
        lefts = [record.left[self.rank - 1] for record in records if record.rank < self.rank]
        waits = [left + self.over - instant for left in lefts if left is not None]
        return min((wait for wait in waits if wait > 0), default=None)


def pruned(records: dict[str, AlertRecord], instant: int, *, keep: int) -> None:
    """Forget alerts that were closed longer ago than `keep`."""
    for identifier, record in list(records.items()):
        if record.rank == 0 and all(left is None or instant - left >= keep for left in record.left):
            del records[identifier]


def load_record(data: Sequence[Any]) -> AlertRecord:
    """Return the record that `dump` wrote."""
    record = AlertRecord(*data)
    record.position = (data[5][0], data[5][1])
    return record
