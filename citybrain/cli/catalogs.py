"""`citybrain rules publish | history | rollback`: put a set of author files in force while workers run."""

from dataclasses import dataclass
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from citybrain.cli.console import AsJson, Lang, err, print_json, print_problems, print_table, whole_column
from citybrain.cli.shared import (
    BrokerOption,
    CatalogOption,
    Place,
    catalog_folders,
    language_of,
    naming_the_broker,
    place_of,
)
from citybrain.clock import SystemClock
from citybrain.errors import CatalogError, UsageError
from citybrain.i18n import Language, say
from citybrain.instants import format_instant
from citybrain.problems import sorted_problems
from citybrain.settings import load_settings
from scenarios.actions import AccountId
from scenarios.published import CatalogFiles, Compiled, compile_files, gather, unpack
from scenarios.script_check import unscripted
from streams.catalog_log import Publication, publication_of, publication_record
from streams.clients import Producer, Record, read_all

By = Annotated[str, typer.Option("--by", help="The account: a role and a number, as duty-07. Never a name.")]
Exercise = Annotated[bool, typer.Option("--exercise", help="The sets of the drill in place of the real ones.")]

_ACCOUNT: TypeAdapter[str] = TypeAdapter(AccountId)


@dataclass(frozen=True, slots=True)
class _Set:
    """A published set as it lies in the topic."""

    record: Record
    about: Publication

    @property
    def files(self) -> CatalogFiles:
        """Return its files."""
        return unpack(self.record.value or b"")


def publish(
    by: By,
    catalog: CatalogOption = None,
    exercise: Exercise = False,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Check rules, scripts, sites and zones, and have all workers go by them. Exit 4, and nothing, on any problem."""
    language, place = language_of(lang), place_of(broker, load_settings(), exercise=exercise)
    _require_account(by)
    files = gather(catalog_folders(catalog))
    compiled, problems = compile_files(files)
    if compiled is not None:
        problems = sorted_problems(unscripted(compiled.playbook.scripts.scripts, compiled.rules))
    if compiled is None or problems:
        print_problems(problems, language, as_json=as_json)
        raise CatalogError(say(language, "catalog.refused", count=len(problems)))
    with naming_the_broker(place, language):
        sets = _sets(place)
        if sets and sets[-1].about.content == files.content_hash:
            err.print(say(language, "catalog.unchanged", number=sets[-1].record.offset))
            return
        _send(place, files, compiled, by=by, language=language)


def history(
    exercise: Exercise = False, broker: BrokerOption = None, lang: Lang = None, as_json: AsJson = False
) -> None:
    """List the sets that were published, the newest last: that one is in force."""
    language, place = language_of(lang), place_of(broker, load_settings(), exercise=exercise)
    with naming_the_broker(place, language):
        sets = _sets(place)
    names = ("number", "at", "catalog", "rules", "by", "in_force")
    table = Table(*(whole_column(say(language, f"catalog.{name}")) for name in names))
    for one in sets:
        is_in_force = one is sets[-1]
        number, at, about = one.record.offset, format_instant(one.record.timestamp_ms), one.about
        if as_json:
            values = (number, at, about.catalog, about.rules, about.by, is_in_force)
            print_json(dict(zip(names, values, strict=True)))
        else:
            table.add_row(str(number), at, about.catalog, str(about.rules), about.by, "✓" if is_in_force else "")
    if not as_json:
        print_table(table)


def rollback(
    by: By,
    number: Annotated[
        int | None, typer.Argument(help="Number of the set; default: the last that is not the one in force.", min=0)
    ] = None,
    exercise: Exercise = False,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Publish an earlier set once more, under a new number."""
    language, place = language_of(lang), place_of(broker, load_settings(), exercise=exercise)
    _require_account(by)
    with naming_the_broker(place, language):
        sets = _sets(place)
        newest = sets[-1].about.content if sets else ""
        earlier = [one for one in sets if number in (None, one.record.offset)]
        if number is None:
            earlier = [one for one in earlier if one.about.content != newest]
        if not earlier:
            raise UsageError(say(language, "catalog.none", number=number if number is not None else "—"))
        if earlier[-1].about.content == newest:
            err.print(say(language, "catalog.unchanged", number=sets[-1].record.offset))
            return
        files = earlier[-1].files
        compiled, problems = compile_files(files)
        if compiled is None:
            print_problems(problems, language, as_json=as_json)
            raise CatalogError(say(language, "catalog.refused", count=len(problems)))
        _send(place, files, compiled, by=by, language=language)


def _sets(place: Place) -> list[_Set]:
    """Return the published sets, oldest first."""
    records = read_all(place.broker, [place.names.catalog()])
    return [_Set(record, publication_of(dict(record.headers))) for record in records]


def _send(place: Place, files: CatalogFiles, compiled: Compiled, *, by: str, language: Language) -> None:
    record = publication_record(place.names, files, compiled, by=by, at=SystemClock().now())
    with Producer(place.broker) as producer:
        producer.send(
            record.topic,
            record.value,
            key=record.key,
            partition=record.partition,
            timestamp_ms=record.timestamp,
            headers=record.headers,
        )
    catalog, count = compiled.rules.catalog, len(compiled.rules.in_force)
    err.print(say(language, "catalog.published", catalog=catalog, rules=count), style="green")


def _require_account(by: str) -> None:
    try:
        _ACCOUNT.validate_python(by)
    except ValidationError as error:
        raise UsageError(f"--by: {error.errors()[0]['msg']}, found {by!r}") from error
