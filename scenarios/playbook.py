"""What the incident stage goes by: the scripts, which rule inhibits which, each rule's hazard, and the city itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from citybrain.registry import Registry
from citybrain.settings import SENDER
from rules.inhibition import Inhibition
from rules.ruleset import RuleSet
from rules.shape.area import CouplingRule
from scenarios.scripts import Scripts

OTHER_HAZARD = "other"  # Of a rule that the set no longer has.


@dataclass(frozen=True, slots=True)
class Playbook:
    """What the incident stage goes by, all of one catalog."""

    scripts: Scripts
    inhibitions: Mapping[str, tuple[Inhibition, ...]]
    hazards: Mapping[str, str]  # By rule.
    registry: Registry
    couplings: frozenset[str]  # The rules whose alerts are incidents of their own.
    sender: str = SENDER  # Of bulletins.

    def hazard_of(self, rule: str) -> str:
        """Return the hazard of a rule, `other` when it is gone."""
        return self.hazards.get(rule, OTHER_HAZARD)


def playbook_of(rules: RuleSet, scripts: Scripts, *, sender: str = SENDER) -> Playbook:
    """Return the playbook of a rule set and the scripts over it. `sender` is who sends bulletins."""
    hazards = {rule_id: checked.rule.hazard for rule_id, checked in rules.rules.items()}
    couplings = {rule_id for rule_id, checked in rules.rules.items() if isinstance(checked.entry, CouplingRule)}
    return Playbook(scripts, rules.inhibitions(), hazards, rules.registry, frozenset(couplings), sender)
