"""What people do with alerts and incidents: one frozen value per action, and its JSON on the journal.

Privacy: an account is a role and a number, never a name. What somebody writes is the only free text.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Discriminator, Field, TypeAdapter

from citybrain.instants import Instant
from citybrain.metrics import KindName
from citybrain.sites import SiteId
from citybrain.zones import ZoneEntry

TEXT_MAX = 500

AccountId = Annotated[
    str, Field(pattern=r"^[a-z]{2,16}-[0-9]{1,6}$", description="a role and a number", examples=["duty-07"])
]
Identifier = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Text = Annotated[str, Field(min_length=1, max_length=TEXT_MAX)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Act:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: Identifier  # Chosen by the sender: the same action sent twice counts once.
    by: AccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge(_Act):
    """Somebody has seen an alert and deals with it. A higher level asks for it again."""

    kind: Literal["acknowledge"] = "acknowledge"
    alert: Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelve(_Act):
    """An alert is put aside for a time, as for maintenance. A higher level brings it back."""

    kind: Literal["shelve"] = "shelve"
    alert: Identifier
    until: Instant
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Unshelve(_Act):
    """A shelved alert is brought back before its time."""

    kind: Literal["unshelve"] = "unshelve"
    alert: Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment(_Act):
    """A note on an alert or an incident."""

    kind: Literal["comment"] = "comment"
    about: Identifier
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFalseAlarm(_Act):
    """An alert is found to have been no event. It stays as open, and as loud, as it is: the tag is for the review."""

    kind: Literal["tag_false_alarm"] = "tag_false_alarm"
    alert: Identifier
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetAlert(_Act):
    """A latched alert whose condition is gone is let go. The engine decides, and says so in an event."""

    kind: Literal["reset"] = "reset"
    alert: Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(_Act):
    """A step of a checklist is done."""

    kind: Literal["tick"] = "tick"
    incident: Identifier
    step: KindName


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver(_Act):
    """An incident is offered to another account, as at the end of a shift."""

    kind: Literal["hand_over"] = "hand_over"
    incident: Identifier
    to: AccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept(_Act):
    """An account takes an incident that was handed over to it, or that nobody holds."""

    kind: Literal["accept"] = "accept"
    incident: Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class End(_Act):
    """An incident without open alerts is over."""

    kind: Literal["end"] = "end"
    incident: Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(_Act):
    """The bulletin of an incident goes out, as it is now; its updates and its end then follow by themselves."""

    kind: Literal["release"] = "release"
    incident: Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteOut(_Act):
    """A site is out of service for a time: what it says, and that it says nothing, is not judged."""

    kind: Literal["site_out"] = "site_out"
    site: SiteId
    until: Instant
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteBack(_Act):
    """A site is in service again before its time."""

    kind: Literal["site_back"] = "site_back"
    site: SiteId


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclareZone(_Act):
    """A temporary zone, written as in a zone file, with `start` and `end`; WGS 84."""

    kind: Literal["declare_zone"] = "declare_zone"
    zone_kind: KindName
    zone: ZoneEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawZone(_Act):
    """A declared zone ends before its time."""

    kind: Literal["withdraw_zone"] = "withdraw_zone"
    zone: SiteId


OnAlert = Acknowledge | Shelve | Unshelve | TagFalseAlarm | ResetAlert
OnIncident = Tick | HandOver | Accept | End | Release
OnCity = SiteOut | SiteBack | DeclareZone | WithdrawZone
Action = OnAlert | OnIncident | OnCity | Comment

ACTIONS: TypeAdapter[Action] = TypeAdapter(Annotated[Action, Discriminator("kind")])


def encode_action(action: Action) -> bytes:
    """Return the JSON of an action; the same action, the same bytes."""
    return ACTIONS.dump_json(action, by_alias=True, exclude_none=True)


def decode_action(value: bytes) -> Action:
    """Return the action of a journal record. Raises ValidationError for anything else."""
    return ACTIONS.validate_json(value)
