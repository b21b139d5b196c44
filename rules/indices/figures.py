"""What all indices do to a figure before they use it: check it and round it."""

import math


def not_negative(name: str, value: float) -> float:
    """Return the value. Raises ValueError that names it for a negative or non-finite one."""
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} is {value}, expected a finite number >= 0")
    return value


def positive(name: str, value: float) -> float:
    """Return the value. Raises ValueError that names it for one that is not finite and above 0."""
    if not math.isfinite(value) or value <= 0:
        raise ValueError(f"{name} is {value}, expected a finite number > 0")
    return value


def within(name: str, value: float, *, low: float, high: float) -> float:
    """Return the value. Raises ValueError that names it for one outside `low` to `high`, both included."""
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}, expected a number from {low:g} to {high:g}")
    return value


def rounded(value: float, *, parts: int) -> int:
    """Return how many whole `parts` of a unit the value is, a half rounded up: 10 parts count tenths.

    What a sum of decimal fractions misses in its last bits is mended first, so that 0.15, however it was computed, is
    two tenths.
    """
    return math.floor(round(value * parts, 6) + 0.5)
