"""Settings: from the environment (`CITYBRAIN_*`), then from one TOML file (`citybrain.toml`, or `CITYBRAIN_CONFIG`).

Secrets come from the environment only; nothing here has a secret as its default.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from citybrain.errors import UsageError
from citybrain.i18n import Language
from citybrain.model import Status

CONFIG_VARIABLE = "CITYBRAIN_CONFIG"
SENDER = "citybrain.lishui.example"  # No real address: an installation gives its own.


class Settings(BaseSettings):
    """All that an installation decides."""

    model_config = SettingsConfigDict(env_prefix="CITYBRAIN_", extra="forbid", frozen=True)

    bootstrap: Annotated[str, Field(description="Kafka brokers, host:port with commas between")] = "127.0.0.1:9092"
    prefix: Annotated[str, Field(description="what all topic names begin with", pattern=r"^[a-z0-9.-]*$")] = (
        "citybrain."
    )
    group: Annotated[str, Field(description="consumer group of the workers")] = "citybrain"
    status: Annotated[Status, Field(description="`actual` for the live topics, `exercise` for those of drills")] = (
        Status.ACTUAL
    )
    simulated: Annotated[
        bool, Field(description="feeds carry their producer's time (CreateTime) and speak for some sites only")
    ] = False
    embedded: Annotated[bool, Field(description="the broker is the embedded one of the demo")] = False
    catalog: Annotated[
        Path | None, Field(description="folder with rules/, sites/, zones/ and feeds/ in place of the shipped ones")
    ] = None
    checkpoint_every_s: Annotated[float, Field(description="seconds between two checkpoints", gt=0, le=600)] = 5.0
    session_s: Annotated[
        float,
        Field(
            description="seconds without a sign of life after which a worker's partitions go to others", ge=6, le=300
        ),
    ] = 10.0
    metrics_host: Annotated[str, Field(description="address of /metrics, /livez and /readyz")] = "127.0.0.1"
    metrics_port: Annotated[int, Field(description="port of the same; 0 takes any free one", ge=0, le=65535)] = 9464
    sender: Annotated[
        str,
        Field(
            description="who sends bulletins, in the form of CAP 1.2: unique in the world, as a domain name is",
            pattern=r"^[^\s,<&]+$",
        ),
    ] = SENDER
    lang: Annotated[Language, Field(description="language of what is printed, zh or en")] = "zh"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, the strongest first: the call, the environment, the file."""
        path = Path(os.environ.get(CONFIG_VARIABLE, "citybrain.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)


def load_settings(**given: object) -> Settings:
    """Return the settings in force. Raises UsageError that names each wrong one as it was written."""
    _check_file()
    try:
        return Settings(**given)  # type: ignore[arg-type]  # The values are checked right here.
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}, found {fault['input']!r}"
            for fault in error.errors(include_url=False)
        ]
        raise UsageError("settings: " + "; ".join(faults)) from error


def _check_file() -> None:
    """Raise UsageError for a file that was named and is not there, or that is no TOML."""
    named = os.environ.get(CONFIG_VARIABLE)
    path = Path(named if named is not None else "citybrain.toml")
    if named is None and not path.exists():
        return
    try:
        tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"settings: cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # Of TOML, with line and column in its text, or of UTF-8.
        raise UsageError(f"settings: {path}: {error}") from error
