"""`citybrain bulletins`: what the incidents of a trace would be told to the public, shown or written as CAP 1.2."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from citybrain.cli.console import AsJson, Lang, badge, err, out, print_json, progress
from citybrain.cli.scenario import playbook_in_force
from citybrain.cli.shared import CatalogOption, language_of, rules_in_force
from citybrain.errors import MissingError
from citybrain.i18n import Language, say
from citybrain.instants import format_clock_time
from citybrain.model import Status
from scenarios.cap import cap_of
from scenarios.chain import BULLETINS, Bulletin, BulletinStatus
from scenarios.runner import all_is_released, journal, nobody_acts, replay_bulletins
from simulators.trace import read_trace

app = typer.Typer(help="Show and export bulletins, one chain of CAP 1.2 per incident.", no_args_is_help=True)

TraceArgument = Annotated[Path, typer.Argument(help="A trace file (JSON lines).")]
Released = Annotated[
    bool,
    typer.Option("--released", help="As if a person released every bulletin at once, and ended what is proposed."),
]
Exercise = Annotated[bool, typer.Option("--exercise", help="Judge the trace as a drill.")]


@app.command()
def show(
    trace: TraceArgument,
    released: Released = False,
    exercise: Exercise = False,
    catalog: CatalogOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Judge a trace offline and print its bulletins; without --released they are drafts."""
    language = language_of(lang)
    count, incidents = 0, set()
    for bulletin in _bulletins(trace, catalog, language, released=released, exercise=exercise):
        count += 1
        incidents.add(bulletin.incident)
        if as_json:
            print_json(BULLETINS.dump_python(bulletin, mode="json", by_alias=True))
        else:
            _print(bulletin, language)
    err.print(say(language, "bulletin.counted", count=count, incidents=len(incidents)))


@app.command()
def export(
    trace: TraceArgument,
    out_folder: Annotated[Path, typer.Option("--out", help="Folder to write to; it is made where it is missing.")],
    released: Released = False,
    exercise: Exercise = False,
    catalog: CatalogOption = None,
    lang: Lang = None,
) -> None:
    """Judge a trace offline and write each of its bulletins as CAP 1.2 XML and as JSON, named by its identifier."""
    language = language_of(lang)
    count = 0
    for bulletin in _bulletins(trace, catalog, language, released=released, exercise=exercise):
        _write(out_folder / f"{bulletin.identifier}.xml", cap_of(bulletin))
        _write(out_folder / f"{bulletin.identifier}.json", BULLETINS.dump_json(bulletin, by_alias=True))
        count += 1
    err.print(say(language, "bulletin.written", count=count, folder=out_folder))


def _bulletins(
    trace: Path, catalog: Path | None, language: Language, *, released: bool, exercise: bool
) -> Iterator[Bulletin]:
    rules = rules_in_force(catalog)
    playbook = playbook_in_force(rules, catalog, language)
    read = read_trace(trace)
    status = Status.EXERCISE if exercise else Status.ACTUAL
    records = journal(progress(read, say(language, "cli.replaying")), rules, status=status, expects=read.header.sites)
    return replay_bulletins(records, playbook, react=all_is_released if released else nobody_acts)


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise MissingError(f"cannot write {path}: {error.strerror}") from error


def _print(bulletin: Bulletin, language: Language) -> None:
    line = Text()
    line.append(f"{format_clock_time(bulletin.sent)} ", style="dim")
    line.append(*badge(bulletin.level, language))
    style = "yellow" if bulletin.status is BulletinStatus.DRAFT else "bold"
    status = say(language, f"bulletin.status_{bulletin.status.value.lower()}")
    line.append(f" {status} {say(language, f'bulletin.type_{bulletin.message_type.value.lower()}')} ", style=style)
    line.append(bulletin.headline.in_language(language), style="bold")
    out.print(line.append(f"  #{bulletin.incident[:6]}-{bulletin.identifier.rpartition('-')[2]}", style="dim"))
    out.print(Text(f"    {bulletin.description.in_language(language)}"))
    out.print(Text(f"    {bulletin.instruction.in_language(language)}", style="dim"))
