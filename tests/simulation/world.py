"""A broker, a network and workers in one process, driven step by step by dice: everything that can go wrong does.

Every await of the protocol ends in `Step`, and whose step is next is drawn from one seeded generator. Between any two
steps a process may die, freeze and wake up later, or lose a partition; requests of a dead process may still arrive;
acknowledgements may come without an offset; deliveries repeat records or leave some out; the log is compacted.
"""

import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from citybrain.clock import ManualClock
from citybrain.instants import SECOND
from citybrain.model import Feed
from rules.intake import FeedRecord
from rules.ruleset import RuleSet
from scenarios.playbook import Playbook
from streams.area_partition import AreaPartition
from streams.incident_partition import IncidentPartition
from streams.log import Outgoing, Place, SourceRecord, StateRecord
from streams.partition import Partition
from streams.state_log import CLAIM, CONTEXT, STAGE, FencedError
from streams.telemetry import Telemetry
from streams.terms import Terms
from streams.topics import Names, Stage, partition_of

NAMES = Names("s.")
PLACES = (Place(Feed.HYDROLOGY, 0), Place(Feed.HYDROLOGY, 1))
AREAS, INCIDENTS = Place(Stage.SIGNALS, 0), Place(Stage.JOURNAL, 0)
CHECKPOINT_EVERY = 10 * SECOND
WORKERS_MAX = 3  # Two that live, and one that is frozen.
CHUNK_MAX = 12


class Killed(BaseException):  # It is no error but the end of a process.
    """The process ends, here and now."""


class Step:
    """Something that takes time: whoever awaits it may never wake up."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Entry(NamedTuple):
    """One record of a log."""

    offset: int
    at: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(slots=True)
class Log:
    """One partition of a topic."""

    entries: list[Entry] = field(default_factory=list)
    end: int = 0

    def append(self, sent: Outgoing, at: int) -> int:
        self.entries.append(Entry(self.end, at, sent.key, sent.value, sent.headers))
        self.end += 1
        return self.end - 1

    def between(self, start: int, end: int) -> list[Entry]:
        return [entry for entry in self.entries if start <= entry.offset < end]

    def compact(self, end: int) -> None:
        """Keep the last record of each key among those before an offset, and all from there on."""
        last = {entry.key: entry.offset for entry in self.entries if entry.offset < end}
        self.entries = [one for one in self.entries if one.offset >= end or last[one.key] == one.offset]


@dataclass(slots=True)
class Flight:
    """What one `send` has on the way: each partition's records arrive in their order, the partitions in any."""

    waiting: dict[tuple[str, int], list[tuple[int, Outgoing]]]
    offsets: list[int]
    process: int
    stuck: int = 0  # For so many turns of the world.


@dataclass(slots=True, eq=False)
class Task:
    """A partition in the hands of a process."""

    place: Place
    steps: Coroutine[Any, Any, None] | None = None
    is_to_release: bool = False
    is_busy: bool = False
    partition: Partition | AreaPartition | IncidentPartition | None = None
    looked: int = 0  # How far the owner knows what others have written to the state partition,
    ticks: int = 0  # and how often it has ticked in all.


class Turn:
    """A lock between the tasks of one process."""

    def __init__(self) -> None:
        self._is_held = False

    async def __aenter__(self) -> None:
        while self._is_held:
            await Step()
        self._is_held = True

    async def __aexit__(self, *_: object) -> None:
        self._is_held = False


@dataclass(slots=True)
class Process:
    """A worker."""

    number: int
    turn: Turn = field(default_factory=Turn)
    tasks: dict[Place, Task] = field(default_factory=dict)
    frozen: int = 0  # For so many turns of the world.
    was_frozen: bool = False  # Its watchdog ends it before it publishes anything.


