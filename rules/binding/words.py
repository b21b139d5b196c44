"""What a measure is called in headlines: its source, and what it is set against."""

from citybrain.i18n import LANGUAGES, Language, messages, say
from citybrain.instants import format_duration
from citybrain.model import Words
from citybrain.registry import Registry
from rules.binding.units import words_of
from rules.cycles import Cycle
from rules.measures import Take
from rules.shape.limited import LimitedRule
from rules.shape.measures import OPERANDS, MeasureEntry
from rules.shape.values import Operand


def full_words_of(entry: MeasureEntry, rule: LimitedRule, registry: Registry) -> Words:
    """Return what a measure of a rule is called, with what it is set against: its value alone would say little."""
    words, operand = words_of(entry, registry), entry.operand
    if operand is None:
        return words
    against = next(word for word in OPERANDS if getattr(entry, word) is not None)
    zh, en = (
        say(
            language,
            f"against.{against}",
            words=words.in_language(language),
            operand=_operand(language, operand, rule, registry),
        )
        for language in LANGUAGES
    )
    return Words(zh, en)


def _operand(language: Language, operand: Operand, rule: LimitedRule, registry: Registry) -> str:
    """Return what an operand is called: a quantity, an attribute of site or zone, another measure, or its own past."""
    if operand.quantity is not None:
        return operand.quantity
    if operand.own is not None:
        key = "operand.own" if operand.at is None else f"operand.{operand.at.value}"
        return say(language, key, take=_taken(language, operand.own), span=format_duration(operand.over or 0))
    if operand.measure is not None:
        return _other(language, rule.all_measures()[operand.measure], registry)
    place, name = ("site", operand.site) if operand.site is not None else ("zone", operand.zone or "")
    known = messages(language).get(f"attribute.{name}") or name.replace("_", " ")
    return say(language, f"operand.{place}", name=known)


def _taken(language: Language, own: str) -> str:
    """Return what is taken of a measure's own past: `mean`, `median` or a percentile such as `p10`."""
    return say(language, f"own.{own}") if own in ("mean", "median") else say(language, "own.quantile", percent=own[1:])


def _other(language: Language, entry: MeasureEntry, registry: Registry) -> str:
    """Return what another measure of the rule is called, with its window."""
    words = words_of(entry, registry).in_language(language)
    take, quantile = entry.taken
    if take is None or entry.over is None:
        return words
    window = format_duration(entry.over.longest if isinstance(entry.over, Cycle) else entry.over)
    percent = f"{quantile * 100:.0f}" if take is Take.QUANTILE else ""
    return words + say(language, f"take.{take.value}", window=window, percent=percent)
