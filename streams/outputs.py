"""What goes out: alert events, rejections and the service's own alerts, as records to send."""

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
from citybrain.model import Feed, Level, Reason, Rejection, Scenario, Status, Words
from citybrain.registry import CITY, CITY_WORDS
from streams.log import Outgoing, Place, SourceRecord
from streams.signal_log import event_record
from streams.topics import Names

CITY_HALL = (119.92, 28.47)  # Where an alert about the service itself stands on a map of Lishui.


class Outputs:
    """Makes the records that come of one partition of what a stage reads."""

    def __init__(self, place: Place, names: Names, *, status: Status, drill: str | None) -> None:
        self._place = place
        self._names = names
        self._status = status
        self._drill = drill

    def event(self, event: AlertEvent) -> list[Outgoing]:
        """Return an event for its topic, the journal and, of a site, the area stage.

        What is on trial is recorded and told to nobody.
        """
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
            "topic": self._names.source(self._place.source),
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

    def at_offset(self, offset: int) -> str:
        """Return an offset of the partition as an alert about the service names it."""
        return f"{self._names.source(self._place.source)}/{self._place.partition}/{offset}"

    def own_alert(self, rule: str, *, catalog: str, where: str, at: int) -> AlertEvent:
        """Return an alert about the service itself: `engine-error`, `lost-records` or `rule-error`, and where.

        It is raised and never cleared: a person has to look at it.
        """
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
        # The broker stamps these. The embedded one does not, and the journal is in the time of people there too.
        records = [Outgoing(topic, key, value, timestamp=None if topic == journal else event.sent) for topic in topics]
        if isinstance(self._place.source, Feed):
            records.append(event_record(self._names, value, key=key))
        return records
