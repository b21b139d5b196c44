"""Whether what a measure takes has a meaning for the shape of its metric."""

from citybrain.metrics import Shape
from rules.measures import Take
from rules.shape.measures import MeasureEntry

# What of a window asks for readings that come each period.
_OF_SAMPLES = (Take.COUNT, Take.COVERAGE, Take.QUANTILE)


def is_sum_of_states(entry: MeasureEntry, shape: Shape) -> bool:
    """Tell whether it adds up what is no amount: only increments add up."""
    return entry.taken[0] is Take.SUM and shape is not Shape.INCREMENT


def needs_samples(entry: MeasureEntry, shape: Shape) -> bool:
    """Tell whether it counts readings of what speaks only when it changes."""
    return shape is Shape.ON_CHANGE and (entry.slope_over is not None or entry.taken[0] in _OF_SAMPLES)


def has_no_history(entry: MeasureEntry, shape: Shape) -> bool:
    """Tell whether it asks for the history of what speaks only when it changes."""
    return shape is Shape.ON_CHANGE and entry.operand is not None and entry.operand.own is not None


def has_meaning(entry: MeasureEntry, shape: Shape) -> bool:
    """Tell whether the measure says something of a metric of that shape."""
    return not (is_sum_of_states(entry, shape) or needs_samples(entry, shape) or has_no_history(entry, shape))
