"""The area stage as a whole: the engines of all orders, each given what it may see in the order of the log.

Signals and events are held back until the log has moved past their `at`, and are then judged by (`at`, instant), all
of one instant together: how records of one moment are spread over partitions, or stand in a trace, makes no difference.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import orjson

from citybrain.alerts import AlertEvent
from citybrain.errors import SnapshotError
from citybrain.model import Reset, Status
from rules.areas.engine import AreaEngine, Input, orphaned
from rules.areas.plan import AreaPlan
from rules.signals import Signal

SNAPSHOT_VERSION = 1


class AreaStage:
    """Judges the rules over several sites, over alerts, and over hazards, in this order."""

    def __init__(self, plan: AreaPlan, *, status: Status = Status.ACTUAL, drill: str | None = None) -> None:
        self._plan = plan
        self._engines = {order: AreaEngine(plan, order, status=status, drill=drill) for order in plan.orders}
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
        self._at = at
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
        inputs, self._held = sorted(self._held, key=_order), []
        decided: list[AlertEvent] = []
        for engine in self._engines.values():
            events: list[AlertEvent] = []
            for (at, instant), together in groupby(inputs, key=_moment):
                events += engine.judge(together, instant=instant, at=at)
            events += engine.advance(self._at)
            for order in self._resets:
                events += engine.reset(order, at=self._at)
            decided += events
            inputs = sorted([*inputs, *events], key=_order)
        self._resets.clear()
        return decided

    def snapshot(self) -> bytes:
        """Return the whole state as JSON: the same state, the same bytes. Nothing may be held back."""
        assert not self._held, "a snapshot is taken after `finish`"
        data = {
            "version": SNAPSHOT_VERSION,
            "at": self._at,
            "engines": {str(order): engine.dump() for order, engine in self._engines.items()},
        }
        return orjson.dumps(data)

    def restore(self, snapshot: bytes) -> list[AlertEvent]:
        """Take over the state of a snapshot; return the events that clear the alerts of what is gone.

        Raises SnapshotError for torn bytes or another version.
        """
        try:
            data = orjson.loads(snapshot)
            return self._restore(data)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise SnapshotError(f"the snapshot is torn: {error!r}") from error

    def _restore(self, data: dict[str, Any]) -> list[AlertEvent]:
        if data["version"] != SNAPSHOT_VERSION:
            raise SnapshotError(f"the snapshot has version {data['version']}, expected {SNAPSHOT_VERSION}")
        self._at, self._held = data["at"], []
        events: list[AlertEvent] = []
        for order, dumped in data["engines"].items():
            engine = self._engines.get(int(order))
            events += engine.load(dumped) if engine is not None else orphaned(dumped, self._plan.catalog)
        return events


def _moment(one: Input) -> tuple[int, int]:
    """Return the time of the record and the instant that are judged together."""
    return (one.at, one.instant) if isinstance(one, Signal) else (one.sent, one.observed_at)


def _order(one: Input) -> tuple[int, int, int, str, str, int]:
    """Return the place of a signal or an event among all others."""
    if isinstance(one, Signal):
        return (*_moment(one), 0, one.site, one.rule, 0)
    return (*_moment(one), 1, one.subject.key, one.rule.id, one.sequence)
