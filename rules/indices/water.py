"""Class of surface water by its worst single item, GB 3838-2002."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from rules.indices.figures import not_negative, within

WORSE_THAN_V = 6


class WaterBody(StrEnum):
    """What the limits of total phosphorus and nitrogen hang on; a reservoir is a lake."""

    RIVER = "river"
    LAKE = "lake"


@dataclass(frozen=True, slots=True)
class WaterClass:
    """The class of a sample, 1 to 5 for Ⅰ to Ⅴ and 6 for worse, and the items that are of this class."""

    number: int
    worst: tuple[str, ...]  # In the order of the table.


_PH = "ph"
_DISSOLVED_OXYGEN = "dissolved_oxygen"
# Least dissolved oxygen of classes Ⅰ to Ⅴ, mg/L. Class Ⅰ is also met at 90 % of saturation; that needs the water's
# temperature and height and is not judged, so warm water may be found in class Ⅱ.
_OXYGEN_LEAST = (7.5, 6, 5, 3, 2)
# Greatest values of classes Ⅰ to Ⅴ, mg/L. Source: GB 3838-2002 table 1: permanganate index, ammonia and phosphorus [V],
# as oxygen above and pH; the rest [K]. Selenium, sulphide, surfactants and coliforms are not here: no figures at hand.
_MOST: dict[str, tuple[float, ...]] = {
    "cod_mn": (2, 4, 6, 10, 15),
    "cod_cr": (15, 15, 20, 30, 40),
    "bod5": (3, 3, 4, 6, 10),
    "nh3_n": (0.15, 0.5, 1.0, 1.5, 2.0),
    "copper": (0.01, 1, 1, 1, 1),
    "zinc": (0.05, 1, 1, 2, 2),
    "fluoride": (1, 1, 1, 1.5, 1.5),
    "arsenic": (0.05, 0.05, 0.05, 0.1, 0.1),
    "mercury": (0.00005, 0.00005, 0.0001, 0.001, 0.001),
    "cadmium": (0.001, 0.005, 0.005, 0.005, 0.01),
    "chromium_6": (0.01, 0.05, 0.05, 0.05, 0.1),
    "lead": (0.01, 0.01, 0.05, 0.05, 0.1),
    "cyanide": (0.005, 0.05, 0.2, 0.2, 0.2),
    "volatile_phenol": (0.002, 0.002, 0.005, 0.01, 0.1),
    "petroleum": (0.05, 0.05, 0.05, 0.5, 1.0),
}
_MOST_OF: Mapping[WaterBody, Mapping[str, tuple[float, ...]]] = {
    WaterBody.RIVER: {"tp": (0.02, 0.1, 0.2, 0.3, 0.4), **_MOST},
    WaterBody.LAKE: {"tp": (0.01, 0.025, 0.05, 0.1, 0.2), "tn": (0.2, 0.5, 1.0, 1.5, 2.0), **_MOST},
}
ITEMS = (_PH, _DISSOLVED_OXYGEN, *_MOST_OF[WaterBody.LAKE])


def item_class(item: str, value: float, body: WaterBody) -> int | None:
    """Return the class of one item (mg/L, pH without unit), 1 to 6, or None where the standard does not judge it.

    A value at a limit keeps it. A pH of 6 to 9 keeps every class, any other none [V]. Total nitrogen is
    judged in lakes only [K].
    Raises ValueError for an unknown item, a negative or non-finite value and a pH outside 0 to 14.
    """
    if item not in ITEMS:
        raise ValueError(f"{item!r} is no item of the water class, expected one of {', '.join(ITEMS)}")
    if item == _PH:
        return 1 if 6 <= within(_PH, value, low=0, high=14) <= 9 else WORSE_THAN_V
    not_negative(item, value)
    if item == _DISSOLVED_OXYGEN:
        kept = [value >= least for least in _OXYGEN_LEAST]
    elif item in _MOST_OF[body]:
        kept = [value <= most for most in _MOST_OF[body][item]]
    else:
        return None
    return kept.index(True) + 1 if any(kept) else WORSE_THAN_V


def water_class(sample: Mapping[str, float], body: WaterBody) -> WaterClass | None:
    """Return the class of a sample, its worst item's, or None where it has no item that is judged.

    Missing items do not count: the class is that of the rest. The judgement by single factor is that of the standard,
    section 5 [K].
    Raises ValueError as `item_class` does.
    """
    found = {item: item_class(item, value, body) for item, value in sample.items()}
    judged = {item: number for item, number in found.items() if number is not None}
    if not judged:
        return None
    worst = max(judged.values())
    return WaterClass(worst, tuple(item for item in ITEMS if judged.get(item) == worst))
