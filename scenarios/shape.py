"""What an author writes in `scenarios/catalog/`: one script per scenario, and what all scripts share."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from citybrain.alerts import Tier
from citybrain.faults import Fault
from citybrain.instants import DAY, Duration
from citybrain.metrics import Entry, KindName
from citybrain.model import Level, Scenario, Words
from citybrain.sites import LonLat, SiteId
from rules.shape.rule import RuleId

SHORT_TEXT_MAX = 70  # Characters of one short message to a responder team.
STEP_WITHIN_MAX = 30 * DAY  # An incident is kept that long after its end, its review with it.


class Stage(StrEnum):
    """When a step of a checklist comes due: at a level, when the end is proposed, or after the end."""

    BLUE = "blue"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"
    CLOSING = "closing"
    REVIEW = "review"


def _checked_within(span: int) -> int:
    if not 0 < span <= STEP_WITHIN_MAX:
        raise Fault("script.within")
    return span


Within = Annotated[Duration, AfterValidator(_checked_within)]


class StepEntry(Entry):
    """One thing to do, and by when: `within` counts from the moment that it comes due."""

    id: KindName
    text: Words
    within: Within
    units: tuple[KindName, ...] = ()  # Empty: the lead unit.
    hazards: tuple[KindName, ...] = ()  # Only when an alert of one of these has reached the level; empty: any.


class StepsEntry(Entry):
    """The steps of each stage, in the order in which they are to be done."""

    blue: tuple[StepEntry, ...] = ()
    yellow: tuple[StepEntry, ...] = ()
    orange: tuple[StepEntry, ...] = ()
    red: tuple[StepEntry, ...] = ()
    closing: tuple[StepEntry, ...] = ()
    review: tuple[StepEntry, ...] = ()

    def of(self, stage: Stage) -> tuple[StepEntry, ...]:
        """Return the steps of one stage."""
        found: tuple[StepEntry, ...] = getattr(self, stage.value)
        return found


class EscalationEntry(Entry):
    """How long an alert may stay unacknowledged before the next tier is asked; once more for the tier after it."""

    orange: Within
    red: Within

    @model_validator(mode="after")
    def _hurries_with_the_level(self) -> Self:
        if self.red > self.orange:
            raise Fault("script.escalation")
        return self

    def after(self, level: Level) -> int | None:
        """Return the time in milliseconds; None for a level that nobody is called for."""
        return {Level.ORANGE: self.orange, Level.RED: self.red}.get(level)


def _checked_short(words: Words) -> Words:
    longest = max(len(words.zh), len(words.en))
    if longest > SHORT_TEXT_MAX:
        raise Fault("script.short_text", found=longest, most=SHORT_TEXT_MAX)
    return words


class TierTexts(Entry):
    """What each tier is told to do. A responder team gets a short message and the point of the alert."""

    centre: Words
    field: Words
    responder: Annotated[Words, AfterValidator(_checked_short)]

    def of(self, tier: Tier) -> Words:
        """Return the text of one tier."""
        found: Words = getattr(self, tier.value)
        return found


class PublicEntry(Entry):
    """What people are to do, told in the bulletins of each level; without one, what all bulletins of the level say."""

    blue: Words | None = None
    yellow: Words | None = None
    orange: Words | None = None
    red: Words | None = None

    def of(self, level: Level) -> Words | None:
        """Return the text of one level."""
        found: Words | None = getattr(self, level.value)
        return found


class DrillEntry(Entry):
    """The storylines by which a scenario is practised and its rules are held to account."""

    reaches: SiteId  # Brings it to its highest level.
    quiet: SiteId  # Must leave it without an alert.

    @model_validator(mode="after")
    def _is_two_storylines(self) -> Self:
        if self.reaches == self.quiet:
            raise Fault("script.drill")
        return self


class Named(Entry):
    """A unit, a hazard or a type of emergency resource: its name, by the slug that rules and scripts use."""

    words: Words = Field(alias="name")


class DepotEntry(Entry):
    """A place that holds resources of some types."""

    id: SiteId
    words: Words = Field(alias="name")
    county: Annotated[str, Field(pattern=r"^\d{6}$")]
    position: LonLat
    holds: Annotated[tuple[KindName, ...], Field(min_length=1)]


class CommonFile(Entry):
    """`scenarios/catalog/common.yaml`: units, resources, the response ladder and the times that scripts share."""

    source: Annotated[tuple[str, ...], Field(min_length=1)]
    units: dict[KindName, Named]
    hazards: dict[KindName, Named]
    resources: dict[KindName, Named]
    depots: tuple[DepotEntry, ...]
    escalate_after: EscalationEntry
    end_after: Within  # How long no alert of an incident has been open, before its end is proposed.
    steps: StepsEntry


class ScriptFile(Entry):
    """`scenarios/catalog/<scenario>.yaml`: who does what by when in one scenario."""

    scenario: Scenario
    words: Words = Field(alias="name")
    purpose: Words
    limits: Words  # What the service does not do, and must not be asked to.
    lead: KindName
    supporting: tuple[KindName, ...] = ()
    data_owners: tuple[KindName, ...] = ()  # Further units, whose data it needs; they act on their own works.
    hazards: Annotated[tuple[KindName, ...], Field(min_length=1)]  # Of its own rules and of those that join.
    rules: Annotated[tuple[RuleId, ...], Field(min_length=1)]  # Its own, not those that join.
    start: Words
    end: Words
    steps: StepsEntry
    escalate_after: EscalationEntry | None = None  # None: as all scripts.
    end_after: Within | None = None  # None: as all scripts.
    tiers: TierTexts
    public: PublicEntry | None = None  # None: as all scripts.
    resources: tuple[KindName, ...] = ()
    drill: DrillEntry | None = None  # None: nobody has written the storylines yet.
    source: Annotated[tuple[str, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_of_the_city(self) -> Self:
        if self.scenario is Scenario.SYSTEM:
            raise Fault("script.system")
        return self
