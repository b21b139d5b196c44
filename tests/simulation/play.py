"""One play of the simulation: a world, a story, the chaos between them, and what is wrong at the end."""

from collections import Counter
from typing import Any
from unittest.mock import patch

from citybrain.model import Status
from rules.ruleset import RuleSet
from streams.log import Outgoing
from streams.outputs import Outputs

RECORDS = 60  # Moments of a story at which something comes.
SETTLE_TURNS_MAX = 100_000


def play(
    seed: int,
    *,
    sets: list[RuleSet],
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

    chaos = 2.0 if seed % 3 else 0.5
    here = world.World(seed, rules_for=rules_for, start=story.START, chaos=chaos, compacts=seed % 2 == 0)
    tale = story.Story(seed, sets=1 if changing is not None else len(sets))

    def make(place: Any, site: str | None, value: bytes, control: str | None = None) -> Outgoing:
        key = site.encode() if site is not None else None
        headers = (("control", control.encode()),) if control is not None else ()
        return Outgoing(world.NAMES.feed(place.feed), key, value, place.partition, headers=headers)

    fragile = patch("streams.judging.Intake", story.fragile(world.Killed))
    with fragile, patch("streams.telemetry.logger.disabled", True):
        for _ in range(RECORDS):
            here.clock.advance(tale.span())
            for sent in tale.records(here.clock.now(), make, world.place_of):
                here.append(sent)
            for _ in range(here.dice.randint(5, 30)):
                here.turn()
        here.calm()
        faults = _settle(here, world)
        if faults:
            return faults
        for process in here.processes.values():
            for task in process.tasks.values():
                task.steps.close()
    seen.update(here.seen)
    journal = [entry.value for entry in here.logs[world.NAMES.journal(), 0].entries]
    if changing is not None:
        return _chains(here, story, journal)
    return _differences(here, world, story, sets)


def _settle(here: Any, world: Any) -> list[str]:
    """Let the world run until all is judged and written; then end all processes and let new ones take over."""
    for is_last in (False, True):
        for turn in range(SETTLE_TURNS_MAX):
            if turn % 50 == 0:
                here.clock.advance(world.SECOND)
            here.turn()
            if turn % 20 == 0 and _is_settled(here, world):
                break
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
        task = here.processes[owner].tasks.get(place) if owner is not None else None
        if task is None or task.partition is None or task.is_busy or task.is_to_release:
            return False
        if task.partition.next_offset < here.feed_log(place).end:
            return False
    return True


def _differences(here: Any, world: Any, story: Any, sets: list[RuleSet]) -> list[str]:
    """Compare what was sent, and the state that is left, with a replay of the logs."""
    faults: list[str] = []
    due: dict[str, set[Any]] = {}
    for place in world.PLACES:
        task = here.processes[here.owners[place]].tasks[place]
        log = here.feed_log(place)
        log.entries = log.entries[: task.partition.next_offset]
        outputs = Outputs(place, world.NAMES, status=Status.ACTUAL, drill=None)
        found, snapshot = story.replay(place, log, sets, outputs, world.place_of, world.source)
        if snapshot != task.partition.snapshot():
            faults.append(f"{place}: the state is another one")
        for topic, records in found.items():
            due.setdefault(topic, set()).update(records)
    for topic in {topic for topic, _ in here.logs} | due.keys():
        if ".feeds." in topic.replace("s.feeds.rejected", "") or ".state." in topic or topic.startswith("s.feeds.h"):
            continue
        sent = {(entry.key, entry.value, entry.headers) for entry in here.logs[topic, 0].entries}
        wanted = due.get(topic, set())
        faults += [f"{topic}: lost {_short(one)}" for one in sorted(wanted - sent, key=repr)]
        faults += [f"{topic}: spurious {_short(one)}" for one in sorted(sent - wanted, key=repr)]
    return faults


def _chains(here: Any, story: Any, journal: list[bytes]) -> list[str]:
    """Say where the journal contradicts itself, or the state that is left contradicts the journal."""
    faults: list[str] = story.chain_faults(journal)
    held: dict[str, int] = {}
    for process in here.processes.values():
        for task in process.tasks.values():
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
