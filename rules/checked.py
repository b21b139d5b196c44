"""A rule that passed its checks, and where its author wrote it."""

from dataclasses import dataclass
from pathlib import Path

from rules.rule import Rule
from rules.shape.file import AnyRule


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """A rule that passed its checks, and where its author wrote it."""

    entry: AnyRule
    rule: Rule
    path: Path
    line: int
    column: int
    override_places: tuple[tuple[int, int], ...]  # Line and column of each override.
