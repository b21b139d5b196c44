"""The embedded broker: librdkafka's mock cluster, in a child process, for the demo and for tests only.

It speaks the real protocol, holds everything in memory, keeps about 5 MiB of each partition, knows neither
compaction nor LogAppendTime, and listens on a loopback port of its own choice. The interface is experimental and
called by its C names, which is why the version of the wheel is pinned (docs/adr/0006).

    python -m streams.embedded

reads one line of JSON, `{topic: partitions}`, from its standard input, prints its address, and ends when that
input ends, or on SIGINT or SIGTERM. So nobody who started it can leave it behind, however they die.
"""

import contextlib
import ctypes
import importlib.util
import json
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from citybrain.errors import MissingError
from streams.clients import Broker
from streams.topics import Topic

# Readings of a demo fit into a third of four partitions, and four are enough to show several workers.
FEED_PARTITIONS: Final = 4

START_TIMEOUT_S: Final = 20
STOP_TIMEOUT_S: Final = 5

_PRODUCER: Final = 0  # RD_KAFKA_PRODUCER; the cluster needs some client instance to live in.
_BROKERS: Final = 1
_REPLICAS: Final = 1
_KNOCK_EVERY_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Embedded:
    """A broker and the child process that it is."""

    broker: Broker
    process: "subprocess.Popen[str]"

    def exit_code(self) -> int | None:
        """Return the exit code of the child, negative for a signal, or None while it runs."""
        return self.process.poll()


@contextlib.contextmanager
def embedded_broker(topics: Iterable[Topic]) -> Iterator[Broker]:
    """Run an embedded broker as `embedded_child` does, for callers that do not ask whether it still runs."""
    with embedded_child(topics) as child:
        yield child.broker


@contextlib.contextmanager
def embedded_child(topics: Iterable[Topic]) -> Iterator[Embedded]:
    """Run an embedded broker that has the topics, for the length of the `with` block.

    Raises MissingError if the package that brings it is not installed or the broker does not start.
    """
    library_path()
    # A session of its own: Ctrl-C reaches the demo, which stops its worker before its broker.
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.embedded"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None, "its input is a pipe"
    assert process.stdout is not None, "its output is a pipe"
    try:
        json.dump({topic.name: topic.partitions for topic in topics}, process.stdin)
        process.stdin.write("\n")
        process.stdin.flush()
        yield Embedded(Broker(_read_address(process.stdout), embedded=True), process)
    finally:
        _stop(process)


def library_path() -> Path:
    """Return the librdkafka inside the confluent-kafka wheel. Raises MissingError if there is none."""
    spec = importlib.util.find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        raise MissingError("the embedded broker needs confluent-kafka: pip install citybrain[demo]")
    package = Path(spec.origin).parent
    # The tools that build wheels put bundled libraries beside the package on Linux and inside it on macOS.
    for folder in (package.with_name("confluent_kafka.libs"), package / ".dylibs"):
        for path in sorted(folder.glob("librdkafka*")):
            return path
    raise MissingError(
        f"the confluent-kafka at {package} was built without its own librdkafka, which the embedded broker needs: "
        "pip install --force-reinstall --only-binary confluent-kafka citybrain[demo]"
    )


def serve() -> None:
    """Run the broker until the input ends; the child's whole life."""
    partitions: Mapping[str, int] = json.loads(sys.stdin.readline())
    bootstrap = _start(partitions)
    with contextlib.suppress(KeyboardInterrupt):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        sys.stdout.write(bootstrap + "\n")
        sys.stdout.flush()
        sys.stdin.read()


def _start(partitions: Mapping[str, int]) -> str:
    """Start the mock cluster in this process, for the rest of its life, and return its address."""
    library = _library()
    text = ctypes.create_string_buffer(512)
    settings = library.rd_kafka_conf_new()
    # Errors only: it would warn that the client around the cluster has no broker to go to.
    library.rd_kafka_conf_set(settings, b"log_level", b"3", text, len(text))
    client = library.rd_kafka_new(_PRODUCER, settings, text, len(text))
    if not client:
        raise MissingError(f"librdkafka does not start: {text.value.decode()}")
    cluster = library.rd_kafka_mock_cluster_new(client, _BROKERS)
    if not cluster:
        raise MissingError("librdkafka has no mock cluster to start")
    bootstrap: str = library.rd_kafka_mock_cluster_bootstraps(cluster).decode()
    with _kept_awake(bootstrap):
        # By default a group waits 3 s for more members before anyone is assigned anything.
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
        for name, count in partitions.items():
            error = library.rd_kafka_mock_topic_create(cluster, name.encode(), count, _REPLICAS)
            if error:
                raise MissingError(f"topic {name} with {count} partitions: librdkafka error {error}")
    return bootstrap


@contextlib.contextmanager
def _kept_awake(bootstrap: str) -> Iterator[None]:
    """Keep the cluster's thread from sleeping through calls of its C functions.

    It often misses the signal of such a call and serves it when its sleep of a second is over: measured, 48 topics
    took 0.01 s or up to 20 s. A connection always wakes it.
    """
    host, _, port = bootstrap.rpartition(":")
    done = threading.Event()

    def knock() -> None:
        while not done.wait(_KNOCK_EVERY_S):
            with contextlib.suppress(OSError):
                socket.create_connection((host, int(port)), 1).close()

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _library() -> ctypes.CDLL:
    """Load librdkafka and declare the functions used. Source: rdkafka.h and rdkafka_mock.h of 2.16."""
    library = ctypes.CDLL(str(library_path()))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures: Mapping[str, tuple[type | None, list[type]]] = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_conf_set": (number, [pointer, text, text, text, ctypes.c_size_t]),
        "rd_kafka_new": (pointer, [number, pointer, text, ctypes.c_size_t]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, number]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, ctypes.c_int32]),
        "rd_kafka_mock_topic_create": (number, [pointer, text, number, number]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _read_address(stdout: IO[str]) -> str:
    """Return the address the child prints. Raises MissingError if it ends or stays silent instead."""
    ready, _, _ = select.select([stdout], [], [], START_TIMEOUT_S)
    if not ready:
        raise MissingError(f"the embedded broker did not start within {START_TIMEOUT_S} s")
    address = stdout.readline().strip()
    if not address:
        raise MissingError("the embedded broker ended before it was ready; its error is above")
    return address


def _stop(process: subprocess.Popen[str]) -> None:
    """End the child: by its input first, then by force. It holds nothing worth waiting for."""
    assert process.stdin is not None, "its input is a pipe"
    assert process.stdout is not None, "its output is a pipe"
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        process.stdout.close()


if __name__ == "__main__":
    serve()
