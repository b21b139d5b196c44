"""The published sets as a worker has them: what is published, what is in force, what does not compile."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from citybrain.clock import ManualClock
from citybrain.errors import CatalogError, MissingError
from citybrain.instants import SECOND, parse_instant
from scenarios.published import CatalogFiles, Compiled, Folders, compile_files, gather, unpack
from streams.catalog_log import COMPILED_MAX, KafkaCatalogs, publication_of
from streams.log import Outgoing, StateRecord
from streams.telemetry import Telemetry
from streams.topics import Names

NAMES = Names("t.")
RAIN = "rules/flood-drought-command/rain.yaml"


@dataclass
class Memory:
    """A topic `catalog`."""

    sent: list[Outgoing] = field(default_factory=list)
    asked: int = 0
    is_away: bool = False

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        self.sent += records
        return list(range(len(self.sent)))

    async def catalog_end(self) -> int:
        self.asked += 1
        if self.is_away:
            raise MissingError("no broker")
        return len(self.sent)

    async def catalog_record(self, offset: int) -> StateRecord | None:
        if not 0 <= offset < len(self.sent):
            return None
        return StateRecord(offset, self.sent[offset].key or b"", self.sent[offset].value)


@pytest.fixture(scope="module")
def files() -> CatalogFiles:
    return gather(Folders())


@pytest.fixture(scope="module")
def compiled(files) -> Compiled:
    found, problems = compile_files(files)
    assert found is not None, problems
    return found


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(parse_instant("2026-06-20T08:00:00+08:00"))


@pytest.fixture
def topic() -> Memory:
    return Memory()


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def catalogs(topic, clock, telemetry):
    def made(**options) -> KafkaCatalogs:
        return KafkaCatalogs(NAMES, reader=topic, writer=topic, clock=clock, telemetry=telemetry, **options)

    return made


def changed(files: CatalogFiles, old: str, new: str) -> CatalogFiles:
    assert old in files.texts[RAIN]
    return CatalogFiles({**files.texts, RAIN: files.texts[RAIN].replace(old, new)}, files.origins)


async def newest(catalogs: KafkaCatalogs, clock: ManualClock) -> int:
    """Return the newest set once what is being compiled is."""
    await catalogs.in_force()
    clock.advance(SECOND)
    await catalogs.in_force()
    while catalogs._following is not None and not catalogs._following.done():
        await asyncio.sleep(0.01)
    return await catalogs.in_force()


async def test_the_first_worker_publishes_its_own_files_and_the_next_finds_them(topic, catalogs, files, compiled):
    first, second = catalogs(), catalogs()
    await first.begin(files, compiled)
    await second.begin(files, compiled)
    (record,) = topic.sent
    about = publication_of(dict(record.headers))
    assert (about.content, about.catalog, about.by) == (files.content_hash, compiled.rules.catalog, "worker")
    assert about.rules == len(compiled.rules.in_force)
    assert unpack(record.value or b"").texts == files.texts
    assert await second.in_force() == 0
    assert await second.numbered(0) is compiled.rules  # Not compiled a second time.
    assert await second.playbook(0) == compiled.playbook
    assert await second.numbered(1) is None
    assert await second.playbook(1) is None


async def test_bulletins_are_sent_by_whom_the_settings_say(topic, catalogs, files, compiled):
    mine = catalogs(sender="emergency@lishui.example")
    await mine.begin(files, compiled)
    playbook = await mine.playbook(0)
    assert playbook is not None
    assert playbook.sender == "emergency@lishui.example"


async def test_another_set_is_in_force_once_it_is_compiled(topic, catalogs, files, compiled, clock):
    mine = catalogs()
    await mine.begin(files, compiled)
    other = changed(files, "zh:", "zh:  ")
    found, _ = compile_files(other)
    assert found is not None
    await mine.publish(other, found, by="duty-07")
    assert await newest(mine, clock) == 1
    assert mine.content_hash == other.content_hash != files.content_hash
    rules = await mine.numbered(1)
    assert rules is not None
    assert rules is not compiled.rules
    assert rules.catalog == compiled.rules.catalog
    asked = topic.asked
    for _ in range(5):
        await mine.in_force()
    assert topic.asked <= asked + 1  # However many partitions ask, once a second.


async def test_a_set_that_does_not_compile_here_stays_out_of_force(topic, catalogs, files, compiled, clock, telemetry):
    mine = catalogs()
    await mine.begin(files, compiled)
    await mine.publish(changed(files, "rules:", "rulez:"), compiled, by="duty-07")
    topic.sent.append(Outgoing(NAMES.catalog(), b"k", b"rubbish"))
    assert await newest(mine, clock) == 0
    assert b"citybrain_catalog_errors_total 2.0" in telemetry.text()
    with pytest.raises(CatalogError, match=r"set 1 of t\.catalog does not compile here: .*R105"):
        await mine.numbered(1)
    await mine.publish(files, compiled, by="duty-07")
    assert await newest(mine, clock) == 3


async def test_a_worker_does_not_begin_where_no_set_compiles(topic, catalogs, files, compiled):
    topic.sent.append(Outgoing(NAMES.catalog(), b"k", b"rubbish"))
    with pytest.raises(CatalogError, match="publish one that does"):
        await catalogs().begin(files, compiled)


async def test_few_sets_are_kept(topic, catalogs, files, compiled):
    mine = catalogs()
    for _ in range(2 * COMPILED_MAX):
        await mine.publish(files, compiled, by="duty-07")
    await mine.begin(files, compiled)
    for number in range(2 * COMPILED_MAX):
        assert await mine.numbered(number) is compiled.rules
    assert len(mine._compiled) == COMPILED_MAX


async def test_no_two_publications_have_the_same_key(topic, catalogs, files, compiled):
    mine = catalogs()
    for _ in range(3):
        await mine.publish(files, compiled, by="duty-07")
    assert len({record.key for record in topic.sent}) == 3


async def test_while_the_broker_is_away_the_set_in_force_stays(topic, catalogs, files, compiled, clock):
    mine = catalogs()
    await mine.begin(files, compiled)
    await mine.publish(changed(files, "zh:", "zh:  "), compiled, by="duty-07")
    topic.is_away = True
    assert await newest(mine, clock) == 0
    topic.is_away = False
    assert await newest(mine, clock) == 1


async def test_a_set_that_is_compiled_waits_for_no_other(catalogs, files, compiled):
    mine = catalogs()
    await mine.begin(files, compiled)
    async with mine._compiling, asyncio.timeout(1):
        assert await mine.numbered(0) is compiled.rules


async def test_workers_that_publish_the_same_together_go_by_the_first(topic, catalogs, files, compiled, clock):
    first, second = catalogs(), catalogs()
    await first.begin(files, compiled)
    await first.publish(files, compiled, by="worker")  # The other one saw nothing there either.
    await second.begin(files, compiled)
    assert await newest(first, clock) == await newest(second, clock) == 0
    other = changed(files, "zh:", "zh:  ")
    for one in (other, files):
        await first.publish(one, compiled, by="duty-07")
    assert await newest(first, clock) == 3  # It is another than the one before.
