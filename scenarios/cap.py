"""Bulletins as XML of the Common Alerting Protocol 1.2: one `info` in Chinese and one in English.

Source: OASIS, Common Alerting Protocol Version 1.2, OASIS Standard, 1 July 2010.
"""

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from citybrain.i18n import LANGUAGES, Language
from citybrain.instants import format_instant
from scenarios.chain import Bulletin, BulletinArea, Reference

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
_TAGS: dict[Language, str] = {"zh": "zh-CN", "en": "en-US"}  # RFC 3066.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def cap_of(bulletin: Bulletin) -> bytes:
    """Return the XML of a bulletin in UTF-8: the same bulletin, the same bytes."""
    alert = ET.Element("alert", xmlns=NAMESPACE)
    note = bulletin.note
    _put(alert, "identifier", bulletin.identifier)
    _put(alert, "sender", bulletin.sender)
    _put(alert, "sent", format_instant(bulletin.sent))
    _put(alert, "status", bulletin.status.value)
    _put(alert, "msgType", bulletin.message_type.value)
    _put(alert, "scope", "Public")
    if note is not None:
        _put(alert, "note", f"{note.zh} {note.en}")
    if bulletin.references:
        _put(alert, "references", references_of(bulletin.references))
    _put(alert, "incidents", bulletin.incident)
    for language in LANGUAGES:
        _put_info(alert, bulletin, language)
    ET.indent(alert)
    text: bytes = ET.tostring(alert, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def references_of(references: Iterable[Reference]) -> str:
    """Return references as CAP writes them: `sender,identifier,sent`, with a space between two."""
    return " ".join(f"{one.sender},{one.identifier},{format_instant(one.sent)}" for one in references)


def _put_info(alert: ET.Element, bulletin: Bulletin, language: Language) -> None:
    info = ET.SubElement(alert, "info")
    _put(info, "language", _TAGS[language])
    for category in bulletin.categories:
        _put(info, "category", category.value)
    _put(info, "event", bulletin.event.in_language(language))
    _put(info, "responseType", bulletin.response.value)
    _put(info, "urgency", bulletin.urgency.value)
    _put(info, "severity", bulletin.severity.value)
    _put(info, "certainty", bulletin.certainty.value)
    for hazard in bulletin.hazards:
        _put_pair(info, "eventCode", "hazard", hazard)
    _put(info, "effective", format_instant(bulletin.sent))
    _put(info, "onset", format_instant(bulletin.onset))
    if bulletin.expires is not None:
        _put(info, "expires", format_instant(bulletin.expires))
    _put(info, "senderName", bulletin.sender_name.in_language(language))
    _put(info, "headline", bulletin.headline.in_language(language))
    _put(info, "description", bulletin.description.in_language(language))
    _put(info, "instruction", bulletin.instruction.in_language(language))
    _put_pair(info, "parameter", "colour", bulletin.level.value)
    _put_pair(info, "parameter", "scenario", bulletin.scenario.value)
    for area in bulletin.areas:
        _put_area(info, area, language)


def _put_area(info: ET.Element, area: BulletinArea, language: Language) -> None:
    element = ET.SubElement(info, "area")
    _put(element, "areaDesc", area.words.in_language(language))
    for polygon in area.polygons:
        _put(element, "polygon", polygon)
    if area.adcode is not None:
        _put_pair(element, "geocode", "adcode", area.adcode)


def _put_pair(parent: ET.Element, name: str, key: str, value: str) -> None:
    pair = ET.SubElement(parent, name)
    _put(pair, "valueName", key)
    _put(pair, "value", value)


def _put(parent: ET.Element, name: str, text: str) -> None:
    """Add an element; characters that XML cannot hold are left out, so that no text can spoil a bulletin."""
    ET.SubElement(parent, name).text = _NOT_IN_XML.sub("", text)
