"""The command `citybrain` and its sub-commands.

Exit codes: 0 done; 1 done and found faults or failed expectations; 2 wrong usage; 3 something outside is missing;
4 the rule set does not compile; 70 the service met what it does not expect and ended itself; 130 Ctrl-C.
"""

import os
import sys
from typing import Annotated

import typer

from citybrain import __version__
from citybrain.cli import (
    actions,
    alerts,
    bulletins,
    demo,
    docs,
    doctor,
    incidents,
    record,
    replay,
    rules,
    scenario,
    score,
    simulate,
    topics,
    trace,
    worker,
)
from citybrain.cli.console import err
from citybrain.errors import CitybrainError

INTERRUPTED = 130  # What a shell expects of a command that Ctrl-C ended.

app = typer.Typer(
    name="citybrain",
    help="City Brain of Lishui: monitoring alerts. 丽水城市大脑：监测告警。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo.demo)
app.command()(worker.worker)
app.command()(simulate.simulate)
app.command()(replay.replay)
app.command()(record.record)
app.command()(score.score)
app.command()(doctor.doctor)
app.command(hidden=True)(docs.docs)
app.add_typer(rules.app, name="rules")
app.add_typer(scenario.app, name="scenario")
app.add_typer(incidents.app, name="incidents")
app.add_typer(bulletins.app, name="bulletins")
app.add_typer(alerts.app, name="alerts")
app.add_typer(actions.app, name="actions")
app.add_typer(topics.app, name="topics")
app.add_typer(trace.app, name="trace")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"citybrain {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


def run() -> None:
    """Run the command line; every expected failure becomes one message and its own exit code."""
    try:
        app()
    except CitybrainError as error:
        err.print(f"citybrain: {error}", markup=False)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe has left, as `head` does; what is still buffered would raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
