"""Author files: YAML 1.2 read with the place of every value. The only module that knows a YAML parser.

Scalars are read by the core schema: `on`, `22:30` and dates stay texts. Every fault becomes a `Problem`; nothing is
raised for what an author wrote.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from citybrain.problems import Problem

Model = TypeVar("Model", bound=BaseModel)
Loc = Sequence[str | int]

# What an input method types in place of the ASCII sign; YAML takes it for text and complains a line later.
_FULL_WIDTH = {
    "：": ":",
    "，": ",",
    "“": '"',
    "”": '"',
    "｛": "{",
    "｝": "}",
    "［": "[",
    "］": "]",
    "－": "-",
}
_STRUCTURAL = re.compile(r"^[^#\"']*?(?P<sign>[：｛｝［］“”]|，(?=\s*[\w]+\s*[:：])|\u00a0|\t)")
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Document:
    """One author file: its plain data, and where each part of it stands."""

    path: Path
    data: Any
    root: Node

    def place(self, loc: Loc) -> tuple[int, int]:
        """Return line and column, from 1, of the key (or list item) to blame for a pydantic location.

        Steps that the file does not have, such as the tag of a union or a missing field, stay on the parent.
        """
        node = blame = self.root
        for step in loc:
            if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = blame = node.value[step]
            elif isinstance(node, MappingNode):
                pair = next(((k, v) for k, v in node.value if k.value == str(step)), None)
                if pair is not None:
                    blame, node = pair
        return blame.start_mark.line + 1, blame.start_mark.column + 1

    def problem(self, loc: Loc, code: str, **values: object) -> Problem:
        """Return a problem at the place of the location."""
        line, column = self.place(loc)
        return Problem(self.path, line, column, code, values)


def load(path: Path) -> tuple[Document | None, list[Problem]]:
    """Read one YAML file. Without a document there is at least one problem."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return None, [Problem(path, 1, 1, "R100", {"text": str(error)})]
    problems = list(_typing_slips(path, text))
    if problems:
        return None, problems
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return None, [Problem(path, line, column, "R101", {"text": error.problem or str(error)})]
    if root is None:
        return None, [Problem(path, 1, 1, "R102")]
    data = _value(path, root, problems)
    return (None, problems) if problems else (Document(path, data, root), [])


def validated(document: Document, model: type[Model]) -> tuple[Model | None, list[Problem]]:
    """Check a document against a file's shape. Without a model there is at least one problem."""
    try:
        return model.model_validate(document.data), []
    except ValidationError as error:
        return None, list(_complaints(document, model, error))


def _typing_slips(path: Path, text: str) -> Iterator[Problem]:
    """Find full-width signs, tabs and hard spaces where YAML wants its own, before the parser misreads them."""
    for number, line in enumerate(text.splitlines(), start=1):
        found = _STRUCTURAL.match(line)
        if found is None:
            continue
        sign, column = found["sign"], found.start("sign") + 1
        if sign in ("\t", "\u00a0"):
            yield Problem(path, number, column, "R107", {"sign": "TAB" if sign == "\t" else "NBSP"})
        elif not re.match(r"^[^:]*: +\S", line[: column - 1]) and not line.lstrip().startswith("- {"):
            yield Problem(path, number, column, "R106", {"sign": sign, "right": _FULL_WIDTH[sign]})


def _value(path: Path, node: Node, problems: list[Problem]) -> Any:
    """Return the plain data of a node; a key that stands twice becomes a problem."""
    if isinstance(node, SequenceNode):
        return [_value(path, item, problems) for item in node.value]
    if isinstance(node, MappingNode):
        data: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, ScalarNode) else str(key_node.value)
            if key in data:
                mark = key_node.start_mark
                problems.append(Problem(path, mark.line + 1, mark.column + 1, "R103", {"key": key}))
            data[key] = _value(path, value_node, problems)
        return data
    return _scalar(node)


def _scalar(node: Node) -> Any:
    text = str(node.value)
    match str(node.tag).removeprefix(_TAG):
        case "null":
            return None
        case "bool" if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case "int" if re.fullmatch(r"[+-]?\d+", text) and not re.fullmatch(r"[+-]?0\d+", text):
            return int(text)
        case "float" if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", text):
            return float(text)
    return text


def _complaints(document: Document, model: type[BaseModel], error: ValidationError) -> Iterator[Problem]:
    faults = error.errors(include_url=False)
    for fault in faults:
        loc = fault["loc"]
        if fault["type"] == "too_short" and any(other["loc"][: len(loc)] == loc for other in faults if other != fault):
            continue  # The list is short only because its items are wrong, and they have their own complaints.
        match fault["type"]:
            case "extra_forbidden" | "unexpected_keyword_argument":
                near = difflib.get_close_matches(str(loc[-1]), sorted(_vocabulary(model)), n=1)
                hint = near[0] if near and near[0] != loc[-1] else ""
                yield document.problem(loc, "R104", key=loc[-1], hint=hint)
            case "missing" | "missing_argument":
                yield document.problem(loc, "R105", key=loc[-1])
            case "union_tag_invalid" | "literal_error" | "enum":
                context = fault.get("ctx", {})
                expected = context.get("expected_tags") or context.get("expected", "")
                found = context.get("tag", fault["input"])
                yield document.problem(loc, "R108", found=found, expected=expected)
            case "value_error":
                yield document.problem(loc, "R110", text=fault["msg"].removeprefix("Value error, "))
            case _:
                yield document.problem(loc, "R109", text=fault["msg"], found=_short(fault["input"]))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _vocabulary(model: type[BaseModel]) -> set[str]:
    """Return every field name that the model and the models inside it know, for `did you mean`."""
    names: set[str] = set()
    definitions = model.model_json_schema(by_alias=True)
    for table in (definitions, *definitions.get("$defs", {}).values()):
        names |= set(table.get("properties", {}))
    return names
