"""A real single-node Apache Kafka (KRaft) on loopback, from jars that Maven fetches: for tests, and without Docker.

    python tests/kafka/broker.py [--data DIR] [--port N]

prints the broker's address when it answers and stops it cleanly on Ctrl-C or SIGTERM. Without `--data` its data is
gone afterwards. The first run fetches about 45 MB of jars into `target` beside this file.
"""

import argparse
import contextlib
import hashlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

HERE = Path(__file__).resolve().parent
JARS = HERE / "target" / "libs"
LOG_SETTINGS = HERE / "log4j2.xml"

# Two cores and a few small topics; Kafka's own default of 1 GiB would take the memory of the tests.
HEAP = ("-Xms256m", "-Xmx512m")
JAVA_OLDEST = 17
# 16 bytes in URL-safe base 64. Every broker here may bear the same name: none ever meets another.
CLUSTER_ID = "Y2l0eWJyYWluLXRlc3RzLg"

FETCH_TIMEOUT_S = 900
FORMAT_TIMEOUT_S = 60
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
LOOK_EVERY_S = 0.1
WATCH_EVERY_S = 1


class BrokerError(Exception):
    """The broker cannot be had here; the text says why in one sentence."""


@contextlib.contextmanager
def kafka_broker(*, data: Path | None = None, port: int | None = None) -> Iterator[str]:
    """Run a broker for the length of the `with` block and give its address.

    A free port is chosen unless one is given. Without `data` its files are in a temporary folder that is removed.
    Raises BrokerError when Java or Maven is missing, the jars cannot be fetched, or the broker does not start.
    """
    classpath = fetch_jars()
    # Somebody else's broker would answer in place of ours.
    if port is not None and _listens(port):
        raise BrokerError(f"port {port} is in use; another one can be given by --port")
    with contextlib.ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="citybrain-kafka-")))
        folder.mkdir(parents=True, exist_ok=True)
        ports = (port or free_port(), free_port())
        settings = folder / "server.properties"
        settings.write_text(_settings(folder, *ports), encoding="utf-8")
        if not (folder / "log" / "meta.properties").exists():
            _format(classpath, settings)
        log = stack.enter_context((folder / "broker.log").open("wb"))
        command = _java(classpath, *HEAP, "kafka.Kafka", str(settings))
        # A session of its own: Ctrl-C reaches whoever uses the broker, which stops it when it is done with it.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        stack.callback(_stop, process)
        _wait_until_it_answers(process, ports[0], folder / "broker.log")
        yield f"127.0.0.1:{ports[0]}"


def fetch_jars() -> str:
    """Return the class path, fetching the jars unless those of this pom.xml are there already."""
    java_version()
    stamp = HERE / "target" / "fetched"
    wanted = hashlib.sha256((HERE / "pom.xml").read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        if shutil.which("mvn") is None:
            raise BrokerError("Maven (mvn) is not installed and the jars of Kafka have not been fetched yet")
        # The jars of another pom.xml would end up on the class path too.
        shutil.rmtree(JARS, ignore_errors=True)
        command = ["mvn", "-B", "-q", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
        options = [f"-DoutputDirectory={JARS}", "-DincludeScope=runtime"]
        ended = subprocess.run(
            [*command, *options], capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False
        )
        if ended.returncode != 0:
            raise BrokerError(f"Maven cannot fetch the jars of Kafka: {_last_lines(ended.stdout + ended.stderr)}")
        # Written last, so that a fetch that was cut short is done again.
        stamp.write_text(wanted, encoding="utf-8")
    return str(JARS / "*")


def java_version() -> int:
    """Return the major version of the Java on the path. Raises BrokerError if it is missing or too old."""
    if shutil.which("java") is None:
        raise BrokerError(f"Java is not installed; Kafka needs {JAVA_OLDEST} or newer")
    ended = subprocess.run(["java", "--version"], capture_output=True, text=True, timeout=60, check=False)
    words = ended.stdout.split()
    number = words[1].split(".")[0].split("-")[0] if ended.returncode == 0 and len(words) > 1 else "0"
    version = int(number) if number.isdigit() else 0
    if version < JAVA_OLDEST:
        raise BrokerError(
            f"Java is too old for Kafka: found {version or 'one before 9'}, expected {JAVA_OLDEST} or newer"
        )
    return version


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def _settings(folder: Path, port: int, controller_port: int) -> str:
    return f"""\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
controller.quorum.voters=1@127.0.0.1:{controller_port}
log.dirs={folder / "log"}
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


def _java(classpath: str, *arguments: str) -> list[str]:
    return ["java", "-cp", classpath, f"-Dlog4j2.configurationFile={LOG_SETTINGS}", *arguments]


def _format(classpath: str, settings: Path) -> None:
    """Write the cluster's id into the empty data folder, without which a KRaft broker does not start."""
    command = _java(classpath, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(settings))
    ended = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S, check=False)
    if ended.returncode != 0:
        raise BrokerError(f"Kafka's storage cannot be formatted: {_last_lines(ended.stdout + ended.stderr)}")


def _wait_until_it_answers(process: "subprocess.Popen[Any]", port: int, log: Path) -> None:
    """Return when the broker takes connections, which it does only once it can serve them."""
    for _ in range(round(START_TIMEOUT_S / LOOK_EVERY_S)):
        if process.poll() is not None:
            raise BrokerError(f"Kafka ended before it was ready: {_last_lines(log.read_text(errors='replace'))}")
        if _listens(port):
            return
        time.sleep(LOOK_EVERY_S)
    raise BrokerError(
        f"Kafka did not answer within {START_TIMEOUT_S} s: {_last_lines(log.read_text(errors='replace'))}"
    )


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), LOOK_EVERY_S).close()
    except OSError:
        return False
    return True


def _stop(process: "subprocess.Popen[Any]") -> None:
    """Ask the broker to write everything down and end; kill it if it takes too long."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-10:]) or "it said nothing"


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run a broker until it is interrupted."""
    parser = argparse.ArgumentParser(description="Run a single-node Apache Kafka on loopback.")
    parser.add_argument("--data", type=Path, help="keep the data here (default: a folder that is removed at the end)")
    parser.add_argument("--port", type=int, help="listen here (default: a free port)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with kafka_broker(data=options.data, port=options.port) as bootstrap:
            print(bootstrap, flush=True)
            while _listens(int(bootstrap.rpartition(":")[2])):
                time.sleep(WATCH_EVERY_S)
    except BrokerError as error:
        print(error, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 0
    print("Kafka has ended by itself", file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main())
