"""`citybrain scenario`: list, show, check and run the scripts of the scenarios."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from citybrain.alerts import Tier
from citybrain.cli.console import AsJson, Lang, badge, err, out, print_json, print_problems, print_table, whole_column
from citybrain.cli.shared import CatalogOption, catalog_folders, language_of, rules_in_force
from citybrain.errors import CatalogError, MissingError, UsageError
from citybrain.i18n import Language, say
from citybrain.instants import format_duration
from citybrain.model import Level, Scenario
from citybrain.problems import sorted_problems
from citybrain.settings import load_settings
from rules.ruleset import RuleSet
from scenarios.expected import FOLDER as EXPECTED
from scenarios.expected import ExpectedFile, load_expected
from scenarios.playbook import Playbook, playbook_of
from scenarios.practice import Goal, practise
from scenarios.practice_report import data_of, lines
from scenarios.script_check import unscripted
from scenarios.scripts import Scripts, read_scripts, without_drill
from scenarios.shape import Named, ScriptFile, Stage
from simulators.storyline import Storyline, load_storyline

app = typer.Typer(help="List, show, check and run the scripts of the scenarios.", no_args_is_help=True)


@app.command(name="list")
def list_scripts(catalog: CatalogOption = None, lang: Lang = None, as_json: AsJson = False) -> None:
    """List the 13 scenarios, who leads them, and how many rules and steps their scripts have."""
    language = language_of(lang)
    scripts = scripts_in_force(rules_in_force(catalog), catalog, language)
    table = Table(whole_column("id"), say(language, "cli.name"), say(language, "scenario.lead"))
    table.add_column(say(language, "scenario.rules"), justify="right")
    table.add_column(say(language, "scenario.steps"), justify="right")
    for scenario in Scenario:
        script = scripts.scripts.get(scenario)
        if script is None:
            if scenario is not Scenario.SYSTEM and not as_json:
                table.add_row(scenario.value, say(language, "scenario.no_script"), "", "", "", style="dim")
            continue
        steps = sum(len(scripts.steps(scenario, stage)) for stage in Stage)
        if as_json:
            names = {"zh": script.words.zh, "en": script.words.en}
            found = {"id": scenario.value, "name": names, "lead": script.lead, "rules": script.rules, "steps": steps}
            print_json(found)
        else:
            words = script.words.in_language(language)
            lead = _unit(script.lead, scripts, language)
            table.add_row(scenario.value, Text(words), Text(lead), str(len(script.rules)), str(steps))
    if not as_json:
        print_table(table)


@app.command()
def show(
    scenario: Annotated[str, typer.Argument(help="Id of a scenario, such as fire-rescue.")],
    catalog: CatalogOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Show one script: purpose and limits, units, tiers, and all its steps with those that scripts share."""
    language = language_of(lang)
    scripts = scripts_in_force(rules_in_force(catalog), catalog, language)
    script = next((script for known, script in scripts.scripts.items() if known.value == scenario), None)
    if script is None:
        raise UsageError(f"{scenario!r} has no script, expected one of {', '.join(scripts.scripts)}")
    if as_json:
        steps = {
            stage.value: [step.model_dump(mode="json") for step in scripts.steps(script.scenario, stage)]
            for stage in Stage
        }
        print_json({**script.model_dump(mode="json", by_alias=True), "steps": steps})
    else:
        _print(script, scripts, language)


