"""The modules of the simulation, which lie in no package, and the rule sets that it is played under."""

import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from citybrain.registry import Registry, load_registry
from rules.ruleset import RuleSet, load_rules, read_rules
from scenarios.scripts import load_scripts

HERE = Path(__file__).parent
CITY = HERE.parent / "data" / "rules" / "city"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"citybrain_tests_simulation_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def registry() -> Registry:
    """Return the small city of the rule tests, with three more gauges."""
    city = load_registry(CITY)
    more = {name: replace(city.sites["hs-b"], id=name) for name in ("hs-d", "hs-e", "hs-f")}
    return replace(city, sites={**city.sites, **more})


@pytest.fixture(scope="session")
def play(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """Return what plays a seed and gives its faults: `play(7)`."""
    world, story, plays = load("world"), load("story"), load("play")
    folder = tmp_path_factory.mktemp("rules")

    def made(name: str, city: Registry, written: list[dict[str, Any]]) -> RuleSet:
        path = folder / f"{name}.yaml"
        path.write_text(
            json.dumps({"scenario": "flood-drought-command", "rules": written}, ensure_ascii=False), "utf-8"
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("rules.ruleset.read_registry", lambda _folder: (city, []))
            rules, problems = read_rules(path, CITY)
        assert rules is not None, "\n".join(problem.line_of_report("en") for problem in problems)
        return rules

    fewer = replace(registry, sites={name: site for name, site in registry.sites.items() if name != "hs-c"})
    held = replace(registry, feeds={name: replace(feed, reorder_for=60_000) for name, feed in registry.feeds.items()})
    first = made("first", registry, story.rules(4, all_of_them=True))
    other = made("other", fewer, story.rules(5, all_of_them=False, area="5 m"))
    sets = [first, other, made("third", held, story.rules(4, all_of_them=True, over="5min"))]

    # A rule that goes and comes back may raise an old alert anew: these have the same rules.
    changed = made("changed", registry, story.rules(5, all_of_them=True))

    scripts = load_scripts(load_rules())

    def run(seed: int, seen: Counter[str] | None = None) -> list[str]:
        found: list[str] = plays.play(
            seed,
            sets=sets,
            scripts=scripts,
            world=world,
            story=story,
            seen=seen if seen is not None else Counter(),
            changing=[first, changed] if seed % 4 == 3 else None,
        )
        return found

    return run
