"""Records that kill: how an owner finds out which one its predecessors died of, and who is never suspected.

A fault of ours that raises an exception is seen at once. One that ends the process (a crash below Python, a loop that
never ends, memory that runs out) is not, and the next owner meets the same record. So an owner that begins where a dead
one began writes down which records it is about to judge, and crosses them out once they are judged, before
anything is sent: first in chunks, then those of a chunk that killed one by one. The third death in the judging of one
and the same record is taken as its doing. A process that is killed from outside dies elsewhere the next time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from streams.log import SourceRecord
from streams.state_log import Life

DEATHS_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Suspicion:
    """How an owner goes about the records it finds."""

    until: int  # Offsets before this one are judged with care: what the predecessor can have seen.
    singly: range = range(0)  # Offsets that are judged one by one.
    deaths: int = 0  # Of owners in the judging of the first of these, if that is the only one.
    killer: int | None = None  # The offset of a record that is not judged any more.

    def pieces(self, run: Sequence[SourceRecord]) -> Iterator[tuple[Sequence[SourceRecord], Life | None]]:
        """Yield consecutive records in pieces, each with what is to be written down before it is judged, if anything.

        The `start` of that is for the owner to fill in.
        """
        if not run or run[0].offset >= self.until:
            yield run, None
            return
        place = 0
        while place < len(run):
            first, end = run[place].offset, place + 1
            if first not in self.singly:
                while end < len(run) and run[end].offset not in self.singly:
                    end += 1
            deaths = self.deaths if len(self.singly) == 1 and first in self.singly else 0
            yield run[place:end], Life(0, (first, run[end - 1].offset + 1), deaths)
            place = end


def suspect(previous: Life | None, start: int, end: int) -> Suspicion:
    """Return how to go about the records from `start` on, up to the log's end when the partition was taken over."""
    if previous is None or previous.released:
        return Suspicion(start)
    if previous.trying is None or previous.trying[1] <= start:
        return Suspicion(end if previous.start == start else start)
    first, after = previous.trying
    if after - first > 1:
        return Suspicion(end, range(first, after))
    deaths = previous.deaths + 1
    if deaths >= DEATHS_MAX:
        return Suspicion(end, killer=first)
    return Suspicion(end, range(first, after), deaths)
