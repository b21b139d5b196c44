"""What a bulletin says in words, in both languages: headline, description, instruction, notes."""

from collections.abc import Callable

from citybrain.i18n import Language, say
from citybrain.model import Status, Words
from scenarios.chain import BulletinStatus, Told
from scenarios.playbook import Playbook
from scenarios.states import Incident


def both(text: Callable[[Language], str]) -> Words:
    """Return a text in both languages."""
    return Words(text("zh"), text("en"))


def event_of(told: Told, playbook: Playbook) -> Words:
    """Return the names of the hazards, the highest first."""
    return both(lambda language: _hazards(told, playbook, language))


def headline_of(incident: Incident, told: Told, playbook: Playbook, *, is_over: bool) -> Words:
    """Return the headline: where, what, how bad; of a drill it begins by saying so."""
    script = playbook.scripts.scripts.get(incident.scenario)

    def text(language: Language) -> str:
        return say(
            language,
            "bulletin.headline_over" if is_over else "bulletin.headline",
            drill="" if incident.status is Status.ACTUAL else say(language, f"bulletin.{incident.status.value}"),
            place=playbook.registry.county_name(incident.county).in_language(language),
            scenario=script.words.in_language(language) if script is not None else incident.scenario.value,
            level=say(language, f"bulletin.{told.level.value}"),
            event=_hazards(told, playbook, language),
        )

    return both(text)


def description_of(told: Told, playbook: Playbook, *, is_over: bool) -> Words:
    """Return what is the matter: the headlines of the open alerts and the zones where people may be affected."""

    def text(language: Language) -> str:
        if is_over:
            return say(language, "bulletin.description_over")
        parts = [headline.in_language(language) for headline in told.headlines]
        if told.more:
            parts.append(say(language, "bulletin.more", count=told.more))
        zones = [
            playbook.registry.zones[zone].words.in_language(language)
            for zone in told.zones
            if zone in playbook.registry.zones
        ]
        if zones:
            parts.append(say(language, "bulletin.affects", zones=say(language, "scenario.comma").join(zones)))
        return say(language, "bulletin.semicolon").join(parts) + say(language, "bulletin.stop")

    return both(text)


def instruction_of(incident: Incident, told: Told, playbook: Playbook, *, is_over: bool) -> Words:
    """Return what people are to do: in the words of the script, else in those that all scripts share."""
    script = playbook.scripts.scripts.get(incident.scenario)
    own = script.public.of(told.level) if script is not None and script.public is not None else None
    if own is not None and not is_over:
        return own
    key = "over" if is_over else told.level.value
    return both(lambda language: say(language, f"bulletin.instruction_{key}"))


def note_of(incident: Incident, status: BulletinStatus) -> Words | None:
    """Return what a reader must know before anything else: that it is a draft, a drill, or both."""
    keys = ["note_draft"] if status is BulletinStatus.DRAFT else []
    keys += [f"note_{incident.status.value}"] if incident.status is not Status.ACTUAL else []
    if not keys:
        return None
    return both(lambda language: " ".join(say(language, f"bulletin.{key}") for key in keys))


def sender_name_of(incident: Incident, playbook: Playbook) -> Words:
    """Return the unit that leads; the City Brain itself where the scenario has no script."""
    unit = playbook.scripts.common.units.get(incident.lead) if incident.lead is not None else None
    return unit.words if unit is not None else both(lambda language: say(language, "bulletin.sender_name"))


def _hazards(told: Told, playbook: Playbook, language: Language) -> str:
    known = playbook.scripts.common.hazards
    names = (known[one].words.in_language(language) if one in known else one for one in told.hazards)
    return say(language, "scenario.comma").join(names)
