"""What is wrong in scripts: names that nobody declared, rules and hazards that do not fit, steps that stand twice."""

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from citybrain.documents import Document, Loc
from citybrain.model import Scenario
from citybrain.problems import Problem
from citybrain.registry import COUNTY
from rules.ruleset import RuleSet
from scenarios.shape import CommonFile, ScriptFile, Stage, StepsEntry


def common_problems(document: Document, file: CommonFile, rules: RuleSet) -> Iterator[Problem]:
    """Yield what is wrong in the file that scripts share."""
    counties = {zone.id for zone in rules.registry.zones.values() if zone.kind == COUNTY}
    yield from _twice(document, ("depots",), [depot.id for depot in file.depots], "id")
    for place, depot in enumerate(file.depots):
        if depot.county not in counties:
            yield _unknown(document, ("depots", place, "county"), "R307", depot.county, counties)
        elif depot.county not in rules.zones_at(depot.position):
            yield document.problem(("depots", place, "position"), "R317", key=depot.county)
        yield from _all_known(document, ("depots", place, "holds"), "R304", depot.holds, file.resources)
    held = {resource for depot in file.depots for resource in depot.holds}
    for resource in file.resources:
        if resource not in held:
            yield document.problem(("resources", resource), "R310", key=resource)
    yield from _step_problems(document, file.steps, file, hazards=None)


def script_problems(
    document: Document, file: ScriptFile, common: CommonFile, rules: RuleSet, storylines: Collection[str]
) -> Iterator[Problem]:
    """Yield what is wrong in a script, seen beside what scripts share, the rules and the storylines there are."""
    if file.lead not in common.units:
        yield _unknown(document, ("lead",), "R301", file.lead, common.units)
    for name, slugs in (("supporting", file.supporting), ("data_owners", file.data_owners)):
        yield from _all_known(document, (name,), "R301", slugs, common.units)
    yield from _in_two_parts(document, file)
    yield from _all_known(document, ("hazards",), "R311", file.hazards, common.hazards)
    yield from _all_known(document, ("resources",), "R304", file.resources, common.resources)
    yield from _all_known(document, ("rules",), "R302", file.rules, rules.rules)
    for name in ("hazards", "resources", "rules"):
        yield from _twice(document, (name,), getattr(file, name))
    yield from _rule_problems(document, file, rules)
    yield from _hazard_problems(document, file, common, rules)
    if file.drill is not None:
        for name, storyline in (("reaches", file.drill.reaches), ("quiet", file.drill.quiet)):
            if storyline not in storylines:
                yield _unknown(document, ("drill", name), "R314", storyline, storylines)
    yield from _step_problems(document, file.steps, common, hazards=file.hazards)
    yield from _outsiders(document, file, common)


def unscripted(scripts: Mapping[Scenario, ScriptFile], rules: RuleSet) -> Iterator[Problem]:
    """Yield the rules in force that no script names: they raise alerts, and nobody has written what to do then."""
    for checked in rules.in_force:
        scenario = checked.rule.scenario
        if scenario is Scenario.SYSTEM:
            continue
        script = scripts.get(scenario)
        if script is None:
            yield checked.problem("R308", rule=checked.rule.id, scenario=scenario.value)
        elif checked.rule.id not in script.rules:
            yield checked.problem("R309", rule=checked.rule.id, scenario=scenario.value)


def _rule_problems(document: Document, file: ScriptFile, rules: RuleSet) -> Iterator[Problem]:
    for number, rule in enumerate(file.rules):
        checked = rules.rules.get(rule)
        if checked is None:
            continue
        if checked.rule.scenario is not file.scenario:
            yield document.problem(("rules", number), "R303", key=rule, scenario=checked.rule.scenario.value)
        elif checked.rule.hazard not in file.hazards:
            yield document.problem(("rules", number), "R312", key=rule, hazard=checked.rule.hazard)


def _hazard_problems(document: Document, file: ScriptFile, common: CommonFile, rules: RuleSet) -> Iterator[Problem]:
    """Hold the hazards against all rules whose alerts come into the scenario, its own and those that join."""
    joining = {
        checked.rule.id: checked.rule.hazard
        for checked in rules.in_force
        if file.scenario in {also.scenario for also in checked.entry.also_in}
    }
    own = {one.rule.hazard for one in rules.in_force if one.rule.scenario is file.scenario}
    for rule, hazard in joining.items():
        if hazard not in file.hazards:
            yield document.problem(("hazards",), "R312", key=rule, hazard=hazard)
    for number, hazard in enumerate(file.hazards):
        if hazard in common.hazards and hazard not in own and hazard not in joining.values():
            yield document.problem(("hazards", number), "R313", key=hazard)


def _in_two_parts(document: Document, file: ScriptFile) -> Iterator[Problem]:
    """Yield the units that have more than one part: to lead, to support, to own data."""
    places: list[tuple[Loc, str]] = [(("supporting", number), unit) for number, unit in enumerate(file.supporting)]
    places += [(("data_owners", number), unit) for number, unit in enumerate(file.data_owners)]
    seen = {file.lead}
    for loc, unit in places:
        if unit in seen:
            yield document.problem(loc, "R121", key=unit)
        seen.add(unit)


def _outsiders(document: Document, file: ScriptFile, common: CommonFile) -> Iterator[Problem]:
    """Yield the units that have something to do in a scenario whose script does not count them among its own."""
    own = {file.lead, *file.supporting, *file.data_owners}
    if not own <= common.units.keys():
        return  # One that is misspelt there would be told again at each of its steps.
    for stage in Stage:
        for number, step in enumerate(file.steps.of(stage)):
            for place, unit in enumerate(step.units):
                if unit in common.units and unit not in own:
                    yield document.problem(("steps", stage.value, number, "units", place), "R316", key=unit)


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
            yield from _all_known(document, (*loc, "units"), "R301", step.units, common.units)
            yield from _all_known(document, (*loc, "hazards"), "R306", step.hazards, hazards or ())


def _all_known(
    document: Document, loc: Loc, code: str, found: Sequence[str], known: Collection[str]
) -> Iterator[Problem]:
    for number, name in enumerate(found):
        if name not in known:
            yield _unknown(document, (*loc, number), code, name, known)


def _twice(document: Document, loc: Loc, names: Sequence[str], *below: str) -> Iterator[Problem]:
    counts = Counter(names)
    for number, name in enumerate(names):
        if counts[name] > 1:
            yield document.problem((*loc, number, *below), "R121", key=name)


def _unknown(document: Document, loc: Loc, code: str, found: str, known: Iterable[str]) -> Problem:
    near = difflib.get_close_matches(found, sorted(known), n=1)
    return document.problem(loc, code, key=found, hint=near[0] if near else "")
