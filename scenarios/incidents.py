"""The incident stage, pure: folds the journal in log order into states of alerts, incidents and answers to actions.

Its only time is that of the records: what was due before a record happens before it, at the time it was due.
"""

import heapq
from bisect import bisect_left
from dataclasses import replace
from enum import StrEnum

from citybrain.alerts import AlertEvent, State
from citybrain.instants import DAY
from citybrain.model import Reset, Scenario
from rules.inhibition import Inhibition, inhibits
from scenarios import alert_states, bulletins, episodes
from scenarios.actions import (
    Action,
    Comment,
    DeclareZone,
    End,
    OnAlert,
    OnCity,
    OnIncident,
    ResetAlert,
    SiteBack,
    SiteOut,
    WithdrawZone,
)
from scenarios.journal import Changed, Changes, Ignored, JournalRecord
from scenarios.permissions import City, Target, refusal, words_of
from scenarios.playbook import Playbook
from scenarios.snapshots import Memory, decode_memory, encode_memory
from scenarios.states import AlertState, Incident, IncidentKey, Outcome, Phase, Refusal

ACTION_KEPT = 1 * DAY  # How long the same action, sent again, is known.


class _What(StrEnum):
    """What has a deadline, in the order in which those of one instant are met."""

    ALERT = "1 alert"
    INCIDENT = "2 incident"
    ZONE = "3 zone"
    SITE = "4 site"
    ACTION = "5 action"
    BULLETIN = "6 bulletin"


