"""The pure half of the area stage: the merge of what the sources tell, and the engine of rules over several sites."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from citybrain.alerts import AlertEvent
from citybrain.codec import CONTROL_HEADER, decode, decode_event, encode_event
from citybrain.errors import SnapshotError
from citybrain.model import Control, Feed, Reason, Rejection, Reset
from rules.areas.stage import AreaStage
from rules.intake import FeedRecord
from rules.ruleset import RuleSet
from streams.log import Place, SourceRecord
from streams.merge import Merge
from streams.signal_log import Bundle, Kind, kind_of, read_bundle, read_give_up
from streams.terms import Terms

STATE_VERSION: Final = 2


class AreaFold:
    """Judges what lies in `signals`, record by record. Nothing here awaits or sends."""

    def __init__(
        self,
        rules: RuleSet,
        terms: Terms,
        state: Mapping[str, Any] | None,
        *,
        number: int,
        on_failure: Callable[[str, int], None],
    ) -> None:
        """Stand at the beginning, or where a state was dumped, under the rule set of a number.

        `begun` is what comes of it where the program judges by other rules than it did when the state was dumped.
        `on_failure` hears of a rule and group whose judging failed, and when; the others are judged all the same.
        """
        self.begun: list[AlertEvent] = []
        self._terms = terms
        self._on_failure = on_failure
        self._go_by(rules, number)
        self.merge = Merge(dict.fromkeys(_sources(terms.partitions)))
        self._decided: list[AlertEvent] = []
        self._read_to = 0  # What lies before this offset has been read: only what was held back is of interest.
        if state is not None:
            self._restore(state)

    @property
    def open_alerts(self) -> int:
        """Return how many alerts about areas are open."""
        return self._stage.open_alerts

    @property
    def time(self) -> int | None:
        """Return the time of the log up to which all is judged, milliseconds."""
        return self.merge.position

    def take(self, one: SourceRecord) -> Rejection | None:
        """Take in one record and judge the moments that are over with it; or say why it is none."""
        try:
            found = self._read(one.record)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            return Rejection(Reason.SCHEMA, f"no record of the area stage: {error!r}")
        match found:
            case Bundle():
                self._take_bundle(found, one.offset)
            case AlertEvent() if found.subject.site is not None:  # Not the service's own.
                self.merge.take_event(found, offset=one.offset)
            case Place() if one.offset >= self._read_to:
                self.merge.give_up(found)
                self._judge(())
            case Reset() if one.offset >= self._read_to:
                self.merge.resets.append(found)
        return None

    @property
    def awaited_number(self) -> int | None:
        """Return the rule set that is to be gone over to before the next record; None if there is no newer one."""
        agreed = self.merge.agreed
        return agreed if agreed is not None and agreed > self.number else None

    def go_over(self, rules: RuleSet, number: int) -> None:
        """Go on under another rule set. What is held back stays: which of it counts is seen when it is judged."""
        snapshot = self._stage.snapshot()
        self._go_by(rules, number)
        self._decided += self._stage.restore(snapshot, self._open())

    def decided(self) -> list[AlertEvent]:
        """Return, once, what has come of the records."""
        decided, self._decided = self._decided, []
        return decided

    def dump(self, offset: int) -> dict[str, Any]:
        """Return the whole state before an offset as JSON data. What is held back is not in it but read again."""
        merge = self.merge
        return {
            "version": STATE_VERSION,
            "catalog": self.number,
            "numbers": [[source.source.value, source.partition, one] for source, one in sorted(merge.numbers.items())],
            "read_to": max(offset, self._read_to),
            "position": merge.position,
            "passed": [[source.source.value, source.partition, time] for source, time in sorted(merge.passed.items())],
            "given_up": [[source.source.value, source.partition] for source in sorted(merge.given_up)],
            "resets": [[reset.rule, reset.subject] for reset in merge.resets],
            "open": [encode_event(event).decode() for _, event in sorted(merge.last.items())],
            "stage": orjson.Fragment(self._stage.snapshot()),
        }

    def _read(self, record: FeedRecord) -> Bundle | AlertEvent | Place | Reset | None:
        """Return what a record says; None for what moves nothing, as a canary."""
        value = record.value or b""
        match kind_of(record.headers):
            case Kind.BUNDLE:
                bundle = read_bundle(value)
                self._require(bundle.source)
                return bundle
            case Kind.EVENT:
                return decode_event(value)
            case Kind.GIVE_UP:
                source = read_give_up(value)
                self._require(source)
                return source
        if CONTROL_HEADER not in record.headers:
            raise ValueError("it has neither kind nor control")
        control = decode(value, record.headers)
        if isinstance(control, Rejection):
            raise ValueError(control.text)
        return control.reset if isinstance(control, Control) else None

    def _take_bundle(self, bundle: Bundle, offset: int) -> None:
        if offset >= self._read_to:
            self.merge.take_passed(bundle.source, bundle.passed)
            self.merge.take_number(bundle.source, bundle.catalog)
        self.merge.take_signals(bundle.source, bundle.told, offset=offset)
        self._judge(bundle.passed)

    def _judge(self, times: Iterable[int]) -> None:
        """Judge the moments that are over."""
        for moment in self.merge.over(times):
            # Told under another rule set, the values of a rule may be those of other measures.
            told = [one.signal for one in moment.signals if self._signatures.get(one.signal.rule) == one.measures]
            self._decided += self._stage.take(moment.at, told, self._known(moment.events), moment.resets)
        self._decided += self._stage.finish()

    def _go_by(self, rules: RuleSet, number: int) -> None:
        plan, terms = rules.areas.plan, self._terms
        self.catalog, self.number = rules.catalog, number
        self._signatures = plan.signatures
        self._rules = plan.hazards.keys()
        self._stage = AreaStage(plan, status=terms.status, drill=terms.drill, on_failure=self._on_failure)

    def _known(self, events: Iterable[AlertEvent]) -> list[AlertEvent]:
        """Return the events of rules that the set in force has."""
        return [event for event in events if event.rule.id in self._rules]

    def _open(self) -> list[AlertEvent]:
        return self._known(self.merge.last.values())

    def _require(self, source: Place) -> None:
        if source not in self.merge.passed:
            raise ValueError(f"there is no source {source.source}/{source.partition}")

    def _restore(self, state: Mapping[str, Any]) -> None:
        merge = self.merge
        self._read_to = state["read_to"]
        merge.position = state["position"]
        for feed, partition, time in state["passed"]:
            if (source := Place(Feed(feed), partition)) in merge.passed:
                merge.passed[source] = time
        merge.given_up = {Place(Feed(feed), partition) for feed, partition in state["given_up"]} & merge.passed.keys()
        for feed, partition, number in state["numbers"]:
            if (source := Place(Feed(feed), partition)) in merge.passed:
                merge.numbers[source] = number
        merge.resets = [Reset(*one) for one in state["resets"]]
        events = [decode_event(value.encode()) for value in state["open"]]
        merge.last = {event.identifier: event for event in events}
        self.begun = self._stage.restore(orjson.dumps(state["stage"]), self._open())


def number_in(state: Mapping[str, Any]) -> int:
    """Return the number of the rule set that a state was dumped under. Raises SnapshotError for another version."""
    if state["version"] != STATE_VERSION:
        raise SnapshotError(f"the state has version {state['version']}, expected {STATE_VERSION}")
    return int(state["catalog"])


def _sources(partitions: Mapping[Feed, int]) -> Iterable[Place]:
    return [Place(feed, number) for feed, count in partitions.items() for number in range(count)]