class World:
    """Everything there is, and the dice."""

    def __init__(
        self,
        seed: int,
        *,
        rules_for: Callable[[int, int], RuleSet | None],
        start: int,
        playbook_for: Callable[[int, int], Playbook | None],
        chaos: float,
        compacts: bool,
    ) -> None:
        """`rules_for` and `playbook_for` give the set of a number as a process has it; `chaos` is how often things go
        wrong."""
        self.dice = random.Random(seed)
        self.clock = ManualClock(start)
        self.logs: dict[tuple[str, int], Log] = defaultdict(Log)
        self.flights: list[Flight] = []
        self.processes: dict[int, Process] = {}
        self.owners: dict[Place, int | None] = dict.fromkeys((*PLACES, AREAS, INCIDENTS))
        self.seen: Counter[str] = Counter()  # What has gone wrong, and how often.
        self.published = 0  # The newest set.
        self._playbook_for = playbook_for
        self._rules_for = rules_for
        self._chaos = chaos
        self._compacts = compacts
        self._compactions: dict[Place, tuple[int, Task, int]] = {}  # Up to where; whose; at which of its ticks.
        self._telemetry = Telemetry()

    # The broker

    def feed_log(self, place: Place) -> Log:
        return self.logs[NAMES.source(place.source), place.partition]

    def state_log(self, place: Place) -> Log:
        return self.logs[NAMES.state(place.source), place.partition]

    def append(self, sent: Outgoing) -> int:
        """Append a record where it belongs; small topics have one partition here."""
        return self.logs[sent.topic, sent.partition or 0].append(sent, self.clock.now())

    def deliver(self) -> None:
        """Let some records of some request arrive."""
        flight = self.dice.choice([one for one in self.flights if not one.stuck])
        target = self.dice.choice(sorted(flight.waiting))
        queue = flight.waiting[target]
        for _ in range(self.dice.randint(1, len(queue))):
            place, sent = queue.pop(0)
            flight.offsets[place] = self.append(sent)
            self.seen["late arrivals"] += flight.process not in self.owners.values()
        if not queue:
            del flight.waiting[target]
        if not flight.waiting:
            self.flights.remove(flight)

    # Processes

    def start_process(self) -> Process:
        number = max(self.processes, default=0) + 1
        process = self.processes[number] = Process(number)
        return process

    def assign(self, place: Place, process: Process) -> None:
        self.owners[place] = process.number
        process.tasks[place] = Task(place)

    def crash(self, process: Process) -> None:
        """End a process; what it has on the way may be lost or may arrive later."""
        self.seen["ends"] += 1
        for task in process.tasks.values():
            if task.steps is not None:
                task.steps.close()
        del self.processes[process.number]
        for place, owner in self.owners.items():
            if owner == process.number:
                self.owners[place] = None
        self._delay(process)
        for flight in [one for one in self.flights if one.process == process.number]:
            if self.dice.random() < 0.3:
                self.flights.remove(flight)

    def _delay(self, process: Process) -> None:
        """Let what a process has on the way arrive later, perhaps when it is no longer the owner."""
        for flight in self.flights:
            if flight.process == process.number and self._chaos:
                flight.stuck = self.dice.choice((0, 60, 150))

    def step(self, process: Process, task: Task) -> None:
        """Let a task go on to its next await."""
        try:
            if task.steps is None:
                task.steps = Owner(self, process, task).run()
            task.steps.send(None)
        except StopIteration:
            self.seen["releases"] += 1
            del process.tasks[task.place]
            if self.owners[task.place] == process.number:
                self.owners[task.place] = None
        except (Killed, FencedError) as error:
            self.seen[type(error).__name__] += 1
            self.crash(process)

    def rules_for(self, number: int, process: int) -> RuleSet | None:
        return self._rules_for(number, process)

    def playbook_for(self, number: int, process: int) -> Playbook | None:
        return self._playbook_for(number, process)

    @property
    def has_begun(self) -> bool:
        """Tell whether every partition has had an owner that left word of the set that it began with."""
        return all(
            any(entry.key in (CONTEXT, STAGE) for entry in self.state_log(place).entries) for place in self.owners
        )

    # Time

    def turn(self) -> None:
        """Let one thing happen."""
        for process in self.processes.values():
            process.frozen = max(0, process.frozen - 1)
        for flight in self.flights:
            flight.stuck = max(0, flight.stuck - 1)
        self._look_after_partitions()
        roll = self.dice.random()
        if roll < 0.012 * self._chaos:
            self._go_wrong()
        elif roll < 0.4 and any(not flight.stuck for flight in self.flights):
            self.deliver()
        else:
            ready = [
                (process, task)
                for process in self.processes.values()
                if not process.frozen
                for task in process.tasks.values()
            ]
            if ready:
                self.step(*self.dice.choice(ready))

    def calm(self) -> None:
        """From here on nothing goes wrong any more."""
        self._chaos = 0.0
        for process in self.processes.values():
            process.frozen = 0
        for flight in self.flights:
            flight.stuck = 0

    def _look_after_partitions(self) -> None:
        """Give partitions without an owner to a process that works."""
        for place, owner in self.owners.items():
            if owner is not None:
                continue
            working = [one for one in self.processes.values() if not one.frozen and place not in one.tasks]
            if len(working) < 2 and len(self.processes) < WORKERS_MAX:
                working.append(self.start_process())
            if working:
                self.assign(place, self.dice.choice(working))

    def _go_wrong(self) -> None:
        if not self.processes:
            return
        # Trouble is worst while something is on the way.
        sending = {flight.process for flight in self.flights}
        all_of_them = list(self.processes.values())
        process = self.dice.choice([one for one in all_of_them if one.number in sending] or all_of_them)
        what = self.dice.random()
        if what < 0.4:
            # A record is tried for some milliseconds. Here that is many turns, in which three strokes of fate would
            # be taken for its doing.
            if not process.turn._is_held or self.dice.random() < 0.2:
                self.crash(process)
        elif what < 0.6:
            # Frozen for longer than its session lasts: others take over, and it knows nothing of that.
            self.seen["freezes"] += 1
            process.was_frozen = True
            process.frozen = self.dice.randint(20, 400)
            self._delay(process)
            for place, owner in self.owners.items():
                if owner == process.number:
                    self.owners[place] = None
        elif what < 0.8:
            for task in process.tasks.values():
                task.is_to_release = True
        else:
            self.clock.advance(self.dice.randint(1, 40) * SECOND)

    # Compaction leaves alone what is younger than an hour, within which a living owner has long mended what
    # a deposed one wrote: it has written, has seen what others wrote in between, and has ticked once more.

    def ticked(self, task: Task) -> None:
        """Note that an owner has ticked, and compact its state partition if that is due."""
        assert task.partition is not None
        task.looked, task.ticks = task.partition._log._end, task.ticks + 1
        if not self._compacts:
            return
        log = self.state_log(task.place)
        end, planned_by, ticks = self._compactions.get(task.place, (0, None, 0))
        if planned_by is not task:
            self._compactions[task.place] = (log.end, task, task.ticks + 2)
        elif task.looked < end:
            self._compactions[task.place] = (end, task, task.ticks + 2)
        elif task.ticks >= ticks:
            self.seen["compactions"] += 1
            log.compact(end)
            del self._compactions[task.place]