class Incidents:
    """The state of the incident stage. `take` moves it by one record of the journal."""

    def __init__(self, playbook: Playbook) -> None:
        self._playbook = playbook
        self._inhibitors: dict[str, list[str]] = {}  # Rule -> the rules that inhibit it, sorted.
        for source in sorted(playbook.inhibitions):
            for inhibition in playbook.inhibitions[source]:
                self._inhibitors.setdefault(inhibition.rule, []).append(source)
        self._recall(Memory(1, 0, (), (), (), (), {}))

    @property
    def at(self) -> int:
        """Return the greatest time of a record so far."""
        return self._at

    @property
    def alerts(self) -> tuple[AlertState, ...]:
        """Return the alerts that are held, open and cleared, in the order of their identifiers."""
        return tuple(self._alerts[identifier] for identifier in sorted(self._alerts))

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """Return the incidents that are held, running and ended, in the order of their ids."""
        return tuple(self._incidents[incident] for incident in sorted(self._incidents))

    def take(self, record: JournalRecord) -> Changes:
        """Take in one record of the journal, and return what it changes."""
        self._changed = Changed()
        self._advance(record.at)
        if isinstance(record.value, AlertEvent):
            self._changed.ignored = self._event(record.value)
        elif record.value is not None:
            self._act(record.value)
        self._write_bulletins()
        return self._changed.whole(self._alerts, self._incidents)

    @property
    def due_at(self) -> int | None:
        """Return when time alone changes something next."""
        while self._due and self._planned.get(self._due[0][1:]) != self._due[0][0]:
            heapq.heappop(self._due)  # It was put off, or is gone.
        return self._due[0][0] if self._due else None

    def snapshot(self) -> bytes:
        """Return the whole state as JSON: the same state, the same bytes."""
        return encode_memory(replace(self.of_the_city(), alerts=self.alerts, incidents=self.incidents))

    def of_the_city(self) -> Memory:
        """Return what is remembered beside alerts and incidents."""
        zones = tuple(self._zones[zone] for zone in sorted(self._zones))
        sites_out = tuple(self._sites_out[site] for site in sorted(self._sites_out))
        answered = dict(sorted(self._answered.items()))
        return Memory(1, self._at, (), (), zones, sites_out, answered)

    def restore(self, snapshot: bytes) -> None:
        """Take over the state of a snapshot, in place of all there is.

        Under another playbook, running incidents keep their checklists; what comes due from now on is the new one's.
        Raises SnapshotError for torn bytes, or another version.
        """
        self._recall(decode_memory(snapshot))

    def _recall(self, memory: Memory) -> None:
        self._at = memory.at
        self._alerts = {state.identifier: state for state in memory.alerts}
        self._incidents = {incident.id: incident for incident in memory.incidents}
        self._zones = {action.zone.id: action for action in memory.zones}
        self._sites_out = {action.site: action for action in memory.sites_out}
        self._answered = dict(memory.answered)
        self._changed = Changed()
        # The rest follows from what was remembered.
        # The open alerts, sorted, of the rules that some inhibition is about; others need not be looked at for one.
        self._open: dict[str, list[str]] = {rule: [] for rule in (*self._inhibitors, *self._playbook.inhibitions)}
        for state in memory.alerts:
            if state.is_open and state.event.rule.id in self._open:
                self._open[state.event.rule.id].append(state.identifier)
        self._running = {one.key: one.id for one in memory.incidents if one.phase is not Phase.ENDED}
        self._due: list[tuple[int, _What, str]] = []
        self._planned: dict[tuple[_What, str], int] = {}  # The entries of the heap that still count.
        for what, ids in (
            (_What.ALERT, self._alerts),
            (_What.INCIDENT, self._incidents),
            (_What.ZONE, self._zones),
            (_What.SITE, self._sites_out),
            (_What.ACTION, self._answered),
            (_What.BULLETIN, self._incidents),
        ):
            for name in ids:
                self._schedule(what, name)

    def _advance(self, at: int) -> None:
        """Let everything happen that was due by a time, each at its own; the log's time never goes back."""
        while self._due and self._due[0][0] <= at:
            due, what, name = heapq.heappop(self._due)
            if self._planned.get((what, name)) == due:  # Else it was put off, or is gone.
                del self._planned[what, name]
                self._at = max(self._at, due)
                self._fall_due(what, name)
        self._at = max(self._at, at)

    def _schedule(self, what: _What, name: str) -> None:
        """Note when time alone changes something next; what has not changed its time is not noted twice."""
        due = self._due_at(what, name)
        if due is None:
            self._planned.pop((what, name), None)
        elif self._planned.get((what, name)) != due:
            self._planned[what, name] = due
            heapq.heappush(self._due, (due, what, name))

    def _due_at(self, what: _What, name: str) -> int | None:
        match what:
            case _What.ALERT:
                return self._alert_due_at(self._alerts[name]) if name in self._alerts else None
            case _What.INCIDENT:
                incident = self._incidents.get(name)
                return episodes.due_at(incident, self._playbook.scripts) if incident is not None else None
            case _What.ZONE:
                return self._zones[name].zone.end if name in self._zones else None
            case _What.SITE:
                return self._sites_out[name].until if name in self._sites_out else None
            case _What.ACTION:
                return self._answered[name] + ACTION_KEPT if name in self._answered else None
            case _What.BULLETIN:
                return bulletins.due_at(self._incidents[name]) if name in self._incidents else None

    def _alert_due_at(self, state: AlertState) -> int | None:
        if state.cleared_at is not None:
            return state.cleared_at + alert_states.ALERT_KEPT
        if state.shelved is not None:
            return state.shelved.until
        after = self._playbook.scripts.escalate_after(state.event.scenario, state.event.level)
        return alert_states.escalates_at(state, after)

    def _fall_due(self, what: _What, name: str) -> None:
        match what:
            case _What.ALERT:
                self._alert_falls_due(self._alerts[name])
            case _What.INCIDENT if self._incidents[name].phase is Phase.ENDED:
                del self._incidents[name]
                self._changed.incidents[name] = None
            case _What.INCIDENT:
                incident = self._incidents[name]
                self._put_incident(episodes.end_proposed(incident, self._playbook.scripts, at=self._at))
            case _What.ZONE:
                del self._zones[name]
            case _What.SITE:
                del self._sites_out[name]
            case _What.ACTION:
                del self._answered[name]
            case _What.BULLETIN:
                self._write_bulletin(self._incidents[name])

    def _alert_falls_due(self, state: AlertState) -> None:
        if state.cleared_at is not None:
            del self._alerts[state.identifier]
            self._changed.alerts[state.identifier] = None
        elif state.shelved is not None:
            self._put_alert(replace(state, shelved=None))
        else:
            self._put_alert(alert_states.escalated(state, at=self._at))

    def _put_alert(self, state: AlertState) -> None:
        state = alert_states.called(state, at=self._at)
        if state == self._alerts.get(state.identifier):
            return
        self._alerts[state.identifier] = state
        self._note_open(state)
        self._changed.alerts[state.identifier] = None
        self._schedule(_What.ALERT, state.identifier)

    def _note_open(self, state: AlertState) -> None:
        known = self._open.get(state.event.rule.id)
        if known is None:
            return
        place = bisect_left(known, state.identifier)
        is_there = place < len(known) and known[place] == state.identifier
        if state.is_open and not is_there:
            known.insert(place, state.identifier)
        elif is_there and not state.is_open:
            del known[place]

    def _put_incident(self, incident: Incident) -> None:
        if incident == self._incidents.get(incident.id):
            return
        self._incidents[incident.id] = incident
        self._changed.incidents[incident.id] = None
        self._schedule(_What.INCIDENT, incident.id)

    def _event(self, event: AlertEvent) -> Ignored | None:
        held = self._alerts.get(event.identifier)
        if held is not None and event.sequence <= held.event.sequence:
            return Ignored.REPEAT
        if held is None and event.sequence > 1 and not self._is_newer(event):
            return Ignored.UNKNOWN
        state = alert_states.with_event(held, event, at=self._at)
        self._put_alert(state)
        self._leave_and_join(self._alerts[event.identifier])
        if event.rule.id in self._open:
            self._mark(event)
        return None

    def _is_newer(self, event: AlertEvent) -> bool:
        """Tell whether an alert that is not held began after all that are held of its rule and subject, if any is."""
        about = (event.status, event.rule.id, event.subject.key)
        others = [one.event for one in self._alerts.values()]
        onsets = [one.onset for one in others if (one.status, one.rule.id, one.subject.key) == about]
        return bool(onsets) and event.onset > max(onsets)

    def _leave_and_join(self, state: AlertState) -> None:
        """Bring an alert into the running incidents that it belongs to, and out of those that it does not."""
        event, playbook = state.event, self._playbook
        keys = _keys(event, playbook.couplings)
        for known in state.incidents:
            incident = self._incidents.get(known)
            if incident is not None and state.identifier in incident.alerts and incident.key not in keys:
                self._settle(episodes.left(incident, state.identifier))
        for key in keys:
            running = self._running.get(key)
            if running is None:
                incident = episodes.begun(event, key, playbook, at=self._at)
                self._running[key] = incident.id
            else:
                incident = self._incidents[running]
            incident = episodes.joined(incident, event, playbook, at=self._at)
            self._settle(episodes.coupled(incident, self._members(event)) if incident.coupling else incident)
        incidents = dict.fromkeys((*state.incidents, *(self._running[key] for key in keys)))
        self._put_alert(replace(state, incidents=tuple(incidents)))

    def _members(self, event: AlertEvent) -> list[str]:
        """Return the incidents of the alerts that a coupling is made of, in the order in which it names them."""
        states = (self._alerts[identifier] for identifier in event.evidence.alerts if identifier in self._alerts)
        return [incident for state in states for incident in state.incidents]

    def _settle(self, incident: Incident) -> None:
        levels = [self._alerts[identifier].event.level for identifier in incident.alerts]
        self._put_incident(episodes.settled(incident, levels, self._playbook.scripts, at=self._at))

    def _write_bulletins(self) -> None:
        """Let the bulletins follow of all incidents that the record has changed, or an alert of which it has."""
        states = [self._alerts[name] for name in self._changed.alerts if name in self._alerts]
        touched = (*self._changed.incidents, *(name for state in states for name in state.incidents))
        for name in dict.fromkeys(touched):
            if name in self._incidents:
                self._write_bulletin(self._incidents[name])

    def _write_bulletin(self, incident: Incident) -> None:
        alerts = [self._alerts[identifier] for identifier in incident.alerts]
        incident, bulletin = bulletins.written(incident, alerts, self._playbook, at=self._at)
        self._put_incident(incident)
        self._schedule(_What.BULLETIN, incident.id)
        if bulletin is not None:
            self._changed.bulletins.append(bulletin)

    def _mark(self, event: AlertEvent) -> None:
        """Bring the marks of inhibition up to date after an event: that of its own alert, and those that it makes.

        An alert keeps its mark while the one that made it is still right: of a hundred that could, one is named.
        """
        self._mark_one(self._alerts[event.identifier])
        for inhibition in self._playbook.inhibitions.get(event.rule.id, ()):
            for identifier in tuple(self._open[inhibition.rule]):
                state = self._alerts[identifier]
                if state.inhibited_by == event.identifier:
                    self._mark_one(state)
                elif state.inhibited_by is None and self._inhibits(event, state, inhibition):
                    self._put_alert(replace(state, inhibited_by=event.identifier))

    def _mark_one(self, state: AlertState) -> None:
        found = self._alerts.get(state.inhibited_by) if state.inhibited_by is not None else None
        if state.is_open and found is not None and self._is_inhibited(state, found):
            return
        sources = (self._alerts[one] for rule in self._sources(state) for one in self._open[rule])
        new = next((one.identifier for one in sources if state.is_open and self._is_inhibited(state, one)), None)
        self._put_alert(replace(state, inhibited_by=new))

    def _sources(self, state: AlertState) -> list[str]:
        """Return the rules whose alerts inhibit that alert, sorted."""
        return self._inhibitors.get(state.event.rule.id, [])

    def _is_inhibited(self, state: AlertState, source: AlertState) -> bool:
        ones = self._playbook.inhibitions.get(source.event.rule.id, ())
        return any(one.rule == state.event.rule.id and self._inhibits(source.event, state, one) for one in ones)

    def _inhibits(self, source: AlertEvent, state: AlertState, inhibition: Inhibition) -> bool:
        return source.state is not State.CLEARED and inhibits(source, state.event, inhibition)

    def _act(self, action: Action) -> None:
        if action.id in self._answered:
            return  # The same action again, as after a lost connection: it has its answer.
        self._answered[action.id] = self._at
        self._schedule(_What.ACTION, action.id)
        target = self._target(action)
        bar = refusal(target, action, at=self._at) if target is not None else Refusal.UNKNOWN
        text = words_of(bar) if bar is not None else None
        self._changed.outcomes.append(Outcome(action.id, bar is None, self._at, bar, text))
        if bar is None:
            self._apply(target, action)

    def _target(self, action: Action) -> Target | None:
        match action:
            case Comment():
                return self._alerts.get(action.about) or self._incidents.get(action.about)
            case SiteOut() | SiteBack() | DeclareZone() | WithdrawZone():
                return City(self._playbook.registry, self._zones, self._sites_out)
        if isinstance(action, OnIncident):
            return self._incidents.get(action.incident)
        return self._alerts.get(action.alert)

    def _apply(self, target: Target | None, action: Action) -> None:
        if isinstance(target, AlertState) and isinstance(action, OnAlert | Comment):
            self._put_alert(alert_states.with_action(target, action, at=self._at))
            if isinstance(action, ResetAlert):
                self._changed.orders.append(Reset(target.event.rule.id, target.event.subject.key))
        elif isinstance(target, Incident) and isinstance(action, OnIncident | Comment):
            incident = episodes.with_action(target, action, self._playbook.scripts, at=self._at)
            if isinstance(action, End):
                del self._running[incident.key]
            self._put_incident(incident)
        elif isinstance(action, OnCity):
            self._order(action)

    def _order(self, action: OnCity) -> None:
        match action:
            case SiteOut():
                self._sites_out[action.site] = action
                self._schedule(_What.SITE, action.site)
            case SiteBack():
                del self._sites_out[action.site]
                self._schedule(_What.SITE, action.site)
            case DeclareZone():
                self._zones[action.zone.id] = action
                self._schedule(_What.ZONE, action.zone.id)
            case WithdrawZone():
                del self._zones[action.zone]
                self._schedule(_What.ZONE, action.zone)
        self._changed.orders.append(action)


def _keys(event: AlertEvent, couplings: frozenset[str]) -> tuple[IncidentKey, ...]:
    """Return the incidents that an alert belongs to now: none once it is cleared, or while its rule is on trial."""
    if event.state is State.CLEARED or event.trial:
        return ()
    coupling = event.rule.id if event.rule.id in couplings else None
    scenarios = {event.scenario, *event.also_in} - {Scenario.SYSTEM}
    return tuple((event.status, scenario, event.county, coupling) for scenario in sorted(scenarios))
