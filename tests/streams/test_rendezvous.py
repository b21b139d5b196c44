import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams import rendezvous
from streams.clients import Broker
from streams.rendezvous import Running, announced, default_folder, find

STARTED = 1_782_000_000_000


def _running(pid: int, *, started: int = STARTED) -> Running:
    return Running(bootstrap="127.0.0.1:9092", embedded=True, prefix="demo.", pid=pid, started=started)


@pytest.fixture
def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_an_announced_demo_is_found_with_all_it_said(tmp_path: Path) -> None:
    running = _running(os.getpid())
    with announced(running, tmp_path):
        assert find(tmp_path) == [running]
    assert running.broker() == Broker("127.0.0.1:9092", embedded=True)


def test_a_demo_that_ended_is_not_found_even_if_it_failed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="demo failed"), announced(_running(os.getpid()), tmp_path):
        raise RuntimeError("demo failed")
    assert find(tmp_path) == []


def test_two_demos_are_both_found_and_the_newest_comes_first(tmp_path: Path) -> None:
    older, newer = _running(os.getpid()), _running(os.getppid(), started=STARTED + 1)
    with announced(older, tmp_path), announced(newer, tmp_path):
        assert find(tmp_path) == [newer, older]


def test_the_entry_of_a_dead_process_is_passed_over_and_removed(tmp_path: Path, dead_pid: int) -> None:
    with announced(_running(dead_pid), tmp_path), announced(_running(os.getpid()), tmp_path):
        assert [running.pid for running in find(tmp_path)] == [os.getpid()]
        assert [path.name for path in tmp_path.iterdir()] == [f"demo-{os.getpid()}.json"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"bootstrap": "127.0.0.1:9', id="torn"),
        pytest.param(b"[]", id="not-an-object"),
        pytest.param(
            b'{"bootstrap": "x", "embedded": true, "prefix": "", "pid": 0, "started": "2026-06-20T08:00:00Z"}',
            id="pid-of-a-whole-group",
        ),
    ],
)
def test_a_file_that_is_no_entry_is_passed_over_and_removed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "demo-1.json").write_bytes(content)
    assert find(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_still_being_written_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "demo-1.part").write_bytes(b'{"boot')
    assert find(tmp_path) == []
    assert (tmp_path / "demo-1.part").exists()


def test_nothing_is_found_where_no_demo_ever_ran(tmp_path: Path) -> None:
    assert find(tmp_path / "absent") == []


def test_only_this_user_can_read_the_folder(tmp_path: Path) -> None:
    with announced(_running(os.getpid()), tmp_path / "mine"):
        assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o700


def test_the_folder_is_the_sessions_own_or_else_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendezvous.Path, "home", lambda: tmp_path)
    assert default_folder({"XDG_RUNTIME_DIR": "/run/user/7"}) == Path("/run/user/7/citybrain")
    assert default_folder({}) == tmp_path / ".cache" / "citybrain"
    assert default_folder({"XDG_RUNTIME_DIR": ""}) == tmp_path / ".cache" / "citybrain"
