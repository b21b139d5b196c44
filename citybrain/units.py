"""Quantities as authors write them: a number, a space, a unit."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from citybrain.faults import Fault

_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d+)?)(\s*)(\S.*)?")

# Unit -> what it is read as in Chinese; the units of the metric table, of attributes and of derived values.
UNITS: dict[str, str] = {
    "m": "米",
    "cm": "厘米",
    "mm": "毫米",
    "km": "公里",
    "m/h": "米/小时",
    "m/s": "米/秒",
    "m³/s": "立方米/秒",
    "℃": "摄氏度",
    "℃/min": "摄氏度/分钟",
    "℃/h": "摄氏度/小时",
    "%": "%",
    "x": "倍",
    "sigma": "倍标准差",
    "deg": "度",
    "hPa": "百帕",
    "MPa": "兆帕",
    "µg/m3": "微克/立方米",
    "mg/m3": "毫克/立方米",
    "mg/L": "毫克/升",
    "NTU": "NTU",
    "µS/cm": "微西/厘米",
    "pH": "pH",
    "dB": "分贝",
    "nGy/h": "纳戈/小时",
    "%LEL": "%LEL",
    "%vol": "%vol",
    "mA": "毫安",
    "V": "伏",
    "vehicles": "辆",
    "persons": "人",
    "persons/m2": "人/平方米",
    "state": "",
    "index": "",
    "grade": "级",
    "class": "类",
    "mm/h": "毫米/小时",
    "h": "小时",
    "sites": "个站点",
    "alerts": "条报警",
    "hazards": "种灾害",
    "periods": "个周期",
    "level": "",
}

# Units that are words: in a Chinese text they are read, not quoted.
COUNTED = frozenset({"vehicles", "persons", "h", "sites", "alerts", "hazards", "periods", "sigma"})

# Other ways to write a unit, each mapped to the one spelling that is kept.
_SPELLINGS: dict[str, str] = {
    "m3/s": "m³/s",
    "ug/m3": "µg/m3",
    "μg/m3": "µg/m3",  # The Greek letter and the micro sign look alike.
    "µg/m³": "µg/m3",
    "μg/m³": "µg/m3",
    "mg/m³": "mg/m3",
    "uS/cm": "µS/cm",
    "°C": "℃",
    "C": "℃",
    "persons/m²": "persons/m2",
    "％": "%",
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, the unit in its one spelling."""

    number: float
    unit: str

    def __str__(self) -> str:
        return f"{format_number(self.number)} {self.unit}"


def parse_quantity(text: str) -> Quantity:
    """Return the quantity that a text such as `4.5 m` names.

    Raises ValueError that says what is missing: the number, the space or a known unit.
    """
    found = _QUANTITY.fullmatch(text.strip())
    if found is None:
        raise Fault("no_quantity", found=repr(text))
    number, space, unit = found.groups()
    if unit == "m" and not space:
        raise Fault("unclear_m", found=repr(text), number=number)
    if not unit:
        raise Fault("no_unit", found=repr(text), number=number)
    if not space:
        raise Fault("no_space", found=repr(text), number=number, unit=unit)
    return Quantity(float(number), known_unit(unit))


def known_unit(unit: str) -> str:
    """Return the one spelling of a unit. Raises ValueError for a unit that no metric uses."""
    unit = _SPELLINGS.get(unit, unit)
    base, slash, per = unit.rpartition("/")
    if slash and per in ("h", "min") and unit not in UNITS:
        return f"{known_unit(base)}/{per}"  # How fast something changes.
    if unit not in UNITS:
        raise Fault("unknown_unit", found=repr(unit), known=", ".join(UNITS))
    return unit


def _number_of(written: object, **factors: float) -> float:
    """Return a quantity as a number of the first unit; a bare number is one of it already."""
    if isinstance(written, float):
        return written
    quantity = parse_quantity(str(written))
    if quantity.unit not in factors:
        raise Fault("other_unit", found=quantity.unit, expected=", ".join(factors))
    return quantity.number * factors[quantity.unit]


def _metres(written: object) -> float:
    return _number_of(written, m=1, km=1000)


def _degrees(written: object) -> float:
    return _number_of(written, deg=1)


Length = Annotated[
    float,
    BeforeValidator(_metres),
    Field(gt=0),
    WithJsonSchema({"type": "string", "examples": ["500 m", "5 km"]}),
]
"""A length in an author's file: metres inside, `5 km` outside."""

Angle = Annotated[
    float, BeforeValidator(_degrees), Field(gt=0, le=360), WithJsonSchema({"type": "string", "examples": ["60 deg"]})
]
"""An angle in an author's file: degrees inside, `60 deg` outside."""


def format_number(number: float) -> str:
    """Return the number with at most three decimals and no trailing zeros."""
    text = f"{number:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
