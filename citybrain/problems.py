"""What is wrong in an author's file: `path:line:column: code message; hint`, in Chinese or English."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from citybrain.faults import Fault
from citybrain.i18n import Language, messages, say


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a file, at its place. Lines and columns count from 1.

    The code names the text in the locale files: `problem.R104.text`, and `problem.R104.hint` where there is one.
    """

    path: Path
    line: int
    column: int
    code: str
    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, language: Language) -> str:
        """Return what is wrong, without its place."""
        fault = self.values.get("fault")
        if isinstance(fault, Fault):
            return fault.in_language(language)
        said = say(language, f"problem.{self.code}.text", **self.values)
        hint_key = f"problem.{self.code}.hint"
        if hint_key not in messages(language) or self.values.get("hint", True) in ("", None):
            return said
        return f"{said}; {say(language, hint_key, **self.values)}"

    def line_of_report(self, language: Language) -> str:
        """Return the line that a command prints for it."""
        return f"{self.path}:{self.line}:{self.column}: {self.code} {self.text(language)}"


def sorted_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems in the order of their places, each once."""
    unique = {(p.path, p.line, p.column, p.code, str(p.values)): p for p in problems}
    return [unique[key] for key in sorted(unique, key=lambda key: (str(key[0]), *key[1:]))]
