"""`citybrain rules`: check, test and list rule files; what publishes them is in `citybrain.cli.catalogs`."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from citybrain.cli import catalogs
from citybrain.cli.console import (
    AsJson,
    Lang,
    err,
    out,
    print_json,
    print_problems,
    print_table,
    progress,
    whole_column,
)
from citybrain.cli.shared import CatalogOption, catalog_folders, language_of
from citybrain.errors import CatalogError, UsageError
from citybrain.i18n import Language, say
from citybrain.instants import format_duration
from citybrain.problems import Problem
from rules import lint
from rules.ruleset import RuleSet, read_rules
from rules.shape.rule import RuleStatus
from rules.trial import TrialResult, run_trials

app = typer.Typer(help="Check, test, list and publish rules.", no_args_is_help=True)
app.command()(catalogs.publish)
app.command()(catalogs.history)
app.command()(catalogs.rollback)

Paths = Annotated[list[Path] | None, typer.Argument(help="Rule files or folders; default: the rules in force.")]


@app.command(name="check")
def check_files(paths: Paths = None, catalog: CatalogOption = None, lang: Lang = None, as_json: AsJson = False) -> None:
    """Check rule files: every problem in one pass, with its place. Exit 1 when there is any."""
    language = language_of(lang)
    problems: list[Problem] = []
    warnings: list[Problem] = []
    statuses = Counter[RuleStatus]()
    warm_ups = dict[str, int]()
    for path in _paths(paths, catalog):
        found, faults = read_rules(path, catalog_folders(catalog).registry)
        problems += faults
        if found is not None:
            warnings += lint.warnings(found)
            statuses.update(checked.entry.status for checked in found.rules.values())
            warm_ups.update(found.warm_ups())
    print_problems([*problems, *warnings], language, as_json=as_json)
    if problems:
        err.print(say(language, "cli.check_failed", count=len(problems)), style="red")
        raise typer.Exit(1)
    for rule, span in warm_ups.items():
        err.print(say(language, "cli.warms_up", rule=rule, span=format_duration(span)))
    err.print(say(language, "cli.check_passed", count=statuses.total()), style="green")
    if set(statuses) - {RuleStatus.ACTIVE}:
        counts = (f"{say(language, f'rule_status.{status.value}')} {statuses[status]}" for status in RuleStatus)
        err.print("  ".join(counts))


@app.command(name="test")
def run_tests(
    paths: Paths = None,
    only: Annotated[str | None, typer.Option("--rule", "-k", help="Only rules whose id holds this text.")] = None,
    catalog: CatalogOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Run the tests that stand beside the rules, through the engine. Exit 1 when any fails or none is there."""
    language = language_of(lang)
    results: list[TrialResult] = []
    for path in _paths(paths, catalog):
        rules = _rules(path, catalog, language)
        chosen = [rule for rule in rules.rules if only is None or only in rule]
        for rule in progress(chosen, say(language, "cli.testing"), total=len(chosen)):
            results += run_trials(rules, rule)
    if not results:
        raise UsageError(say(language, "cli.no_tests", only=only or "*"))
    failed = [result for result in results if not result.has_passed]
    for result in results:
        _print_result(result, language, as_json=as_json)
    text = say(language, "cli.tested", passed=len(results) - len(failed), failed=len(failed))
    err.print(text, style="red" if failed else "green")
    if failed:
        raise typer.Exit(1)


@app.command(name="list")
def list_rules(catalog: CatalogOption = None, lang: Lang = None, as_json: AsJson = False) -> None:
    """List the rules in force, their domain rows, and at how many sites or groups of sites they are armed."""
    language = language_of(lang)
    rules = _rules(catalog_folders(catalog).rules, catalog, language)
    table = Table(whole_column("id"), say(language, "cli.rows"), whole_column(say(language, "cli.scenario")))
    table.add_column(say(language, "cli.name"))
    table.add_column(say(language, "cli.sites"), justify="right")
    table.add_column(say(language, "cli.status"))
    for checked in rules.rules.values():
        rule, sites = checked.rule, rules.armed_at(checked.rule.id)
        if as_json:
            names = {"zh": rule.words.zh, "en": rule.words.en}
            status = checked.entry.status.value
            found = {"id": rule.id, "rows": rule.rows, "scenario": rule.scenario, "name": names, "sites": sites}
            print_json({**found, "status": status})
        else:
            words = rule.words.in_language(language)
            status = say(language, f"rule_status.{checked.entry.status.value}")
            table.add_row(rule.id, " ".join(rule.rows), rule.scenario.value, Text(words), str(sites), status)
    if not as_json:
        print_table(table)


def _paths(paths: list[Path] | None, catalog: Path | None) -> list[Path]:
    chosen = paths or [catalog_folders(catalog).rules]
    for path in chosen:
        if not path.exists():
            raise UsageError(f"{path} does not exist")
    return chosen


def _rules(path: Path, catalog: Path | None, language: Language) -> RuleSet:
    rules, problems = read_rules(path, catalog_folders(catalog).registry)
    if rules is None:
        raise CatalogError("\n".join(["", *(problem.line_of_report(language) for problem in problems)]))
    return rules


def _print_result(result: TrialResult, language: Language, *, as_json: bool) -> None:
    if as_json:
        pairs = [[str(side) if side is not None else None for side in pair] for pair in result.pairs]
        print_json({"rule": result.rule, "test": result.test, "passed": result.has_passed, "events": pairs})
        return
    mark, style = ("✓", "green") if result.has_passed else ("✗", "red")
    # The author named the test: brackets in a name are no markup.
    out.print(Text.assemble((mark, style), f" {result.rule}  {result.test}"))
    if result.has_passed:
        return
    table = Table(say(language, "cli.expected"), say(language, "cli.seen"), "")
    for expected, seen in result.pairs:
        sign = Text("" if expected == seen else "≠", style="red")
        table.add_row(Text(str(expected or "—")), Text(str(seen or "—")), sign)
    out.print(table)
