"""Readings that wait for those that may still overtake them: `reorder_for` of a feed.

A reading is held until `reorder_for` after it was observed, as the records tell the time, and those of a site are
judged in the order in which they were observed. So any shuffle of the records within that span gives the same alerts.
A reading that comes later than that is judged as it comes.
"""

from bisect import insort
from typing import Any

import orjson
from pydantic import TypeAdapter

from citybrain.codec import encode_reading
from citybrain.model import Reading

_READING: TypeAdapter[Reading] = TypeAdapter(Reading)


class Hold:
    """The readings of one site that are held, the earliest observation first; bounded by the span."""

    __slots__ = ("readings", "span")

    def __init__(self, span: int) -> None:
        self.span = span
        self.readings: list[Reading] = []

    def keep(self, reading: Reading, at: int) -> int | None:
        """Hold a reading that came at `at`; return when it is due, or None if it came too late to be held.

        Of two of one instant the second is a correction: they keep their order.
        """
        due = reading.observed_at + self.span
        if due <= at:
            return None
        insort(self.readings, reading, key=_observed_at)
        return due

    def release(self, at: int) -> list[Reading]:
        """Let go, and return, what is due at `at`."""
        count = sum(reading.observed_at + self.span <= at for reading in self.readings)
        released = self.readings[:count]
        del self.readings[:count]
        return released

    def dump(self) -> list[Any]:
        """Return the readings as plain data."""
        return [orjson.Fragment(encode_reading(reading)) for reading in self.readings]

    def load(self, data: list[Any]) -> None:
        """Take over the readings that `dump` returned."""
        self.readings = [_READING.validate_python(dumped) for dumped in data]


def _observed_at(reading: Reading) -> int:
    return reading.observed_at
