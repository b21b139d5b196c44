"""What every rule says, whatever its type, with the tests that stand beside it."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field

from citybrain.instants import MINUTE, Duration, Instant
from citybrain.metrics import Entry, KindName, Name
from citybrain.model import Level, Scenario, Words
from citybrain.sites import SiteId
from rules.inhibition import Within
from rules.shape.overrides import OverrideEntry
from rules.shape.places import Where

RuleId = Annotated[str, Field(pattern=r"^[a-z]{2}-[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]


RowId = Annotated[str, Field(pattern=r"^[a-z]{2}-[a-z0-9]+$")]


class RuleStatus(StrEnum):
    """How far a rule is in force."""

    DRAFT = "draft"  # Checked and tested, not in force.
    TRIAL = "trial"  # Judged and recorded, and told to nobody.
    ACTIVE = "active"
    DEPRECATED = "deprecated"  # Active still; authors are warned.


class Expected(Entry):
    """One event that a test expects, `at` a time after its start."""

    at: Duration
    level: Level
    state: Literal["firing", "recovering", "cleared"]
    no_data: bool = False


class RuleTest(Entry):
    """A test that stands beside its rule: values at one site, and the events they must give, all of them."""

    name: str
    site: SiteId
    start: Instant | None = None
    every: Duration | None = None  # Default: the site's own period.
    values: dict[Name, str] = {}
    positions: tuple[tuple[float, float] | None, ...] = ()
    expect: tuple[Expected, ...]


class AlsoIn(Entry):
    """A second scenario that the same event belongs to; it is published once, on its own scenario's topic."""

    scenario: Scenario
    row: RowId
    where: Where | None = None  # Only the events of these sites.


class InhibitsEntry(Entry):
    """A rule whose open alerts say nothing new while one of this rule is open near by."""

    rule: RuleId
    level: Level  # Up to this level.
    within: Within = Within.COUNTY


class RuleEntry(Entry):
    """What every rule says, whatever its type."""

    id: RuleId
    rows: tuple[RowId, ...] = ()
    words: Words = Field(alias="name")
    hazard: KindName
    status: RuleStatus = RuleStatus.ACTIVE
    where: Where
    overrides: tuple[OverrideEntry, ...] = ()
    also_in: tuple[AlsoIn, ...] = ()
    inhibits: tuple[InhibitsEntry, ...] = ()
    keep_firing_for: Duration = 0
    min_life: Duration = 30 * MINUTE
    urgent: bool = False
    latched: bool = False
    source: Annotated[tuple[str, ...], Field(min_length=1)]
    cause: Words
    consequence: Words
    action: Words
    respond_within: Duration
    false_positives: Words
    tests: tuple[RuleTest, ...] = ()

    def overridden(self, override: OverrideEntry) -> Self:
        """Return the rule as it is at the sites of one of its overrides."""
        return self.model_copy(update={**override.replaced, "overrides": ()})
