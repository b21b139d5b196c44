"""A rule that passed its checks, and where its author wrote it."""

from dataclasses import dataclass
from pathlib import Path

from citybrain.documents import Document, Loc
from citybrain.problems import Problem
from rules.rule import Rule
from rules.shape.file import AnyRule


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """A rule that passed its checks, and where its author wrote it."""

    entry: AnyRule
    rule: Rule
    document: Document
    loc: Loc

    @property
    def path(self) -> Path:
        """Return the file that it stands in."""
        return self.document.path

    def problem(self, code: str, **values: object) -> Problem:
        """Return a problem at the place of the rule's id."""
        return self.document.problem((*self.loc, "id"), code, **values)

    def problem_at(self, place: Loc, code: str, **values: object) -> Problem:
        """Return a problem at a place inside the rule."""
        return self.document.problem((*self.loc, *place), code, **values)

    def override_problem(self, place: int, code: str, **values: object) -> Problem:
        """Return a problem at the place of one of its overrides."""
        return self.document.problem((*self.loc, "overrides", place), code, **values)
