"""Shelves: where the values of a metric go at a site, and what is plausible."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from citybrain.metrics import Metric
from citybrain.model import VALID_FLAG


@dataclass(frozen=True, slots=True)
class Shelf:
    """One metric of a site; made once per plan, used by every reading."""

    least: float
    greatest: float
    unit: str
    by_flag: Mapping[str, tuple[str, ...]]  # Flag -> the keys of the series that take such a value.
    valid: tuple[str, ...] = field(init=False)  # Those that take a valid one.

    def __post_init__(self) -> None:
        object.__setattr__(self, "valid", self.by_flag[VALID_FLAG])


def shelf_of(metric: str, declared: Metric, flagged: tuple[str, ...], *, is_read: bool) -> Shelf:
    """Return the shelf of a metric from the series keys that take flagged values, and whether a rule reads valid ones.

    Where no rule reads it a valid value has a series too: duplicates are told by it.
    """
    keys: dict[str, list[str]] = {VALID_FLAG: []}
    for key in flagged:
        for flag in key.partition("|")[2]:
            keys.setdefault(flag, []).append(key)
    if is_read or not keys[VALID_FLAG]:
        keys[VALID_FLAG].insert(0, metric)
    return Shelf(*declared.range, declared.unit, {flag: tuple(found) for flag, found in keys.items()})
