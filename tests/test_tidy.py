"""What no linter knows here: who imports whom, who reads the clock or rolls dice, how long code is, where YAML lies."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Part -> the parts it may import, besides itself.
CORE = {"citybrain"}
MAY_IMPORT: dict[str, set[str]] = {
    "citybrain": set(),
    "rules": CORE,
    "simulators": CORE,
    "scenarios": CORE | {"rules", "simulators"},
    "streams": CORE | {"rules", "simulators", "scenarios"},
    "citybrain.cli": CORE | {"rules", "simulators", "scenarios", "streams"},
}
PACKAGES = tuple(part for part in MAY_IMPORT if "." not in part)
NEVER_IMPORTED = {"tests", "benchmarks"}

# Library -> the only package or module that imports it.
ONLY_IN = {
    "aiokafka": "streams",
    "confluent_kafka": "streams",
    "faust": "streams",
    "kafka": "streams",
    "mode": "streams",
    "prometheus_client": "streams.telemetry",
    "ruamel": "citybrain.documents",
    "shapely": "citybrain.geometry",
}

CLOCK_HOME = "citybrain.clock"
CLOCK_READS = {
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    *(f"time.{name}" for name in ("ctime", "gmtime", "localtime", "process_time", "thread_time", "time")),
    *(f"time.{name}{unit}" for name in ("monotonic", "perf_counter") for unit in ("", "_ns")),
    "time.time_ns",
}

# Faust's own state is not used (docs/adr/0003).
FAUST_STATE = {"Table", "GlobalTable", "SetTable", "SetGlobalTable", "tumbling", "hopping"}
DYNAMIC_IMPORTS = {"importlib.import_module", "importlib.__import__", "__import__"}

FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 500

AUTHOR_SUFFIXES = {".yaml", ".geojson", ".md"}
LOCALE = "citybrain/locale"

BARE_NOTE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!.*#\d)")

Complaint = tuple[int, str]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """One module: its dotted name, its text, and what it calls the things that it imports."""

    name: str
    text: str
    tree: ast.Module
    aliases: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def parse(name: str, text: str) -> "Module":
        tree = ast.parse(text)
        aliases: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                # `import a.b` binds `a`; `import a.b as c` binds `c` to `a.b`.
                pairs = [
                    (alias.asname, alias.name) if alias.asname else (_root(alias.name),) * 2 for alias in node.names
                ]
                aliases.update(pairs)
            elif isinstance(node, ast.ImportFrom):
                aliases.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
        return Module(name, text, tree, aliases)

    def full_name(self, node: ast.expr) -> str | None:
        """Return the dotted name that an expression such as `t.monotonic` stands for, or None if it is no name."""
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.full_name(node.value)
            return f"{owner}.{node.attr}" if owner else None
        return None


def complaints(module: Module) -> Iterator[Complaint]:
    """Yield line and text of every breach in the module."""
    yield from import_complaints(module)
    yield from use_complaints(module)
    yield from length_complaints(module)
    yield from docstring_complaints(module)
    yield from note_complaints(module.text)


def import_complaints(module: Module) -> Iterator[Complaint]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, "import by the full name"
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, text) for name in names if (text := import_fault(module.name, name)))
            if any(alias.name == "*" for alias in node.names):
                yield node.lineno, "no wildcard imports"
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            yield from ((node.lineno, text) for name in names if (text := import_fault(module.name, name)))


def import_fault(module: str, name: str) -> str | None:
    """Say what is wrong with the module importing the dotted name, if anything."""
    own, target, root = part_of(module), part_of(name), _root(name)
    if root in NEVER_IMPORTED or (target and target != own and target not in MAY_IMPORT[own]):
        return f"{own} may not import {target or root}"
    home = ONLY_IN.get(root)
    if home and not is_within(module, home):
        return f"{root} is imported in {home} alone"
    return None


def use_complaints(module: Module) -> Iterator[Complaint]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name):
            name = module.full_name(node) or f"?.{getattr(node, 'attr', '')}"
            if name in CLOCK_READS and module.name != CLOCK_HOME:
                yield node.lineno, f"{name}: take the time from a Clock"
            if name.startswith("random.") and name != "random.Random" and name.count(".") == 1:
                yield node.lineno, f"{name}: draw from a random.Random that was passed in"
            if name in DYNAMIC_IMPORTS:
                yield node.lineno, f"{name}: import by a statement"
            if is_faust_state(module, node, name):
                yield node.lineno, f"{name}: Faust's tables and windows are not used"
        elif isinstance(node, ast.Call) and module.full_name(node.func) == "random.Random" and not node.args:
            yield node.lineno, "random.Random(): give it a seed"


def is_faust_state(module: Module, node: ast.Attribute | ast.Name, name: str) -> bool:
    """Tell whether the expression is a table or a window of Faust; rich has a Table of its own."""
    if not is_within(module.name, "streams") or name.startswith("rich."):
        return False
    return isinstance(node, ast.Attribute) and node.attr in FAUST_STATE


def length_complaints(module: Module) -> Iterator[Complaint]:
    lines = len(module.text.splitlines())
    if lines > MODULE_LINES_MAX:
        yield 1, f"the module has {lines} lines, expected at most {MODULE_LINES_MAX}"
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield node.lineno, f"{node.name} has {lines} lines, expected at most {FUNCTION_LINES_MAX}"


def docstring_complaints(module: Module) -> Iterator[Complaint]:
    if not ast.get_docstring(module.tree):
        yield 1, "the module has no docstring"
    for node in public_things(module.tree):
        if not ast.get_docstring(node):
            yield node.lineno, f"{node.name} has no docstring"


def public_things(owner: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | Function]:
    """Yield the public classes and functions of a module, and those of its public classes."""
    for node in owner.body:
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public_things(node)


def note_complaints(text: str) -> Iterator[Complaint]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and (found := BARE_NOTE.search(token.string)):
            yield token.start[0], f"{found[1]} without the number of an issue"


def stray_files(root: Path, package: str) -> list[str]:
    """Return the files that lie on the wrong side of the border between authors and code."""
    files = (path for path in (root / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(path.relative_to(root).as_posix() for path in files if not is_in_place(path.relative_to(root)))


def is_in_place(file: Path) -> bool:
    """Tell whether a file of a package, relative to the root, lies where its kind belongs."""
    if "catalog" in file.parts:
        return file.suffix in AUTHOR_SUFFIXES
    return file.suffix == ".py" or (file.suffix == ".toml" and file.parent.as_posix() == LOCALE)


def part_of(name: str) -> str:
    """Return the longest part of MAY_IMPORT that the dotted name lies in, or an empty text."""
    return max((part for part in MAY_IMPORT if is_within(name, part)), key=len, default="")


def is_within(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


def _root(name: str) -> str:
    return name.partition(".")[0]


def _dotted(file: Path) -> str:
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")


MODULES = sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
OTHER_CODE = sorted(
    path.relative_to(ROOT) for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("file", MODULES, ids=str)
def test_a_module_keeps_the_rules_of_the_house(file: Path) -> None:
    module = Module.parse(_dotted(file), (ROOT / file).read_text(encoding="utf-8"))
    found = [f"{file}:{line}: {text}" for line, text in sorted(set(complaints(module)))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("file", OTHER_CODE, ids=str)
def test_other_code_has_no_bare_notes(file: Path) -> None:
    found = [f"{file}:{line}: {text}" for line, text in note_complaints((ROOT / file).read_text(encoding="utf-8"))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("package", PACKAGES)
def test_author_files_lie_in_catalogs_and_code_lies_elsewhere(package: str) -> None:
    assert not stray_files(ROOT, package)


def test_tests_are_no_package() -> None:
    # With an `__init__.py`, `tests/rules` would be the package `rules` for pytest.
    assert not list((ROOT / "tests").rglob("__init__.py"))


HEAD = '"""Something."""\n'
LONG = "def draw() -> None:\n" + '    """Draw."""\n' + "    pass\n" * (FUNCTION_LINES_MAX - 1)

# Each fault is planted in an otherwise sound module; the checker must name it, and nothing else.
FAULTS = [
    pytest.param("citybrain.model", "import rules.engine", "citybrain may not import rules", id="core-up"),
    pytest.param("citybrain.model", "from citybrain import cli", "may not import citybrain.cli", id="core-cli"),
    pytest.param("citybrain.model", "from citybrain.cli import main", "may not import citybrain.cli", id="core-cli-2"),
    pytest.param(
        "simulators.rivers", "from rules.shape import file", "simulators may not import rules", id="sims-rules"
    ),
    pytest.param("rules.engine", "import simulators.trace as t", "rules may not import simulators", id="rules-sims"),
    pytest.param("rules.engine", "from streams.clients import A", "rules may not import streams", id="rules-streams"),
    pytest.param("scenarios.runner", "import streams", "scenarios may not import streams", id="scenarios-streams"),
    pytest.param("streams.worker", "import citybrain.cli", "streams may not import citybrain.cli", id="streams-cli"),
    pytest.param("streams.worker", "import tests.conftest", "streams may not import tests", id="tests"),
    pytest.param("citybrain.cli.main", "import faust", "faust is imported in streams alone", id="faust"),
    pytest.param("citybrain.cli.main", "from kafka import A", "kafka is imported in streams alone", id="kafka"),
    pytest.param("citybrain.cli.main", "import aiokafka.errors", "aiokafka is imported in", id="aiokafka"),
    pytest.param("citybrain.cli.main", "import confluent_kafka", "confluent_kafka is imported in", id="confluent"),
    pytest.param("rules.engine", "from mode import Service", "mode is imported in streams alone", id="mode"),
    pytest.param("citybrain.zones", "import shapely", "shapely is imported in citybrain.geometry", id="shapely"),
    pytest.param("rules.shape", "from ruamel.yaml import YAML", "ruamel is imported in", id="yaml"),
    pytest.param("streams.worker", "import prometheus_client", "in streams.telemetry alone", id="metrics"),
    pytest.param("rules.engine", "from . import shape", "import by the full name", id="relative"),
    pytest.param("rules.engine", "from rules.shape.file import *", "no wildcard imports", id="wildcard"),
    pytest.param("rules.engine", "import importlib\nimportlib.import_module('x')", "import by a", id="dynamic"),
    pytest.param("rules.engine", "import time\nA = time.time()", "time.time: take the time", id="time"),
    pytest.param("rules.engine", "import time as t\nA = t.monotonic_ns()", "time.monotonic_ns: take", id="alias"),
    pytest.param("rules.engine", "from time import perf_counter as p\nA = p()", "perf_counter: take", id="from-time"),
    pytest.param("rules.engine", "import datetime as d\nA = d.datetime.now(d.UTC)", "datetime.now: take", id="now"),
    pytest.param("rules.engine", "from datetime import datetime\nA = datetime.utcnow", "utcnow: take", id="utcnow"),
    pytest.param("rules.engine", "from datetime import date\nA = date.today()", "date.today: take", id="today"),
    pytest.param("simulators.rain", "import random\nA = random.gauss(0, 1)", "random.gauss: draw", id="random"),
    pytest.param("simulators.rain", "from random import choice\nA = choice('ab')", "random.choice: draw", id="choice"),
    pytest.param("simulators.rain", "import random\nA = random.Random()", "give it a seed", id="no-seed"),
    pytest.param("streams.worker", "A = app.Table('a')", "tables and windows are not used", id="table"),
    pytest.param("streams.worker", "A = table().tumbling(10)", "tables and windows are not used", id="window"),
    pytest.param("rules.engine", LONG, f"draw has {FUNCTION_LINES_MAX + 1} lines", id="long-function"),
    pytest.param("rules.engine", "A = 1\n" * MODULE_LINES_MAX, "the module has 502 lines", id="long-module"),
    pytest.param("rules.engine", "def draw() -> None:\n    pass", "draw has no docstring", id="function-docstring"),
    pytest.param("rules.engine", "class A:\n    pass", "A has no docstring", id="class-docstring"),
    pytest.param("rules.engine", 'class A:\n    """A."""\n    def b(self): ...', "b has no docstring", id="method"),
    pytest.param("rules.engine", "A = 1  # TODO: later", "TODO without the number", id="todo"),
    pytest.param("rules.engine", "# FIXME\nA = 1", "FIXME without the number", id="fixme"),
]


@pytest.mark.parametrize(("name", "source", "expected"), FAULTS)
def test_the_checker_finds_a_planted_fault(name: str, source: str, expected: str) -> None:
    found = {text for _, text in complaints(Module.parse(name, HEAD + source + "\n"))}
    assert len(found) == 1
    assert expected in found.pop()


def test_the_checker_finds_a_module_without_docstring() -> None:
    assert list(complaints(Module.parse("rules.engine", "A = 1\n"))) == [(1, "the module has no docstring")]


SOUND = [
    pytest.param("citybrain.clock", "import time\nA = time.time_ns()", id="the clock's home"),
    pytest.param("citybrain.cli.main", "from streams.clients import A", id="the top imports what is below"),
    pytest.param("streams.publish", "from simulators.trace import A", id="streams import what is below"),
    pytest.param("streams.telemetry", "import prometheus_client", id="the metrics' home"),
    pytest.param("citybrain.geometry", "import shapely.prepared", id="the geometry's home"),
    pytest.param(
        "simulators.rain", "import random\n\ndef _a(r: random.Random): return r.gauss(0, 1)", id="dice passed in"
    ),
    pytest.param("simulators.rain", "import random\nA = random.Random(7)", id="dice with a seed"),
    pytest.param("rules.engine", "def _a(clock): return clock.now(), clock.monotonic()", id="a clock passed in"),
    pytest.param("citybrain.cli.main", "from rich.table import Table\nA = Table('a')", id="a table to print"),
    pytest.param("rules.engine", "A = 'TODO'  # TODO(#12): measure it.", id="a note with its issue"),
    pytest.param("rules.engine", "class _A:\n    def b(self): ...", id="private things without docstring"),
    pytest.param("rules.modern", "import modes", id="a name that only begins alike"),
]


@pytest.mark.parametrize(("name", "source"), SOUND)
def test_the_checker_passes_what_is_sound(name: str, source: str) -> None:
    assert list(complaints(Module.parse(name, HEAD + source + "\n"))) == []


def test_the_border_check_finds_planted_files(tmp_path: Path) -> None:
    sound = [
        "citybrain/locale/zh.toml",
        "citybrain/model.py",
        "citybrain/catalog/sites/a.yaml",
        "citybrain/catalog/b.md",
    ]
    stray = ["citybrain/catalog/c.py", "citybrain/d.yaml", "citybrain/e.toml", "citybrain/sub/f.geojson"]
    for name in [*sound, *stray]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert stray_files(tmp_path, "citybrain") == stray
