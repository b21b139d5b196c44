"""Puts what the partitions of all feeds tell into the order of the log's time.

A moment is over once every source has passed it. What is told of it later is a repeat by a restarted source, or comes
from a source that was given up on.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from citybrain.alerts import AlertEvent, State
from citybrain.model import Reset
from streams.log import Place
from streams.signal_log import Told

Key = tuple[Any, ...]  # Tells a signal or an event from all others: repeats have the same.


class Moment(NamedTuple):
    """What came at one time of the log, from all sources."""

    at: int
    signals: Sequence[Told]
    events: Sequence[AlertEvent]
    resets: Sequence[Reset] = ()


@dataclass(frozen=True, slots=True)
class _Held:
    """Something that waits until its moment is over."""

    what: Told | AlertEvent
    offset: int  # Of the record that told it.


@dataclass(slots=True)
class Merge:
    """What is held back, and how far each source is. `give_up` and all else is obeyed in the order of the log."""

    passed: dict[Place, int | None]  # Source -> the time it has passed.
    numbers: dict[Place, int] = field(default_factory=dict)  # Source -> the rule set that it has gone over to.
    position: int | None = None  # All moments before this are over.
    given_up: set[Place] = field(default_factory=set)
    last: dict[str, AlertEvent] = field(default_factory=dict)  # Of the alerts that are open: identifier -> last event.
    resets: list[Reset] = field(default_factory=list)  # Orders that are carried out with the next moment.
    late: int = 0  # Signals of sources that had been given up on.
    _held: dict[int, dict[Key, _Held]] = field(default_factory=dict)  # By time.
    _ending: list[_Held] = field(default_factory=list)  # Ends of alerts that came after their moment.

    @property
    def oldest(self) -> int | None:
        """Return the offset of the oldest record of which something is held back; None if nothing is."""
        held = (one for held in self._held.values() for one in held.values())
        return min((one.offset for one in chain(held, self._ending)), default=None)

    def take_signals(self, source: Place, told: Iterable[Told], *, offset: int) -> None:
        """Hold back signals."""
        for one in told:
            at = one.signal.at
            if self.position is not None and at < self.position:
                self.late += source in self.given_up
            else:
                key = (source, one.offset, one.signal.site, one.ordinal)
                self._held.setdefault(at, {}).setdefault(key, _Held(one, offset))

    def take_event(self, event: AlertEvent, *, offset: int) -> None:
        """Hold back an alert event.

        One whose moment is over is a repeat, but for the end of an alert that is open here: what ends because a rule
        set was changed at a restart ends as of the last record before.
        """
        if self.position is None or event.sent >= self.position:
            self._held.setdefault(event.sent, {}).setdefault(event.key[:2], _Held(event, offset))
        elif event.state is State.CLEARED and self._is_news(event):
            self._ending.append(_Held(event, offset))

    def take_passed(self, source: Place, times: Sequence[int]) -> None:
        """Note how far a source is. One that was given up on counts again once it has caught up."""
        if not times:
            return
        self.passed[source] = max(self.passed.get(source) or 0, *times)
        if source in self.given_up and (self.position is None or times[-1] >= self.position):
            self.given_up.discard(source)

    def take_number(self, source: Place, number: int) -> None:
        """Note which rule set a source goes by. A restarted one tells of older ones again."""
        self.numbers[source] = max(number, self.numbers.get(source, number))

    @property
    def agreed(self) -> int | None:
        """Return the newest rule set that every source has gone over to, or beyond; None if one has told of none."""
        numbers = [self.numbers.get(source) for source in self._counted()]
        told = [number for number in numbers if number is not None]
        return min(told) if told and len(told) == len(numbers) else None

    def give_up(self, source: Place) -> None:
        """Wait for a source no longer."""
        self.given_up.add(source)

    def awaited(self) -> dict[Place, int | None]:
        """Return the sources that others wait for, and the time that each has passed."""
        counted = self._counted()
        furthest = max((time for time in counted.values() if time is not None), default=None)
        if furthest is None:
            return {}
        return {source: time for source, time in counted.items() if time is None or time < furthest}

    def over(self, times: Iterable[int] = ()) -> Iterator[Moment]:
        """Yield the moments that are over, in their order, and forget them.

        To be asked after each record. `times` are those that it has told: whoever kept all others waiting has so told
        of every time up to the one that it lets them go on to, none far from the next.
        """
        waits = list(self._counted().values())
        upto = min((time for time in waits if time is not None), default=None)
        if upto is None or None in waits or (self.position is not None and upto <= self.position):
            return
        since = self.position or 0
        # The last of them is just before, so that what falls due on the way does so now and not with the next record.
        for time in sorted(time for time in self._held.keys() | {*times, upto - 1} if since <= time < upto):
            yield self._moment(time)
        self.position = upto
        if self._ending or self.resets:
            ends, resets = self._ending, self.resets
            self._ending, self.resets = [], []
            yield self._noted(Moment(upto, (), _events(ends), resets))

    def _moment(self, time: int) -> Moment:
        held = self._held.pop(time, {}).values()
        signals = [one.what for one in held if isinstance(one.what, Told)]
        return self._noted(Moment(time, signals, _events(held)))

    def _noted(self, moment: Moment) -> Moment:
        """Remember which alerts are open."""
        for event in sorted(moment.events, key=lambda event: event.sequence):
            if event.state is State.CLEARED:
                self.last.pop(event.identifier, None)
            else:
                self.last[event.identifier] = event
        return moment

    def _is_news(self, event: AlertEvent) -> bool:
        """Tell whether an event goes beyond what is known of an alert that is open."""
        known = self.last.get(event.identifier)
        # A rule that was gone for a while may have raised an alert of the same onset, and so of the same name, anew.
        return known is not None and known.sequence < event.sequence and known.sent <= event.sent

    def _counted(self) -> Mapping[Place, int | None]:
        return {source: time for source, time in self.passed.items() if source not in self.given_up}


def _events(held: Iterable[_Held]) -> list[AlertEvent]:
    return [one.what for one in held if isinstance(one.what, AlertEvent)]
