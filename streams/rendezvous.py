"""How a second terminal finds a running demo: one small file for each, in a folder of this user.

The demo's broker listens on a port of its own choice, so `citybrain alerts watch` cannot know it. One file for each
demo means that two of them never write the same one. A file whose process is gone is removed by whoever sees it.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from citybrain.errors import MissingError
from citybrain.instants import Instant
from streams.clients import Broker


@dataclass(frozen=True, slots=True)
class Running:
    """A running demo: where its broker is, how its topics are called, which process owns it, since when."""

    bootstrap: str
    embedded: bool
    prefix: str
    pid: int
    started: Instant

    def broker(self) -> Broker:
        """Return the broker as the clients want it."""
        return Broker(self.bootstrap, embedded=self.embedded)


_ENTRY = TypeAdapter(Running)


def default_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of this user: in the run-time folder of the session, or in the cache where there is none."""
    runtime = environment.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "citybrain" if runtime else Path.home() / ".cache" / "citybrain"


@contextlib.contextmanager
def announced(running: Running, folder: Path | None = None) -> Iterator[None]:
    """Let other processes of this user find the demo for the length of the `with` block.

    Raises MissingError if the folder cannot be written.
    """
    folder = folder or default_folder()
    path = folder / f"demo-{running.pid}.json"
    # A reader sees the whole file or none: it is written under a name that readers pass over, then renamed.
    draft = path.with_suffix(".part")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.write_bytes(_ENTRY.dump_json(running))
        draft.replace(path)
    except OSError as error:
        text = f"cannot write to {folder}: {error.strerror}; set XDG_RUNTIME_DIR to a folder of yours, or unset it"
        raise MissingError(text) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def find(folder: Path | None = None) -> list[Running]:
    """Return the running demos, the newest first; remove what dead ones left."""
    found = []
    for path in (folder or default_folder()).glob("demo-*.json"):
        running = _read(path)
        if running is not None and _is_alive(running.pid):
            found.append(running)
        else:
            path.unlink(missing_ok=True)
    return sorted(found, key=lambda running: (running.started, running.pid), reverse=True)


def _read(path: Path) -> Running | None:
    """Return the entry, or None if it is gone by now or not one of ours."""
    try:
        return _ENTRY.validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False  # For `kill` these are whole groups of processes.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