class Owner:
    """What a worker does with one partition; also the reader, the writer and the catalog as its process has them."""

    def __init__(self, world: World, process: Process, task: Task) -> None:
        self._world = world
        self._process = process
        self._task = task
        self._dice = world.dice

    async def run(self) -> None:
        """Own the partition until it has to be released."""
        world, task = self._world, self._task
        terms = Terms(
            names=NAMES,
            partitions={Feed.HYDROLOGY: len(PLACES)},
            checkpoint_every=CHECKPOINT_EVERY,
            appends_clock=True,
            turn=self._process.turn,
        )
        common = {"reader": self, "writer": self, "clock": world.clock, "telemetry": world._telemetry}
        kinds = {AREAS: AreaPartition, INCIDENTS: IncidentPartition}
        partition: Partition | AreaPartition | IncidentPartition
        partition = await kinds.get(task.place, Partition).take_over(task.place, terms, catalogs=self, **common)
        task.partition = partition
        position = partition.next_offset
        ticked_at = world.clock.now()
        while not task.is_to_release:
            task.is_busy = False
            await Step()
            task.is_busy = True
            chunk = self._delivered(position)
            if chunk:
                again = await partition.take(chunk)
                world.seen["deliveries again"] += again is not None
                position = again if again is not None else max(position, chunk[-1].offset + 1)
            if world.clock.now() - ticked_at >= SECOND:
                ticked_at = world.clock.now()
                await partition.tick()
                world.ticked(task)
        await partition.release()

    def _delivered(self, position: int) -> list[SourceRecord]:
        """Return what a consumer delivers, which is mostly what it should."""
        roll = self._dice.random()
        if roll < 0.05:
            position = max(0, position - self._dice.randint(1, 5))
        elif roll < 0.08:
            position += self._dice.randint(1, 3)
        entries = self._world.feed_log(self._task.place).between(position, position + self._dice.randint(1, CHUNK_MAX))
        if len(entries) > 2 and roll > 0.98:
            del entries[self._dice.randrange(1, len(entries) - 1)]
        return [source(entry, self._task.place) for entry in entries]

    # Writer

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        if self._process.was_frozen and self._task.place is INCIDENTS:
            raise Killed
        waiting: dict[tuple[str, int], list[tuple[int, Outgoing]]] = defaultdict(list)
        for place, sent in enumerate(records):
            waiting[sent.topic, sent.partition or 0].append((place, sent))
        flight = Flight(waiting, [-1] * len(records), self._process.number)
        self._world.flights.append(flight)
        while flight.waiting:
            await Step()
        await Step()
        if self._dice.random() < 0.01 and all(sent.key != CLAIM for sent in records):
            return [-1] * len(records)
        return flight.offsets

    # Reader

    async def state_records(self, place: Place, start: int, end: int) -> AsyncIterator[StateRecord]:
        for entry in self._world.state_log(place).between(start, end):
            if self._dice.random() < 0.1:
                await Step()
            assert entry.key is not None
            yield StateRecord(entry.offset, entry.key, entry.value)

    async def state_end(self, place: Place) -> int:
        await Step()
        return self._world.state_log(place).end

    async def first_offset(self, place: Place) -> int:
        await Step()
        return 0

    async def end_offset(self, place: Place) -> int:
        await Step()
        return self._world.feed_log(place).end

    async def next_offset(self, place: Place, offset: int) -> int:
        await Step()
        return offset

    # Catalogs

    async def in_force(self) -> int:
        number = self._world.published
        if self._dice.random() < 0.2:
            await Step()  # The answer is older than it might be.
        return number

    async def numbered(self, number: int) -> RuleSet | None:
        await Step()
        self._world.seen["rule sets"] += number > 0
        return self._world.rules_for(number, self._process.number)

    async def playbook(self, number: int) -> Playbook | None:
        await Step()
        self._world.seen["playbooks"] += number > 0
        return self._world.playbook_for(number, self._process.number)


def source(entry: Entry, place: Place) -> SourceRecord:
    """Return a record of a feed as it is delivered."""
    feed = place.source if isinstance(place.source, Feed) else None
    record = FeedRecord(feed, entry.at, entry.key, entry.value, dict(entry.headers))
    return SourceRecord(entry.offset, record)


def place_of(site: str) -> Place:
    """Return where a site's records belong."""
    return PLACES[partition_of(site.encode(), len(PLACES))]
