"""Brokers for the tests that need one, and a last word on which parts of the suite did not run."""

import gc
import importlib.util
import itertools
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from streams.clients import Broker
    from streams.topics import Topic

# Markers of what a machine may lack.
PARTS = ("embedded", "kafka", "browser")
REQUIRE_ALL = "CITYBRAIN_REQUIRE_ALL"
# The first test that needs Kafka also waits for its jars.
KAFKA_TIMEOUT_S = 900

# On import, kafka-python 3.0.12 reads its message schemas by functions that Python 3.11 calls deprecated and that
# 3.13 took back into favour.
KAFKA_IMPORT_WARNINGS = "ignore:(read_text|open_text) is deprecated:DeprecationWarning"

# Imports of our own stand inside the fixtures: this file is read before the filter above is in force.
# ruff: noqa: PLC0415

_prefixes = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", KAFKA_IMPORT_WARNINGS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("kafka") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(KAFKA_TIMEOUT_S))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let nothing be collected while a failure is put into words, which parses the source of each frame.

    A task that Faust left behind logs its traceback when it is collected, and that parses too. Python before 3.11.8
    and 3.12.2 cannot parse within a parse: it raises SystemError (gh-106905), and pytest ends without a word on
    which test failed.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.fixture(scope="session")
def embedded() -> "Iterator[Callable[[Iterable[Topic]], Broker]]":
    """Return what starts an embedded broker with the given topics; all of them end with the session."""
    from citybrain.errors import MissingError
    from streams.embedded import embedded_broker

    with ExitStack() as stack:

        def start(topics: "Iterable[Topic]") -> "Broker":
            try:
                return stack.enter_context(embedded_broker(topics))
            except MissingError as error:
                _is_absent(str(error))

        yield start


@pytest.fixture(scope="session")
def kafka(kafka_module: ModuleType) -> "Iterator[Broker]":
    """Return a real Kafka, one for the whole session; tests keep apart by `prefix`."""
    from streams.clients import Broker

    with ExitStack() as stack:
        try:
            bootstrap = stack.enter_context(kafka_module.kafka_broker())
        except kafka_module.BrokerError as error:
            _is_absent(str(error))
        yield Broker(bootstrap)


@pytest.fixture(scope="session")
def kafka_module() -> ModuleType:
    """Return tests/kafka/broker.py, which lies in no package."""
    path = Path(__file__).with_name("kafka") / "broker.py"
    spec = importlib.util.spec_from_file_location("citybrain_tests_kafka_broker", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def prefix() -> str:
    """Return a topic prefix that no other test of the session has."""
    return f"t{next(_prefixes)}."


@pytest.fixture(
    params=[
        pytest.param("embedded", marks=pytest.mark.embedded),
        pytest.param("kafka", marks=pytest.mark.kafka),
    ]
)
def broker_with(request: pytest.FixtureRequest) -> "Callable[[Iterable[Topic]], Broker]":
    """Return what gives a broker that has the topics: the test runs once on each kind of broker."""
    if request.param == "embedded":
        start: Callable[[Iterable[Topic]], Broker] = request.getfixturevalue("embedded")
        return start
    from streams.clients import Admin
    from streams.topics import ensure

    broker: Broker = request.getfixturevalue("kafka")

    def create(topics: "Iterable[Topic]") -> "Broker":
        with Admin(broker) as admin:
            ensure(admin, topics)
        return broker

    return create


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the parts that did not run: a green run that left them out proves less than it seems to."""
    left_out: dict[tuple[str, str], int] = defaultdict(int)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        left_out[_part(report.keywords), reason.removeprefix("Skipped: ")] += 1
    for item in terminalreporter.stats.get("deselected", []):
        left_out[_part(item.keywords), "deselected"] += 1
    if not left_out:
        terminalreporter.write_line("every part ran")
        return
    terminalreporter.section("parts that did not run")
    for (part, reason), count in sorted(left_out.items()):
        terminalreporter.write_line(f"{part}: {count} {'test' if count == 1 else 'tests'}: {reason}")


def _part(keywords: Iterable[str]) -> str:
    return next((part for part in PARTS if part in keywords), "other")


def _is_absent(reason: str) -> NoReturn:
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(f"{reason} ({REQUIRE_ALL}=1)", pytrace=False)
    pytest.skip(reason)
