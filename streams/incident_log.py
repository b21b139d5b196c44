"""What the incident stage reads and writes as records: the journal, and what follows from it."""

from collections.abc import Mapping
from typing import Final

from citybrain.alerts import AlertEvent
from citybrain.codec import CONTROL_HEADER, decode_event, encode_reset
from citybrain.model import ControlKind, Feed, Reset
from citybrain.registry import Registry
from scenarios.actions import Action, decode_action, encode_action
from scenarios.cap import cap_of
from scenarios.chain import Bulletin
from scenarios.journal import JournalRecord
from scenarios.states import OUTCOMES, Outcome
from streams.clients import Record
from streams.log import Outgoing, SourceRecord
from streams.topics import Names, partition_of

KIND_HEADER: Final = "kind"
ACTION: Final = b"action"

_CLOCK_HEADERS: Final = ((CONTROL_HEADER, ControlKind.CLOCK.value.encode()),)
_TIMES: Final = {ControlKind.CLOCK.value.encode(), ControlKind.CATALOG.value.encode()}  # Controls that tell a time.
_RESET_HEADERS: Final = ((CONTROL_HEADER, ControlKind.RESET.value.encode()),)


def read_journal(one: SourceRecord) -> JournalRecord | None:
    """Return a record of the journal; None for a canary. Raises ValueError for what is neither event nor action."""
    record = one.record
    if (control := record.headers.get(CONTROL_HEADER)) is not None:
        return JournalRecord(record.at) if control in _TIMES else None
    value = record.value or b""
    if record.headers.get(KIND_HEADER) == ACTION:
        return JournalRecord(record.at, decode_action(value))
    return JournalRecord(record.at, decode_event(value))


def event_in(record: Record) -> AlertEvent | None:
    """Return the alert event of a journal record; None for an action, a clock, a canary, and what is none of these."""
    if record.value is None or record.headers:
        return None
    try:
        return decode_event(record.value)
    except ValueError:
        return None


def action_record(names: Names, action: Action) -> Outgoing:
    """Return an action for the journal."""
    return Outgoing(names.journal(), action.id.encode(), encode_action(action), 0, headers=((KIND_HEADER, ACTION),))


def clock_record(names: Names) -> Outgoing:
    """Return the record by which the journal is told the time."""
    return Outgoing(names.journal(), None, b"", 0, headers=_CLOCK_HEADERS)


def outcome_record(names: Names, outcome: Outcome) -> Outgoing:
    """Return the answer to an action."""
    return Outgoing(names.outcomes(), outcome.action.encode(), OUTCOMES.dump_json(outcome, by_alias=True))


def bulletin_record(names: Names, bulletin: Bulletin) -> Outgoing:
    """Return a bulletin as CAP 1.2; the headers say of which kind it is, without any XML."""
    headers = {"status": bulletin.status.value, "msgType": bulletin.message_type.value, "level": bulletin.level.value}
    encoded = tuple((name, text.encode()) for name, text in headers.items())
    return Outgoing(names.bulletins(), bulletin.incident.encode(), cap_of(bulletin), headers=encoded)


def reset_record(names: Names, reset: Reset, registry: Registry, partitions: Mapping[Feed, int]) -> Outgoing:
    """Return the order to let a latched alert go, for the stage that holds it: where its site speaks, or of areas."""
    value, site = encode_reset(reset), registry.sites.get(reset.site)
    if site is None:
        return Outgoing(names.signals(), None, value, 0, headers=_RESET_HEADERS)
    partition = partition_of(site.id.encode(), partitions[site.feed])
    return Outgoing(names.feed(site.feed), None, value, partition, headers=_RESET_HEADERS)
