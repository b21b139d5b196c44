"""Why values of a reading are not taken, and how that is told."""

from citybrain.instants import DAY, MINUTE, SECOND
from citybrain.model import Reading, Reason, Rejection
from rules.series import Arrival

AHEAD_MAX = 5 * MINUTE
BEHIND_MAX = 30 * DAY  # Older comes from a clock that was never set, not from a link that was down.

Refusal = tuple[Reason, str, str]  # Why one metric of a reading was not taken: reason, metric, text.


def refusal(arrival: Arrival, metric: str) -> Refusal:
    """Return what is said of a value that changes nothing."""
    if arrival is Arrival.LATE:
        return Reason.LATE, metric, f"{metric} is older than the newest by more than the feed allows"
    return Reason.DUPLICATE, metric, f"{metric} of this instant was there before, with the same value"


def rejections(site: str, refused: list[Refusal]) -> tuple[Rejection, ...]:
    """Return one rejection per reason, in the order of the first of each."""
    by_reason: dict[Reason, list[Refusal]] = {}
    for one in refused:
        by_reason.setdefault(one[0], []).append(one)
    return tuple(
        Rejection(reason, "; ".join(text for _, _, text in told), site, tuple(metric for _, metric, _ in told))
        for reason, told in by_reason.items()
    )


def wrong_clock(reading: Reading, at: int) -> Rejection:
    """Return what is said of a reading whose instant cannot be right for when it came."""
    ahead = reading.observed_at - at
    text = (
        f"observed {ahead // SECOND} s after it was received"
        if ahead > 0
        else f"observed {-ahead // DAY} days before it was received, expected at most {BEHIND_MAX // DAY}"
    )
    return Rejection(Reason.CLOCK, text, reading.site)
