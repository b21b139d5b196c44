"""How long, and by how many samples, a limit of one level has been met without a break."""

import math
from dataclasses import dataclass
from typing import Any

from rules.repeated import Repeated

# One sample may be missing; a longer gap says nothing about what happened in it.
GAP_PERIODS_MAX = 2


@dataclass(frozen=True, slots=True)
class Holding:
    """What a level asks of its limit before it counts."""

    hold: int  # `for`, milliseconds.
    samples: int  # The evidence gate: this many samples in a row.
    period: int  # Between two samples, milliseconds.
    covers: int  # What the first sample stands for already, milliseconds.
    repeated: Repeated | None = None  # Counted in place of `hold` and `samples`.
    has_gaps: bool = True  # False for what speaks only on change: its value holds until the next one.

    @property
    def gap(self) -> float:
        """Return the time between two samples that breaks the run, milliseconds."""
        return GAP_PERIODS_MAX * self.period if self.has_gaps else math.inf


class Streak:
    """The unbroken run of samples that met one limit, up to now."""

    __slots__ = ("last_at", "samples", "since")

    def __init__(self) -> None:
        self.since: int | None = None
        self.samples = 0
        self.last_at: int | None = None  # The newest sample of the run; None outside one.

    def note(self, is_met: bool | None, sample_at: int, holding: Holding) -> None:
        """Take in the verdict on the sample of the instant. An unknown verdict is a missing sample."""
        if is_met is None:
            return
        if not is_met:
            self.break_off()
        elif self.last_at is None or sample_at - self.last_at > holding.gap:
            self.since, self.samples, self.last_at = sample_at - holding.covers, 1, sample_at
        elif sample_at > self.last_at:
            self.samples += 1
            self.last_at = sample_at

    def break_off(self) -> None:
        """End the run: nobody knows whether the limit was met all the time."""
        self.since, self.samples, self.last_at = None, 0, None

    @property
    def is_at_work(self) -> bool:
        """Tell whether a run is going on."""
        return self.since is not None

    def is_enough(self, holding: Holding) -> bool:
        """Tell whether the run is long enough, in time and in samples."""
        if self.since is None or self.last_at is None:
            return False
        return self.samples >= holding.samples and self.last_at - self.since >= holding.hold

    def dump(self) -> list[Any]:
        """Return the run as plain data."""
        return [self.since, self.samples, self.last_at]

    def load(self, data: list[Any]) -> None:
        """Take over a run that `dump` returned."""
        self.since, self.samples, self.last_at = data
