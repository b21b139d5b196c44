"""Why a forecast is raised: the newest value, its trend, and when the limit will be reached."""

from dataclasses import replace
from statistics import median

from citybrain.alerts import Evidence
from citybrain.instants import HOUR, SECOND
from rules.measures import Measure, slopes
from rules.series import Series

REACHES = "reaches"  # The comparison in the evidence of a forecast.


def with_outlook(evidence: Evidence, spec: Measure, series: Series, newest_at: int) -> Evidence:
    """Return the evidence with the newest value, the median of its slopes, and when that leads to the limit.

    The value that is given is what the trend leads to. The time is to the second; it is None where the limit is not
    foreseen, as on the way down.
    """
    place = series.place_at(newest_at)
    found = slopes(spec, series, newest_at)
    if place is None or found is None or evidence.limit is None:
        return replace(evidence, comparison=REACHES)
    value, slope = series.values[place], median(found)
    missing = evidence.limit - value
    is_foreseen = evidence.value is not None and evidence.value >= evidence.limit
    expected_at = None
    if is_foreseen and missing <= 0:
        expected_at = newest_at
    elif is_foreseen and slope > 0:
        expected_at = newest_at + round(missing / slope / SECOND) * SECOND
    return replace(
        evidence,
        value=round(value, 6),
        comparison=REACHES,
        trend=round(slope * HOUR, 6),
        expected_at=expected_at,
    )
