"""The scripts in force: all files of `scenarios/catalog/`, checked against each other and against the rules."""

import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from citybrain.documents import Document, Loc, load, validated
from citybrain.errors import CatalogError
from citybrain.geometry import distance_m
from citybrain.model import Level, Scenario
from citybrain.problems import Problem, sorted_problems
from citybrain.registry import COUNTY, Registry
from rules.ruleset import RuleSet
from scenarios.shape import CommonFile, DepotEntry, EscalationEntry, ScriptFile, Stage, StepEntry, StepsEntry

Model = TypeVar("Model", bound=BaseModel)

SHIPPED_SCRIPTS = Path(__file__).parent / "catalog"
COMMON = "common.yaml"


@dataclass(frozen=True, slots=True)
class Scripts:
    """Checked scripts. `catalog` is the hash of all that they say."""

    common: CommonFile
    scripts: Mapping[Scenario, ScriptFile]
    catalog: str

    def steps(self, scenario: Scenario, stage: Stage) -> tuple[StepEntry, ...]:
        """Return the steps of a stage: those of the ladder, then the scenario's own. Without a script the ladder's."""
        script = self.scripts.get(scenario)
        own = script.steps.of(stage) if script is not None else ()
        return (*self.common.steps.of(stage), *own)

    def escalate_after(self, scenario: Scenario, level: Level) -> int | None:
        """Return how long an alert may stay unacknowledged, milliseconds; None at lower levels."""
        script = self.scripts.get(scenario)
        own: EscalationEntry | None = script.escalate_after if script is not None else None
        return (own or self.common.escalate_after).after(level)

    def nearest(self, resource: str, position: tuple[float, float]) -> tuple[DepotEntry, float]:
        """Return the depot nearest to (lon, lat) that holds a resource, and how far it is in metres."""
        found = [(distance_m(depot.position, position), depot.id, depot) for depot in _holders(self.common, resource)]
        distance, _, depot = min(found, key=lambda one: one[:2])
        return depot, distance


def load_scripts(rules: RuleSet, folder: Path | None = None) -> Scripts:
    """Return the scripts of a folder, by default the shipped one. Raises CatalogError that lists every fault."""
    scripts, problems = read_scripts(folder or SHIPPED_SCRIPTS, rules)
    if scripts is None:
        raise CatalogError("\n".join(problem.line_of_report("en") for problem in problems))
    return scripts


def read_scripts(path: Path, rules: RuleSet) -> tuple[Scripts | None, list[Problem]]:
    """Read and check a folder of scripts, or one script beside the shipped common file.

    Without scripts there is at least one problem.
    """
    home = path if path.is_dir() else SHIPPED_SCRIPTS
    common, problems = _read(home / COMMON, CommonFile)
    if common is None:
        return None, sorted_problems(problems)
    document, file = common
    problems += _common_problems(document, file, rules.registry)
    scripts: dict[Scenario, ScriptFile] = {}
    for name in sorted(set(path.glob("*.yaml")) - {home / COMMON}) if path.is_dir() else [path]:
        found, faults = _read(name, ScriptFile)
        problems += faults
        if found is not None:
            problems += _script_problems(*found, file, rules)
            scripts[found[1].scenario] = found[1]
    if not scripts and not problems:
        problems.append(Problem(path, 1, 1, "R120", {"pattern": "*.yaml"}))
    if problems:
        return None, sorted_problems(problems)
    return Scripts(file, scripts, _digest(file, scripts.values())), []


def script_warnings(scripts: Scripts, rules: RuleSet) -> Iterator[Problem]:
    """Yield the rules in force that no script names: they raise alerts, and nobody has written what to do then."""
    for checked in rules.in_force:
        scenario = checked.rule.scenario
        if scenario is Scenario.SYSTEM:
            continue
        script = scripts.scripts.get(scenario)
        if script is None:
            yield checked.problem("R308", rule=checked.rule.id, scenario=scenario.value)
        elif checked.rule.id not in script.rules:
            yield checked.problem("R309", rule=checked.rule.id, scenario=scenario.value)


