"""Flapping: an alert that comes and goes again and again. It is a mark on its events and hides none of them.

Each change counts 1 and loses half of its weight in every `HALF_LIFE`; what is left of all changes is compared with a
high mark, where flapping begins, and a low one, where it ends. Changes are raising and clearing, and for a latched
alert that its condition is gone or back; the levels between are not: a flood that rises through four of them does not
flap.

Source: weighted history with a low and a high threshold as in Nagios Core 4, "Detection and Handling of State
Flapping", and `flapping(low, high)` of Kapacitor's AlertNode; by time in place of the last 21 checks, as judgements
here lie seconds or an hour apart. So two numbers are enough, and no history is kept. The three figures [E].
"""

import math
from dataclasses import dataclass

from citybrain.instants import HOUR

HALF_LIFE = HOUR
HIGH = 4.0  # Three raises, with the clearings between them, within forty minutes; four within an hour and a half.
LOW = 2.0  # From HIGH, one hour without any change.


@dataclass(frozen=True, slots=True)
class Flapping:
    """How restless an alert has been, across its episodes."""

    weight: float = 0.0  # Of all changes, as of the last one.
    at: int = 0  # The instant of the last one.
    is_on: bool = False

    def changed(self, instant: int) -> "Flapping":
        """Return it after a change."""
        weight = self._weight_at(instant)
        is_on = weight + 1 >= HIGH or (self.is_on and weight >= LOW)
        return Flapping(weight + 1, max(instant, self.at), is_on)

    def settled(self, instant: int) -> "Flapping":
        """Return it at an instant without a change: the same, or at rest if it no longer flaps."""
        return self if not self.is_on or self._weight_at(instant) >= LOW else Flapping(self.weight, self.at)

    def _weight_at(self, instant: int) -> float:
        half_lives = max(instant - self.at, 0) / HALF_LIFE
        return self.weight * math.pow(0.5, half_lives)


CALM = Flapping()
