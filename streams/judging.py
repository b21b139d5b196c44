"""The pure half of owning a partition: its engine, fed record by record, and the states that wait to be put in.

Nothing here awaits or sends. What a record gives is collected in a `Judged`; the other half (`streams.partition`)
decides what goes where, and when.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from citybrain.alerts import AlertEvent
from citybrain.codec import CONTROL_HEADER, decode
from citybrain.instants import SECOND
from citybrain.model import Control, ControlKind, Reason, Rejection, Status
from rules.intake import Intake, Output
from rules.ruleset import RuleSet
from rules.sitewise import SitewiseEngine
from streams.log import Outgoing, Place, SourceRecord
from streams.outputs import Outputs
from streams.signal_log import Told
from streams.state_log import Mark, Stored
from streams.terms import Terms
from streams.topics import partition_of

ROUTED_MAX: Final = 100_000  # Keys that are remembered to be in the right partition.
# How far apart the times are that the area stage is told of a partition that has many records: less than what it
# takes for the silence of the log itself.
PASSED_APART: Final = 10 * SECOND

_RESET: Final = ControlKind.RESET.value.encode()
_SWITCH: Final = ControlKind.CATALOG.value.encode()


@dataclass(slots=True)
class Judged:
    """What some records gave."""

    told: list[Outgoing] = field(default_factory=list)  # Rejections, the service's own alerts.
    signals: list[Told] = field(default_factory=list)
    passed: list[int] = field(default_factory=list)  # Times of the log on the way, for the area stage.
    events: list[AlertEvent] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    readings: int = 0
    touched: dict[str, None] = field(default_factory=dict)  # The sites that changed, in that order.

    def touch(self, sites: Iterable[str]) -> None:
        """Note that some sites have changed."""
        self.touched.update(dict.fromkeys(sites))


class Judging:
    """Judges the records of a partition from a mark on.

    Some sites were written after the mark: their states know records that are still to come. Such a state is put into
    the engine where the first record is reached that it does not know; until then the records of its site are passed
    over, and to the engine there is no such site.
    """

    def __init__(
        self,
        place: Place,
        terms: Terms,
        *,
        outputs: Outputs,
        rules: RuleSet,
        mark: Mark,
        sites: Mapping[str, Stored],
        skipped: Iterable[int],
    ) -> None:
        """Stand at a mark. `begun` is what comes of that, where the rule set is not the one that sites were under."""
        self._place = place
        self._terms = terms
        self._outputs = outputs
        self._skipped = frozenset(skipped)  # Offsets of records that are not judged.
        self._routed: set[bytes] = set()  # Keys that belong here; as many as there are sites.
        self._gone: set[str] = set()  # Sites that have left the catalog.
        self._number = mark.catalog
        self._passed = mark.at or 0
        self._ahead = {site: stored for site, stored in sites.items() if stored.offset > mark.offset}
        self._coming = [(stored.offset, site) for site, stored in self._ahead.items()]
        heapq.heapify(self._coming)
        self.engine = SitewiseEngine(rules, status=terms.status, drill=terms.drill, expects=self._expected(rules))
        self._intake = Intake(self.engine, status=terms.status)
        self.engine.stand_at(mark.at, mark.living)
        self.begun = Judged()
        for site, stored in sites.items():
            if site not in self._ahead:
                self._put_in(site, stored, self.begun)
        self.engine.begin_waiting()
        self.begun.touch(self.engine.stirred())

    @property
    def number(self) -> int:
        """Return the number of the rule set in force."""
        return self._number

    def mark(self, offset: int) -> Mark:
        """Return how things stand before the record at an offset, which is the next."""
        return Mark(offset, self.engine.at, self.engine.living, self._number)

    def judge(self, one: SourceRecord, sets: Mapping[int, RuleSet | None], judged: Judged) -> None:
        """Judge one record. `sets` has the rule set of each number that a control record here names."""
        if self._coming:
            self._reach(one.offset, judged)
        before = self.engine.at
        output = self._output(one, judged)
        if self.engine.at is not None and self.engine.at - self._passed >= PASSED_APART:
            self._pass(before, self.engine.at, judged)
        if output.readings and one.record.key is not None:
            judged.readings += output.readings
            judged.touched[one.record.key.decode(errors="replace")] = None
        if output.events or output.rejections or output.signals or output.resets:
            self._collect(one, output, judged)
        if sets and one.offset not in self._skipped and (number := named_set(one)) is not None:
            self._switch(number, sets[number], one, judged)

    def finish(self, offset: int, judged: Judged) -> None:
        """End a piece of records before an offset."""
        self._reach(offset, judged)
        judged.touch(self.engine.stirred())

    def stored(self, site: str, offset: int, outbox: Sequence[bytes]) -> Stored | None:
        """Return a site as it is to be written before an offset; None for one that we know nothing of."""
        if (ahead := self._ahead.get(site)) is not None:
            return replace(ahead, outbox=())
        state = self.engine.dump_site(site)
        if state is None and site not in self._gone:
            return None
        return Stored(offset, self.engine.catalog, state, tuple(outbox))

    def _output(self, one: SourceRecord, judged: Judged) -> Output:
        """Return what a record gives."""
        offset, record = one
        if offset in self._skipped:
            where = self._outputs.at_offset(offset)
            event = self._outputs.own_alert("engine-error", catalog=self.engine.catalog, where=where, at=record.at)
            judged.told += self._outputs.event(event)
            text = "judging this record failed; see the worker's log"
            return self._intake.refuse(record, Rejection(Reason.ENGINE_ERROR, text))
        key = record.key
        if key is not None and key not in self._routed and not self._is_ours(key):
            text = f"the key {key!r} belongs to another partition than {self._place.partition}"
            return self._intake.refuse(record, Rejection(Reason.MISROUTED, text))
        if self._ahead and self._is_ahead(one):
            moved = self.engine.advance(record.at)
            return Output(moved.events, moved.rejections, signals=moved.signals)
        return self._intake.accept(record)

    def _collect(self, one: SourceRecord, output: Output, judged: Judged) -> None:
        judged.events += output.events
        judged.rejections += output.rejections
        judged.told += [self._outputs.rejection(rejection, one) for rejection in output.rejections]
        judged.touch(reset.site for reset in output.resets)
        # Counted over all sites the number would be another after a restart, which passes over sites that know more.
        counts: Counter[str] = Counter()
        for signal in output.signals:
            # As the set that it was taken under says: the record at hand may bring another.
            measures = self.engine.signatures[signal.rule]
            judged.signals.append(Told(signal, one.offset, counts[signal.site], measures))
            counts[signal.site] += 1

    def _pass(self, before: int | None, at: int, judged: Judged) -> None:
        """Note two neighbouring times of the log, so that a silence of the log is seen where it was."""
        judged.passed += [before, at] if before is not None and before > self._passed else [at]
        self._passed = at

    def _is_ours(self, key: bytes) -> bool:
        """Tell whether a site's record lies where all producers agree to put it: its state is here and nowhere else."""
        if partition_of(key, self._terms.partitions[self._place.feed]) != self._place.partition:
            return False
        if len(self._routed) < ROUTED_MAX:
            self._routed.add(key)
        return True

    def _expected(self, rules: RuleSet) -> list[str]:
        """Return the sites that should speak here. A drill plays some of them: none is missed there."""
        if self._terms.status is not Status.ACTUAL or not self._terms.expects_sites:
            return []
        sites = (site.id for site in rules.registry.sites.values() if site.feed is self._place.feed)
        return [site for site in sites if site not in self._ahead and self._is_ours(site.encode())]

    # Sites whose states know records that are still to come

    def _is_ahead(self, one: SourceRecord) -> bool:
        """Tell whether a record is about a site whose state knows it."""
        record = one.record
        if record.headers.get(CONTROL_HEADER) == _RESET:
            decoded = decode(record.value, record.headers)
            reset = decoded.reset if isinstance(decoded, Control) else None
            return reset is not None and reset.site in self._ahead
        return record.key is not None and record.key.decode(errors="replace") in self._ahead

    def _reach(self, offset: int, judged: Judged) -> None:
        """Put in the states that know all records before an offset."""
        while self._coming and self._coming[0][0] <= offset:
            _, site = heapq.heappop(self._coming)
            self._put_in(site, self._ahead.pop(site), judged)

    def _put_in(self, site: str, stored: Stored, judged: Judged) -> None:
        """Put the state of a site into the engine, which stands where that state was taken."""
        if stored.state is None:
            self._gone.add(site)
            return
        if stored.catalog != self.engine.catalog:
            judged.touch((site,))  # It is another state under another set.
        judged.events += self.engine.load_site(site, stored.state, catalog=stored.catalog)
        if self.engine.dump_site(site) is None:
            self._gone.add(site)

    # Rule sets

    def _switch(self, number: int, rules: RuleSet | None, one: SourceRecord, judged: Judged) -> None:
        """Go on under another rule set, unless it is no newer one: a control record may come twice."""
        if rules is None:
            rejection = Rejection(Reason.SCHEMA, f"number: no rule set {number} is in the catalog")
            self._collect(one, Output(rejections=(rejection,)), judged)
            return
        if number <= self._number:
            return
        before = set(self.engine.site_ids)
        judged.touch(self.engine.stirred())
        self.engine, ended = self.engine.under(rules, expects=self._expected(rules))
        self._intake = Intake(self.engine, status=self._terms.status)
        self._number = number
        judged.events += ended
        after = set(self.engine.site_ids)
        self._gone = (self._gone | before) - after
        judged.touch(sorted(before | after))


def named_set(one: SourceRecord) -> int | None:
    """Return the number of the rule set that a control record names; None for any other record."""
    headers = one.record.headers
    if not headers or headers.get(CONTROL_HEADER) != _SWITCH:
        return None
    decoded = decode(one.record.value, headers)
    return decoded.switch.number if isinstance(decoded, Control) and decoded.switch is not None else None
