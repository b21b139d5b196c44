"""The judge of `coupling` rules: several hazards at one time in one place, one level above the worst of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from citybrain.alerts import EVIDENCE_SITES_MAX, Evidence
from citybrain.model import LEVELS, Words
from rules.areas.records import AlertCount, AlertRecord
from rules.lifecycle import Timing, Verdict
from rules.rule import Finding, Rule, SiteView

_WORDS = Words("同时存在的灾种数", "Hazards at the same time")
_HIGHEST = len(LEVELS)


class AlertsView(SiteView, Protocol):
    """What a judge of alerts may see of its group."""

    records: Sequence[Mapping[str, AlertRecord]]


@dataclass(slots=True)
class Since:
    """Since when enough hazards are there; None while they are not."""

    since: int | None = None


@dataclass(frozen=True, slots=True)
class CouplingJudge:
    """A coupling rule bound to one group."""

    rule: Rule
    timing: Timing
    hazards: int  # So many at least.
    count: AlertCount
    series_keys: ClassVar[tuple[str, ...]] = ()
    silent_after: ClassVar[dict[str, int]] = {}
    zones: ClassVar[frozenset[str]] = frozenset()
    has_wakes: ClassVar[bool] = True
    is_about_silence: ClassVar[bool] = False

    def new_memory(self, _zones: Sequence[str] = ()) -> Since:
        """Return the memory of a group without hazards."""
        return Since()

    def is_blind(self, view: AlertsView) -> bool:
        """Tell that it never is: an alert that is not there is an answer."""
        return False

    def judge(self, memory: Since, view: AlertsView, instant: int, *, is_open: bool) -> Sequence[Finding]:
        """Judge which alerts are open in the group."""
        members = self.count.selected(view.records[0].values(), instant)
        is_met = len(members) >= self.hazards
        memory.since = (instant if memory.since is None else memory.since) if is_met else None
        rank = min(max(record.rank for record in members) + 1, _HIGHEST) if is_met else 0
        # It ends when fewer are open at any level; while some have only stepped down, what it said holds.
        still = replace(self.count, rank=1).selected(view.records[0].values(), instant)
        is_clear = len(still) < self.hazards
        first, second, third, fourth = (is_clear or (is_met and rank < place) for place in range(1, _HIGHEST + 1))
        return (Finding(None, Verdict(instant, rank, memory.since, (first, second, third, fourth), is_clear)),)

    def evidence(self, memory: Since, view: AlertsView, instant: int, *, rank: int, zone: str | None) -> Evidence:
        """Return how many hazards there are, and the alerts that are them."""
        members = self.count.selected(view.records[0].values(), instant)
        return Evidence(
            measure="alerts",
            words=_WORDS,
            value=float(len(members)),
            unit="hazards",
            comparison="at_least",
            limit=float(self.hazards),
            alerts=tuple(record.identifier for record in members)[:EVIDENCE_SITES_MAX],
        )

    def dump(self, memory: Since) -> Any:
        """Return the memory as plain data."""
        return memory.since

    def load(self, data: Any) -> Since:
        """Return the memory that `dump` wrote."""
        return Since(data)
