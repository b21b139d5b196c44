"""What goes into the incident stage, and what comes out: a record of the journal, and what it changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from citybrain.alerts import AlertEvent
from citybrain.model import Reset
from scenarios.actions import Action, OnCity
from scenarios.chain import Bulletin
from scenarios.states import AlertState, Incident, Outcome

Order = Reset | OnCity
"""What the engines of the feeds have to hear of, as a control record."""


class Ignored(StrEnum):
    """Why an event was left out."""

    REPEAT = "repeat"  # It, or a later one of its alert, was taken in before.
    UNKNOWN = "unknown"  # It goes on with an alert that is not held, and that is no newer than what was.


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One record of the journal: an alert event, an action, or the clock alone. `at` is the time of the log."""

    at: int
    value: AlertEvent | Action | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What one record changes. An alert or incident stands here once, as it is after the record."""

    alerts: tuple[AlertState, ...] = ()
    incidents: tuple[Incident, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    forgotten_alerts: tuple[str, ...] = ()
    forgotten_incidents: tuple[str, ...] = ()
    orders: tuple[Order, ...] = ()
    bulletins: tuple[Bulletin, ...] = ()  # In the order in which they are sent.
    ignored: Ignored | None = None


@dataclass(slots=True)
class Changed:
    """What one record has changed so far; of alerts and incidents only which, in the order of the first change."""

    alerts: dict[str, None] = field(default_factory=dict)
    incidents: dict[str, None] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    bulletins: list[Bulletin] = field(default_factory=list)
    ignored: Ignored | None = None

    def whole(self, alerts: Mapping[str, AlertState], incidents: Mapping[str, Incident]) -> Changes:
        """Return the changes, given what is held now: what is held no more was forgotten."""
        return Changes(
            tuple(alerts[one] for one in self.alerts if one in alerts),
            tuple(incidents[one] for one in self.incidents if one in incidents),
            tuple(self.outcomes),
            tuple(one for one in self.alerts if one not in alerts),
            tuple(one for one in self.incidents if one not in incidents),
            tuple(self.orders),
            tuple(self.bulletins),
            self.ignored,
        )
