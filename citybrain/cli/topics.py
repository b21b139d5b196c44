"""`citybrain topics`: the Kafka topics of the service."""

from typing import Annotated

import typer
from rich.table import Table

from citybrain.cli.console import AsJson, Lang, err, out, print_json, print_table, whole_column
from citybrain.cli.shared import BrokerOption, language_of, naming_the_broker, place_of
from citybrain.i18n import say
from citybrain.instants import format_duration
from citybrain.settings import load_settings
from streams.clients import Admin
from streams.topics import Outcome, ensure, topics_for

app = typer.Typer(help="Create and list topics.", no_args_is_help=True)

Simulated = Annotated[
    bool | None,
    typer.Option("--simulated/--live", help="Feeds carry their producer's time; default: CITYBRAIN_SIMULATED."),
]


@app.command(name="ensure")
def ensure_topics(
    simulated: Simulated = None,
    replicas: Annotated[int | None, typer.Option(min=1, help="Replicas; default: 3, or as many as brokers.")] = None,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Create the missing topics and compare the others with the table. Exit 1 when any differs."""
    language, settings = language_of(lang), load_settings()
    place = place_of(broker, settings)
    table = topics_for(place.names.prefix, simulated=settings.simulated if simulated is None else simulated)
    with naming_the_broker(place, language), Admin(place.broker) as admin:
        findings = ensure(admin, table, replicas=replicas)
    differing = 0
    for finding in findings:
        differs = finding.outcome is Outcome.DIFFERS
        differing += differs
        if as_json:
            print_json({"topic": finding.topic, "outcome": finding.outcome.value, "text": str(finding)})
        elif finding.outcome is not Outcome.RIGHT:
            out.print(str(finding), style="red" if differs else "green", markup=False)
    err.print(say(language, "cli.ensured", count=len(findings), differing=differing))
    if differing:
        raise typer.Exit(1)


@app.command(name="list")
def list_topics(simulated: Simulated = None, as_json: AsJson = False) -> None:
    """List the topics of the table: name, key, partitions, cleanup, retention, time."""
    settings = load_settings()
    table = Table(whole_column("topic"), "key", "partitions", "cleanup", "retention", "timestamps")
    for topic in topics_for(settings.prefix, simulated=settings.simulated if simulated is None else simulated):
        kept = format_duration(topic.retention) if topic.retention is not None else "—"
        row = [topic.name, topic.key, str(topic.partitions), topic.cleanup.value, kept, topic.timestamp_type.value]
        if as_json:
            print_json(
                dict(zip(("topic", "key", "partitions", "cleanup", "retention", "timestamps"), row, strict=True))
            )
        else:
            table.add_row(*row)
    if not as_json:
        print_table(table)
