"""What the area stage remembers of one rule at one group, and the plan that it follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from citybrain.alerts import Subject
from citybrain.registry import Registry
from rules.areas.coupling import CouplingJudge
from rules.areas.grouping import Group
from rules.areas.judge import AreaJudge
from rules.areas.measure import member_key
from rules.areas.records import AlertRecord, load_record
from rules.areas.sequence import SequenceJudge
from rules.deadlines import LogClock
from rules.measures import Bound, Measured
from rules.publishing import Standing
from rules.rule import Heard, Ties
from rules.series import Series
from rules.spans import Spans

GroupJudge = AreaJudge | CouplingJudge | SequenceJudge


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """A rule bound to one group. `id` names the pair."""

    id: str
    group: Group
    judge: GroupJudge
    measures: tuple[str, ...]  # What tells each measure of the rule from others: what it said outlives other limits.
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
    values: list[dict[str, Measured]]  # Per measure, the last that each site said.
    mute: list[set[str]]  # Per measure, the sites that have said since that they do not know.
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
            "measures": self.plan.measures,
            "mute": [sorted(sites) for sites in self.mute],
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
        before = {signature: place for place, signature in enumerate(data["measures"])}
        spans = self.plan.judge.silent_after
        self.newest_at = data["newest_at"]
        for place, signature in enumerate(self.plan.measures):
            if (old := before.get(signature)) is None:
                continue
            members = self.plan.members[place] if self.plan.members else frozenset()
            values = {site: one for site, one in data["values"][old].items() if site in members}
            self.values[place] = {site: Measured(one[0], Bound(one[1]), one[2]) for site, one in values.items()}
            self.mute[place] = set(data["mute"][old]) & members
            self.records[place] = {key: load_record(one) for key, one in data["records"][old].items()}
            for site in members:
                heard = data["heard"].get(member_key(old, site))
                if heard is not None and member_key(place, site) in spans:
                    self.heard[member_key(place, site)] = Heard(*heard)


def new_group(plan: GroupPlan, clock: LogClock) -> GroupState:
    """Return the state of a group that nothing was heard of yet."""
    standing = Standing(plan.judge, 0, plan.judge.new_memory(), spans=plan.spans)
    count = range(len(plan.measures))
    return GroupState(plan, clock, standing, [{} for _ in count], [set() for _ in count], [{} for _ in count])
