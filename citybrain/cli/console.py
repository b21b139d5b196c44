"""How the command line speaks: languages, exit codes, alert lines, progress."""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from citybrain.alerts import AlertEvent, State
from citybrain.i18n import Language, say
from citybrain.instants import format_clock_time
from citybrain.model import Level, Status
from citybrain.problems import Problem

T = TypeVar("T")

_TABLE_WIDTH_MAX = 400  # Columns of text; no table of ours needs half of it.

Lang = Annotated[
    Language | None, typer.Option("--lang", help="zh or en; default: CITYBRAIN_LANG, else zh.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one value a line.")]

# No emoji: `root:x:0` is text that somebody wrote, and not a cross.
out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

# Colour, shape and numeral: a colour-blind reader and a black-and-white photograph see the level too.
_BADGES: dict[Level, tuple[str, str]] = {
    Level.BLUE: ("●", "bold white on blue"),
    Level.YELLOW: ("■", "bold black on yellow"),
    Level.ORANGE: ("▲", "bold black on dark_orange"),
    Level.RED: ("◆", "bold white on red"),
}


def badge(level: Level, language: Language) -> tuple[str, str]:
    """Return the badge of a level and its style."""
    shape, style = _BADGES[level]
    return f" {shape}{say(language, f'badge.{level.value}')} ", style


def alert_line(event: AlertEvent, language: Language) -> Text:
    """Return one alert event as one line: time, level, state, headline, rule, the start of the identifier."""
    level, style = badge(event.level, language)
    line = Text()  # Without a style of its own, which would lie under the badge too.
    line.append(format_clock_time(event.sent), style="dim")
    line.append(" ")
    if event.state is State.CLEARED:
        line.append(level, style="dim")
        line.append(f" {say(language, 'state.cleared')} ", style="green")
    else:
        line.append(level, style=style)
        line.append(f" {say(language, f'state.{event.state.value}')} ")
    if event.status is not Status.ACTUAL:
        line.append(f"[{say(language, f'status.{event.status.value}')}] ", style="bold magenta")
    if event.trial:
        line.append(f"[{say(language, 'state.trial')}] ", style="dim")
    if event.flapping:
        line.append(f"[{say(language, 'state.flapping')}] ", style="yellow")
    if event.no_data:
        line.append(f"[{say(language, 'state.no_data')}] ", style="yellow")
    line.append(event.headline.in_language(language))
    line.append(f"  {event.rule.id} #{event.identifier[:6]}/{event.sequence}", style="dim")
    return line


def print_json(value: Any) -> None:
    """Print one value as one line of JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, separators=(", ", ": ")) + "\n")


def print_problems(problems: Iterable[Problem], language: Language, *, as_json: bool) -> None:
    """Print problems of author files, one a line."""
    for problem in problems:
        if as_json:
            print_json(
                {
                    "path": str(problem.path),
                    "line": problem.line,
                    "column": problem.column,
                    "code": problem.code,
                    "text": problem.text(language),
                }
            )
        else:
            out.print(problem.line_of_report(language), markup=False)


def whole_column(header: str) -> Column:
    """Return a column of names that a reader copies, so that none is ever cut or wrapped."""
    return Column(header, no_wrap=True, overflow="ignore")


def print_table(table: Table) -> None:
    """Print a table as wide as its cells need: in a narrow terminal or a pipe a cut name is of no use."""
    options = out.options.update(width=_TABLE_WIDTH_MAX, max_width=_TABLE_WIDTH_MAX)
    table.width = Measurement.get(out, options, table).maximum
    out.print(table, crop=False)


def progress(items: Iterable[T], text: str, *, total: int | None = None) -> Iterator[T]:
    """Yield the items while a bar on the error stream shows how far it is; silent where nobody looks."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(text, total=total)
        for item in items:
            yield item
            bar.advance(task)
