"""`repeated: 3 of 7 nights`: how often a limit was met among the last samples, hours, days or nights.

A unit counts as met when the limit was met at any judged sample in it. One without valid data neither counts nor
resets: the last seven nights are the last seven that anything is known of. A value that stands for a time carries the
end of it as its stamp, so that its units are half-open the other way: midnight's own belongs to the day before.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from citybrain.faults import Fault
from citybrain.instants import DAY, HOUR, LOCAL_OFFSET

_NIGHT_BEGINS, _NIGHT_ENDS = (
    22 * HOUR,
    6 * HOUR,
)  # A night belongs to the day on which it begins: 22:00 to 06:00 (GB 3096-2008 [V]).
_FORM = re.compile(r"(?P<need>[1-9]\d?) of (?P<of>[1-9]\d?) (?P<unit>sample|hour|day|night)s?")


class Unit(StrEnum):
    """What is counted."""

    SAMPLE = "sample"
    HOUR = "hour"
    DAY = "day"
    NIGHT = "night"

    def number(self, instant: int) -> int | None:
        """Return which one an instant lies in, ascending with time; None by day where nights are counted."""
        match self:
            case Unit.SAMPLE:
                return instant
            case Unit.HOUR:
                return (instant + LOCAL_OFFSET) // HOUR
            case Unit.DAY:
                return (instant + LOCAL_OFFSET) // DAY
            case Unit.NIGHT:
                number, since_morning = divmod(instant + LOCAL_OFFSET - _NIGHT_ENDS, DAY)
                return number if since_morning >= _NIGHT_BEGINS - _NIGHT_ENDS else None


@dataclass(frozen=True, slots=True)
class Repeated:
    """So many of the last so many."""

    need: int
    of: int
    unit: Unit
    is_stamped_at_end: bool = False  # What is counted stands for a time that ends with its stamp.

    def number(self, sample_at: int) -> int | None:
        """Return the unit that a sample belongs to; None by day where nights are counted."""
        ends = self.is_stamped_at_end and self.unit is not Unit.SAMPLE
        return self.unit.number(sample_at - 1 if ends else sample_at)


def parse_repeated(text: str) -> Repeated:
    """Return what `3 of 7 nights` says. Raises ValueError for anything else."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise Fault("repeated", found=repr(text))
    repeated = Repeated(int(found["need"]), int(found["of"]), Unit(found["unit"]))
    if repeated.need > repeated.of:
        raise Fault("repeated_order", found=repr(text), need=repeated.need, of=repeated.of)
    return repeated


class Tally:
    """Whether the limit was met in each of the last units, oldest first."""

    __slots__ = ("units",)

    def __init__(self) -> None:
        self.units: list[list[Any]] = []  # [number, is met, the first instant that met it or None]

    @property
    def since(self) -> int | None:
        """Return the first instant that is counted; None while the newest unit does not meet the limit."""
        if not self.units or not self.units[-1][1]:
            return None
        firsts: list[int] = [first for _, is_met, first in self.units if is_met]
        return firsts[0]

    @property
    def is_at_work(self) -> bool:
        """Tell whether any unit that still counts met the limit."""
        return any(is_met for _, is_met, _ in self.units)

    def note(self, is_met: bool | None, sample_at: int, repeated: Repeated) -> None:
        """Take in the verdict on a sample; an unknown one leaves no trace."""
        if is_met is None:
            return
        number = repeated.number(sample_at)
        if number is None or (self.units and number < self.units[-1][0]):
            return  # No night, or a late sample of a unit that is over; the tally stands.
        if not self.units or number > self.units[-1][0]:
            self.units.append([number, False, None])
            del self.units[: -repeated.of]
        newest = self.units[-1]
        if repeated.unit is Unit.SAMPLE:
            newest[1:] = [is_met, sample_at if is_met else None]  # Judged again, the last word counts.
        elif is_met and not newest[1]:
            newest[1:] = [True, sample_at]

    def is_enough(self, repeated: Repeated) -> bool:
        """Tell whether the limit was met often enough, and in the newest unit too."""
        return self.since is not None and sum(is_met for _, is_met, _ in self.units) >= repeated.need

    def dump(self) -> list[Any]:
        """Return the tally as plain data."""
        return self.units

    def load(self, data: list[Any]) -> None:
        """Take over a tally that `dump` returned."""
        self.units = [list(unit) for unit in data]
