"""Author files as they are published: all of them, and compiled to what the loaders make of the folders."""

import json
import zlib
from pathlib import Path

import pytest

from citybrain.errors import SnapshotError
from rules.ruleset import load_rules
from scenarios import published
from scenarios.published import CatalogFiles, Folders, compile_files, gather, pack, unpack
from scenarios.scripts import load_scripts

RAIN = "rules/flood-drought-command/rain.yaml"


@pytest.fixture(scope="module")
def files() -> CatalogFiles:
    return gather(Folders())


def test_what_is_published_compiles_to_what_the_folders_do(files):
    rules = load_rules()
    compiled, problems = compile_files(unpack(pack(files)))
    assert problems == []
    assert compiled is not None
    assert compiled.content_hash == files.content_hash
    assert compiled.rules.catalog == rules.catalog  # Of everything that decides or is quoted.
    assert compiled.playbook.scripts.catalog == load_scripts(rules).catalog


def test_the_same_files_are_the_same_bytes_whatever_their_order(files):
    turned = CatalogFiles(dict(reversed(files.texts.items())), {})
    assert pack(turned) == pack(files)
    assert turned.content_hash == files.content_hash


def test_any_change_is_another_hash(files):
    assert CatalogFiles({**files.texts, RAIN: files.texts[RAIN] + "\n"}, {}).content_hash != files.content_hash


def test_problems_stand_at_their_places_in_the_author_s_own_files(files):
    broken = CatalogFiles({**files.texts, RAIN: files.texts[RAIN].replace("rules:", "rulez:")}, files.origins)
    compiled, problems = compile_files(broken)
    assert compiled is None
    assert {problem.path for problem in problems} == {files.origins[RAIN]}
    assert "R104" in {problem.code for problem in problems}


def test_a_fault_of_a_script_is_one_of_the_set(files):
    name = "scenarios/fire-rescue.yaml"
    text = files.texts[name].replace("\nlead:", "\nlead: nobody\nlead_:")
    compiled, problems = compile_files(CatalogFiles({**files.texts, name: text}, files.origins))
    assert compiled is None
    assert problems


def test_bytes_that_are_no_text_come_through_and_are_a_problem(files, tmp_path: Path):
    for name, text in files.texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / RAIN).write_bytes(b"scenario: \xff\xfe")
    folders = Folders(tmp_path / "rules", tmp_path, tmp_path / "scenarios", tmp_path / "storylines")
    found = unpack(pack(gather(folders)))
    compiled, problems = compile_files(found)
    assert compiled is None
    assert [problem.path.as_posix() for problem in problems] == [RAIN]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"rubbish", id="no-pack"),
        pytest.param(zlib.compress(b"[1]"), id="no-files"),
        pytest.param(zlib.compress(b'{"a": "b"}')[:-4], id="torn"),
        pytest.param(zlib.compress(json.dumps({"../rules.yaml": "x"}).encode()), id="out-of-the-folder"),
        pytest.param(zlib.compress(json.dumps({"/etc/rules.yaml": "x"}).encode()), id="absolute"),
    ],
)
def test_a_record_that_is_no_set_is_refused(value: bytes):
    with pytest.raises(SnapshotError, match="no published set"):
        unpack(value)


def test_a_record_that_grows_without_bound_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(published, "BYTES_MAX", 1000)
    with pytest.raises(SnapshotError, match="larger than 1000 bytes"):
        unpack(zlib.compress(json.dumps({"a": "b" * 2000}).encode()))
