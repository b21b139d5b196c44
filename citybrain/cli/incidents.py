"""`citybrain incidents`: what the alerts of a trace come to, and what there is to do."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from citybrain.cli.console import AsJson, Lang, badge, err, out, print_json, progress
from citybrain.cli.scenario import playbook_in_force
from citybrain.cli.shared import (
    BrokerOption,
    CatalogOption,
    language_of,
    naming_the_broker,
    place_of,
    rules_in_force,
)
from citybrain.clock import SystemClock
from citybrain.i18n import Language, say
from citybrain.instants import format_clock_time
from citybrain.settings import load_settings
from scenarios.playbook import Playbook
from scenarios.runner import replay_incidents
from scenarios.states import INCIDENTS, Incident, Item
from simulators.trace import read_trace
from streams.clients import read_all

app = typer.Typer(help="Show incidents and their checklists.", no_args_is_help=True)


@app.command()
def replay(
    trace: Annotated[Path, typer.Argument(help="A trace file (JSON lines).")],
    catalog: CatalogOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Judge a trace offline and print the incidents at its end, each with its checklist; nobody acts on them."""
    language = language_of(lang)
    rules = rules_in_force(catalog)
    playbook = playbook_in_force(rules, catalog, language)
    read = read_trace(trace)
    records = progress(read, say(language, "cli.replaying"))
    found = replay_incidents(records, rules, playbook, expects=read.header.sites)
    for incident in sorted(found.incidents, key=lambda one: (one.started_at, one.scenario, one.county)):
        if as_json:
            print_json(INCIDENTS.dump_python(incident, mode="json"))
        else:
            _print(incident, found.incidents, found.at, playbook, language)
    counts = {"incidents": len(found.incidents), "alerts": len(found.alerts)}
    err.print(say(language, "scenario.replayed", **counts))


@app.command("list")
def list_(
    ended: Annotated[bool, typer.Option("--ended", help="Those that have ended, too.")] = False,
    exercise: Annotated[bool, typer.Option("--exercise", help="Those of the drill in place of the real ones.")] = False,
    broker: BrokerOption = None,
    catalog: CatalogOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Print the incidents of a running worker, each with its checklist. A running demo is found by itself."""
    language = language_of(lang)
    place = place_of(broker, load_settings(), exercise=exercise)
    rules = rules_in_force(catalog)
    playbook = playbook_in_force(rules, catalog, language)
    last: dict[bytes | None, bytes | None] = {}
    with naming_the_broker(place, language):
        last.update((record.key, record.value) for record in read_all(place.broker, [place.names.incidents()]))
    found = [INCIDENTS.validate_json(value) for value in last.values() if value is not None]
    shown = [incident for incident in found if ended or incident.ended is None]
    for incident in sorted(shown, key=lambda one: (one.started_at, one.scenario, one.county)):
        if as_json:
            print_json(INCIDENTS.dump_python(incident, mode="json"))
        else:
            _print(incident, found, SystemClock().now(), playbook, language)
    err.print(say(language, "scenario.listed", count=len(shown)))


def _print(incident: Incident, held: Iterable[Incident], at: int, playbook: Playbook, language: Language) -> None:
    line = Text(format_clock_time(incident.started_at), style="dim")
    line.append(" ").append(*badge(incident.level or incident.highest, language))
    line.append(f" {say(language, f'phase.{incident.phase.value}')}  ")
    line.append(_name(incident, playbook, language), style="bold")
    line.append(f"  {playbook.registry.county_name(incident.county).in_language(language)}", style="bold")
    line.append(f"  {say(language, 'scenario.alerts', open=len(incident.alerts), joined=incident.joined)}")
    out.print(line.append(f"  #{incident.id[:6]}", style="dim"))
    members = {one.id: one for one in held if one.id in incident.members}
    for member in members.values():
        name = _name(member, playbook, language)
        out.print(Text(f"    {say(language, 'scenario.member')}  {name}  #{member.id[:6]}", style="dim"))
    for brief in incident.briefs:
        text = brief.text.in_language(language)
        lon, lat = brief.position
        out.print(Text(f"    {say(language, f'scenario.tier_{brief.tier.value}')}  {text}  ({lon:.3f}, {lat:.3f})"))
    for resource in dict.fromkeys(supply.resource for supply in incident.supplies):
        out.print(Text(f"    {_supply_line(resource, incident, playbook, language)}", style="dim"))
    for item in incident.checklist:
        out.print(_item_line(item, at, playbook, language))


def _name(incident: Incident, playbook: Playbook, language: Language) -> str:
    """Return the name of the scenario; of a coupling its own, as its scenario may have an incident beside it."""
    script = playbook.scripts.scripts.get(incident.scenario)
    name = script.words.in_language(language) if script is not None else incident.scenario.value
    return name if incident.coupling is None else f"{name} · {say(language, 'scenario.coupling')}"


def _supply_line(resource: str, incident: Incident, playbook: Playbook, language: Language) -> str:
    common = playbook.scripts.common
    depots = {depot.id: depot.words.in_language(language) for depot in common.depots}
    places = (
        f"{depots[supply.depot]} {supply.distance_m / 1000:.0f} km"
        for supply in incident.supplies
        if supply.resource == resource
    )
    return "  ".join((common.resources[resource].words.in_language(language), *places))


def _item_line(item: Item, at: int, playbook: Playbook, language: Language) -> Text:
    units = ", ".join(playbook.scripts.common.units[unit].words.in_language(language) for unit in item.units)
    is_late = item.done is None and item.due_at < at
    line = Text("  ☑ " if item.done is not None else "  ☐ ")
    line.append(f"{format_clock_time(item.due_at)} ", style="red" if is_late else "dim")
    line.append(item.text.in_language(language))
    return line.append(f"  {units}" if units else "", style="dim")
