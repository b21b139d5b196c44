"""One play of the simulation: a world, a story, the chaos between them, and what is wrong at the end."""

from collections import Counter
from operator import attrgetter
from typing import Any
from unittest.mock import patch

import orjson

from citybrain.instants import HOUR
from citybrain.model import Status
from rules.ruleset import RuleSet
from scenarios.incidents import Incidents
from scenarios.playbook import Playbook, playbook_of
from scenarios.scripts import Scripts
from scenarios.states import ALERT_STATES, INCIDENTS, OUTCOMES
from streams.area_fold import AreaFold
from streams.area_partition import GIVE_UP_AFTER
from streams.incident_log import action_record, bulletin_record, read_journal
from streams.judging import named_set
from streams.log import Outgoing
from streams.outputs import Outputs
from streams.signal_log import KIND_HEADER, Kind, read_bundle

RECORDS = 60  # Moments of a story at which something comes.
SETTLE_TURNS_MAX = 100_000
LATE = 6 * HOUR
_OF_INCIDENTS = {"s.alerts.state", "s.incidents", "s.actions.outcomes", "s.bulletins"}
PATIENCE = (GIVE_UP_AFTER, 1_000 * HOUR)


def play(
    seed: int,
    *,
    sets: list[RuleSet],
    scripts: Scripts,
    world: Any,
    story: Any,
    seen: Counter[str],
    changing: list[RuleSet] | None = None,
) -> list[str]:
    """Return the faults of a play; none is what is expected. `seen` counts what went wrong in it.

    With `changing` each process has one of these sets as number 0, as if the software had been changed at each
    restart. What comes of the records is then not one thing; but what was sent must still hang together.
    """

    def rules_for(number: int, process: int) -> RuleSet | None:
        if changing is not None:
            return changing[process % len(changing)] if number == 0 else None
        return sets[number] if number < len(sets) else None

    playbooks = [playbook_of(rules, scripts) for rules in sets]

    def playbook_for(number: int, process: int) -> Playbook | None:
        if changing is not None:
            return playbook_of(changing[0], scripts) if number == 0 else None
        return playbooks[number] if number < len(playbooks) else None

    chaos = 2.0 if seed % 3 else 0.5
    here = world.World(
        seed, rules_for=rules_for, start=story.START, playbook_for=playbook_for, chaos=chaos, compacts=seed % 2 == 0
    )
    tale = story.Story(seed, sets=1 if changing is not None else len(sets))

    def make(place: Any, site: str | None, value: bytes, control: str | None = None) -> Outgoing:
        key = site.encode() if site is not None else None
        headers = (("control", control.encode()),) if control is not None else ()
        return Outgoing(world.NAMES.source(place.source), key, value, place.partition, headers=headers)

    fragile = patch("streams.judging.Intake", story.fragile(world.Killed))
    # In every other play all sources are waited for, so that what comes of them is what a replay gives.
    patience = patch("streams.area_partition.GIVE_UP_AFTER", PATIENCE[seed // 2 % 2])
    # Longer than what is on the way may take here, where one turn may be half an hour.
    lateness = patch("streams.incident_partition.LATE_MAX", LATE)
    quiet = patch("streams.telemetry.logger.disabled", True), patch("streams.area_partition.logger.disabled", True)
    with fragile, patience, lateness, quiet[0], quiet[1]:
        for _ in range(RECORDS):
            here.clock.advance(tale.span())
            for sent in tale.records(here.clock.now(), make, world.place_of):
                here.append(sent)
            here.published = tale.published if here.has_begun else 0
            for action in story.actions(tale._dice, here.logs[world.NAMES.journal(), 0].entries):
                here.append(action_record(world.NAMES, action))
            for _ in range(here.dice.randint(5, 30)):
                here.turn()
        here.calm()
        faults = _settle(here, world)
        if faults := faults or _set_faults(here, world):
            return faults
        for process in here.processes.values():
            for task in process.tasks.values():
                task.steps.close()
    journal = [entry.value for entry in here.logs[world.NAMES.journal(), 0].entries]
    journal = [value for value in journal if value and b'"sequence"' in value]
    is_changing = changing is not None
    faults = _chains(here, world, story, journal) if is_changing else _differences(here, world, story, sets)
    faults += _incident_differences(here, world)
    seen.update(here.seen)
    return faults


def _settle(here: Any, world: Any) -> list[str]:
    """Let the world run until all is judged and written; then end all processes and let new ones take over."""
    for is_last in (False, True):
        for turn in range(SETTLE_TURNS_MAX):
            if turn % 50 == 0:
                here.clock.advance(world.SECOND)
            here.turn()
            if turn % 20 == 0 and _is_settled(here, world):
                if _is_published(here, world):
                    break
                here.clock.advance(LATE)
        else:
            return ["the world does not come to rest"]
        if not is_last:
            for process in list(here.processes.values()):
                here.crash(process)
    return []


def _is_settled(here: Any, world: Any) -> bool:
    if here.flights or len(here.processes) == 0:
        return False
    for place, owner in here.owners.items():
        # The area stage is ready when it has been told the latest time of all.
        task = here.processes[owner].tasks.get(place) if owner is not None else None
        if task is None or task.partition is None or task.is_busy or task.is_to_release:
            return False
        if task.partition.next_offset < here.feed_log(place).end:
            return False
        if place in world.PLACES and task.partition._signals:
            return False  # They are told with the next tick.
    return True


def _set_faults(here: Any, world: Any) -> list[str]:
    """Say who has not gone over to the newest set, or one beyond that something else told of."""
    faults = []
    for place, owner in here.owners.items():
        partition = here.processes[owner].tasks[place].partition
        number = {world.AREAS: "_fold.number", world.INCIDENTS: "_number"}.get(place, "_judging.number")
        found = attrgetter(number)(partition)
        if found < here.published:
            faults.append(f"{place} goes by set {found}, {here.published} is published")
    return faults


def _is_published(here: Any, world: Any) -> bool:
    """Tell whether what was on the way when a process ended has been published once more."""
    return not here.processes[here.owners[world.INCIDENTS]].tasks[world.INCIDENTS].partition._again


def _areas(here: Any, world: Any) -> Any:
    """Return the owner of the area stage."""
    return here.processes[here.owners[world.AREAS]].tasks[world.AREAS].partition


def _differences(here: Any, world: Any, story: Any, sets: list[RuleSet]) -> list[str]:
    """Compare what was sent, and the state that is left, with a replay of the logs."""
    faults: list[str] = []
    due: dict[str, set[Any]] = {}
    sources, told = [], set()
    for place in world.PLACES:
        task = here.processes[here.owners[place]].tasks[place]
        log = here.feed_log(place)
        log.entries = log.entries[: task.partition.next_offset]
        outputs = Outputs(place, world.NAMES, status=Status.ACTUAL, drill=None)
        found = story.replay(place, log, sets, outputs, world.place_of, world.source)
        sources.append(found)
        told |= found.signals
        if found.snapshot != task.partition.snapshot():
            faults.append(f"{place}: the state is another one")
        for topic, records in found.due.items():
            due.setdefault(topic, set()).update(records)
    faults += _area_differences(here, world, story, sets, sources, due)
    sent = _signals_in(here, world)
    faults += [f"signals: lost {one}" for one in sorted(told - sent, key=repr)]
    faults += [f"signals: spurious {one}" for one in sorted(sent - told, key=repr)]
    for topic in {topic for topic, _ in here.logs} | due.keys():
        if (
            topic in {world.NAMES.signals(), *_OF_INCIDENTS}
            or ".feeds." in topic.replace("s.feeds.rejected", "")
            or ".state." in topic
            or topic.startswith("s.feeds.h")
        ):
            continue
        entries = here.logs[topic, 0].entries
        if topic == world.NAMES.journal():
            entries = [entry for entry in entries if not entry.headers]  # Neither actions nor clocks.
        sent = {(entry.key, entry.value, entry.headers) for entry in entries}
        wanted = due.get(topic, set())
        faults += [f"{topic}: lost {_short(one)}" for one in sorted(wanted - sent, key=repr)]
        faults += [f"{topic}: spurious {_short(one)}" for one in sorted(sent - wanted, key=repr)]
    return faults


def _signals_in(here: Any, world: Any) -> set[Any]:
    """Return the signals that the area stage was told."""
    found = set()
    for entry in here.logs[world.NAMES.signals(), 0].entries:
        if dict(entry.headers).get(KIND_HEADER) == Kind.BUNDLE.value.encode():
            bundle = read_bundle(entry.value)
            found |= {(bundle.source, one.offset, one.ordinal, one.signal, one.measures) for one in bundle.told}
    return found


def _area_differences(
    here: Any, world: Any, story: Any, sets: list[RuleSet], sources: list[Any], due: dict[str, set[Any]]
) -> list[str]:
    """Judge `signals` in one go; add what has to be sent, and compare with what the feeds give by themselves."""

    def fail(name: str, at: int) -> None:
        raise AssertionError((name, at))

    owner, outputs = _areas(here, world), Outputs(world.AREAS, world.NAMES, status=Status.ACTUAL, drill=None)
    fold = AreaFold(sets[0], owner._terms, None, number=0, on_failure=fail)
    events, switches = [], [(0, sets[0])]
    gave_up = False
    for entry in here.feed_log(world.AREAS).between(0, owner.next_offset):
        gave_up |= dict(entry.headers).get(KIND_HEADER) == Kind.GIVE_UP.value.encode()
        assert fold.take(world.source(entry, world.AREAS)) is None
        if (number := fold.awaited_number) is not None:
            fold.go_over(sets[number], number)
            switches.append((fold.time or 0, sets[number]))
        events += fold.decided()
    for event in events:
        for sent in outputs.event(event):
            due.setdefault(sent.topic, set()).add((sent.key, sent.value, sent.headers))
    here.seen["area events"] += len(events)
    here.seen["area switches"] += len(switches) - 1
    here.seen["given up" if gave_up else "waited for all"] += 1
    faults = []
    if _settled_state(orjson.dumps(fold.dump(owner.next_offset))) != _settled_state(owner.snapshot()):
        faults.append("the state of the area stage is another one")
    if not gave_up and fold.time is not None:
        wanted = story.replay_areas(switches, sources, upto=fold.time)
        found = {(event.identifier, event.sequence, event.rule.catalog) for event in events}
        faults += [f"areas: lost {one}" for one in sorted(wanted - found)]
        faults += [f"areas: spurious {one}" for one in sorted(found - wanted)]
    return faults


def _settled_state(snapshot: bytes) -> bytes:
    """Leave out whether an alert was cleared or is inactive: the next judgement says the latter, which a restart may
    bring earlier."""
    return snapshot.replace(b'"cleared"]', b"null]")


def _incident_differences(here: Any, world: Any) -> list[str]:
    """Fold the journal in one go; compare what is held, published and answered."""
    owner = here.processes[here.owners[world.INCIDENTS]].tasks[world.INCIDENTS].partition
    fold, number, answers, bulletins = Incidents(here.playbook_for(0, 0)), 0, set(), []
    states: dict[str, dict[bytes, bytes | None]] = {world.NAMES.alert_states(): {}, world.NAMES.incidents(): {}}
    for entry in here.feed_log(world.INCIDENTS).between(0, owner.next_offset):
        one = world.source(entry, world.INCIDENTS)
        record = read_journal(one)
        assert record is not None
        changes = fold.take(record)
        if (named := named_set(one)) is not None and named > number:
            before, number, fold = fold, named, Incidents(here.playbook_for(named, 0))
            fold.restore(before.snapshot())
        answers |= {orjson.dumps(OUTCOMES.dump_python(one, mode="json")) for one in changes.outcomes}
        bulletins += changes.bulletins
        alerts, incidents = states.values()
        alerts |= {one.identifier.encode(): ALERT_STATES.dump_json(one, by_alias=True) for one in changes.alerts}
        incidents |= {one.id.encode(): INCIDENTS.dump_json(one, by_alias=True) for one in changes.incidents}
        alerts |= dict.fromkeys(name.encode() for name in changes.forgotten_alerts)
        incidents |= dict.fromkeys(name.encode() for name in changes.forgotten_incidents)
    here.seen["incident switches"] += number
    here.seen["answers"] += len(answers)
    faults = []
    if fold.snapshot() != owner.snapshot():
        faults.append("the state of the incident stage is another one")
    for topic, wanted in states.items():
        found = {entry.key: entry.value for entry in here.logs[topic, 0].entries}
        if {key: value and orjson.loads(value) for key, value in found.items()} != {
            key: value and orjson.loads(value) for key, value in wanted.items()
        }:
            faults.append(f"{topic} ends otherwise")
    wanted_bulletins = {bulletin_record(world.NAMES, one).value for one in bulletins}
    found_bulletins = {entry.value for entry in here.logs[world.NAMES.bulletins(), 0].entries}
    here.seen["bulletins"] += len(wanted_bulletins)
    if wanted_bulletins != found_bulletins:
        faults.append(f"bulletins: {len(wanted_bulletins)} wanted, {len(found_bulletins)} found")
    given = {orjson.dumps(orjson.loads(entry.value)) for entry in here.logs[world.NAMES.outcomes(), 0].entries}
    if given != answers:
        faults.append(f"answers: {sorted(given ^ answers)[:2]}")
    return faults


def _chains(here: Any, world: Any, story: Any, journal: list[bytes]) -> list[str]:
    """Say where the journal contradicts itself, or the state that is left contradicts the journal."""
    faults: list[str] = story.chain_faults(journal)
    held: dict[str, int] = {}
    for process in here.processes.values():
        for task in process.tasks.values():
            if task.place == world.INCIDENTS:
                continue
            if task.place == world.AREAS:
                engines = task.partition._fold._stage._engines.values()
                held.update({event.identifier: event.sequence for engine in engines for event in engine.open_events})
                continue
            for state in task.partition._judging.engine._sites.values():
                for standing in state.standings:
                    held.update({event.identifier: event.sequence for event in standing.events.values()})
    told = story.open_in(journal)
    faults += [f"{name}/{number} is held and was not told" for name, number in held.items() if told.get(name) != number]
    faults += [f"{name}/{number} was told and is not held" for name, number in told.items() if held.get(name) != number]
    return faults


def _short(record: Any) -> str:
    key, value, headers = record
    return f"{key!r} {(value or b'')[:160]!r} {headers[:1]}"
