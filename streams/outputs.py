"""What goes out: alert events, rejections, signals and the service's own alerts, as records to send."""

from pydantic import TypeAdapter

from citybrain.alerts import (
    AlertEvent,
    Evidence,
    MessageType,
    RuleReference,
    State,
    Subject,
    SubjectKind,
    Tier,
    identify,
)
from citybrain.codec import decode_event, encode_event, encode_reading
from citybrain.i18n import say
from citybrain.model import Level, Reason, Rejection, Scenario, Status, Words
from citybrain.registry import CITY, CITY_WORDS
from rules.signals import Signal
from streams.log import Outgoing, Place, SourceRecord
from streams.topics import Names

CITY_HALL = (119.92, 28.47)  # Where an alert about the service itself stands on a map of Lishui.

_SIGNAL: TypeAdapter[Signal] = TypeAdapter(Signal)


class Outputs:
    """Makes the records that come of one partition of a feed."""

    def __init__(self, place: Place, names: Names, *, status: Status, drill: str | None) -> None:
        self._place = place
        self._names = names
        self._status = status
        self._drill = drill

    def event(self, event: AlertEvent) -> list[Outgoing]:
        """Return an event for its topic and for the journal. What is on trial is recorded and told to nobody."""
        return self._event(event, encode_event(event))

    def stored_event(self, value: bytes) -> list[Outgoing]:
        """Return an event that was encoded before, byte for byte."""
        return self._event(decode_event(value), value)

    def rejection(self, rejection: Rejection, source: SourceRecord) -> Outgoing:
        """Return the original bytes with the reason in the headers."""
        is_stray_drill = rejection.reason is Reason.STATUS and self._status is Status.ACTUAL
        names = self._names.exercise() if is_stray_drill else self._names
        headers = {
            "reason": rejection.reason.value,
            "text": rejection.text,
            "site": rejection.site or "",
            "metrics": ",".join(rejection.metrics),
            "topic": self._names.feed(self._place.feed),
            "partition": str(self._place.partition),
            "offset": str(source.offset),
        }
        key, value = source.record.key, source.record.value
        if rejection.reading is not None:
            # It was held: the record at hand only let its time come, and where it lay itself is not known any more.
            key, value = rejection.reading.site.encode(), encode_reading(rejection.reading)
            headers["offset"] = ""
        encoded = tuple((name, text.encode()) for name, text in headers.items())
        return Outgoing(names.rejected(), key, value, timestamp=source.record.at, headers=encoded)

    def signal(self, signal: Signal, source: SourceRecord, ordinal: int) -> Outgoing:
        """Return a signal with its source, by which a repeat is known: the n-th of its site that a record gave.

        Counted over all sites the number would be another after a restart, which passes over sites that know more.
        """
        headers = {
            "topic": self._names.feed(self._place.feed),
            "partition": str(self._place.partition),
            "offset": str(source.offset),
            "ordinal": str(ordinal),
        }
        encoded = tuple((name, text.encode()) for name, text in headers.items())
        value = _SIGNAL.dump_json(signal)
        return Outgoing(self._names.signals(), signal.rule.encode(), value, timestamp=signal.at, headers=encoded)

    def own_alert(self, rule: str, *, catalog: str, offset: int, at: int) -> AlertEvent:
        """Return an alert about the service itself: `engine-error` or `lost-records`, at an offset of the partition.

        It is raised and never cleared: a person has to look at it.
        """
        where = f"{self._names.feed(self._place.feed)}/{self._place.partition}/{offset}"
        words = Words(f"{CITY_WORDS.zh} {where}", f"{CITY_WORDS.en} {where}")
        subject = Subject(SubjectKind.CITY, None, where, words, CITY_HALL)

        def both(text: str) -> Words:
            return Words(*(say(language, f"own.{rule}.{text}", where=where) for language in ("zh", "en")))

        return AlertEvent(
            identifier=identify(self._status, self._drill, rule, subject, at),
            sequence=1,
            status=self._status,
            message_type=MessageType.ALERT,
            references=(),
            scenario=Scenario.SYSTEM,
            also_in=(),
            rule=RuleReference(rule, catalog),
            subject=subject,
            county=CITY,
            geometry={"type": "Point", "coordinates": list(CITY_HALL)},
            zones=(),
            affects=(),
            level=Level.RED,
            previous_level=None,
            state=State.FIRING,
            no_data=False,
            onset=at,
            observed_at=at,
            sent=at,
            evidence=Evidence(rule, both("headline"), None, "", "", None),
            headline=both("headline"),
            description=both("description"),
            instruction=both("instruction"),
            tiers=(Tier.CENTRE,),
            latched=True,
        )

    def _event(self, event: AlertEvent, value: bytes) -> list[Outgoing]:
        journal = self._names.journal()
        topics = [journal] if event.trial else [self._names.alerts(event.scenario), journal]
        key = event.identifier.encode()
        return [Outgoing(topic, key, value, timestamp=event.sent) for topic in topics]
