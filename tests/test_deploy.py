"""What stands in docker-compose.yml, the Dockerfile and the configuration of Prometheus, as far as it shows unrun."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from citybrain.cli.main import app
from citybrain.settings import CONFIG_VARIABLE, Settings

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = {f"CITYBRAIN_{name.upper()}" for name in Settings.model_fields} | {CONFIG_VARIABLE}

# Any one variable KAFKA_* takes the place of the image's whole configuration.
# Source: the image's scripts in docker/resources/common-scripts of Apache Kafka; server.properties of its KRaft mode.
KAFKA_VARIABLES = {
    "KAFKA_NODE_ID",
    "KAFKA_PROCESS_ROLES",
    "KAFKA_LISTENERS",
    "KAFKA_ADVERTISED_LISTENERS",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
    "KAFKA_INTER_BROKER_LISTENER_NAME",
    "KAFKA_CONTROLLER_LISTENER_NAMES",
    "KAFKA_CONTROLLER_QUORUM_VOTERS",
    "KAFKA_LOG_DIRS",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE",
}


def read_yaml(name: str) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(ROOT / name)


COMPOSE = read_yaml("docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()


def instructions(word: str) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in DOCKERFILE if line.split(maxsplit=1)[:1] == [word]]


def is_pinned(image: str) -> bool:
    """Tell whether an image has a tag that names one release, down to the patch."""
    return re.fullmatch(r"[^:]+:v?\d+\.\d+\.\d+(-[a-z]+)*", image) is not None


def environment(name: str) -> dict[str, str]:
    return {key: str(value) for key, value in SERVICES[name].get("environment", {}).items()}


def test_the_services_are_those_that_the_manual_names() -> None:
    assert set(SERVICES) == {"kafka", "topics", "worker", "simulators", "prometheus"}
    assert {"topics", "worker", "simulators"} == OURS


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned_to_a_release(name: str) -> None:
    assert is_pinned(SERVICES[name]["image"])


@pytest.mark.parametrize("image", ["python", "python:latest", "python:3.11-slim", "apache/kafka:4"])
def test_a_loose_tag_is_noticed(image: str) -> None:
    assert not is_pinned(image)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_tells_its_health_or_that_it_has_none(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    ends_by_itself = SERVICES[name].get("restart", "no") == "no"
    assert check == {"disable": True} if ends_by_itself else check["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_rights_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert not service.keys() & {"privileged", "user", "network_mode", "pid", "cap_add", "devices"}
    assert not [volume for volume in service.get("volumes", []) if "docker.sock" in volume]


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_machine_alone(name: str) -> None:
    assert [port for port in SERVICES[name].get("ports", []) if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_command_exists_with_its_options(name: str) -> None:
    program, *words = shlex.split(SERVICES[name]["command"])
    assert program == "citybrain"
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_environment_is_made_of_valid_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {key: re.sub(r"\$\{\w+:-(\w+)\}", r"\1", value) for key, value in environment(name).items()}
    assert set(variables) <= SETTINGS
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    settings = Settings()
    assert settings.bootstrap in {address.partition("://")[2] for address in advertised_listeners()}
    # Simulated readings carry their own time; the topics, the simulators and the worker must agree on that.
    assert settings.simulated


def advertised_listeners() -> list[str]:
    return environment("kafka")["KAFKA_ADVERTISED_LISTENERS"].split(",")


def test_the_configuration_of_kafka_is_complete() -> None:
    assert {key for key in environment("kafka") if key.startswith("KAFKA_")} - {"KAFKA_HEAP_OPTS"} == KAFKA_VARIABLES


def test_the_listeners_of_kafka_fit_together() -> None:
    kafka = environment("kafka")
    listeners = dict(listener.split("://") for listener in kafka["KAFKA_LISTENERS"].split(","))
    protocols = dict(pair.split(":") for pair in kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    advertised = dict(listener.split("://") for listener in advertised_listeners())
    controller = kafka["KAFKA_CONTROLLER_LISTENER_NAMES"]
    assert protocols.keys() == listeners.keys() == advertised.keys() | {controller}
    assert kafka["KAFKA_INTER_BROKER_LISTENER_NAME"] in advertised
    assert kafka["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"{kafka['KAFKA_NODE_ID']}@kafka{listeners[controller]}"
    assert all(address.endswith(listeners[name]) for name, address in advertised.items())


def test_the_data_of_kafka_outlives_its_container() -> None:
    folders = dict(volume.split(":")[:2] for volume in SERVICES["kafka"]["volumes"])
    (volume,) = (name for name, folder in folders.items() if folder == environment("kafka")["KAFKA_LOG_DIRS"])
    assert volume in COMPOSE["volumes"]


def test_prometheus_finds_every_worker() -> None:
    (job,) = read_yaml("deploy/prometheus/prometheus.yml")["scrape_configs"]
    (lookup,) = job["dns_sd_configs"]
    worker = environment("worker")
    assert lookup["names"] == ["worker"]
    assert str(lookup["port"]) == worker["CITYBRAIN_METRICS_PORT"]
    assert worker["CITYBRAIN_METRICS_HOST"] == "0.0.0.0"
    assert not SERVICES["worker"].keys() & {"ports", "container_name"}, "a second worker could not start"


def test_mounted_files_exist() -> None:
    mounts = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert [path for path in mounts if path.startswith(".") and not (ROOT / path).is_file()] == []


def test_the_base_image_is_pinned_to_a_release() -> None:
    bases = {image.split()[0] for image in instructions("FROM")}
    assert len(bases) == 1
    assert is_pinned(bases.pop())


def test_the_image_does_not_run_as_root() -> None:
    user = instructions("USER")[-1]
    assert user not in ("root", "0")
    assert any(user in line.split() for line in instructions("RUN") if line.startswith("useradd"))


def test_the_image_tells_its_health() -> None:
    (check,) = instructions("HEALTHCHECK")
    assert "/livez" in check


def test_the_image_runs_a_command_that_exists() -> None:
    program, *words = json.loads(instructions("CMD")[-1])
    assert program == "citybrain"
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0


def test_the_image_holds_no_tools_of_developers() -> None:
    assert not [line for line in DOCKERFILE if re.search(r"\[(test|bench|browser|demo)\]|pip install.* -e", line)]


def test_what_the_image_copies_exists_and_is_let_through() -> None:
    let_through = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    copied = {name for line in instructions("COPY") if not line.startswith("--from") for name in line.split()[:-1]}
    assert copied == let_through
    assert [name for name in sorted(copied) if not (ROOT / name).exists()] == []
