"""The check of `inhibits` across all files: the rules that are named exist, and no two inhibit each other."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from citybrain.documents import Document, Loc
from citybrain.problems import Problem
from rules.shape.file import AnyRule


@dataclass(frozen=True, slots=True)
class Link:
    """One rule names another, at a place of a file."""

    rule: str
    other: str
    document: Document
    loc: Loc

    def problem(self, code: str, **values: object) -> Problem:
        """Return a problem at its place."""
        return self.document.problem(self.loc, code, **values)


def links_of(document: Document, index: int, entry: AnyRule) -> Iterator[Link]:
    """Yield the rules that an entry of a document inhibits."""
    for place, inhibited in enumerate(entry.inhibits):
        yield Link(entry.id, inhibited.rule, document, ("rules", index, "inhibits", place, "rule"))


def link_problems(links: Sequence[Link], known: Mapping[str, object], *, are_all_read: bool) -> Iterator[Problem]:
    """Yield what is wrong with the links. Where not all rules were read, those that are named are not looked for."""
    others: dict[str, set[str]] = {}
    for link in links:
        others.setdefault(link.rule, set()).add(link.other)
    for link in links:
        if link.other == link.rule:
            yield link.problem("R254", key=link.rule)
        elif link.other not in known and are_all_read:
            near = difflib.get_close_matches(link.other, sorted(known), n=1)
            yield link.problem("R253", key=link.other, hint=near[0] if near else "")
        elif link.rule in _reached(link.other, others):
            yield link.problem("R255", key=link.other)


def _reached(start: str, others: Mapping[str, set[str]]) -> set[str]:
    """Return the rules that are reached from one by following links."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        for other in others.get(waiting.pop(), ()):
            if other not in reached:
                reached.add(other)
                waiting.append(other)
    return reached
