"""What a storyline is expected to raise, beside it in `expected/`: the simulators know no rule, and never read it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from citybrain.alerts import AlertEvent
from citybrain.documents import Document, load, validated
from citybrain.errors import CatalogError
from citybrain.faults import Fault
from citybrain.instants import Duration
from citybrain.metrics import Entry
from citybrain.model import Level
from citybrain.problems import Problem, sorted_problems
from citybrain.sites import SiteId
from rules.ruleset import RuleSet
from rules.shape.rule import RuleId
from rules.shape.trial_zones import TrialZone
from simulators.storyline import SHIPPED as SHIPPED_STORYLINES

FOLDER = "expected"


class ExpectedAlert(Entry):
    """An alert of a rule that reaches a level `from` a time after the start of the storyline `until` another."""

    rule: RuleId
    level: Level
    at: str | None = Field(None, description="the site, zone or county that it is about; nothing: wherever it is")
    since: Duration = Field(alias="from")
    until: Duration

    @model_validator(mode="after")
    def _has_a_span(self) -> Self:
        if self.since >= self.until:
            raise Fault("trial_span")
        return self

    def is_about(self, event: AlertEvent) -> bool:
        """Tell whether an event is of the rule and at the place, whatever its level."""
        is_there = self.at is None or self.at in (event.subject.site, event.subject.zone, event.county)
        return is_there and event.rule.id == self.rule


class ExpectedFile(Entry):
    """One file of `expected/`, named after its storyline; `zones` are those that people declare meanwhile."""

    storyline: SiteId
    zones: dict[SiteId, TrialZone] = {}
    alerts: tuple[ExpectedAlert, ...] = ()


def load_expected(storyline: str, rules: RuleSet, storylines: Path | None = None) -> ExpectedFile | None:
    """Return what a storyline of a folder is expected to raise; None where nobody wrote it down.

    Raises CatalogError that lists every fault.
    """
    path = (storylines or SHIPPED_STORYLINES) / FOLDER / f"{storyline}.yaml"
    if not path.is_file():
        return None
    document, problems = load(path)
    file = None
    if document is not None:
        file, faults = validated(document, ExpectedFile)
        problems = [*problems, *faults, *(_unknown(document, file, rules) if file is not None else ())]
    if file is None or problems:
        raise CatalogError("\n".join(problem.line_of_report("en") for problem in sorted_problems(problems)))
    return file


def _unknown(document: Document, file: ExpectedFile, rules: RuleSet) -> Iterator[Problem]:
    """Yield the names that nobody has declared."""
    if file.storyline != document.path.stem:
        text = f"the file is named after another storyline than {file.storyline!r}"
        yield document.problem(("storyline",), "R110", text=text)
    for name, zone in file.zones.items():
        if not rules.registry.is_temporary(zone.kind):
            text = f"zones of kind {zone.kind!r} are not declared for a time"
            yield document.problem(("zones", name, "kind"), "R110", text=text)
    places = {*rules.registry.sites, *rules.registry.zones, *file.zones}
    for number, alert in enumerate(file.alerts):
        if alert.rule not in rules.rules:
            yield document.problem(("alerts", number, "rule"), "R302", key=alert.rule, hint="")
        if alert.at is not None and alert.at not in places:
            text = f"there is no site, zone or county {alert.at!r}"
            yield document.problem(("alerts", number, "at"), "R110", text=text)
