"""The judge of `sequence` rules: alerts of named rules, one after the other within a span."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from citybrain.alerts import Evidence
from citybrain.model import Words
from rules.areas.coupling import AlertsView
from rules.areas.records import AlertRecord
from rules.lifecycle import Timing, Verdict
from rules.rule import Finding, Rule

_WORDS = Words("依次发生的报警数", "Alerts one after the other")


@dataclass(slots=True)
class Chain:
    """The alerts that came in order, first to last, and when the last did; empty while there are none.

    It holds while the last is open, however long ago the first was closed and forgotten.
    """

    alerts: tuple[str, ...] = ()
    since: int | None = None


@dataclass(frozen=True, slots=True)
class SequenceJudge:
    """A sequence rule bound to one group."""

    rule: Rule
    timing: Timing
    ranks: tuple[int, ...]  # Per step: an alert counts from the instant at which it came to this rank.
    within: int  # From the first to the last, milliseconds.
    rank: int  # That it raises.
    series_keys: ClassVar[tuple[str, ...]] = ()
    silent_after: ClassVar[dict[str, int]] = {}
    zones: ClassVar[frozenset[str]] = frozenset()
    has_wakes: ClassVar[bool] = True
    is_about_silence: ClassVar[bool] = False

    def new_memory(self, _zones: Sequence[str] = ()) -> Chain:
        """Return the memory of a group where nothing came in order."""
        return Chain()

    def is_blind(self, view: AlertsView) -> bool:
        """Tell that it never is: an alert that is not there is an answer."""
        return False

    def judge(self, memory: Chain, view: AlertsView, instant: int, *, is_open: bool) -> Sequence[Finding]:
        """Judge whether the alerts came in order; it holds while the last of them is open."""
        chain = self._chain(view)
        if chain is not None:
            memory.alerts = tuple(record.identifier for record in chain)
            memory.since = self._came(chain[-1], len(chain) - 1)
        elif not self._goes_on(memory, view):
            memory.alerts, memory.since = (), None
        is_met = bool(memory.alerts)
        verdict = Verdict(instant, self.rank if is_met else 0, memory.since, (not is_met,) * 4, not is_met)
        return (Finding(None, verdict),)

    def evidence(self, memory: Chain, view: AlertsView, instant: int, *, rank: int, zone: str | None) -> Evidence:
        """Return the alerts that came in order."""
        return Evidence(
            measure="alerts",
            words=_WORDS,
            value=float(len(memory.alerts)),
            unit="alerts",
            comparison="at_least",
            limit=float(len(self.ranks)),
            window=self.within,
            alerts=memory.alerts,
        )

    def dump(self, memory: Chain) -> Any:
        """Return the memory as plain data."""
        return [memory.alerts, memory.since]

    def load(self, data: Any) -> Chain:
        """Return the memory that `dump` wrote."""
        return Chain(tuple(data[0]), data[1])

    def _goes_on(self, memory: Chain, view: AlertsView) -> bool:
        """Tell whether the last alert of the chain is still open at its rank."""
        last = view.records[-1].get(memory.alerts[-1]) if memory.alerts else None
        return last is not None and last.rank >= self.ranks[-1]

    def _came(self, record: AlertRecord, step: int) -> int:
        came = record.reached[self.ranks[step] - 1]
        assert came is not None, "only alerts that came to their rank are in a chain"
        return came

    def _candidates(self, view: AlertsView, step: int) -> list[AlertRecord]:
        """Return the alerts that came to a step's rank, in the order in which they did."""
        rank = self.ranks[step]
        found = [record for record in view.records[step].values() if record.reached[rank - 1] is not None]
        return sorted(found, key=lambda record: (self._came(record, step), record.identifier))

    def _chain(self, view: AlertsView) -> list[AlertRecord] | None:
        """Return alerts in order, from first to last within the span, the last still open; the latest start wins."""
        steps = [self._candidates(view, step) for step in range(len(self.ranks))]
        for first in reversed(steps[0]):
            chain = [first]
            for step, candidates in enumerate(steps[1:], start=1):
                earliest = self._came(chain[-1], step - 1)
                is_last = step == len(steps) - 1
                later = (
                    record
                    for record in candidates
                    if record.identifier not in {one.identifier for one in chain}
                    and self._came(record, step) >= earliest
                    and (not is_last or record.rank >= self.ranks[step])
                )
                found = next(later, None)
                if found is None or self._came(found, step) - self._came(first, 0) > self.within:
                    break
                chain.append(found)
            if len(chain) == len(steps):
                return chain
        return None
