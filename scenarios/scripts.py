"""The scripts in force: all files of `scenarios/catalog/`, checked against each other and against the rules."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from citybrain.documents import Document, load, validated
from citybrain.errors import CatalogError
from citybrain.geometry import distance_m
from citybrain.model import Level, Scenario
from citybrain.problems import Problem, sorted_problems
from rules.ruleset import RuleSet
from scenarios.script_check import common_problems, script_problems
from scenarios.shape import CommonFile, DepotEntry, EscalationEntry, ScriptFile, Stage, StepEntry
from simulators.storyline import SHIPPED as SHIPPED_STORYLINES

Model = TypeVar("Model", bound=BaseModel)

SHIPPED_SCRIPTS = Path(__file__).parent / "catalog"
COMMON = "common.yaml"


@dataclass(frozen=True, slots=True)
class Scripts:
    """Checked scripts. `catalog` is the hash of all that they say."""

    common: CommonFile
    scripts: Mapping[Scenario, ScriptFile]
    catalog: str
    paths: Mapping[Scenario, Path] = field(default_factory=dict)  # Of those that were read from files.

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

    def end_after(self, scenario: Scenario) -> int:
        """Return how long no alert of an incident has been open before its end is proposed, milliseconds."""
        script = self.scripts.get(scenario)
        own = script.end_after if script is not None else None
        return own or self.common.end_after

    def nearest(self, resource: str, position: tuple[float, float]) -> list[tuple[DepotEntry, float]]:
        """Return the depots that hold a resource and their distances from (lon, lat) in metres, the nearest first."""
        found = [(depot, distance_m(depot.position, position)) for depot in _holders(self.common, resource)]
        return sorted(found, key=lambda one: (one[1], one[0].id))


def load_scripts(rules: RuleSet, folder: Path | None = None) -> Scripts:
    """Return the scripts of a folder, by default the shipped one. Raises CatalogError that lists every fault."""
    scripts, problems = read_scripts(folder or SHIPPED_SCRIPTS, rules)
    if scripts is None:
        raise CatalogError("\n".join(problem.line_of_report("en") for problem in problems))
    return scripts


def read_scripts(path: Path, rules: RuleSet, storylines: Path | None = None) -> tuple[Scripts | None, list[Problem]]:
    """Read and check a folder of scripts, or one script beside the shipped common file.

    Drills name storylines of a folder, by default the shipped one. Without scripts there is at least one problem.
    """
    home = path if path.is_dir() else SHIPPED_SCRIPTS
    common, problems = _read(home / COMMON, CommonFile)
    if common is None:
        return None, sorted_problems(problems)
    document, file = common
    problems += common_problems(document, file, rules)
    told = {story.stem for story in (storylines or SHIPPED_STORYLINES).glob("*.yaml")}
    scripts: dict[Scenario, ScriptFile] = {}
    paths: dict[Scenario, Path] = {}
    for name in sorted(set(path.glob("*.yaml")) - {home / COMMON}) if path.is_dir() else [path]:
        found, faults = _read(name, ScriptFile)
        problems += faults
        if found is None:
            continue
        document, script = found
        if path.is_dir() and name.stem != script.scenario.value:
            problems.append(document.problem(("scenario",), "R300", found=script.scenario.value, name=name.name))
        problems += script_problems(document, script, file, rules, told)
        scripts[script.scenario], paths[script.scenario] = script, name
    if not scripts and not problems:
        problems.append(Problem(path, 1, 1, "R120", {"pattern": "*.yaml"}))
    if problems:
        return None, sorted_problems(problems)
    return Scripts(file, scripts, _digest(file, scripts.values()), paths), []


def without_drill(scripts: Scripts) -> Iterator[Problem]:
    """Yield the scripts that cannot be practised yet: nobody has written their storylines."""
    for scenario, path in scripts.paths.items():
        if scripts.scripts[scenario].drill is None:
            yield Problem(path, 1, 1, "R315", {"scenario": scenario.value})


def _read(path: Path, shape: type[Model]) -> tuple[tuple[Document, Model] | None, list[Problem]]:
    document, problems = load(path)
    if document is None:
        return None, problems
    file, faults = validated(document, shape)
    return ((document, file) if file is not None else None), [*problems, *faults]


def _holders(common: CommonFile, resource: str) -> list[DepotEntry]:
    return [depot for depot in common.depots if resource in depot.holds]


def _digest(common: CommonFile, scripts: Iterable[ScriptFile]) -> str:
    data = [one.model_dump(mode="json") for one in (common, *scripts)]
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:12]
