"""How often sensors fail: the rates that a storyline may set, each switched off by itself, and the usual ones."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from citybrain.faults import Fault
from citybrain.metrics import Entry


class FaultKind(StrEnum):
    """What goes wrong with a sensor."""

    DROPOUT = "dropout"  # Nothing for 0.5 to 12 h; of every fifth gap the readings come afterwards in a burst.
    STUCK = "stuck"  # The same values for 6 to 24 h.
    SPIKE = "spike"  # One reading 5 to 20 times as large, a stage 3 m off.
    DRIFT = "drift"  # Half a percent an hour more, for 2 to 10 days.
    OFFSET = "offset"  # A stage 0.3 m higher after a service; flag M during it, N from then on.
    CLOCK_SKEW = "clock_skew"  # Minutes off; some send UTC as local time, or local time as UTC.
    DUPLICATE = "duplicate"  # One frame again, once to three times, seconds to hours later.
    LATE = "late"  # One frame 1 to 20 min late: out of order.
    CALIBRATION = "calibration"  # Flag C or M with the value zero or near full scale, for 15 to 45 min.
    LOW_BATTERY = "low_battery"  # From 12.6 to 11.0 V within 3 days, then nothing until it is changed.
    BLACKOUT = "blackout"  # 30 to 90 % of the sensors within 10 to 30 km, for 0.5 to 6 h.


Rate = Annotated[float, Field(ge=0, le=50)]


class FaultRates(Entry):
    """Faults per sensor and day, blackouts per county and 30 days; what is not named does not happen."""

    dropout: Rate = 0.0
    stuck: Rate = 0.0
    spike: Rate = 0.0
    drift: Rate = 0.0
    offset: Rate = 0.0
    clock_skew: Rate = 0.0
    duplicate: Rate = 0.0
    late: Rate = 0.0
    calibration: Rate = 0.0
    low_battery: Rate = 0.0
    blackout: Rate = 0.0

    def of(self, kind: FaultKind) -> float:
        """Return the rate of one kind."""
        rate: float = getattr(self, kind.value)
        return rate


NONE = FaultRates()
# Estimates for a network that is looked after [E].
USUAL = FaultRates(
    dropout=0.02,
    stuck=0.005,
    spike=0.02,
    drift=0.002,
    offset=0.001,
    clock_skew=0.005,
    duplicate=0.05,
    late=0.05,
    calibration=0.03,
    low_battery=0.002,
    blackout=0.05,
)
_WORDS = {"none": NONE, "usual": USUAL}


def _read(written: Any) -> Any:
    if isinstance(written, str):
        if written not in _WORDS:
            raise Fault("fault_word", found=repr(written), known=", ".join(_WORDS))
        return _WORDS[written]
    return written


Faults = Annotated[
    FaultRates,
    BeforeValidator(_read),
    WithJsonSchema({"anyOf": [{"enum": list(_WORDS)}, FaultRates.model_json_schema()]}),
]
"""Faults in a storyline: `none`, `usual`, or a rate for each kind that shall happen."""
