"""`citybrain docs`: writes `docs/generated/` from the code, or checks that it is up to date. For developers."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import TypeAdapter

from citybrain.alerts import EVENTS
from citybrain.cli.console import err
from citybrain.i18n import LANGUAGES, messages
from citybrain.instants import format_duration
from citybrain.metrics import FeedFile, Metric, Shape
from citybrain.model import Reading
from citybrain.registry import load_registry
from citybrain.rivers import RiverFile
from citybrain.settings import Settings
from citybrain.sites import SILENT_PERIODS, SiteFile
from citybrain.zones import ZoneFile, ZoneKindFile
from rules.ruleset import RuleSet, load_rules
from rules.shape.file import RuleFile
from scenarios.actions import ACTIONS
from scenarios.chain import BULLETINS
from scenarios.shape import CommonFile, ScriptFile
from scenarios.states import ALERT_STATES, INCIDENTS, OUTCOMES
from simulators.storyline import Storyline
from streams.telemetry import Telemetry
from streams.topics import topics_for

FOLDER = Path("docs/generated")
_NOTE = "<!-- Written by `make docs` from the code. Do not edit. -->\n\n"


def docs(
    check: Annotated[bool, typer.Option("--check", help="Compare, and exit 1 when a page is out of date.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the pages lie.")] = FOLDER,
) -> None:
    """Write the generated pages, or check them."""
    stale = []
    for name, text in pages():
        path = folder / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if check and stale:
        err.print(f"out of date: {', '.join(stale)}; run `make docs`", style="red")
        raise typer.Exit(1)
    err.print(f"{'checked' if check else 'written'}: {folder}", style="green")


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every generated page."""
    yield "metrics.md", _NOTE + _metrics()
    yield "rules.md", _NOTE + _rules(load_rules())
    yield "settings.md", _NOTE + _settings()
    yield "topics.md", _NOTE + _topics()
    yield "problems.md", _NOTE + _problems()
    yield "telemetry.md", _NOTE + _telemetry()
    yield "commands.md", _NOTE + _commands()
    schemas: Mapping[str, Callable[[], dict[str, Any]]] = {
        "reading": TypeAdapter(Reading).json_schema,
        "alert-event": lambda: EVENTS.json_schema(by_alias=True, mode="serialization"),
        "rule-file": RuleFile.model_json_schema,
        "site-file": SiteFile.model_json_schema,
        "zone-file": ZoneFile.model_json_schema,
        "zone-kind-file": ZoneKindFile.model_json_schema,
        "river-file": RiverFile.model_json_schema,
        "feed-file": FeedFile.model_json_schema,
        "storyline": Storyline.model_json_schema,
        "script-file": ScriptFile.model_json_schema,
        "script-common-file": CommonFile.model_json_schema,
        "alert-state": lambda: ALERT_STATES.json_schema(by_alias=True, mode="serialization"),
        "incident": lambda: INCIDENTS.json_schema(mode="serialization"),
        "bulletin": lambda: BULLETINS.json_schema(by_alias=True, mode="serialization"),
        "action": lambda: ACTIONS.json_schema(by_alias=True),
        "action-outcome": lambda: OUTCOMES.json_schema(mode="serialization"),
    }
    for name, schema in schemas.items():
        data = orjson.dumps(schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        yield f"schemas/{name}.schema.json", data.decode() + "\n"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _metrics() -> str:
    registry = load_registry()
    rows = [
        [
            f"`{name}`",
            metric.words.zh,
            metric.words.en,
            metric.unit,
            f"{metric.range[0]:g} … {metric.range[1]:g}",
            metric.shape.value + (f" ({format_duration(metric.covers)})" if metric.covers else ""),
            _silent_for(metric),
            metric.meaning,
            metric.source,
        ]
        for name, metric in sorted(registry.metrics.items())
    ]
    header = [
        "metric",
        "名称",
        "name",
        "unit",
        "plausible range",
        "shape",
        "unknown after a silence of",
        "meaning",
        "source",
    ]
    kinds = [
        [
            f"`{name}`",
            kind.words.zh,
            kind.words.en,
            registry.kind_feeds[name].value,
            ", ".join(f"`{metric}`" for metric in kind.metrics),
            ", ".join(f"`{attribute}` ({unit})" for attribute, unit in kind.attributes.items()) or "—",
            format_duration(kind.period),
        ]
        for name, kind in sorted(registry.kinds.items())
    ]
    kind_header = ["kind", "名称", "name", "feed", "metrics", "attributes", "period"]
    zones = [
        [
            f"`{name}`",
            kind.words.zh,
            kind.words.en,
            ", ".join(f"`{attribute}` ({unit})" for attribute, unit in kind.attributes.items()) or "—",
            "temporary" if kind.temporary else "—",
        ]
        for name, kind in sorted(registry.zone_kinds.items())
    ]
    feeds = [
        [
            f"`{feed.value}`",
            info.words.zh,
            info.words.en,
            format_duration(info.late_max),
            format_duration(info.reorder_for),
        ]
        for feed, info in sorted(registry.feeds.items())
    ]
    feed_header = ["feed", "名称", "name", "a reading may be late by (`late_max`)", "held for (`reorder_for`)"]
    sections = {
        "Feeds": _table(feed_header, feeds),
        "Metrics": _table(header, rows),
        "Kinds of site": _table(kind_header, kinds),
        "Kinds of zone": _table(["kind", "名称", "name", "attributes", "lasts"], zones),
    }
    return "\n".join(f"# {title}\n\n{table}" for title, table in sections.items())


def _silent_for(metric: Metric) -> str:
    """Return how long a metric may be silent before what it said is unknown."""
    if metric.shape is Shape.ON_CHANGE:
        return "never" if metric.silent_for is None else format_duration(metric.silent_for)
    least = f", {format_duration(round(SILENT_PERIODS * metric.covers))} at least" if metric.covers else ""
    return f"{SILENT_PERIODS:g} periods{least}"


def _rules(rules: RuleSet) -> str:
    rows = [
        [
            " ".join(checked.rule.rows),
            f"`{checked.rule.id}`",
            checked.rule.scenario.value,
            f"{checked.rule.words.zh} / {checked.rule.words.en}",
            checked.entry.type,
            str(rules.armed_at(checked.rule.id)),
            "<br>".join(checked.entry.source),
            "<br>".join(test.name for test in checked.entry.tests),
        ]
        for checked in rules.in_force
    ]
    header = ["rows", "rule", "scenario", "name", "type", "armed at", "source", "tests"]
    return f"# Rules in force\n\n{_table(header, rows)}"


def _settings() -> str:
    rows = [
        [
            f"`CITYBRAIN_{name.upper()}`",
            f"`{field.default.value if hasattr(field.default, 'value') else field.default}`",
            field.description or "",
        ]
        for name, field in Settings.model_fields.items()
    ]
    text = "The file `citybrain.toml` (or the one that `CITYBRAIN_CONFIG` names) takes the same names in lower case.\n"
    return f"# Settings\n\n{text}\n{_table(['variable', 'default', 'meaning'], rows)}"


def _topics() -> str:
    rows = [
        [
            f"`{topic.name}`",
            topic.key,
            str(topic.partitions),
            topic.cleanup.value,
            format_duration(topic.retention) if topic.retention is not None else "—",
            topic.timestamp_type.value,
            topic.meaning,
        ]
        for topic in topics_for()
    ]
    header = ["topic", "key", "partitions", "cleanup", "retention", "timestamps", "meaning"]
    return f"# Topics\n\n{_table(header, rows)}"


def _problems() -> str:
    codes = sorted({key.split(".")[1] for key in messages("en") if key.startswith("problem.")})
    rows = []
    for code in codes:
        keys = [key for key in (f"problem.{code}.text", f"problem.{code}.hint") if key in messages("en")]
        rows.append([f"`{code}`", *("; ".join(messages(language)[key] for key in keys) for language in LANGUAGES)])
    return f"# Problems of author files\n\n{_table(['code', '中文', 'English'], rows)}"


def _telemetry() -> str:
    rows = [
        [f"`{metric.name}{'_total' if metric.type == 'counter' else ''}`", metric.type, metric.documentation]
        for metric in Telemetry().registry.collect()
    ]
    return f"# Metrics of the worker\n\n{_table(['metric', 'type', 'meaning'], sorted(rows))}"


def _commands() -> str:
    from citybrain.cli.main import app  # noqa: PLC0415 - that module imports this one.

    lines = ["# Commands\n"]
    for path, command in _leaves(typer.main.get_command(app), "citybrain"):
        lines += [f"## `{path}`\n", f"{command.help}\n"]
        rows = []
        for parameter in command.params:
            names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
            rows.append([names, getattr(parameter, "help", None) or "—"])
        lines.append(_table(["argument or option", "meaning"], rows))
    return "\n".join(lines)


def _leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every visible command below one, with its full name."""
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in sorted(children.items()):
        if not child.hidden:
            yield from _leaves(child, f"{path} {name}")
