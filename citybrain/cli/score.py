"""`citybrain score`: the alerts of a run against the ground truth of its trace."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from citybrain.alerts import AlertEvent
from citybrain.cli.console import AsJson, Lang, err, out, print_json
from citybrain.cli.shared import CatalogOption, language_of, rules_in_force
from citybrain.codec import decode_event
from citybrain.errors import MissingError, SnapshotError, UsageError
from citybrain.i18n import say
from scenarios.page import page_of
from scenarios.report import data_of, lines
from scenarios.score import score as scored
from simulators.truth import read_truth, truth_path


class FailOn(StrEnum):
    """What makes the command end with code 1."""

    MISSES = "misses"
    FALSE = "false"


def score(
    trace: Annotated[Path, typer.Argument(help="A simulated trace; its truth lies beside it.")],
    alerts: Annotated[Path, typer.Argument(help="What `citybrain replay --json` printed for it.")],
    html: Annotated[Path | None, typer.Option("--html", help="Also write a page with pictures.")] = None,
    fail_on: Annotated[
        list[FailOn] | None, typer.Option("--fail-on", help="Exit 1 if there are misses, or false alarms.")
    ] = None,
    catalog: CatalogOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Score alerts: detection, lead time, misses, false alarms, and what an operator had to hear."""
    language = language_of(lang)
    truth = read_truth(truth_path(trace))
    hazards = {name: checked.rule.hazard for name, checked in rules_in_force(catalog).rules.items()}
    events = list(_events(alerts))
    if unknown := sorted({event.rule.id for event in events} - set(hazards)):
        raise UsageError(f"{alerts}: the catalog has no rule {', '.join(unknown)}; name theirs by --catalog")
    found = scored(truth, events, hazards)
    if html is not None:
        try:
            html.write_text(page_of(found, language), encoding="utf-8")
        except OSError as error:
            raise MissingError(f"cannot write {html}: {error.strerror}") from error
        err.print(say(language, "score.page_written", path=html))
    if as_json:
        print_json(data_of(found))
    else:
        for line in lines(found, language):
            out.print(line, markup=False)
    failed = {FailOn.MISSES: found.misses, FailOn.FALSE: found.false}
    if any(failed[one] for one in fail_on or ()):
        raise typer.Exit(1)


def _events(path: Path) -> Iterator[AlertEvent]:
    """Yield the events of a file of JSON lines. Raises SnapshotError at the first line that is none."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield decode_event(line)
                except ValidationError as error:
                    raise SnapshotError(f"{path}:{number}: no alert event as `replay --json` prints it") from error
    except OSError as error:
        raise MissingError(f"{path}: {error.strerror}") from error
