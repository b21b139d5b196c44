"""Properties of the incident stage over random journals. They are derandomised: a failure comes back by a second run.

A row is (seconds after the one before, what, which, how): an event of one of four alerts, an action, a record that was
there before, or the clock.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citybrain.alerts import MessageType, State
from citybrain.instants import DAY, MINUTE, SECOND, parse_instant
from citybrain.model import Level, Scenario
from rules.inhibition import inhibited
from scenarios.bulletins import REFERENCES_MAX, UPDATE_EVERY
from scenarios.chain import BULLETINS, BulletinStatus
from scenarios.incidents import Incidents
from scenarios.journal import JournalRecord
from scenarios.states import ALERT_STATES, INCIDENTS, OUTCOMES, Phase

START = parse_instant("2026-06-20T08:00:00+08:00")
SUBJECTS = [("fd-03", "hs-a"), ("fd-01", "hs-a"), ("fd-01", "hs-b"), ("fr-03", "gd-a")]
KINDS = [
    "acknowledge",
    "shelve",
    "unshelve",
    "comment",
    "tag_false_alarm",
    "reset",
    "tick",
    "hand_over",
    "accept",
    "end",
    "release",
]

ROWS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 60, 299, 600, 1200, 3600, 4000, 90_000, 700_000]),  # Seconds.
        st.sampled_from(["event", "event", "event", "action", "action", "again", "clock", "city"]),
        st.integers(0, 3),
        st.integers(0, 39),
    ),
    max_size=30,
)


class Writer:
    """Writes a journal of the rows: sequences count up, an alert that was cleared comes back as a new one."""

    def __init__(self, playbook, alert, action):
        self._alert, self._action = alert, action
        self._stage = Incidents(playbook)  # Only to know which incidents there are to act on.
        self._last = {}

    def journal(self, rows):
        records, at = [], START
        for number, (seconds, what, which, how) in enumerate(rows):
            at += seconds * SECOND
            make = {"event": self._event, "action": self._act, "city": self._order}.get(what)
            value = make(at, which, how, number) if make is not None else None
            if what == "again" and records:
                value = records[how % len(records)].value
            records.append(JournalRecord(at, value))
            self._stage.take(records[-1])
        return [*records, JournalRecord(at + 40 * DAY)]

    def _event(self, at, which, how, number):
        rule, site = SUBJECTS[which]
        last = self._last.get(which)
        if last is None or last.state is State.CLEARED:
            onset, sequence = at + number, 1
        else:
            onset, sequence = last.onset, last.sequence + (how % 7 != 0)  # Now and then a repeat.
        state = [State.FIRING, State.RECOVERING, State.CLEARED][how % 3] if sequence > 1 else State.FIRING
        more = {"trial": how == 13, "latched": which == 3, "also_in": (Scenario.FIRE_RESCUE,) if how % 5 == 0 else ()}
        event = self._alert(rule, site, list(Level)[how % 4], sequence, onset=onset, state=state, **more)
        self._last[which] = event
        return event

    def _act(self, at, which, how, number):
        last = self._last.get(which)
        alert = last.identifier if last is not None else "0" * 32
        incidents = [one.id for one in self._stage.incidents] or ["0" * 32]
        incident = incidents[how % len(incidents)]
        kind = KINDS[how % len(KINDS)]
        said = {
            "shelve": {"alert": alert, "until": "2026-06-20T20:00:00+08:00", "reason": "test"},
            "comment": {"about": alert if how % 2 else incident, "text": "test"},
            "tag_false_alarm": {"alert": alert, "reason": "test"},
            "tick": {"incident": incident, "step": ["on-duty", "patrol", "propose", "lessons"][which]},
            "hand_over": {"incident": incident, "to": "duty-08"},
        }
        fields = said.get(kind) or {"incident" if kind in ("accept", "end", "release") else "alert": alert}
        if kind in ("accept", "end", "release"):
            fields = {"incident": incident}
        return self._action(
            kind, by=f"duty-0{7 + which % 2}", number=str(number // 2 if how == 0 else number), **fields
        )

    def _order(self, at, which, how, number):
        until = "2026-06-21T08:00:00+08:00"
        if which == 0:
            zone = {"id": "zn-parade", "name": {"zh": "某", "en": "Some"}, "start": "2026-06-20T08:00:00+08:00"}
            outline = {"circle": {"centre": [119.92, 28.45], "radius": "300 m"}, "end": until}
            return self._action("declare_zone", number=str(number), zone_kind="perimeter", zone={**zone, **outline})
        if which == 1:
            return self._action("withdraw_zone", number=str(number), zone="zn-parade")
        if which == 2:
            return self._action("site_out", number=str(number), site="hs-hecheng", until=until, reason="test")
        return self._action("site_back", number=str(number), site="hs-hecheng")


def said(changes) -> list[bytes]:
    """Return the bytes of all that a record changes."""
    return [
        *(ALERT_STATES.dump_json(state, by_alias=True) for state in changes.alerts),
        *(INCIDENTS.dump_json(incident) for incident in changes.incidents),
        *(OUTCOMES.dump_json(outcome) for outcome in changes.outcomes),
        *(BULLETINS.dump_json(bulletin, by_alias=True) for bulletin in changes.bulletins),
        repr((changes.forgotten_alerts, changes.forgotten_incidents, changes.orders, changes.ignored)).encode(),
    ]


@pytest.fixture(scope="module")
def write(playbook, alert, action):
    return lambda rows: Writer(playbook, alert, action).journal(rows)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(rows=ROWS, data=st.data())
def test_a_split_at_any_record_gives_the_same_bytes(playbook, write, rows, data):
    journal = write(rows)
    whole = Incidents(playbook)
    expected = [said(whole.take(record)) for record in journal]

    cut = data.draw(st.integers(0, len(journal)), label="cut")
    first, second = Incidents(playbook), Incidents(playbook)
    found = [said(first.take(record)) for record in journal[:cut]]
    second.restore(first.snapshot())
    assert second.snapshot() == first.snapshot()
    found += [said(second.take(record)) for record in journal[cut:]]
    assert found == expected
    assert second.snapshot() == whole.snapshot()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(rows=ROWS)
def test_clock_records_change_when_and_never_what(playbook, write, rows):
    journal = write(rows)
    sparse, dense = Incidents(playbook), Incidents(playbook)
    at = START
    for record in journal[:-1]:
        sparse.take(record)
        while at < record.at:
            dense.take(JournalRecord(at))
            at += 7 * MINUTE if record.at - at < DAY else 6 * 60 * MINUTE
        dense.take(record)
        assert dense.snapshot() == sparse.snapshot()


@settings(max_examples=100, derandomize=True, deadline=None)
@given(rows=ROWS)
def test_what_holds_after_every_record(playbook, write, rows):
    stage = Incidents(playbook)
    for record in write(rows):
        stage.take(record)
        alerts = {state.identifier: state for state in stage.alerts}
        running = [one for one in stage.incidents if one.phase is not Phase.ENDED]
        assert len({one.key for one in running}) == len(running)
        for incident in stage.incidents:
            levels = [alerts[identifier].event.level for identifier in incident.alerts]
            assert incident.level == max(levels, key=lambda level: level.rank, default=None)
            assert (incident.phase is Phase.OPEN) is bool(levels)
            assert len({item.step for item in incident.checklist}) == len(incident.checklist)
        for state in alerts.values():
            joined = [one for one in running if state.identifier in one.alerts]
            assert bool(joined) is (state.is_open and not state.event.trial)
            assert (state.asked is None) is (state.asked_at is None)
            if state.asked is not None:
                assert state.event.level.rank >= Level.ORANGE.rank
                assert state.acknowledged is None
        marks = inhibited((state.event for state in stage.alerts), playbook.inhibitions)
        for state in stage.alerts:
            assert (state.inhibited_by is not None) is (state.identifier in marks)
            assert state.inhibited_by in (None, *marks.get(state.identifier, ()))
        assert len(stage._planned) <= len(stage._due) + 1


@settings(max_examples=150, derandomize=True, deadline=None)
@given(rows=ROWS)
def test_what_holds_of_every_chain_of_bulletins(playbook, write, rows):
    stage, chains = Incidents(playbook), {}
    for record in write(rows):
        for bulletin in stage.take(record).bulletins:
            chain = chains.setdefault(bulletin.incident, [])
            same = [one for one in chain if one.status is bulletin.status]
            # Drafts first, then what was released, and nothing after the Cancel.
            assert (bulletin.message_type is MessageType.ALERT) is (not same)
            assert not (bulletin.status is BulletinStatus.DRAFT and len(same) < len(chain))
            assert not any(one.message_type is MessageType.CANCEL for one in chain)
            assert bulletin.references == tuple(one.reference for one in same)[-REFERENCES_MAX:]
            assert bulletin.identifier not in {one.identifier for one in chain}
            if bulletin.message_type is MessageType.UPDATE and bulletin.level.rank <= same[-1].level.rank:
                assert bulletin.sent >= same[-1].sent + UPDATE_EVERY - SECOND  # `sent` is in whole seconds.
            chain.append(bulletin)
    for incident in stage.incidents:
        assert incident.chain.closed is (incident.phase is Phase.ENDED)
