"""`citybrain doctor`: looks at everything the service needs and says what is missing."""

import importlib.util
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import typer
from rich.text import Text

from citybrain.cli.console import AsJson, Lang, out, print_json
from citybrain.cli.shared import BrokerOption, CatalogOption, Place, catalog_folders, language_of, place_of
from citybrain.errors import CitybrainError
from citybrain.i18n import Language, say
from citybrain.settings import Settings, load_settings
from rules.ruleset import read_rules
from streams.clients import Admin, Start, Watch
from streams.topics import topics_for


class Health(StrEnum):
    """How a finding stands."""

    OK = "ok"
    OPTIONAL = "optional"  # Missing, and only a part of the tools needs it.
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    health: Health
    text: str


_MARKS = {Health.OK: ("✓", "green"), Health.OPTIONAL: ("–", "yellow"), Health.FAULT: ("✗", "red")}


def doctor(
    broker: BrokerOption = None, catalog: CatalogOption = None, lang: Lang = None, as_json: AsJson = False
) -> None:
    """Check Python, packages, catalogs, ports, broker and topics. Exit 1 when anything needed is missing."""
    language, settings = language_of(lang), load_settings()
    place = place_of(broker, settings)
    faults = 0
    for finding in _findings(place, settings, catalog, language):
        faults += finding.health is Health.FAULT
        if as_json:
            print_json({"what": finding.what, "health": finding.health.value, "text": finding.text})
        else:
            mark, style = _MARKS[finding.health]
            out.print(Text.assemble((mark, style), f" {finding.what}: {finding.text}"))
    if faults:
        raise typer.Exit(1)


def _findings(place: Place, settings: Settings, catalog: Path | None, language: Language) -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding("Python", Health.OK if sys.version_info >= (3, 11) else Health.FAULT, f"{version} (>= 3.11)")
    has_demo = importlib.util.find_spec("confluent_kafka") is not None
    yield Finding(
        say(language, "doctor.embedded"),
        Health.OK if has_demo else Health.OPTIONAL,
        "confluent-kafka" if has_demo else say(language, "doctor.no_extra"),
    )
    for tool in ("java", "mvn"):
        found = shutil.which(tool)
        health = Health.OK if found else Health.OPTIONAL
        yield Finding(tool, health, found or say(language, "doctor.for_kafka"))
    folders = catalog_folders(catalog)
    rules, problems = read_rules(folders.rules, folders.registry)
    text = say(language, "cli.check_passed", count=len(rules.rules)) if rules is not None else ""
    yield Finding(
        say(language, "doctor.catalog"),
        Health.OK if rules is not None else Health.FAULT,
        text or problems[0].line_of_report(language),
    )
    yield _port(settings, language)
    yield from _broker(place, language, simulated=settings.simulated)


def _port(settings: Settings, language: Language) -> Finding:
    what = say(language, "doctor.port", port=settings.metrics_port)
    try:
        with socket.socket() as probe:
            is_used = probe.connect_ex((settings.metrics_host, settings.metrics_port)) == 0
    except OSError as error:  # A name that nothing resolves: the worker could not listen there either.
        return Finding(what, Health.FAULT, f"{settings.metrics_host}: {error.strerror or error}")
    # A worker that runs here is the likely owner, so that a used port is no fault.
    text = say(language, "doctor.port_used" if is_used else "doctor.port_free")
    return Finding(what, Health.OPTIONAL if is_used else Health.OK, text)


def _broker(place: Place, language: Language, *, simulated: bool) -> Iterator[Finding]:
    what = say(language, "doctor.broker", bootstrap=place.broker.bootstrap)
    try:
        if place.broker.embedded:
            with Watch(place.broker, [place.names.journal()], start=Start.END):
                yield Finding(what, Health.OK, say(language, "doctor.embedded_answers"))
            return
        with Admin(place.broker) as admin:
            present = admin.partition_counts()
    except CitybrainError as error:
        yield Finding(what, Health.FAULT, str(error))
        return
    yield Finding(what, Health.OK, say(language, "doctor.answers"))
    missing = [topic.name for topic in topics_for(place.names.prefix, simulated=simulated) if topic.name not in present]
    topics = say(language, "doctor.topics")
    if missing:
        text = say(language, "doctor.topics_missing", count=len(missing), first=missing[0])
        yield Finding(topics, Health.FAULT, text)
    else:
        yield Finding(topics, Health.OK, say(language, "doctor.topics_there"))