@app.command(name="check")
def check_files(
    paths: Annotated[list[Path] | None, typer.Argument(help="Scripts or folders; default: those in force.")] = None,
    catalog: CatalogOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Check scripts against each other and the rules: every problem, with its place. Exit 1 when there is any."""
    language = language_of(lang)
    rules = rules_in_force(catalog)
    folders = catalog_folders(catalog)
    failed, passed = 0, 0
    for path in paths or [folders.scripts]:
        if not path.exists():
            raise UsageError(f"{path} does not exist")
        scripts, problems = read_scripts(path, rules, folders.storylines)
        if scripts is not None and path.is_dir():
            problems = sorted_problems(unscripted(scripts.scripts, rules))
        failed += len(problems)
        passed += len(scripts.scripts) if scripts is not None else 0
        to_do = without_drill(scripts) if scripts is not None else ()
        print_problems([*problems, *to_do], language, as_json=as_json)
    if failed:
        err.print(say(language, "cli.check_failed", count=failed), style="red")
        raise typer.Exit(1)
    err.print(say(language, "scenario.check_passed", count=passed), style="green")


@app.command()
def run(
    names: Annotated[
        list[str] | None, typer.Argument(help="Ids of scenarios; default: all that have a drill.", metavar="[NAME]...")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same readings.")] = 1,
    catalog: CatalogOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Run both storylines of a scenario's drill offline: expected alerts that come or not. Exit 1 for what does not."""
    language = language_of(lang)
    rules = rules_in_force(catalog)
    playbook, folder = playbook_in_force(rules, catalog, language), catalog_folders(catalog).storylines
    failed = count = 0
    for script in _with_drills(names, playbook.scripts, language):
        if not as_json:
            out.print(Text.assemble((script.words.in_language(language), "bold"), f"  {script.scenario.value}"))
        for goal, storyline, expected in _storylines(script, rules, folder, language):
            found = practise(script.scenario, goal, storyline, expected, rules=rules, playbook=playbook, seed=seed)
            count += 1
            failed += not found.is_met
            if as_json:
                print_json(data_of(found))
            else:
                for line in lines(found, rules.registry, language):
                    out.print(line, markup=False)
    if failed:
        err.print(say(language, "practice.unmet", count=failed), style="red")
        raise typer.Exit(1)
    err.print(say(language, "practice.met", count=count), style="green")


def _with_drills(names: list[str] | None, scripts: Scripts, language: Language) -> list[ScriptFile]:
    """Return the scripts that are named, or all with a drill. Raises UsageError, MissingError for one without."""
    if not names:
        return [script for script in scripts.scripts.values() if script.drill is not None]
    chosen = []
    for name in names:
        script = next((script for known, script in scripts.scripts.items() if known.value == name), None)
        if script is None:
            raise UsageError(f"{name!r} has no script, expected one of {', '.join(scripts.scripts)}")
        if script.drill is None:
            raise MissingError(say(language, "practice.no_drill", scenario=name))
        chosen.append(script)
    return chosen


def _storylines(
    script: ScriptFile, rules: RuleSet, folder: Path, language: Language
) -> Iterator[tuple[Goal, Storyline, ExpectedFile | None]]:
    """Yield the two storylines of a drill. Raises MissingError where it is not said what the first is to raise."""
    assert script.drill is not None, "only scripts with a drill are run"
    registry = rules.registry
    for goal, name in ((Goal.REACHES, script.drill.reaches), (Goal.QUIET, script.drill.quiet)):
        storyline = load_storyline(name, registry.sites, folder, metrics=registry.metrics)
        expected = load_expected(name, rules, folder)
        if goal is Goal.REACHES and (expected is None or not expected.alerts):
            path = folder / EXPECTED / f"{name}.yaml"
            raise MissingError(say(language, "practice.no_expectation", storyline=name, path=path))
        yield goal, storyline, expected


def playbook_in_force(rules: RuleSet, catalog: Path | None, language: Language) -> Playbook:
    """Return what the incident stage goes by: the rules, the scripts, and who sends bulletins by the settings."""
    return playbook_of(rules, scripts_in_force(rules, catalog, language), sender=load_settings().sender)


def scripts_in_force(rules: RuleSet, catalog: Path | None, language: Language) -> Scripts:
    """Return the scripts of a catalog, the shipped ones where it has none. Raises CatalogError with the faults."""
    folders = catalog_folders(catalog)
    scripts, problems = read_scripts(folders.scripts, rules, folders.storylines)
    if scripts is None:
        raise CatalogError("\n".join(["", *(problem.line_of_report(language) for problem in problems)]))
    return scripts


def _print(script: ScriptFile, scripts: Scripts, language: Language) -> None:
    out.print(Text.assemble((script.words.in_language(language), "bold"), f"  {script.scenario.value}"))
    for name, text in _facts(script, scripts, language).items():
        if text:
            out.print(Text.assemble((say(language, f"scenario.{name}"), "dim"), f"  {text}"))
    for stage in Stage:
        out.print(_heading(stage, language))
        for step in scripts.steps(script.scenario, stage):
            units = _names(step.units or (script.lead,), scripts.common.units, language)
            hazards = _names(step.hazards, scripts.common.hazards, language)
            limited = f"  [{hazards}]" if hazards else ""
            text = step.text.in_language(language)
            out.print(Text(f"  ≤ {format_duration(step.within):6} {text}  ({units}){limited}"))


def _facts(script: ScriptFile, scripts: Scripts, language: Language) -> dict[str, str]:
    """Return what a script says beside its steps, each part by the key of its heading."""
    common = scripts.common
    after = {level: scripts.escalate_after(script.scenario, level) for level in (Level.ORANGE, Level.RED)}
    escalation = "  ".join(
        f"{badge(level, language)[0].strip()} {format_duration(span or 0)}" for level, span in after.items()
    )
    end_after = say(language, "scenario.end_after", span=format_duration(scripts.end_after(script.scenario)))
    drill = script.drill
    return {
        "purpose": script.purpose.in_language(language),
        "limits": script.limits.in_language(language),
        "lead": _unit(script.lead, scripts, language),
        "supporting": _names(script.supporting, common.units, language),
        "data_owners": _names(script.data_owners, common.units, language),
        "hazards": _names(script.hazards, common.hazards, language),
        "rules": "  ".join(script.rules),
        "start": script.start.in_language(language),
        "end": f"{script.end.in_language(language)}  {end_after}",
        "escalation": escalation,
        "resources": _names(script.resources, common.resources, language),
        "drill": say(language, "scenario.drill_of", **drill.model_dump()) if drill is not None else "",
        **{f"tier_{tier.value}": script.tiers.of(tier).in_language(language) for tier in Tier},
        "source": "  ".join(script.source),
    }


def _names(slugs: Iterable[str], declared: Mapping[str, Named], language: Language) -> str:
    return say(language, "scenario.comma").join(declared[slug].words.in_language(language) for slug in slugs)


def _heading(stage: Stage, language: Language) -> Text:
    if stage in (Stage.CLOSING, Stage.REVIEW):
        return Text(f" {say(language, f'scenario.{stage.value}')} ", style="bold")
    return Text(*badge(Level(stage.value), language))


def _unit(unit: str, scripts: Scripts, language: Language) -> str:
    return scripts.common.units[unit].words.in_language(language)
