"""A set of author files as it is published: gathered, packed, and compiled by the loaders that `rules check` uses.

What is published is the files themselves, so that every worker compiles what the author wrote, and the author's own
check has seen the same.
"""

import hashlib
import json
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from citybrain.errors import SnapshotError
from citybrain.problems import Problem
from citybrain.registry import HOLIDAYS, RIVERS, SHIPPED, ZONE_KINDS
from rules.ruleset import SHIPPED_RULES, RuleSet, read_rules
from scenarios.playbook import Playbook, playbook_of
from scenarios.scripts import SHIPPED_SCRIPTS, read_scripts
from simulators.storyline import SHIPPED as SHIPPED_STORYLINES

# What a set is when it is unpacked: a bound on what a record of a few bytes may grow to.
BYTES_MAX: Final = 64 * 1024 * 1024

_RULES, _SCRIPTS, _STORYLINES = "rules", "scenarios", "storylines"
_REGISTRY: Final = (HOLIDAYS, RIVERS, ZONE_KINDS, "feeds/*.yaml", "sites/*.yaml", "zones/*.yaml", "zones/*.geojson")


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the author files lie."""

    rules: Path = SHIPPED_RULES
    registry: Path = SHIPPED
    scripts: Path = SHIPPED_SCRIPTS
    storylines: Path = SHIPPED_STORYLINES


@dataclass(frozen=True, slots=True)
class CatalogFiles:
    """The author files of one set: path from its top, as in `--catalog DIR` -> text. `origins` say where they lay."""

    texts: Mapping[str, str]
    origins: Mapping[str, Path]

    @property
    def content_hash(self) -> str:
        """Return a hash of every byte of them."""
        return hashlib.sha256(_json(self.texts)).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a worker goes by, all of one set."""

    content_hash: str  # Of the files.
    rules: RuleSet
    playbook: Playbook


def gather(folders: Folders) -> CatalogFiles:
    """Return the author files of some folders, as they are now."""
    origins = dict(sorted(_paths(folders)))
    # Bytes that are no UTF-8 are kept: the loaders say where they stand.
    texts = {name: path.read_bytes().decode("utf-8", "surrogateescape") for name, path in origins.items()}
    return CatalogFiles(texts, origins)


def pack(files: CatalogFiles) -> bytes:
    """Return the files as one record."""
    return zlib.compress(_json(files.texts), level=9)


def unpack(value: bytes) -> CatalogFiles:
    """Return the files of a record. Raises SnapshotError for bytes that are none."""
    try:
        inflater = zlib.decompressobj()
        plain = inflater.decompress(value, BYTES_MAX)
        if not inflater.eof:
            raise ValueError(f"it is torn, or larger than {BYTES_MAX} bytes")
        texts = {_safe(name): str(text) for name, text in json.loads(plain).items()}
    except (ValueError, zlib.error, AttributeError, TypeError) as error:
        raise SnapshotError(f"this is no published set: {error}") from error
    return CatalogFiles(texts, {name: Path(name) for name in texts})


def compile_files(files: CatalogFiles) -> tuple[Compiled | None, list[Problem]]:
    """Check and compile a set. Without one there are problems, with their places in the author's own files."""
    with tempfile.TemporaryDirectory(prefix="citybrain-catalog-") as name:
        folder = Path(name)
        for part in (_RULES, _SCRIPTS, _STORYLINES):
            (folder / part).mkdir()
        for path, text in files.texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(text.encode("utf-8", "surrogateescape"))
        compiled, problems = _compiled(folder, files.content_hash)
        return compiled, [_at_home(problem, folder, files) for problem in problems]


def _compiled(folder: Path, content_hash: str) -> tuple[Compiled | None, list[Problem]]:
    rules, problems = read_rules(folder / _RULES, folder)
    if rules is None:
        return None, problems
    scripts, problems = read_scripts(folder / _SCRIPTS, rules, folder / _STORYLINES)
    if scripts is None:
        return None, problems
    return Compiled(content_hash, rules, playbook_of(rules, scripts)), []


def _at_home(problem: Problem, folder: Path, files: CatalogFiles) -> Problem:
    """Return a problem at the place in the file that the author wrote."""
    path = problem.path.relative_to(folder)
    return replace(problem, path=files.origins.get(path.as_posix(), path))


def _paths(folders: Folders) -> Iterator[tuple[str, Path]]:
    """Yield each file that the loaders read, after its path in the set."""
    for pattern in _REGISTRY:
        yield from _named("", folders.registry, pattern)
    yield from _named(_RULES, folders.rules, "**/*.yaml")
    yield from _named(_SCRIPTS, folders.scripts, "*.yaml")
    yield from _named(_STORYLINES, folders.storylines, "*.yaml")


def _named(part: str, folder: Path, pattern: str) -> Iterator[tuple[str, Path]]:
    for path in folder.glob(pattern):
        yield (PurePosixPath(part) / path.relative_to(folder).as_posix()).as_posix(), path


def _safe(name: str) -> str:
    """Return a path that stays below the folder that it is unpacked to. Raises ValueError for another."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError(f"the path {name!r} leads out of the set")
    return name


def _json(texts: Mapping[str, str]) -> bytes:
    return json.dumps(texts, sort_keys=True).encode()
