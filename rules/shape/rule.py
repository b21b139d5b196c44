"""What every rule says, whatever its type, with the tests that stand beside it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from citybrain.faults import Fault
from citybrain.instants import MINUTE, Duration, Instant
from citybrain.metrics import Entry, KindName, Name
from citybrain.model import Level, Scenario, Words
from citybrain.places import PlaceWord
from citybrain.sites import SiteId
from rules.inhibition import Within
from rules.shape.overrides import OverrideEntry
from rules.shape.places import Where
from rules.shape.trial_zones import TrialZone

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
    subject: str | None = None  # The zone, county or site that it is about, where a test has several.


class RuleTest(Entry):
    """A test that stands beside its rule: values at one site, or several, and all the events they must give."""

    name: str
    site: SiteId | None = None
    start: Instant | None = None
    every: Duration | None = None  # Default: the site's own period.
    values: dict[Name, str] = {}
    sites: dict[SiteId, dict[Name, str]] = {}
    positions: tuple[tuple[float, float] | None, ...] = ()
    zones: dict[SiteId, TrialZone] = {}  # Temporary zones that are there for this test alone.
    expect: tuple[Expected, ...]

    @model_validator(mode="after")
    def _has_one_form(self) -> "RuleTest":
        if (self.site is None) == (not self.sites) or (self.sites and (self.values or self.positions)):
            raise Fault("test_sites")
        return self

    def all_values(self) -> Mapping[str, Mapping[str, str]]:
        """Return the values per site."""
        return {self.site: self.values} if self.site is not None else self.sites


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
    affects: PlaceWord | None = None
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
