"""Windows that begin at a time of the city's day: the calendar day, the night, the hydrological day."""

from enum import StrEnum

from citybrain.instants import DAY, HOUR, LOCAL_OFFSET


class Cycle(StrEnum):
    """A part of every day. Its first instant is left out, its last one belongs to it, as in every window."""

    DAY = "day"  # 00:00 to 24:00.
    NIGHT = "night"  # 22:00 to 06:00 (GB 3096-2008 [V]).
    HYDRO_DAY = "hydro-day"  # 08:00 to 08:00, as daily rain is counted (GB/T 28592-2012 [K]).

    @property
    def longest(self) -> int:
        """Return its whole length, milliseconds."""
        return 8 * HOUR if self is Cycle.NIGHT else DAY

    def start(self, instant: int) -> int | None:
        """Return when the one that contains the instant began; None by day for a night."""
        began_at = {Cycle.DAY: 0, Cycle.NIGHT: 22 * HOUR, Cycle.HYDRO_DAY: 8 * HOUR}[self] - LOCAL_OFFSET
        start = (instant - 1 - began_at) // DAY * DAY + began_at
        return start if instant - start <= self.longest else None
