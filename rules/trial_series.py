"""How values are written in a rule's tests: texts between spaces.

`4.2` is a value, `_` a missing reading, `4.2*6` six of the same, `4.2+0.1*6` six values that rise by 0.1 from 4.2 on
(`-` falls).
"""

import re

from citybrain.faults import Fault

_STEP = re.compile(r"(?P<value>[+-]?\d+(?:\.\d+)?)(?:(?P<rise>[+-]\d+(?:\.\d+)?))?(?:\*(?P<count>\d+))?")


def parse_series(text: str) -> list[float | None]:
    """Return the values of a series; None is a missing reading. Raises ValueError for a step it cannot read."""
    values: list[float | None] = []
    for step in text.split():
        if re.fullmatch(r"_(\*\d+)?", step):
            values += [None] * int(step.partition("*")[2] or 1)
            continue
        found = _STEP.fullmatch(step)
        if found is None:
            raise Fault("series", found=repr(step))
        first, rise, count = float(found["value"]), float(found["rise"] or 0), int(found["count"] or 1)
        values += [round(first + rise * number, 6) for number in range(count)]
    return values
