"""A small playbook (two scripts, one inhibition) and what makes events and actions for it."""

import hashlib
from dataclasses import replace

import pytest

from citybrain.alerts import AlertEvent, Evidence, MessageType, RuleReference, State, Subject, SubjectKind, identify
from citybrain.instants import parse_instant
from citybrain.model import Level, Scenario, Status, Words
from citybrain.registry import load_registry
from rules.inhibition import Inhibition, Within
from scenarios.actions import ACTIONS, Action
from scenarios.incidents import Incidents
from scenarios.journal import Changes, JournalRecord
from scenarios.playbook import Playbook
from scenarios.scripts import Scripts
from scenarios.shape import CommonFile, ScriptFile

START = parse_instant("2026-06-20T08:00:00+08:00")
WORDS = Words("某", "Something")
WRITTEN = {"zh": "某", "en": "Something"}
LIANDU, QINGTIAN = "331102", "331121"


def step(name: str, within: str = "1h", **fields) -> dict:
    return {"id": name, "text": WRITTEN, "within": within, **fields}


COMMON = {
    "source": ["a test [E]"],
    "units": {unit: {"name": WRITTEN} for unit in ("emergency-mgmt", "fire-rescue", "water")},
    "hazards": {hazard: {"name": WRITTEN} for hazard in ("flood", "drought")},
    "resources": {"boats": {"name": WRITTEN}, "foam": {"name": WRITTEN}},
    "depots": [
        {"id": "dp-near", "name": WRITTEN, "county": LIANDU, "position": [119.9, 28.45], "holds": ["boats"]},
        {"id": "dp-far", "name": WRITTEN, "county": QINGTIAN, "position": [120.3, 28.1], "holds": ["boats", "foam"]},
    ],
    "escalate_after": {"orange": "20min", "red": "10min"},
    "end_after": "60min",
    "steps": {
        "blue": [step("on-duty", "15min")],
        "orange": [step("report", "30min")],
        "closing": [step("propose")],
        "review": [step("lessons", "15d")],
    },
}


def script(scenario: str, lead: str, **fields) -> ScriptFile:
    texts = dict.fromkeys(("name", "purpose", "limits", "start", "end"), WRITTEN)
    tiers = {"centre": WRITTEN, "field": WRITTEN, "responder": WRITTEN}
    rest = {"hazards": ["flood", "drought"], "rules": ["fd-03"], "source": ["a test [E]"]}
    return ScriptFile.model_validate({"scenario": scenario, "lead": lead, **texts, "tiers": tiers, **rest, **fields})


PUBLIC = {"red": {"zh": "上高地", "en": "Go to high ground."}}
FLOOD_STEPS = {
    "yellow": [step("patrol", "2h", units=["water"], hazards=["flood"]), step("plan", "3d", hazards=["drought"])],
    "orange": [step("ration", "1d", hazards=["drought"])],
    "closing": [step("return-home", hazards=["flood"])],
}


@pytest.fixture(scope="session")
def registry():
    return load_registry()


@pytest.fixture(scope="session")
def playbook(registry) -> Playbook:
    flood = script(
        "flood-drought-command",
        "emergency-mgmt",
        supporting=["water"],
        steps=FLOOD_STEPS,
        resources=["boats", "foam"],
        public=PUBLIC,
    )
    fire = script(
        "fire-rescue", "fire-rescue", steps={}, escalate_after={"orange": "5min", "red": "3min"}, end_after="2h"
    )
    scripts = Scripts(CommonFile.model_validate(COMMON), {one.scenario: one for one in (flood, fire)}, "0123456789ab")
    inhibitions = {"fd-03": (Inhibition("fd-01", Level.ORANGE, Within.COUNTY),)}
    hazards = {"fd-01": "rain", "fd-03": "flood", "fd-07": "drought", "fr-03": "gas", "ew-03": "coupling"}
    return Playbook(scripts, inhibitions, hazards, registry, frozenset({"ew-03"}))


def make_alert(rule: str = "fd-03", site: str = "hs-a", level: Level = Level.YELLOW, sequence: int = 1, **fields):
    """Return an event of the alert of a rule at a site whose onset is START, or `onset`."""
    subject = Subject(SubjectKind.SITE, site, None, WORDS, (119.92, 28.45))
    onset = fields.get("onset", START)
    status = fields.get("status", Status.ACTUAL)
    event = AlertEvent(
        identifier=identify(status, None, rule, subject, onset),
        sequence=sequence,
        status=status,
        message_type=MessageType.ALERT if sequence == 1 else MessageType.UPDATE,
        references=(),
        scenario=Scenario.FIRE_RESCUE if rule.startswith("fr") else Scenario.FLOOD_DROUGHT_COMMAND,
        also_in=(),
        rule=RuleReference(rule, "0123456789ab"),
        subject=subject,
        county=LIANDU,
        geometry={"type": "Point", "coordinates": [119.92, 28.45]},
        zones=(),
        affects=(),
        level=level,
        previous_level=None,
        state=State.FIRING,
        no_data=False,
        onset=onset,
        observed_at=onset,
        sent=onset,
        evidence=Evidence("stage", WORDS, 5.0, "m", "at_least", 4.5),
        headline=WORDS,
        description=WORDS,
        instruction=WORDS,
        tiers=(),
    )
    return replace(event, **fields)


def make_action(kind: str, by: str = "duty-07", number: str = "", **fields) -> Action:
    """Return an action; its id follows from what it says, and from `number` where it is to be another one."""
    said = {"kind": kind, "by": by, **fields}
    name = hashlib.sha256(f"{sorted(said.items())!r}{number}".encode()).hexdigest()[:32]
    return ACTIONS.validate_python({"id": name, **said})


class Driven:
    """An incident stage that is driven by minutes since START."""

    def __init__(self, playbook: Playbook) -> None:
        self.playbook = playbook
        self.stage = Incidents(playbook)

    def take(self, minute: float, value: AlertEvent | Action | None = None) -> Changes:
        return self.stage.take(JournalRecord(START + round(minute * 60_000), value))

    def refused(self, minute: float, asked: Action):
        """Return why an action is refused; None when it is accepted."""
        (outcome,) = self.take(minute, asked).outcomes
        assert outcome.accepted == (outcome.refusal is None) == (outcome.text is None)
        assert outcome.action == asked.id
        return outcome.refusal

    def alert(self, event: AlertEvent):
        return next(state for state in self.stage.alerts if state.identifier == event.identifier)

    @property
    def incident(self):
        (found,) = self.stage.incidents
        return found


@pytest.fixture(scope="session")
def alert():
    return make_alert


@pytest.fixture(scope="session")
def action():
    return make_action


@pytest.fixture
def driven(playbook) -> Driven:
    return Driven(playbook)
