"""All measures of a rule at one site as of an instant, set against what they are set against."""

from collections.abc import Mapping, Sequence

from rules.history import History
from rules.measures import (
    UNKNOWN,
    Bound,
    Measure,
    Measured,
    measure,
    set_against,
    set_against_past,
)
from rules.series import Series

Histories = dict[int, History]  # By the place of the measure.


def new_histories(measures: Sequence[Measure | None]) -> Histories:
    """Return an empty history for each measure that is set against its own past."""
    return {place: History() for place, spec in enumerate(measures) if spec is not None and spec.own is not None}


def settle_all(measures: Sequence[Measure | None], histories: Histories, found: Mapping[str, Series]) -> None:
    """Take into the histories what no late reading can change any more."""
    for place, history in histories.items():
        spec = measures[place]
        if spec is not None and spec.own is not None and spec.series in found:
            history.settle(spec, spec.own, found[spec.series])


def plain_values(measures: Sequence[Measure | None], found: Mapping[str, Series], instant: int) -> list[Measured]:
    """Return the measures before they are set against anything; unknown where there is no series or no measure."""
    return [
        measure(spec, found[spec.series], instant) if spec is not None and spec.series in found else UNKNOWN
        for spec in measures
    ]


def against_all(
    measures: Sequence[Measure | None], histories: Histories, found: Mapping[str, Series], plain: Sequence[Measured]
) -> list[Measured]:
    """Return the measures set against numbers, other measures, or their own past."""
    against = [
        value if spec is None else set_against(spec, value, plain) for spec, value in zip(measures, plain, strict=True)
    ]
    for place, spec in enumerate(measures):
        if spec is not None and spec.operand_place is not None:
            other = measures[spec.operand_place]
            if other is not None and other.against is not None:  # Itself set against something, once and no further.
                against[place] = set_against(spec, plain[place], against)
    for place, history in histories.items():
        spec = measures[place]
        if spec is not None:
            against[place] = _against_past(spec, plain[place], history, found.get(spec.series))
    return against


def _against_past(spec: Measure, found: Measured, history: History, series: Series | None) -> Measured:
    if found.value is None or series is None or spec.own is None:
        return found
    past = history.past(spec, spec.own, series, found.newest_at)
    if past is None:
        return Measured(None, Bound.NOTHING, found.newest_at)
    return set_against_past(spec, found, past.own, past.deviation)
