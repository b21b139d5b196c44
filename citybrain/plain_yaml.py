"""A reader of plain YAML: the few forms that catalogs are written in, some twenty times faster than the full parser.

It knows block mappings and lists, flow ones on any number of lines, comments, and scalars on one line, plain or quoted
without escapes. It gives the data alone, without places. Whatever else it meets, and whatever might be a fault, it
leaves to the full parser: then it returns None. What it does return is what the full parser would have said.
"""

import re
from collections.abc import Callable
from typing import Any

# A text that no other reading is possible for: no sign of YAML begins it, no `: ` or ` #` stands in it.
_BLOCK_PLAIN = r"(?:[A-Za-z0-9_+µ℃一-鿿]|-(?=[0-9]))(?:[^:#]|:(?=\S)|(?<=\S)#)*?"
_FLOW_PLAIN = r"(?:[A-Za-z0-9_+µ℃一-鿿]|-(?=[0-9]))(?:[^:#,\[\]{}\n]|:(?=[^\s,\[\]{}])|(?<=\S)#)*"
_QUOTED = r'"[^"\\\n]*"' + r"|'[^'\n]*'"
_KEY = r"[A-Za-z0-9_][\w.-]*"
_ENTRY = re.compile(rf"({_KEY}):(?: +(\S.*))?", re.ASCII)
_REST = re.compile(rf"(?P<quoted>{_QUOTED})(?: +#.*)?|(?P<plain>{_BLOCK_PLAIN})(?: +#.*)?|(?P<flow>[\[{{].*)|#.*")
_FLOW_ITEM = re.compile(rf"\s*(?:(?P<quoted>{_QUOTED})|(?P<plain>{_FLOW_PLAIN})|(?P<open>[\[{{]))")
_FLOW_KEY = re.compile(rf"\s*({_KEY}):(?=\s)", re.ASCII)
_FLOW_NEXT = re.compile(r"\s*([,\]}])")
_AFTER_FLOW = re.compile(r"\s*(?: #.*)?")


class _OtherError(Exception):
    """Something that the full parser must look at."""


def read_plain(text: str, scalar_of: Callable[[str], Any]) -> Any:
    """Return the data of a text, None where the full parser must read it; `scalar_of` reads a text without quotes.

    What `scalar_of` raises a ValueError for is left to the full parser as well.
    """
    lines = [(len(line) - len(line.lstrip(" ")), line.strip(" ")) for line in text.split("\n")]
    if any(line and not line.isprintable() for _, line in lines):
        return None  # Tabs, odd spaces and breaks mean a fault, or another line than the eye sees.
    reader = _Reader([(indent, line) for indent, line in lines if line and line[0] != "#"], scalar_of)
    try:
        return reader.whole()
    except (_OtherError, ValueError, RecursionError):
        return None


class _Reader:
    """Reads the lines of one text from the first to the last."""

    def __init__(self, lines: list[tuple[int, str]], scalar_of: Callable[[str], Any]) -> None:
        self._lines = lines
        self._next = 0
        self._scalar_of = scalar_of

    def whole(self) -> Any:
        """Return the data of all lines."""
        data = self._block(0) if self._lines else None
        if self._next < len(self._lines):
            raise _OtherError
        return data

    def _block(self, indent: int) -> Any:
        at, line = self._lines[self._next]
        if at != indent:
            raise _OtherError
        return self._list(indent) if line.startswith("- ") else self._mapping(indent)

    def _list(self, indent: int) -> list[Any]:
        items = []
        while self._next < len(self._lines) and self._lines[self._next][0] == indent:
            line = self._lines[self._next][1]
            if not line.startswith("- "):
                break
            rest = line[2:].lstrip(" ")
            inner = indent + len(line) - len(rest)
            if _ENTRY.fullmatch(rest):
                # A mapping that begins behind the dash: its first line moves in.
                self._lines[self._next] = (inner, rest)
                items.append(self._mapping(inner))
            else:
                self._next += 1
                items.append(self._value(rest, indent))
        return items

    def _mapping(self, indent: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while self._next < len(self._lines) and self._lines[self._next][0] == indent:
            found = _ENTRY.fullmatch(self._lines[self._next][1])
            if found is None or found[1] in data:
                raise _OtherError
            self._next += 1
            data[found[1]] = self._value(found[2] or "#", indent)
        return data

    def _value(self, rest: str, indent: int) -> Any:
        """Return what stands behind a key or a dash, on its line or on those below."""
        found = _REST.fullmatch(rest)
        deeper = self._next < len(self._lines) and self._lines[self._next][0] > indent
        if found is None:
            raise _OtherError
        if found.lastgroup == "flow":
            return self._flow(rest, indent)
        if found.lastgroup is None:
            if not deeper:
                raise _OtherError  # Nothing, or a list that is not indented.
            return self._block(self._lines[self._next][0])
        if deeper:
            raise _OtherError  # A text that goes on.
        return found["quoted"][1:-1] if found["quoted"] else self._scalar_of(found["plain"])

    def _flow(self, text: str, indent: int) -> Any:
        """Return what stands in brackets; their lines are taken in until they are closed."""
        while text.count("[") + text.count("{") > text.count("]") + text.count("}"):
            if self._next >= len(self._lines) or self._lines[self._next][0] < indent:
                raise _OtherError
            text += "\n" + self._lines[self._next][1]
            self._next += 1
        if self._next < len(self._lines) and self._lines[self._next][0] > indent:
            raise _OtherError
        data, end = self._flow_at(text, 0)
        if not _AFTER_FLOW.fullmatch(text, end):
            raise _OtherError
        return data

    def _flow_at(self, text: str, start: int) -> tuple[Any, int]:
        """Return the list or mapping whose bracket stands at `start`, and where it ends."""
        closing = "]" if text[start] == "[" else "}"
        items: list[Any] = []
        data: dict[str, Any] = {}
        at = start + 1
        if text[at : at + 1] == closing:
            return (data if closing == "}" else items), at + 1
        while True:
            if closing == "}":
                key = _FLOW_KEY.match(text, at)
                if key is None or key[1] in data:
                    raise _OtherError
                data[key[1]], at = self._flow_value(text, key.end())
            else:
                item, at = self._flow_value(text, at)
                items.append(item)
            end = _FLOW_NEXT.match(text, at)
            if end is None or end[1] not in (",", closing):
                raise _OtherError
            at = end.end()
            if end[1] == closing:
                return (data if closing == "}" else items), at
            if text[at:].lstrip()[:1] == closing:
                raise _OtherError

    def _flow_value(self, text: str, at: int) -> tuple[Any, int]:
        found = _FLOW_ITEM.match(text, at)
        if found is None:
            raise _OtherError
        if found.lastgroup == "open":
            return self._flow_at(text, found.end() - 1)
        if found["quoted"]:
            return found["quoted"][1:-1], found.end()
        return self._scalar_of(found["plain"].rstrip()), found.end()
