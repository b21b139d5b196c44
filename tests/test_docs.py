"""The documents hold what they promise: everything is in them, every link leads somewhere, every example works."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from typer.main import get_command
from typer.testing import CliRunner

from citybrain.cli.main import app
from citybrain.documents import load
from citybrain.i18n import messages
from citybrain.registry import SHIPPED, load_registry
from citybrain.settings import Settings
from rules.ruleset import load_rules, read_rules
from rules.shape.file import AnyRule, RuleFile
from rules.trial import run_trials
from scenarios.permissions import BARS
from scenarios.scripts import read_scripts
from scenarios.shape import CommonFile, ScriptFile
from scenarios.states import Refusal

ROOT = Path(__file__).resolve().parent.parent
ADR = ROOT / "docs" / "adr"
ADR_PARTS = ["Context", "Decision", "Price", "What we do not aim at"]
READMES = [ROOT / "README.md", ROOT / "README.zh.md"]
# What a reader is sent to. The change log and the decisions tell of their own day and are no reference.
MANUAL = [*READMES, ROOT / "CONTRIBUTING.md", *sorted(set((ROOT / "docs").rglob("*.md")) - set(ADR.glob("*.md")))]
PAGES = [*MANUAL, ROOT / "CHANGELOG.md", *sorted(ADR.glob("*.md")), *sorted(ROOT.glob("*/catalog/**/*.md"))]

FENCE = re.compile(r"^(```+)(?P<language>\S*)[^\n]*\n(?P<text>.*?)^\1`*$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
SHELLS = {"sh", "bash", "shell", "console"}
WHERE_A_COMMAND_ENDS = {"|", "||", "&&", ";", "&", ">", ">>", "2>", "<"}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """Return a page without its fenced blocks, in which `#` begins a comment and no heading."""
    return FENCE.sub("", text_of(page))


def blocks_of(page: Path, languages: set[str]) -> Iterator[str]:
    """Yield the fenced blocks that say they are in one of the languages."""
    yield from (found["text"] for found in FENCE.finditer(text_of(page)) if found["language"] in languages)


def anchor_of(heading: str) -> str:
    """Return the anchor that the usual renderers of Markdown give to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors_of(file: Path) -> list[str]:
    """Return the anchors of a page; other files have none."""
    return [anchor_of(heading) for _, heading in HEADING.findall(prose_of(file))] if file.suffix == ".md" else []


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def manual() -> str:
    return "\n".join(text_of(page) for page in MANUAL)


def commands() -> list[str]:
    """Return every command and sub-command, as it is typed."""

    def below(command: Any, path: str) -> Iterator[str]:
        children: dict[str, Any] = getattr(command, "commands", {})
        if not children:
            yield path
        for name, child in children.items():
            yield from below(child, f"{path} {name}")

    return list(below(get_command(app), "citybrain"))


