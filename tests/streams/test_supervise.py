"""The supervisor: when it starts a worker again, when it does not, and how it ends with it."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from citybrain.clock import SystemClock
from streams.supervise import DELAYS_S, Supervisor


def supervisor(script: str, said: list[tuple[int, float]]) -> Supervisor:
    return Supervisor(
        [sys.executable, "-c", script], clock=SystemClock(), say=lambda code, delay: said.append((code, delay))
    )


def counted(folder: Path, codes: str) -> str:
    """Return a script that ends with the first of some codes, next time with the second, and so on."""
    runs = folder / "runs"
    return f"open({str(runs)!r}, 'a').write('.'); n = len(open({str(runs)!r}).read()); raise SystemExit({codes}[n - 1])"


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.supervise.DELAYS_S", (0.0, 0.01, 0.02))


def test_the_first_restart_is_at_once_and_the_longest_delay_half_a_minute() -> None:
    assert (DELAYS_S[0], max(DELAYS_S)) == (0.0, 30.0)


def test_a_dead_worker_is_started_again_with_growing_delays(tmp_path: Path) -> None:
    said: list[tuple[int, float]] = []
    assert supervisor(counted(tmp_path, "[70, 3, 0, 70, 4]"), said).run() == 4
    assert said == [(70, 0.0), (3, 0.01), (0, 0.02), (70, 0.02)]


@pytest.mark.parametrize("code", [2, 4])
def test_what_a_restart_cannot_mend_ends_it(tmp_path: Path, code: int) -> None:
    said: list[tuple[int, float]] = []
    assert supervisor(counted(tmp_path, f"[{code}]"), said).run() == code
    assert said == []


def test_a_killed_worker_is_started_again(tmp_path: Path) -> None:
    said: list[tuple[int, float]] = []
    script = f"import os, signal; n = os.path.exists({str(tmp_path / 'x')!r}); open({str(tmp_path / 'x')!r}, 'w')\n"
    script += "os.kill(os.getpid(), signal.SIGKILL) if not n else None; raise SystemExit(4)"
    assert supervisor(script, said).run() == 4
    assert said == [(-signal.SIGKILL, 0.0)]


def test_told_to_stop_it_tells_the_worker_and_starts_no_other(tmp_path: Path) -> None:
    started = tmp_path / "started"
    script = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); "
        f"open({str(started)!r}, 'w'); time.sleep(30)"
    )

    def tell() -> None:
        while not started.exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    said: list[tuple[int, float]] = []
    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=tell, daemon=True).start()
    assert supervisor(script, said).run() == 0
    assert said == []
    assert signal.getsignal(signal.SIGTERM) is before
