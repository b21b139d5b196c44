"""What a worker looks at before it starts. Each thing that is wrong is a sentence that says what to do about it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from citybrain.errors import MissingError
from citybrain.model import Feed, Scenario, Status
from streams.clients import Admin, Broker, topic_partitions
from streams.contract import require_tested_faust
from streams.topics import SOURCES, Names, TimestampType

# The first that knows `message.timestamp.after.max.ms`, without which one record from the far future drags the time
# of its partition there for good.
BROKER_OLDEST: Final = (3, 6)
TIMESTAMP_SETTING: Final = "message.timestamp.type"


class Looks(Protocol):
    """What the guards ask of a broker; `streams.clients.Admin` is the real one."""

    def broker_version(self) -> tuple[int, ...]:
        """Return the version of the broker, as far as its protocol tells."""
        ...

    def settings(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Return all settings of the topics, defaults included."""
        ...


def require_all(broker: Broker, names: Names, *, status: Status, is_simulated: bool) -> None:
    """Raise MissingError that lists all that keeps a worker from running here."""
    require_tested_faust()
    counts = topic_partitions(broker)
    faults = [*topic_faults(counts, names)]
    if not faults and not broker.embedded:  # It has neither versions nor settings.
        with Admin(broker) as admin:
            faults += broker_faults(admin, names, stamps=expected_stamps(status, is_simulated=is_simulated))
    if faults:
        raise MissingError("\n".join(faults))


def expected_stamps(status: Status, *, is_simulated: bool) -> TimestampType:
    """Return who has to stamp the records of the feeds."""
    return TimestampType.CREATE if is_simulated or status is not Status.ACTUAL else TimestampType.APPEND


def topic_faults(counts: Mapping[str, int], names: Names) -> Iterator[str]:
    """Yield what is wrong with the topics there are."""
    feeds = [(names.source(source), names.state(source)) for source in SOURCES]
    alerts = [names.alerts(scenario) for scenario in Scenario]
    single = [names.catalog(), names.rejected(), names.status()]
    single += [names.alert_states(), names.incidents(), names.outcomes(), names.bulletins()]
    needed = [*(name for pair in feeds for name in pair), *alerts, *single]
    missing = [name for name in needed if name not in counts]
    if missing:
        others = f" and {len(missing) - 1} more are missing" if len(missing) > 1 else " does not exist"
        yield f"topic {missing[0]}{others}; run `citybrain topics ensure`"
    for feed, state in feeds:
        if feed in counts and state in counts and counts[feed] != counts[state]:
            yield (
                f"topic {state} has {counts[state]} partitions, expected {counts[feed]} as {feed} has, because the "
                f"state of a partition lies in the one of its number; delete {state} and run `citybrain topics ensure` "
                f"to judge anew what {feed} still holds"
            )


def broker_faults(looks: Looks, names: Names, *, stamps: TimestampType) -> Iterator[str]:
    """Yield what is wrong with the broker and the settings of the feeds."""
    version = looks.broker_version()
    if version < BROKER_OLDEST:
        found, expected = (".".join(map(str, each)) for each in (version, BROKER_OLDEST))
        yield f"the broker is Kafka {found}, expected {expected} or newer; upgrade the broker"
    feeds = [names.feed(feed) for feed in Feed]
    for name, settings in looks.settings(feeds).items():
        found_stamps = settings.get(TIMESTAMP_SETTING)
        if found_stamps != stamps:
            change = f"kafka-configs.sh --alter --topic {name} --add-config {TIMESTAMP_SETTING}={stamps}"
            is_live = stamps is TimestampType.APPEND
            setting = "set CITYBRAIN_SIMULATED=true" if is_live else "unset CITYBRAIN_SIMULATED"
            yield (
                f"topic {name} has {TIMESTAMP_SETTING} {found_stamps}, expected {stamps}; {setting} if its readings "
                f"are {'simulated' if is_live else 'live'}, else run `{change}`"
            )
