"""What several commands need: where the catalogs are, which language, which broker."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from citybrain.errors import MissingError, UsageError
from citybrain.i18n import LANGUAGES, Language, say
from citybrain.instants import parse_instant
from citybrain.settings import Settings, load_settings
from rules.ruleset import RuleSet, load_rules
from scenarios.published import Folders
from scenarios.scripts import SHIPPED_SCRIPTS
from simulators.storyline import SHIPPED as SHIPPED_STORYLINES
from streams.clients import Broker
from streams.embedded import FEED_PARTITIONS as EMBEDDED_FEED_PARTITIONS
from streams.rendezvous import find
from streams.topics import FEED_PARTITIONS, Names

CatalogOption = Annotated[
    Path | None,
    typer.Option(
        "--catalog",
        help="Folder with rules/, feeds/, sites/, zones/, zone-kinds.yaml, maybe scenarios/ and storylines/; "
        "default: what is shipped.",
    ),
]
BrokerOption = Annotated[
    str | None,
    typer.Option("--broker", help="host:port; default: a running demo, else CITYBRAIN_BOOTSTRAP."),
]


@dataclass(frozen=True, slots=True)
class Place:
    """A broker, and the topics of ours on it."""

    broker: Broker
    names: Names
    feed_partitions: int


def catalog_folders(catalog: Path | None) -> Folders:
    """Return the folders of a catalog given on the command line, in the settings, or the shipped ones."""
    catalog = catalog or load_settings().catalog
    if catalog is None:
        return Folders()
    if not catalog.is_dir():
        raise UsageError(f"{catalog} is no folder")
    scripts, storylines = catalog / "scenarios", catalog / "storylines"
    return Folders(
        catalog / "rules",
        catalog,
        scripts if scripts.is_dir() else SHIPPED_SCRIPTS,
        storylines if storylines.is_dir() else SHIPPED_STORYLINES,
    )


def rules_in_force(catalog: Path | None) -> RuleSet:
    """Return the compiled rules. Raises CatalogError that lists every fault."""
    folders = catalog_folders(catalog)
    return load_rules(folders.rules, folders.registry)


def language_of(given: Language | None) -> Language:
    """Return the language of the option, else that of the settings."""
    if given is not None and given not in LANGUAGES:
        raise UsageError(f"--lang is {given!r}, expected zh or en")
    return given or load_settings().lang


def instant_option(name: str, text: str | None) -> int | None:
    """Return the instant of an option. Raises UsageError for what is none."""
    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error


def place_of(broker: str | None, settings: Settings, *, exercise: bool = False, demos: bool = True) -> Place:
    """Return where to read or write: the broker given, else a demo that runs here, else that of the settings."""
    running = find() if demos and broker is None and "bootstrap" not in settings.model_fields_set else []
    if running:
        place = Place(running[0].broker(), Names(running[0].prefix), EMBEDDED_FEED_PARTITIONS)
    else:
        count = EMBEDDED_FEED_PARTITIONS if settings.embedded else FEED_PARTITIONS
        address = Broker(broker or settings.bootstrap, embedded=settings.embedded)
        place = Place(address, Names(settings.prefix), count)
    return Place(place.broker, place.names.exercise(), place.feed_partitions) if exercise else place


@contextlib.contextmanager
def naming_the_broker(place: Place, language: Language) -> Iterator[None]:
    """Add to a missing broker what a user can do about it."""
    try:
        yield
    except MissingError as error:
        raise MissingError(f"{error}\n{say(language, 'cli.no_broker', bootstrap=place.broker.bootstrap)}") from error
