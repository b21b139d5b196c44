"""What gets installed: our import names and nobody else's, every author file, one command that starts."""

import tomllib
import zipfile
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path

import pytest

import citybrain

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OURS = {"citybrain", "rules", "scenarios", "simulators", "streams"}


def test_import_names_are_ours_alone() -> None:
    # There is a distribution `rules` in the world, for one: beside ours it would overwrite files of our package.
    owners = packages_distributions()
    strangers = {name: set(owners.get(name, [])) - {"citybrain"} for name in OURS}
    assert {name: found for name, found in strangers.items() if found} == {}


def test_all_packages_are_shipped_and_nothing_else_is() -> None:
    assert set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == OURS
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == OURS


def test_the_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")
    (built,) = wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path))
    files = {
        path.relative_to(ROOT).as_posix()
        for package in OURS
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(built) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == files
    # The sum above would also hold if the packages were searched in the wrong place.
    assert "citybrain/locale/zh.toml" in packed
    assert any(name.startswith("rules/catalog/flood-drought-command/") for name in packed)


def test_the_version_stands_everywhere_alike() -> None:
    newest = next(
        line for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if line[:3] == "## "
    )
    image = f"image: citybrain:{citybrain.__version__}\n"
    assert PROJECT["project"]["version"] == citybrain.__version__
    assert newest.split()[1] == citybrain.__version__
    assert image in (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


def test_the_command_that_gets_installed_can_be_called() -> None:
    (command,) = entry_points(group="console_scripts", name="citybrain")
    assert callable(command.load())