def _read(path: Path, shape: type[Model]) -> tuple[tuple[Document, Model] | None, list[Problem]]:
    document, problems = load(path)
    if document is None:
        return None, problems
    file, faults = validated(document, shape)
    return ((document, file) if file is not None else None), [*problems, *faults]


def _common_problems(document: Document, file: CommonFile, registry: Registry) -> Iterator[Problem]:
    counties = [zone.id for zone in registry.zones.values() if zone.kind == COUNTY]
    ids = Counter(depot.id for depot in file.depots)
    for place, depot in enumerate(file.depots):
        if ids[depot.id] > 1:
            yield document.problem(("depots", place, "id"), "R121", key=depot.id)
        if depot.county not in counties:
            yield _unknown(document, ("depots", place, "county"), "R307", depot.county, counties)
        for number, resource in enumerate(depot.holds):
            if resource not in file.resources:
                yield _unknown(document, ("depots", place, "holds", number), "R304", resource, file.resources)
    for resource in file.resources:
        if not _holders(file, resource):
            yield document.problem(("resources", resource), "R310", key=resource)
    yield from _step_problems(document, file.steps, file, hazards=None)


def _script_problems(document: Document, file: ScriptFile, common: CommonFile, rules: RuleSet) -> Iterator[Problem]:
    name = document.path.name
    if document.path.parent.name == "catalog" and name != f"{file.scenario.value}.yaml":
        yield document.problem(("scenario",), "R300", found=file.scenario.value, name=name)
    units: list[tuple[Loc, str]] = [(("lead",), file.lead)]
    units += [(("supporting", number), unit) for number, unit in enumerate(file.supporting)]
    units += [(("data_owners", number), unit) for number, unit in enumerate(file.data_owners)]
    for loc, unit in units:
        if unit not in common.units:
            yield _unknown(document, loc, "R301", unit, common.units)
    for number, rule in enumerate(file.rules):
        checked = rules.rules.get(rule)
        if checked is None:
            yield _unknown(document, ("rules", number), "R302", rule, rules.rules)
        elif checked.rule.scenario is not file.scenario:
            yield document.problem(("rules", number), "R303", key=rule, scenario=checked.rule.scenario.value)
    for number, resource in enumerate(file.resources):
        if resource not in common.resources:
            yield _unknown(document, ("resources", number), "R304", resource, common.resources)
    yield from _step_problems(document, file.steps, common, hazards=file.hazards)


def _step_problems(
    document: Document, steps: StepsEntry, common: CommonFile, *, hazards: tuple[str, ...] | None
) -> Iterator[Problem]:
    """Check the steps of a script, or, without `hazards`, those of the ladder."""
    shared = {step.id for stage in Stage for step in common.steps.of(stage)}
    taken: set[str] = set() if hazards is None else shared
    for stage in Stage:
        for number, step in enumerate(steps.of(stage)):
            loc = ("steps", stage.value, number)
            if step.id in taken:
                yield document.problem((*loc, "id"), "R305", key=step.id)
            taken = taken | {step.id}
            for place, unit in enumerate(step.units):
                if unit not in common.units:
                    yield _unknown(document, (*loc, "units", place), "R301", unit, common.units)
            for place, hazard in enumerate(step.hazards):
                if hazard not in (hazards or ()):
                    yield _unknown(document, (*loc, "hazards", place), "R306", hazard, hazards or ())


def _holders(common: CommonFile, resource: str) -> list[DepotEntry]:
    return [depot for depot in common.depots if resource in depot.holds]


def _unknown(document: Document, loc: Loc, code: str, found: str, known: Iterable[str]) -> Problem:
    near = difflib.get_close_matches(found, sorted(known), n=1)
    return document.problem(loc, code, key=found, hint=near[0] if near else "")


def _digest(common: CommonFile, scripts: Iterable[ScriptFile]) -> str:
    data = [one.model_dump(mode="json") for one in (common, *scripts)]
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:12]
