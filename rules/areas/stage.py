"""The area stage as a whole: the engines of all orders, each given what it may see in the order of the log.

Signals and events are held back until the log has moved past their `at`, and are then judged by (`at`, instant), all
of one instant together: how records of one moment are spread over partitions, or stand in a trace, makes no difference.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import orjson

from citybrain.alerts import AlertEvent
from citybrain.errors import SnapshotError
from citybrain.model import Reset, Status
from rules.areas.engine import AreaEngine, Input
from rules.areas.plan import AreaPlan
from rules.explain import ended
from rules.signals import Signal
from rules.site_state import last_events

SNAPSHOT_VERSION = 2


class AreaStage:
    """Judges the rules over several sites, over alerts, and over hazards, in this order."""

    def __init__(
        self,
        plan: AreaPlan,
        *,
        status: Status = Status.ACTUAL,
        drill: str | None = None,
        on_failure: Callable[[str, int], None] | None = None,
    ) -> None:
        """Begin. `on_failure` hears of a rule and group whose judging raised, and when; without it it is raised."""
        self._plan = plan
        self._status = status
        self._drill = drill
        self._engines = {
            order: AreaEngine(plan, order, status=status, drill=drill, on_failure=on_failure) for order in plan.orders
        }
        self._held: list[Input] = []
        self._resets: list[Reset] = []
        self._at: int | None = None

    @property
    def open_alerts(self) -> int:
        """Return how many alerts are open."""
        return sum(engine.open_alerts for engine in self._engines.values())

    def take(
        self, at: int, signals: Sequence[Signal], events: Sequence[AlertEvent], resets: Sequence[Reset] = ()
    ) -> list[AlertEvent]:
        """Take in what a record of a moment gave; return what is known once the log is past the moment before."""
        decided = self.finish() if self._at is not None and at > self._at else []
        self._at = at if self._at is None else max(at, self._at)
        self._held += signals
        self._held += events
        self._resets += resets
        return decided

    def finish(self) -> list[AlertEvent]:
        """Judge all that is held back, and the time up to now."""
        if self._at is None:
            return []
        if (
            not self._held
            and not self._resets
            and all(engine.move_quietly(self._at) for engine in self._engines.values())
        ):
            return []  # By far the most common case.
        inputs, self._held = self._held, []
        moments = _moments(inputs)
        decided: list[AlertEvent] = []
        for engine in self._engines.values():
            events: list[AlertEvent] = []
            for at, instant, together in moments:
                events += engine.judge(together, instant=instant, at=at)
            events += engine.advance(self._at)
            for order in self._resets:
                events += engine.reset(order, at=self._at)
            if events:
                decided += events
                inputs += events
                moments = _moments(inputs)
        self._resets.clear()
        return decided

    def snapshot(self) -> bytes:
        """Return the whole state as JSON: the same state, the same bytes. Nothing may be held back."""
        assert not self._held, "a snapshot is taken after `finish`"
        assert not self._resets, "a snapshot is taken after `finish`"
        data = {
            "version": SNAPSHOT_VERSION,
            "status": self._status.value,
            "drill": self._drill,
            "at": self._at,
            "engines": {str(order): engine.dump() for order, engine in self._engines.items()},
        }
        return orjson.dumps(data)

    def restore(self, snapshot: bytes, open_events: Iterable[AlertEvent]) -> list[AlertEvent]:
        """Take over the state of a snapshot; return the events that clear the alerts of what is gone.

        `open_events` are the last ones of all alerts of the site stage that are open now. Under another rule set those
        are counted that no rule counted before, and those that are no more are counted no longer. Raises SnapshotError
        for torn bytes, another version, or the snapshot of a drill in a stage that is none (and the reverse).
        """
        try:
            return self._restore(orjson.loads(snapshot), list(open_events))
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise SnapshotError(f"the snapshot is torn: {error!r}") from error

    def _restore(self, data: dict[str, Any], open_events: list[AlertEvent]) -> list[AlertEvent]:
        if data["version"] != SNAPSHOT_VERSION:
            raise SnapshotError(f"the snapshot has version {data['version']}, expected {SNAPSHOT_VERSION}")
        if (data["status"], data["drill"]) != (self._status.value, self._drill):
            raise SnapshotError(f"the snapshot is of status {data['status']}, expected {self._status.value}")
        self._at, self._held = data["at"], []
        dumps = list(data["engines"].values())
        living = max((dumped["living"] for dumped in dumps), default=0)
        groups = {key: group for dumped in dumps for key, group in dumped["groups"].items()}
        plans = self._plan.plans
        gone = [event for key, group in groups.items() if key not in plans for event in last_events(group["standing"])]
        events = [ended(event, catalog=self._plan.catalog, at=self._at or 0) for event in gone]
        for order, engine in self._engines.items():
            own = {key: group for key, group in groups.items() if key in plans and plans[key].order == order}
            events += engine.load({"at": self._at, "living": living, "groups": own})
            engine.reconcile(open_events)
            open_events += engine.open_events
        return events


def _moments(inputs: list[Input]) -> list[tuple[int, int, list[Input]]]:
    """Return what is judged together, in its order, with the time of its record and its instant."""
    if len(inputs) == 1:
        return [(*_moment(inputs[0]), inputs)]
    together = groupby(sorted(inputs, key=_order), key=_moment)
    return [(at, instant, list(some)) for (at, instant), some in together]


def _moment(one: Input) -> tuple[int, int]:
    """Return the time of the record and the instant that are judged together."""
    return (one.at, one.instant) if isinstance(one, Signal) else (one.sent, one.observed_at)


def _order(one: Input) -> tuple[int, int, int, str, str, int]:
    """Return the place of a signal or an event among all others."""
    if isinstance(one, Signal):
        return (*_moment(one), 0, one.site, one.rule, 0)
    return (*_moment(one), 1, one.subject.key, one.rule.id, one.sequence)
