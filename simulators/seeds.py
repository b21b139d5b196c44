"""Randomness: one seed for a run, one generator for each purpose, so that a new site changes no other site."""

import random


def derived(seed: int, *purpose: str) -> random.Random:
    """Return the generator of one purpose under the run's seed; the same words give the same numbers anywhere."""
    return random.Random("/".join((str(seed), *purpose)))  # noqa: S311 - repeatable on purpose, no secret.


def noise(generator: random.Random, sigma: float) -> float:
    """Return normal noise, cut at 2.5 sigma: an outlier is a fault, and faults are not told here."""
    return max(-2.5 * sigma, min(2.5 * sigma, generator.gauss(0.0, sigma)))
