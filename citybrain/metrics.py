"""The metric table: what can be measured, declared once, each with unit, plausible range, meaning and source.

The rows stand in `citybrain/catalog/feeds/*.yaml`, one file per feed, beside the kinds of site that the feed has.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from citybrain.faults import Fault
from citybrain.instants import MINUTE, Duration
from citybrain.model import Feed, Words
from citybrain.units import known_unit

Finite = Annotated[float, Field(allow_inf_nan=False)]
Unit = Annotated[str, AfterValidator(known_unit)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
KindName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=40)]


# What stands in place of a unit where an attribute is no quantity.
WORD = "word"
HOURS = "hours"  # Hours of the day, such as `10:30-13:30`.


class Shape(StrEnum):
    """How the values of a metric stand to time."""

    SAMPLE = "sample"  # The state at the instant; sent each period.
    INCREMENT = "increment"  # The amount since the previous reading, never negative; sums make sense.
    MEAN = "mean"  # The mean over the span `covers` that ends at the instant.
    ON_CHANGE = "on_change"  # The state at the instant, sent when it changes; it holds until the next one.


class Entry(BaseModel):
    """The common ground of everything in an author's file: unknown fields are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Metric(Entry):
    """One row of the metric table, in the author's words."""

    words: Words = Field(alias="name")
    unit: Unit
    range: Annotated[tuple[Finite, Finite], Field(description="the least and the greatest plausible value")]
    shape: Shape = Shape.SAMPLE
    covers: Duration | None = None  # Only for shape `mean`.
    silent_for: Duration | None = None  # Only for shape `on_change`: how long a value holds; None: for ever.
    resolution: Annotated[float, Field(gt=0)] | None = None
    meaning: str
    source: str

    @model_validator(mode="after")
    def _is_consistent(self) -> "Metric":
        if self.range[0] >= self.range[1]:
            raise Fault("range_order", found=list(self.range))
        if (self.covers is not None) != (self.shape is Shape.MEAN):
            raise Fault("covers")
        if self.silent_for is not None and self.shape is not Shape.ON_CHANGE:
            raise Fault("silent_shape")
        if self.shape is Shape.INCREMENT and self.range[0] < 0:
            raise Fault("negative_increment")
        return self


def _unit_or_word(text: str) -> str:
    return text if text in (WORD, HOURS) else known_unit(text)


AttributeUnit = Annotated[str, AfterValidator(_unit_or_word)]


class Kind(Entry):
    """A kind of site: what it measures, and which attributes it may carry, each with its unit, `word` or `hours`."""

    words: Words = Field(alias="name")
    metrics: Annotated[tuple[Name, ...], Field(min_length=1)]
    attributes: dict[Name, AttributeUnit] = {}
    period: Duration = 5 * MINUTE
    moves: bool = False  # Its readings carry a position.


class FeedFile(Entry):
    """One file of `citybrain/catalog/feeds/`."""

    feed: Feed
    words: Words = Field(alias="name")
    late_max: Duration
    reorder_for: Duration = 0
    metrics: dict[Name, Metric]
    kinds: dict[KindName, Kind]
