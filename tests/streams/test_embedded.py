import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from citybrain.errors import MissingError
from citybrain.model import Feed
from streams import embedded as module
from streams.clients import Broker, Producer, read_all
from streams.embedded import FEED_PARTITIONS, embedded_broker
from streams.topics import Names, Topic, topics_for

Opener = Callable[[Iterable[Topic]], Broker]


@contextmanager
def _child() -> "Iterator[tuple[subprocess.Popen[str], Broker]]":
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.embedded"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(json.dumps({"t": 1}) + "\n")
        process.stdin.flush()
        yield process, Broker(process.stdout.readline().strip(), embedded=True)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.mark.embedded
def test_it_has_the_topics_with_their_partitions(embedded: Opener, prefix: str) -> None:
    topics = topics_for(prefix, simulated=True, feed_partitions=FEED_PARTITIONS)
    # One of each kind: the first record for a topic costs kafka-python a tenth of a second.
    names = Names(prefix)
    kinds = {names.feed(Feed.PARKING), names.state(Feed.PARKING), names.rejected(), names.journal()}
    sample = [topic for topic in topics if topic.name in kinds]
    broker = embedded(topics)
    with Producer(broker) as producer:
        for topic in sample:
            for partition in range(topic.partitions):
                producer.send(topic.name, b"", key=b"k", partition=partition)
    records = read_all(broker, [topic.name for topic in topics])
    assert {(record.topic, record.partition) for record in records} == {
        (topic.name, partition) for topic in sample for partition in range(topic.partitions)
    }
    assert [topic.partitions for topic in sample] == [4, 4, 1, 4]


@pytest.mark.embedded
def test_two_of_them_are_strangers() -> None:
    (journal,) = (topic for topic in topics_for("t.") if topic.name == "t.journal")
    with embedded_broker([journal]) as one, embedded_broker([journal]) as other:
        assert one.bootstrap != other.bootstrap
        with Producer(one) as producer:
            producer.send("t.journal", b"", key=b"k")
        assert (len(read_all(one, ["t.journal"])), len(read_all(other, ["t.journal"]))) == (1, 0)


@pytest.mark.embedded
def test_it_is_gone_after_the_block_even_if_the_block_failed() -> None:
    addresses = []

    def demo() -> None:
        with embedded_broker([]) as broker:
            addresses.append(broker.bootstrap)
            raise RuntimeError("demo failed")

    with pytest.raises(RuntimeError, match="demo failed"):
        demo()
    with pytest.raises(MissingError, match="no Kafka broker answers"):
        Producer(Broker(addresses[0], embedded=True))


@pytest.mark.embedded
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    with _child() as (process, _):
        process.send_signal(number)
        assert process.wait(5) == 0


@pytest.mark.embedded
def test_it_ends_with_whoever_started_it_even_by_kill_9() -> None:
    # The one between prints the broker's pid and address, and is killed.
    program = (
        "import json, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'streams.embedded'], stdin=subprocess.PIPE, "
        "stdout=subprocess.PIPE, text=True, start_new_session=True)\n"
        "child.stdin.write('{}\\n'); child.stdin.flush()\n"
        "print(json.dumps([child.pid, child.stdout.readline().strip()]), flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as between:
        assert between.stdout
        pid, address = json.loads(between.stdout.readline())
        os.kill(pid, 0)
        between.kill()
    host, _, port = address.rpartition(":")
    for _ in range(100):
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            break
        time.sleep(0.05)
    else:
        pytest.fail(f"the broker of a dead parent still answers at {address}")


@pytest.mark.embedded
def test_a_child_that_dies_before_it_is_ready_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(json, "dump", lambda _, stream: stream.write("no topics"))
    with pytest.raises(MissingError, match="ended before it was ready"), embedded_broker([]):
        pass
    assert "JSONDecodeError" in capfd.readouterr().err


def test_without_the_wheel_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingError, match=r"pip install citybrain\[demo\]"), embedded_broker([]):
        pass


def test_a_wheel_without_the_library_is_told_from_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Spec:
        origin = str(tmp_path / "confluent_kafka" / "__init__.py")

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: Spec)
    with pytest.raises(MissingError, match="without its own librdkafka"):
        module.library_path()
