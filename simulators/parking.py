"""Parking and visitors: arrivals that follow the hour of the day, stays of random length, a bounded capacity."""

import heapq
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from citybrain.instants import DAY, HOUR, MINUTE
from simulators.days import hour_of_day, is_holiday, is_weekend
from simulators.seeds import derived
from simulators.storyline import Surge

# (hour, share of the capacity that is taken), a straight line between; estimates.
Profile = tuple[tuple[float, float], ...]
_LOT_CENTRE: Profile = (
    (0, 0.15),
    (6, 0.15),
    (8, 0.5),
    (10, 0.76),
    (12, 0.68),
    (15, 0.76),
    (19, 0.74),
    (22, 0.3),
    (24, 0.15),
)
_STATION: Profile = ((0, 0.4), (6, 0.45), (10, 0.68), (14, 0.6), (18, 0.7), (22, 0.5), (24, 0.4))
_HOSPITAL: Profile = (
    (0, 0.25),
    (6, 0.3),
    (8.5, 0.76),
    (10, 0.78),
    (12, 0.65),
    (14.5, 0.74),
    (17, 0.5),
    (20, 0.35),
    (24, 0.25),
)
_SCENIC: Profile = ((0, 0.03), (7, 0.04), (9, 0.18), (11, 0.3), (14, 0.3), (17, 0.14), (20, 0.05), (24, 0.03))
_KERB: Profile = ((0, 0.2), (4, 0.15), (8, 0.55), (11, 0.82), (15, 0.7), (19, 0.82), (22, 0.4), (24, 0.2))
_HOMES: Profile = ((0, 0.88), (6, 0.86), (9, 0.6), (15, 0.5), (18, 0.68), (21, 0.86), (24, 0.88))
_PROFILES = {"centre": _LOT_CENTRE, "station": _STATION, "hospital": _HOSPITAL, "scenic": _SCENIC}
_KERB_PROFILES = {"residential": _HOMES}
_SCENIC_WEEKEND, _SCENIC_HOLIDAY = 2.2, 4.0
_EXIT_WITHIN = 30 * MINUTE  # Everybody wants to go home at once.
_LOOK = 15 * MINUTE  # Over this span the wanted change is taken.


@dataclass(frozen=True, slots=True)
class Stay:
    """How long one stays: log-normal, median in minutes."""

    median_min: float
    sigma: float

    @property
    def mean(self) -> float:
        """Return the mean stay in milliseconds."""
        return self.median_min * math.exp(self.sigma**2 / 2) * MINUTE


KERB_STAY = Stay(55, 0.8)
LOT_STAY = Stay(110, 0.7)
VISIT = Stay(150, 0.4)


def profile_of(serves: Sequence[str], *, is_kerb: bool) -> Profile:
    """Return the profile of what a place serves; its first word decides."""
    first = serves[0] if serves else ""
    return _KERB_PROFILES.get(first, _KERB) if is_kerb else _PROFILES.get(first, _LOT_CENTRE)


def wanted_share(profile: Profile, at: int) -> float:
    """Return the share of the capacity that is taken at the instant when nothing special happens."""
    hour = hour_of_day(at)
    place = bisect_right(profile, (hour, math.inf)) - 1
    (before, low), (after, high) = profile[place], profile[min(place + 1, len(profile) - 1)]
    share = low if after == before else low + (high - low) * (hour - before) / (after - before)
    if profile is _SCENIC:
        share *= _SCENIC_HOLIDAY if is_holiday(at) else _SCENIC_WEEKEND if is_weekend(at) else 1.0
    return min(share, 1.0)


class Park:
    """Spaces that fill and empty. `next_at` is the instant of its next arrival or departure."""

    def __init__(
        self, *, capacity: int, profile: Profile, stay: Stay, surges: Sequence[Surge], start: int, seed: int, name: str
    ) -> None:
        self.capacity = capacity
        self._profile = profile
        self._stay = stay
        self._surges = [
            (start + surge.starts, start + surge.starts + surge.lasts, surge.arrivals_per_hour / HOUR)
            for surge in surges
        ]
        self._over_at = [start + surge.stays_until if surge.stays_until is not None else None for surge in surges]
        self._random = derived(seed, "parking", name)
        self.entries = self.exits = 0  # Since the start.
        taken = round(capacity * wanted_share(profile, start))
        # Whoever is there already stays the rest of a stay; long ones are met more often (length bias, e^sigma²).
        longer = math.exp(stay.sigma**2)
        self._departures = [start + 1 + int(self._random.random() * longer * self._draw_stay()) for _ in range(taken)]
        heapq.heapify(self._departures)
        grid = (start + step * _LOOK for step in range(DAY // _LOOK))
        usual = max(self._usual_rate(at) for at in grid)
        # A holiday quadruples a scenic area; the bound has to hold on every later day.
        usual *= _SCENIC_HOLIDAY if profile is _SCENIC else 1.1
        self._rate_max = usual + sum(rate for _, _, rate in self._surges)
        self._next_arrival = self._draw_arrival(start)

    @property
    def occupied(self) -> int:
        """Return how many spaces are taken."""
        return len(self._departures)

    @property
    def next_at(self) -> int:
        """Return when it changes next."""
        return min(self._next_arrival, self._departures[0]) if self._departures else self._next_arrival

    def step(self) -> int:
        """Let the next arrival or departure happen and return its instant."""
        at = self.next_at
        if self._departures and self._departures[0] == at:
            heapq.heappop(self._departures)
            self.exits += 1
            return at
        self._next_arrival = self._draw_arrival(at)
        if len(self._departures) < self.capacity:  # Else it drives on.
            heapq.heappush(self._departures, self._draw_departure(at))
            self.entries += 1
        return at

    def advance(self, at: int) -> None:
        """Let everything happen up to `at`."""
        while self.next_at <= at:
            self.step()

    def _usual_rate(self, at: int) -> float:
        """Return the arrivals per millisecond that keep the place as full as wanted, by Little's law."""
        now, soon = wanted_share(self._profile, at), wanted_share(self._profile, at + _LOOK)
        return max(0.02, now + (soon - now) * self._stay.mean / _LOOK) * self.capacity / self._stay.mean

    def _draw_arrival(self, at: int) -> int:
        """Return the next arrival after `at`: a Poisson process thinned to the rate of the instant."""
        moment = float(at)
        while True:
            moment += self._random.expovariate(self._rate_max)
            now = int(moment)
            rate = self._usual_rate(now) + sum(r for since, until, r in self._surges if since <= now < until)
            if self._random.random() * self._rate_max <= rate:
                return max(now, at + 1)

    def _draw_departure(self, at: int) -> int:
        """Return when somebody who came leaves: a guest of an event after its end, anybody else after a stay."""
        stay = self._draw_stay()
        for (since, until, rate), over_at in zip(self._surges, self._over_at, strict=True):
            if over_at is not None and since <= at < until:
                is_guest = self._random.random() * (self._usual_rate(at) + rate) <= rate
                if is_guest:
                    return max(at, over_at) + 1 + int(self._random.random() * _EXIT_WITHIN)
        return at + 1 + int(stay)

    def _draw_stay(self) -> float:
        return self._random.lognormvariate(math.log(self._stay.median_min), self._stay.sigma) * MINUTE
