"""What a worker does with its own author files: publish what has changed, refuse what does not compile."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from citybrain.clock import ManualClock
from citybrain.codec import decode_event
from citybrain.instants import parse_instant
from citybrain.model import Scenario, Status
from citybrain.problems import Problem
from scenarios.published import CatalogFiles, Compiled, Folders, gather
from streams.catalog_desk import CatalogDesk
from streams.log import Outgoing
from streams.telemetry import Telemetry
from streams.topics import Names

NAMES = Names("t.")
RAIN = "rules/flood-drought-command/rain.yaml"


@dataclass
class Author:
    """Files, and what was said of them."""

    files: CatalogFiles
    said: list[str] = field(default_factory=list)
    is_away: bool = False

    def gather(self) -> CatalogFiles:
        if self.is_away:
            raise FileNotFoundError(RAIN)
        return self.files

    def write(self, old: str, new: str) -> None:
        text = self.files.texts[RAIN]
        assert old in text
        self.files = CatalogFiles({**self.files.texts, RAIN: text.replace(old, new)}, self.files.origins)

    def say_published(self, catalog: str) -> None:
        self.said.append("published")

    def say_refused(self, problems: Sequence[Problem]) -> None:
        self.said += [problem.code for problem in problems]

    def say_other(self, number: int) -> None:
        self.said.append(f"other {number}")


@dataclass
class Catalogs:
    """The published sets."""

    content_hash: str
    ready: int = 7
    catalog: str = "abc"

    async def publish(self, files: CatalogFiles, compiled: Compiled, *, by: str) -> None:
        assert by == "worker"
        self.content_hash = files.content_hash


@dataclass
class Log:
    sent: list[Outgoing] = field(default_factory=list)

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        self.sent += records
        return list(range(len(records)))


@pytest.fixture(scope="module")
def files() -> CatalogFiles:
    return gather(Folders())


@pytest.fixture
def author(files) -> Author:
    return Author(files)


@pytest.fixture
def catalogs(files) -> Catalogs:
    return Catalogs(files.content_hash)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def desk(author, catalogs, log, telemetry, files) -> CatalogDesk:
    clock = ManualClock(parse_instant("2026-06-20T08:00:00+08:00"))
    made = CatalogDesk(
        author, catalogs, names=NAMES, status=Status.ACTUAL, writer=log, clock=clock, telemetry=telemetry
    )
    made.begin(files)
    return made


async def test_files_that_have_changed_are_published_once_they_are_left_alone(desk, author, catalogs):
    await desk.look()
    assert author.said == []
    author.write("zh:", "zh:  ")
    await desk.look()
    author.write("en:", "en:  ")  # Somebody is still at it.
    await desk.look()
    assert author.said == []
    for _ in range(3):
        await desk.look()
    assert author.said == ["published"]
    assert catalogs.content_hash == author.files.content_hash


async def test_what_does_not_compile_is_told_everywhere_and_changes_nothing(desk, author, catalogs, log, telemetry):
    before = catalogs.content_hash
    author.write("rules:", "rulez:")
    for _ in range(3):
        await desk.look()
    assert "R104" in author.said
    assert catalogs.content_hash == before
    assert b"citybrain_catalog_errors_total 1.0" in telemetry.text()
    assert [one.topic for one in log.sent] == [NAMES.alerts(Scenario.SYSTEM), NAMES.journal()]
    event = decode_event(log.sent[0].value or b"")
    assert event.rule.id == "catalog-error"
    assert "rain.yaml:" in event.headline.en
    await desk.publish()  # Asked for: said again, raised once.
    assert author.said.count("R104") == 2
    assert len(log.sent) == 2
    author.write("rulez:", "rules:")  # As it was.
    for _ in range(3):
        await desk.look()
    assert "published" not in author.said


async def test_when_asked_the_files_are_published_at_once_unless_they_are_in_force(desk, author, catalogs):
    await desk.publish()
    assert author.said == []
    catalogs.content_hash = "another"
    await desk.publish()
    assert author.said == ["published"]


async def test_a_set_that_was_published_from_elsewhere_stays_although_the_files_are_others(desk, author, catalogs):
    catalogs.content_hash = "another"  # A rollback.
    for _ in range(3):
        await desk.look()
    assert author.said == []


async def test_at_the_start_it_is_said_that_another_set_is_in_force(desk, author, catalogs, files):
    catalogs.content_hash = "another"
    desk.begin(files)
    assert author.said == ["other 7"]


async def test_files_that_cannot_be_read_just_now_are_read_at_the_next_look(desk, author):
    author.write("zh:", "zh:  ")
    author.is_away = True
    await desk.look()
    await desk.publish()
    author.is_away = False
    for _ in range(2):
        await desk.look()
    assert author.said == ["published"]
