import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from streams.clients import Admin, Broker, Producer, read_all
from streams.topics import ensure, topics_for


def _journal(prefix: str) -> list:
    return [topic for topic in topics_for(prefix) if topic.name == f"{prefix}journal"]


@pytest.fixture
def path_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Make the path hold nothing but the given scripts."""

    def put(**scripts: str) -> None:
        for name, text in scripts.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return put


@pytest.fixture
def no_jars(kafka_module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    here = tmp_path / "here"
    here.mkdir()
    (here / "pom.xml").write_text("<project/>")
    monkeypatch.setattr(kafka_module, "HERE", here)
    monkeypatch.setattr(kafka_module, "JARS", here / "target" / "libs")
    return here


@pytest.mark.parametrize(
    ("scripts", "text"),
    [
        pytest.param({}, "Java is not installed; Kafka needs 17 or newer", id="no-java"),
        pytest.param({"java": "exit 1"}, "found one before 9, expected 17", id="java-8-knows-no---version"),
        pytest.param({"java": "echo openjdk 11.0.2 2019-01-15"}, "found 11, expected 17", id="java-11"),
        pytest.param({"java": "echo openjdk 17.0.2 2022-01-18"}, r"Maven \(mvn\) is not installed", id="no-maven"),
        pytest.param(
            {"java": "echo openjdk 25-ea 2025-09-16", "mvn": "echo no such artifact; exit 1"},
            "Maven cannot fetch the jars of Kafka: no such artifact",
            id="maven-fails",
        ),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(
    kafka_module: ModuleType, no_jars: Path, path_with, scripts: dict[str, str], text: str
) -> None:
    path_with(**scripts)
    with pytest.raises(kafka_module.BrokerError, match=text), kafka_module.kafka_broker():
        pass


def test_jars_are_fetched_once_and_again_for_another_pom(kafka_module: ModuleType, no_jars: Path, path_with) -> None:
    path_with(
        java="echo openjdk 17.0.2 2022-01-18", mvn=f"echo . >> {no_jars}/runs; /bin/mkdir -p {no_jars}/target/libs"
    )
    for pom, runs in (("<project/>", 1), ("<project/>", 1), ("<project> </project>", 2)):
        (no_jars / "pom.xml").write_text(pom)
        assert kafka_module.fetch_jars() == str(no_jars / "target" / "libs" / "*")
        assert len((no_jars / "runs").read_text().split()) == runs


@pytest.mark.kafka
def test_a_port_that_is_in_use_is_refused(kafka: Broker, kafka_module: ModuleType) -> None:
    taken = int(kafka.bootstrap.rpartition(":")[2])
    with (
        pytest.raises(kafka_module.BrokerError, match=f"port {taken} is in use"),
        kafka_module.kafka_broker(port=taken),
    ):
        pass


@pytest.mark.kafka
def test_data_of_another_cluster_is_refused_with_the_brokers_own_words(
    kafka: Broker, kafka_module: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "meta.properties").write_text("version=1\ncluster.id=other\nnode.id=99\n")
    with (
        pytest.raises(kafka_module.BrokerError, match="ended before it was ready"),
        kafka_module.kafka_broker(data=tmp_path),
    ):
        pass


@pytest.mark.kafka
def test_it_stops_on_sigterm_and_keeps_its_data_if_told_where(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    # `kafka` is asked for only so that the jars are there.
    command = [sys.executable, str(Path(__file__).with_name("broker.py")), "--data", str(tmp_path / "data")]
    for records in (1, 2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            broker = Broker(process.stdout.readline().strip())
            with Admin(broker) as admin:
                ensure(admin, _journal(prefix))
            with Producer(broker) as producer:
                producer.send(f"{prefix}journal", b"", key=b"k")
            assert len(read_all(broker, [f"{prefix}journal"])) == records
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
