"""Author files: YAML 1.2 read with the place of every value. The only module that knows a full YAML parser.

Most files are plain: `plain_yaml` reads those, and places are looked up only where there is something to complain of.
Scalars are read by the core schema: `on`, `22:30` and dates stay texts. Every fault becomes a `Problem`; nothing is
raised for what an author wrote.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from citybrain.faults import Fault, said_by
from citybrain.plain_yaml import read_plain
from citybrain.problems import Problem, sorted_problems

Model = TypeVar("Model", bound=BaseModel)
Loc = Sequence[str | int]

# What an input method types in place of the ASCII sign; YAML takes it for text and complains somewhere else.
_FULL_WIDTH = {"：": ":", "，": ",", "｛": "{", "｝": "}", "［": "[", "］": "]", "“": '"', "”": '"'}
_KEY = r"[A-Za-z_][\w-]*"
# What a plain text begins with when its author meant a key, a brace or a quoted text.
_MEANT_SIGN = re.compile(rf"{_KEY}(?P<colon>：)|(?P<brace>[｛［])|(?P<quote>“)[^”]*”$")
# Where YAML wants a sign of its own: behind a key, between the pairs of a brace, around them, or in the indentation.
_SLIPS = re.compile(
    rf"(?:(?:^\s*(?:- )?|[{{,，]\s*){_KEY}(?P<colon>：))"
    rf"|(?P<comma>，)(?=\s*{_KEY}\s*[:：])"
    r"|(?P<brace>[｛｝［］])"
    r"|: +(?P<quote>“)[^”]*”\s*$"
    r"|(?P<space>(?<=^)[\t\u00a0\u3000]|(?<=^ )[\t\u00a0\u3000]|(?<=  )[\t\u00a0\u3000])"
)
_SPACES = {"\t": "TAB", "\u00a0": "NBSP", "\u3000": "U+3000"}
NUMBER_LENGTH_MAX = 18  # Digits; a longer number is a slip of the hand.
_TAG = "tag:yaml.org,2002:"
_WORDS = {"null": None, "~": None, "true": True, "false": False}
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]{0,14})")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,15}\.[0-9]{1,15}")
_UNSURE = re.compile(r"[+-]?[\d_.]+([eE][+-]?\d+)?|(?i:null|true|false)")
_COMPOSED_MAX = 8  # Files whose nodes are kept while their faults are told.


@dataclass(frozen=True, slots=True)
class Document:
    """One author file: its plain data, and the text in which each part of it stands."""

    path: Path
    data: Any
    text: str

    def place(self, loc: Loc) -> tuple[int, int]:
        """Return line and column, from 1, of the key (or list item) to blame for a pydantic location.

        Steps that the file does not have, such as the tag of a union or a missing field, stay on the parent.
        """
        node = blame = _composed(self.text)
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
    data = read_plain(text, _sure_scalar)
    if data is not None:
        return Document(path, data, text), []
    try:
        root = _composed(text)
    except (YAMLError, ValueError, RecursionError) as error:
        return None, _unreadable(path, text, error)
    if root is None:
        return None, [Problem(path, 1, 1, "R102")]
    problems: list[Problem] = []
    if isinstance(root, ScalarNode):
        problems += _typing_slips(path, text.splitlines())
    data = _Plain(path, problems).value(root)
    return (None, sorted_problems(problems)) if problems else (Document(path, data, text), [])


def validated(document: Document, model: type[Model]) -> tuple[Model | None, list[Problem]]:
    """Check a document against a file's shape. Without a model there is at least one problem."""
    try:
        return model.model_validate(document.data), []
    except ValidationError as error:
        return None, list(_complaints(document, model, error))


@lru_cache(_COMPOSED_MAX)
def _composed(text: str) -> Any:
    """Return the root node of a text, None where it has none. Raises what the parser raises for what is no YAML."""
    return YAML(typ="safe", pure=True).compose(text)


def _unreadable(path: Path, text: str, error: Exception) -> list[Problem]:
    """Return why a text is no YAML: the typing slips in it, else what the parser says."""
    mark = (error.problem_mark or error.context_mark) if isinstance(error, MarkedYAMLError) else None
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    slips = list(_typing_slips(path, text.splitlines()))
    said = error.problem if isinstance(error, MarkedYAMLError) and error.problem else str(error).partition("\n")[0]
    return slips or [Problem(path, line, column, "R101", {"text": said or type(error).__name__})]


def _typing_slips(path: Path, lines: Sequence[str]) -> Iterator[Problem]:
    """Find full-width signs and odd spaces where YAML wants its own."""
    for number, line in enumerate(lines, start=1):
        for found in _SLIPS.finditer(line):
            group = found.lastgroup
            assert group is not None, "every branch has a name"
            sign, column = found[group], found.start(group) + 1
            if group == "space":
                yield Problem(path, number, column, "R107", {"sign": _SPACES[sign]})
            else:
                yield Problem(path, number, column, "R106", {"sign": sign, "right": _FULL_WIDTH[sign]})


