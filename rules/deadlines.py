"""Time as the log tells it, and what falls due on the way.

Two clocks run here. `at` is the greatest time of a record so far. `living` runs with it, but stands still while the
log itself is silent (two neighbouring records more than 30 s apart): a sensor cannot be blamed for that. Silences of
sensors fall due on the second, everything else on the first.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from citybrain.instants import SECOND
from rules.rule import Heard

LOG_SILENT_MAX = 30 * SECOND
DELAY_PERIODS_MAX = 2  # What the way to us may take from the time that a silence is allowed.
CATCH_UP_MAX = 10 * SECOND  # So long may a burst of old values take [E].
HELD, TELL = -2, -1  # Before all judges of the same time, and what is told again after what was held for it.


@dataclass(frozen=True, slots=True)
class Silence:
    """A deadline of a series that may not have been heard."""

    site: str
    series: str
    due: int  # On the living clock.
    at: int


@dataclass(frozen=True, slots=True)
class Wake:
    """A judge to be asked again although nothing came, readings held for long enough, or a site to be told of."""

    site: str
    place: int  # Of the judge in its site's plan, HELD or TELL.
    at: int


def look_again_at(instant: int, wait: int, *, at: int) -> int:
    """Return when to look again at what was judged as of an instant, though nothing comes, on the log's own time.

    Where that time is past already, the value was long on its way, and later ones may follow it at once: judged by the
    first of them alone, what was over long ago would be raised.
    """
    due = instant + wait
    return due if due >= at else at + CATCH_UP_MAX


class LogClock:
    """The clocks of one log, and the deadlines on them, each kind in a heap. Ties are settled by site."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.living = 0
        self.silent_spans = 0  # How often the log itself was silent.
        # The `Heard` of a series is one object for as long as the heap lives, so that entries never compare by it.
        self._silences: list[tuple[int, str, str, Heard, Sequence[int]]] = []
        self._wakes: list[tuple[int, str, int]] = []

    def restore(self, at: int | None, living: int) -> None:
        """Stand where a snapshot stood, with no deadline yet."""
        self.at, self.living = at, living
        self._silences, self._wakes = [], []

    def move_quietly(self, at: int) -> bool:
        """Move to the time of a record if nothing falls due on the way and it is not the first; tell whether it has."""
        if self.at is None:
            return False  # With the first record begins what is waited for.
        span = at - self.at
        if span <= 0:
            return True
        living = self.living + (span if span <= LOG_SILENT_MAX else 0)
        if (self._silences and self._silences[0][0] <= living and self._is_silent(living)) or (
            self._wakes and self._wakes[0][0] <= at
        ):
            return False
        self.silent_spans += span > LOG_SILENT_MAX
        self.at, self.living = at, living
        return True

    def move_to(self, at: int) -> Iterator[Silence | Wake]:
        """Move to the time of a record, which never runs back; yield what falls due, in the order of the times."""
        if self.at is None:
            self.at = self.living = at
            return
        if self.move_quietly(at):
            return
        span = at - self.at
        if span > LOG_SILENT_MAX:
            self.silent_spans += 1
            span = 0
        living = self.living + span
        # While the log lives both clocks run side by side, so that this tells when on `at` a silence falls due.
        ahead = at - living
        while (due := self._next(at, living, ahead)) is not None:
            self.at = max(self.at, due.at)
            self.living = max(self.living, due.due if isinstance(due, Silence) else due.at - ahead)
            yield due
        self.living, self.at = living, at

    def schedule_silence(self, site: str, series: str, heard: Heard, spans: Sequence[int]) -> None:
        """Set the next deadline of a series, if any is left."""
        heard.due = None
        if heard.passed < len(spans):
            heard.due = max(heard.at + spans[heard.passed], self.living)
            heapq.heappush(self._silences, (heard.due, site, series, heard, spans))

    def schedule_wake(self, site: str, place: int, at: int) -> None:
        """Set a time at which a judge is asked again."""
        heapq.heappush(self._wakes, (at, site, place))

    def _next(self, at: int, living: int, ahead: int) -> Silence | Wake | None:
        """Take the next deadline up to both times; a wake goes before a silence of the same time."""
        silence = self._silences[0] if self._is_silent(living) else None
        wake = self._wakes[0] if self._wakes and self._wakes[0][0] <= at else None
        if wake is not None and (silence is None or wake[0] <= silence[0] + ahead):
            heapq.heappop(self._wakes)
            return Wake(wake[1], wake[2], wake[0])
        if silence is not None:
            heapq.heappop(self._silences)
            return Silence(silence[1], silence[2], silence[0], silence[0] + ahead)
        return None

    def _is_silent(self, living: int) -> bool:
        """Tell whether a silence falls due up to a time. Deadlines of series that were heard since are put off."""
        while self._silences and self._silences[0][0] <= living:
            due, site, series, heard, spans = self._silences[0]
            if heard.due != due:
                heapq.heappop(self._silences)  # A deadline that was moved forward has left this one behind.
            elif heard.at + spans[heard.passed] > due:
                heard.due = heard.at + spans[heard.passed]
                heapq.heapreplace(self._silences, (heard.due, site, series, heard, spans))
            else:
                return True
        return False