def worker_metrics() -> list[str]:
    """Return the names of the Prometheus metrics; all are declared in one module."""
    tree = ast.parse(text_of(ROOT / "streams" / "telemetry.py"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return sorted(text for text in texts if re.fullmatch(r"citybrain_[a-z0-9_]+", text))


def problem_codes() -> list[str]:
    return sorted({key.split(".")[1] for key in messages("en") if key.startswith("problem.")})


def rule_types() -> list[str]:
    rules, _discriminator = get_args(AnyRule)
    return [get_args(rule.model_fields["type"].annotation)[0] for rule in get_args(rules)]


def models_of(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the models that an annotation names, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_of(part)


def rule_fields() -> list[str]:
    """Return every field that an author may write in a rule file, by its written name."""
    return fields_below(RuleFile)


def script_fields() -> list[str]:
    return sorted({*fields_below(ScriptFile), *fields_below(CommonFile)})


def fields_below(file: type[BaseModel]) -> list[str]:
    found: dict[type[BaseModel], None] = {}
    waiting: list[type[BaseModel]] = [file]
    while waiting:
        model = waiting.pop()
        if model not in found:
            found[model] = None
            waiting += [one for field in model.model_fields.values() for one in models_of(field.annotation)]
    names = {field.alias or name for model in found for name, field in model.model_fields.items()}
    return sorted(names - NEVER_WRITTEN)


# Fields that stand for a short form without a key: `4 m`, `county`.
NEVER_WRITTEN = {"number", "quantity", "share", "text", "whole"}

# What there is -> how it has to be written in the manual.
CATALOGUE = {
    "command": (commands, r"\b{}\b"),
    "setting": (lambda: [f"CITYBRAIN_{name.upper()}" for name in Settings.model_fields], r"\b{}\b"),
    "metric": (lambda: sorted(load_registry().metrics), "`{}`"),
    "worker metric": (worker_metrics, r"\b{}\b"),
    "problem code": (problem_codes, r"\b{}\b"),
    "rule type": (rule_types, "`{}`"),
    "rule field": (rule_fields, r"`{0}`|\b{0}:"),
    "script field": (script_fields, r"`{0}`|\b{0}:"),
    "action": (lambda: sorted(BARS), "`{}`"),
    "refusal": (lambda: list(Refusal), "`{}`"),
}


@pytest.mark.parametrize("kind", CATALOGUE)
def test_everything_there_is_appears_in_the_manual(kind: str, manual: str) -> None:
    names, form = CATALOGUE[kind]
    found = names()
    assert found, f"no {kind} at all"
    missing = [name for name in found if not re.search(form.format(re.escape(name)), manual)]
    assert not missing, f"in no page of the manual: {', '.join(missing)}"


def test_the_generated_pages_are_up_to_date() -> None:
    result = CliRunner().invoke(app, ["docs", "--check", "--folder", str(ROOT / "docs" / "generated")])
    assert result.exit_code == 0, "run `make docs`"


def test_both_readmes_have_the_same_headings() -> None:
    english, chinese = ([len(mark) for mark, _ in HEADING.findall(prose_of(page))] for page in READMES)
    assert english
    assert english == chinese


def test_both_readmes_show_the_same_commands() -> None:
    english, chinese = (list(command_lines(page)) for page in READMES)
    assert english
    assert english == chinese


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(prose_of(page)):
        path, _, anchor = target.partition("#")
        if ":" in path:
            continue  # On the web; not fetched here.
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors_of(file)):
            broken.append(target)
    assert broken == []


def command_lines(page: Path) -> Iterator[tuple[str, ...]]:
    """Yield the words of each `citybrain` and `make` line in the shell blocks of a page, prompts left out."""
    for block in blocks_of(page, SHELLS):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True) if line.strip() else []
            words = words[: next((place for place, word in enumerate(words) if word in WHERE_A_COMMAND_ENDS), None)]
            if words and Path(words[0]).name in ("citybrain", "make"):
                yield (Path(words[0]).name, *words[1:])


@pytest.mark.parametrize("page", MANUAL, ids=name_of)
def test_commands_in_the_manual_exist(page: Path) -> None:
    targets = re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE)
    for program, *words in command_lines(page):
        if program == "make":
            assert [word for word in words if "=" not in word and word not in targets] == []
        else:
            # With --help at its end a line is read, options and all, but not obeyed.
            result = CliRunner().invoke(app, [*words, "--help"])
            assert result.exit_code == 0, f"citybrain {shlex.join(words)}\n{result.output}"


@pytest.mark.parametrize("page", MANUAL, ids=name_of)
def test_yaml_examples_load(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks_of(page, {"yaml", "yml"})):
        path = tmp_path / f"{page.stem}-{number}.yaml"
        path.write_text(block, encoding="utf-8")
        document, problems = load(path)
        if document is not None and isinstance(document.data, dict) and "lead" in document.data:
            problems = read_scripts(path, load_rules())[1]
        elif document is not None and isinstance(document.data, dict) and "rules" in document.data:
            rules, problems = read_rules(path, SHIPPED)
            results = [one for rule in (rules.rules if rules else ()) for one in run_trials(rules, rule)]
            assert [one for one in results if not one.has_passed] == []
        assert [problem.line_of_report("en") for problem in problems] == []


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(page.name[:4]) for page in sorted(ADR.glob("[0-9]*.md"))]
    assert numbers
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", sorted(ADR.glob("[0-9]*.md")), ids=name_of)
def test_a_decision_has_its_four_parts_and_its_line_in_the_index(page: Path) -> None:
    assert [heading for mark, heading in HEADING.findall(prose_of(page)) if mark == "##"] == ADR_PARTS
    assert f"({page.name})" in text_of(ADR / "README.md")