class _Plain:
    """Makes plain data of nodes; keys that stand twice and aliases become problems."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self._path = path
        self._problems = problems
        self._seen: set[int] = set()

    def value(self, node: Node) -> Any:
        """Return the data of a node."""
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if id(node) in self._seen:
            # An alias may stand for itself, or for a million nodes.
            self._complain(node, "R111")
            return None
        self._seen.add(id(node))
        if isinstance(node, SequenceNode):
            return [self.value(item) for item in node.value]
        data: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, ScalarNode) else str(self.value(key_node))
            self._look_at_key(key_node, key)
            if key in data:
                self._complain(key_node, "R103", key=key)
            data[key] = self.value(value_node)
        return data

    def _scalar(self, node: ScalarNode) -> Any:
        text = str(node.value)
        if node.style is None and (found := _MEANT_SIGN.match(text)) is not None and found.lastgroup is not None:
            sign = found[found.lastgroup]
            self._complain(node, "R106", at=found.start(found.lastgroup), sign=sign, right=_FULL_WIDTH[sign])
        if node.style is None and len(text) > NUMBER_LENGTH_MAX and text.isdigit():
            self._complain(node, "R110", text=f"a number of {len(text)} digits, expected at most {NUMBER_LENGTH_MAX}")
        return _plain_scalar(node, text)

    def _look_at_key(self, node: Node, key: str) -> None:
        """Complain of full-width signs and odd spaces in a key, which is never meant to have any."""
        for at, sign in enumerate(key):
            if sign in _FULL_WIDTH:
                self._complain(node, "R106", at=at, sign=sign, right=_FULL_WIDTH[sign])
                return
            if sign in _SPACES:
                self._complain(node, "R107", at=at, sign=_SPACES[sign])
                return

    def _complain(self, node: Node, code: str, at: int = 0, **values: object) -> None:
        mark = node.start_mark
        self._problems.append(Problem(self._path, mark.line + 1, mark.column + 1 + at, code, values))


def _plain_scalar(node: ScalarNode, text: str) -> Any:
    match str(node.tag).removeprefix(_TAG):
        case "null":
            return None
        case "bool" if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case "int" if re.fullmatch(rf"[+-]?\d{{1,{NUMBER_LENGTH_MAX}}}", text) and not re.fullmatch(r"[+-]?0\d+", text):
            return int(text)
        case "float" if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", text):
            return float(text)
    return text


def _sure_scalar(text: str) -> Any:
    """Return what `_plain_scalar` makes of a text without quotes. Raises ValueError where that takes a second look."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _UNSURE.fullmatch(text) or any(sign in text for sign in _FULL_WIDTH if sign in "：｛［“"):
        raise ValueError(text)
    return text


# What a kind of fault of pydantic is called in the locale files, under `fault.expected`.
_EXPECTED: Mapping[str, str] = {
    "bool_parsing": "truth",
    "bool_type": "truth",
    "dataclass_exact_type": "group",
    "dataclass_type": "group",
    "dict_type": "group",
    "float_parsing": "number",
    "float_type": "number",
    "frozen_set_type": "list",
    "greater_than": "more_than",
    "greater_than_equal": "at_least",
    "int_from_float": "whole_number",
    "int_parsing": "whole_number",
    "int_type": "whole_number",
    "less_than": "less_than",
    "less_than_equal": "at_most",
    "list_type": "list",
    "mapping_type": "group",
    "model_attributes_type": "group",
    "model_type": "group",
    "set_type": "list",
    "string_pattern_mismatch": "pattern",
    "string_too_long": "shorter_text",
    "string_too_short": "longer_text",
    "string_type": "text",
    "too_long": "shorter_list",
    "too_short": "longer_list",
    "tuple_type": "list",
}


def _complaints(document: Document, model: type[BaseModel], error: ValidationError) -> Iterator[Problem]:
    faults = error.errors(include_url=False)
    for fault in faults:
        loc = fault["loc"]
        if fault["type"] == "too_short" and any(other["loc"][: len(loc)] == loc for other in faults if other != fault):
            continue  # The list is short only because its items are wrong, and they have their own complaints.
        match fault["type"]:
            case "extra_forbidden" | "unexpected_keyword_argument":
                yield _unknown_field(document, model, loc)
            case "missing" | "missing_argument":
                yield document.problem(loc, "R105", key=loc[-1])
            case "union_tag_invalid" | "literal_error" | "enum":
                context = fault.get("ctx", {})
                expected = context.get("expected_tags") or context.get("expected", "")
                found = context.get("tag", fault["input"])
                yield document.problem(loc, "R108", found=found, expected=expected)
            case "value_error":
                yield document.problem(loc, "R110", **said_by(fault["ctx"]["error"]))
            case kind:
                found = _short(fault["input"])
                if kind in _EXPECTED:
                    named = Fault(f"expected.{_EXPECTED[kind]}", found=found, **fault.get("ctx", {}))
                    yield document.problem(loc, "R109", fault=named)
                else:
                    yield document.problem(loc, "R109", text=fault["msg"], found=found)


def _unknown_field(document: Document, model: type[BaseModel], loc: Loc) -> Problem:
    key = str(loc[-1])
    near = difflib.get_close_matches(key, sorted(_vocabulary(model)), n=1)
    return document.problem(loc, "R104", key=key, hint=near[0] if near and near[0] != key else "")


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
