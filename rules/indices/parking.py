"""Occupancy of car parks and sections of berths."""

import math
from collections.abc import Iterable

from rules.indices.figures import not_negative, rounded


def occupancy(occupied: float, capacity: float, out_of_service: float = 0.0) -> int | None:
    """Return the occupied share of the usable places in whole percent, or None where no place is usable.

    Usable is the capacity less what is out of service [V: FIWARE OffStreetParking]. A half percent goes up. Counts at
    gates drift by 1 to 3 % a day [K], so the share may pass 100; it is cut there.
    Raises ValueError for a negative or non-finite number.
    """
    not_negative("occupied", occupied)
    usable = not_negative("capacity", capacity) - not_negative("out_of_service", out_of_service)
    if usable <= 0:
        return None
    # Cut first: of a drifted count and one usable place in a thousand the quotient may have no whole number.
    return rounded(min(occupied / usable, 1.0), parts=100)


def mean_occupancy(parks: Iterable[tuple[float, float]]) -> float | None:
    """Return the mean occupancy in percent over parks as (occupancy in percent, capacity), each by its capacity.

    It is not rounded. None where there is no park, or none with a capacity above 0. A park without an occupancy is left
    out by the caller, who must see to the coverage.
    Raises ValueError for a negative or non-finite number.
    """
    checked = [(not_negative("occupancy", share), not_negative("capacity", capacity)) for share, capacity in parks]
    whole = math.fsum(capacity for _, capacity in checked)
    return math.fsum(share * capacity for share, capacity in checked) / whole if whole > 0 else None
