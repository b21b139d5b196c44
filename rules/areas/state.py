"""What the area stage remembers of one rule at one group, and the plan that it follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from citybrain.alerts import Subject
from citybrain.registry import Registry
from rules.areas.grouping import Group
from rules.areas.records import AlertRecord, load_record
from rules.deadlines import LogClock
from rules.measures import Bound, Measured
from rules.publishing import Standing
from rules.rule import Heard, Judge, Ties
from rules.series import Series
from rules.spans import Spans


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """A rule bound to one group. `id` names the pair."""

    id: str
    group: Group
    judge: Judge
    measures: int  # How many the rule has.
    members: tuple[frozenset[str], ...]  # Per measure the sites that it listens to.
    periods: Mapping[str, int]  # Of the sites, milliseconds; by site.
    keep: int  # How long a closed alert may matter, milliseconds.
    ties: Ties
    spans: Mapping[str, Spans]  # When the group's temporary zone arms the rule; empty: always.
    order: int  # Its stage: 1 for rules over sites, 2 over alerts of those, 3 for couplings and sequences.


@dataclass(slots=True)
class GroupState:
    """The state of one rule at one group."""

    plan: GroupPlan
    clock: LogClock
    standing: Standing
    values: list[dict[str, Measured]]
    records: list[dict[str, AlertRecord]]
    heard: dict[str, Heard] = field(default_factory=dict)
    newest_at: int = 0  # The instant that it was judged as of, at least.
    position: tuple[float, float] | None = None
    inside: frozenset[str] = frozenset()
    series: dict[str, Series] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return the id of the rule and group."""
        return self.plan.id

    @property
    def county(self) -> str:
        """Return the adcode of the group's county."""
        return self.plan.group.county

    def subject(self, zone: str | None, registry: Registry) -> Subject:
        """Return what an alert is about: the group."""
        return self.plan.group.subject

    def zones_of(self, zone: str | None) -> tuple[str, ...]:
        """Return the zones that an alert names."""
        return self.plan.group.zones

    def ties(self, rule_id: str) -> Ties:
        """Return what its events are tied to."""
        return self.plan.ties

    def silence(self, key: str) -> int:
        """Return how long a member has been silent, milliseconds of a living log; 0 if it was never heard."""
        heard = self.heard.get(key)
        return self.clock.living - heard.at if heard is not None else 0

    def lost_for(self, key: str) -> int:
        """Return the same: a member that was never heard is not waited for."""
        return self.silence(key)

    def dump(self) -> dict[str, Any]:
        """Return the state as plain data, but for its standing."""
        return {
            "values": [
                {site: [found.value, found.bound.value, found.newest_at] for site, found in sorted(values.items())}
                for values in self.values
            ],
            "records": [
                {identifier: record.dump() for identifier, record in sorted(records.items())}
                for records in self.records
            ],
            "heard": {key: [one.at, one.passed] for key, one in sorted(self.heard.items())},
            "newest_at": self.newest_at,
        }

    def load(self, data: Mapping[str, Any]) -> None:
        """Take over what `dump` wrote; what belongs to sites or measures that are gone is left behind."""
        for values, dumped in zip(self.values, data["values"], strict=False):
            values.update({site: Measured(one[0], Bound(one[1]), one[2]) for site, one in dumped.items()})
        for records, dumped in zip(self.records, data["records"], strict=False):
            records.update({identifier: load_record(one) for identifier, one in dumped.items()})
        spans = self.plan.judge.silent_after
        self.heard = {key: Heard(*one) for key, one in data["heard"].items() if key in spans}
        self.newest_at = data["newest_at"]


def new_group(plan: GroupPlan, clock: LogClock) -> GroupState:
    """Return the state of a group that nothing was heard of yet."""
    values: Sequence[dict[str, Measured]] = [{} for _ in range(plan.measures)]
    records: Sequence[dict[str, AlertRecord]] = [{} for _ in range(plan.measures)]
    standing = Standing(plan.judge, 0, plan.judge.new_memory(), spans=plan.spans)
    return GroupState(plan, clock, standing, list(values), list(records))
