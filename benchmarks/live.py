"""What a record costs from Kafka to alerts, side by side: `python benchmarks/live.py [--hours H] [--rounds N]`.

The same records of the synthetic city lie in a real Kafka, and each consumer reads them in a process of its own:

- `worker`: this worker, with the shipped rules, its state, outboxes and checkpoints;
- `chunks`: the small job on this worker's transport; `faust`: the same job as an agent that Faust's manual would give;
- `aiokafka`, `confluent`: the same job in a bare loop over these clients.

The small job decodes a reading, compares three limits, and sends an alert where one is met. CPU time counts, of all
threads, from the first record to the last: wall time on shared cores says little.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiokafka
import confluent_kafka
import faust
from yarl import URL

from benchmarks.city import records
from benchmarks.engine import START, calibration_s
from citybrain.cli.worker import FolderAuthor
from citybrain.clock import SystemClock
from citybrain.codec import decode
from citybrain.model import Feed, Scenario
from citybrain.settings import Settings
from rules.ruleset import load_rules
from scenarios.published import Folders
from streams.clients import Admin, Broker, Producer
from streams.health import Pulse
from streams.publish import publish
from streams.telemetry import Telemetry
from streams.topics import Names, ensure, topics_for
from streams.transport import ChunkScheduler, Transport
from streams.worker import Worker

PREFIX = "bench."
PARTITIONS = 4
PATIENCE_S = 300
CONSUMERS = ("worker", "chunks", "faust", "aiokafka", "confluent")
LIMITS = (("stage", 4.5), ("rain_1h", 30.0), ("pm25_1h", 115.0))
FEEDS = [Names(PREFIX).feed(feed) for feed in Feed]
ALERTS = Names(PREFIX).alerts(Scenario.SYSTEM)


def job(value: bytes | None) -> bytes | None:
    """Return the alert that a record gives, if any."""
    decoded = decode(value, {})
    if not isinstance(decoded, list | tuple):
        return None
    for reading in decoded:
        for metric, limit in LIMITS:
            found = reading.values.get(metric)
            if found is not None and found >= limit:
                return json.dumps({"site": reading.site, "metric": metric, "value": found}).encode()
    return None


class Meter:
    """Counts records, and the CPU time from the first to the last."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._seen = 0
        self._cpu_s = self._wall_s = 0.0
        self.is_done = asyncio.Event()

    def count(self, records: int) -> None:
        """Note records that were taken."""
        if not self._seen:
            self._cpu_s, self._wall_s = time.process_time(), time.monotonic()
        self._seen += records
        if self._seen >= self._wanted:
            self.is_done.set()

    def figures(self) -> dict[str, float]:
        """Return microseconds of CPU per record, and records per second of wall time."""
        cpu_s, wall_s = time.process_time() - self._cpu_s, time.monotonic() - self._wall_s
        return {"cpu_us": cpu_s * 1e6 / self._seen, "per_second": self._seen / wall_s}


async def consume_confluent(bootstrap: str, group: str, meter: Meter) -> None:
    """Read by librdkafka, whose thread counts too."""
    settings = {"bootstrap.servers": bootstrap, "fetch.queue.backoff.ms": 5}
    consumer = confluent_kafka.Consumer({**settings, "group.id": group, "auto.offset.reset": "earliest"})
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    consumer.subscribe(FEEDS)
    while not meter.is_done.is_set():
        batch = [message for message in consumer.consume(500, 1.0) if message.error() is None]
        for message in batch:
            if (alert := job(message.value())) is not None:
                producer.produce(ALERTS, alert)
        producer.flush()
        if batch:
            meter.count(len(batch))


async def consume_aiokafka(bootstrap: str, group: str, meter: Meter) -> None:
    """Read by the client beneath Faust."""
    settings: dict[str, Any] = {"bootstrap_servers": bootstrap}
    consumer = aiokafka.AIOKafkaConsumer(*FEEDS, **settings, group_id=group, auto_offset_reset="earliest")
    async with consumer, aiokafka.AIOKafkaProducer(**settings, acks="all") as producer:
        while not meter.is_done.is_set():
            batches = await consumer.getmany(timeout_ms=1000, max_records=500)
            taken = [record for batch in batches.values() for record in batch]
            alerts = [alert for record in taken if (alert := job(record.value)) is not None]
            await asyncio.gather(*[await producer.send(ALERTS, alert) for alert in alerts])
            if taken:
                meter.count(len(taken))


def faust_app(bootstrap: str, group: str, **settings: Any) -> Any:
    """Return an application that leaves the broker's topics alone."""
    fixed = {"topic_allow_declare": False, "topic_disable_leader": True, "web_enabled": False}
    return faust.App(group, broker=f"kafka://{bootstrap}", consumer_auto_offset_reset="earliest", **fixed, **settings)


async def consume_faust(bootstrap: str, group: str, meter: Meter) -> None:
    """Read by an agent as Faust's manual has it, an event at a time."""
    app = faust_app(bootstrap, group)
    alerts = app.topic(ALERTS, value_serializer="raw")

    async def agent(stream: Any) -> None:
        async for value in stream:
            if (alert := job(value)) is not None:
                await alerts.send(value=alert)
            meter.count(1)

    app.agent(app.topic(*FEEDS, key_serializer="raw", value_serializer="raw"))(agent)
    await run_until_done(app, meter)


async def consume_chunks(bootstrap: str, group: str, meter: Meter) -> None:
    """Read by the worker's transport, with nothing of the worker behind it."""
    app = faust_app(bootstrap, group, ConsumerScheduler=ChunkScheduler)
    app.transport = Transport([URL(f"kafka://{bootstrap}")], app)

    async def agent(stream: Any) -> None:
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
            async for event in stream.events():
                chunk = event.message.value
                alerts = [alert for record in chunk if (alert := job(record.value)) is not None]
                await asyncio.gather(*[await producer.send(ALERTS, alert) for alert in alerts])
                meter.count(len(chunk))

    async def begin(_app: Any, assigned: Iterable[Any], **_: Any) -> None:
        tasks.extend(asyncio.create_task(app.consumer.begin(tp, 0)) for tp in assigned)

    tasks: list[asyncio.Task[None]] = []
    app.agent(app.topic(*FEEDS, key_serializer="raw", value_serializer="raw"))(agent)
    app.on_partitions_assigned.connect(begin, weak=False)
    await run_until_done(app, meter)


async def run_until_done(app: Any, meter: Meter) -> None:
    """Run an application until all records were taken."""
    await app.start()
    await meter.is_done.wait()
    await app.stop()


async def consume_worker(bootstrap: str, group: str, meter: Meter) -> None:
    """Read by the worker itself."""

    class Counting(Telemetry):
        """Tells the meter what was judged."""

        def judged(self, feed: Feed, output: Any, at: int) -> None:
            super().judged(feed, output, at)
            if output.readings:
                meter.count(output.readings)

    settings = Settings(bootstrap=bootstrap, prefix=PREFIX, group=group, simulated=True)
    author = FolderAuthor(Folders(), settings.lang)
    files, compiled = author.compiled()
    worker = Worker(files, compiled, settings, telemetry=Counting(), pulse=Pulse(SystemClock()), author=author)
    async with worker.started():
        await meter.is_done.wait()


def consume(name: str, bootstrap: str, wanted: int) -> None:
    """Be one of the consumers, and print its figures."""
    consumers: dict[str, Callable[[str, str, Meter], Awaitable[None]]] = {
        "worker": consume_worker,
        "chunks": consume_chunks,
        "faust": consume_faust,
        "aiokafka": consume_aiokafka,
        "confluent": consume_confluent,
    }

    async def run() -> dict[str, float]:
        meter = Meter(wanted)
        working = asyncio.ensure_future(consumers[name](bootstrap, f"{name}-{os.getpid()}", meter))
        done = asyncio.ensure_future(meter.is_done.wait())
        await asyncio.wait({working, done}, return_when=asyncio.FIRST_COMPLETED)
        figures = meter.figures()
        await working
        return figures

    print(json.dumps(asyncio.run(run())))


def kafka_broker() -> contextlib.AbstractContextManager[str]:
    """Return a real Kafka, as the tests have it."""
    path = Path(__file__).parent.parent / "tests" / "kafka" / "broker.py"
    spec = importlib.util.spec_from_file_location("citybrain_bench_broker", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: contextlib.AbstractContextManager[str] = module.kafka_broker()
    return found


def fill(broker: Broker, hours: float) -> int:
    """Put the city's records into Kafka and return how many readings there are."""
    with Admin(broker) as admin:
        ensure(admin, topics_for(PREFIX, simulated=True, feed_partitions=PARTITIONS))
    trace = [one for one in records(load_rules().registry, seed=1, start=START, hours=hours) if not one.is_clock]
    with Producer(broker, linger_ms=20) as producer:
        for _ in publish(trace, producer, Names(PREFIX), feed_partitions=PARTITIONS):
            pass
    return len(trace)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--consumer", choices=CONSUMERS, help=argparse.SUPPRESS)
    parser.add_argument("--broker", help=argparse.SUPPRESS)
    parser.add_argument("--records", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.consumer is not None:
        consume(given.consumer, given.broker, given.records)
        return 0
    found: dict[str, list[dict[str, float]]] = {name: [] for name in CONSUMERS}
    with kafka_broker() as bootstrap:
        count = fill(Broker(bootstrap), given.hours)
        print(f"{count} readings; calibration {calibration_s():.3f} s")
        command = [sys.executable, __file__, "--broker", bootstrap, "--records", str(count), "--consumer"]
        for _ in range(given.rounds):
            for name in CONSUMERS:
                if name == "worker" and found[name]:
                    continue  # Its state says that all is judged.
                ended = subprocess.run(  # noqa: S603 - this very file.
                    [*command, name], capture_output=True, text=True, timeout=PATIENCE_S, check=True
                )
                found[name].append(json.loads(ended.stdout.splitlines()[-1]))
    print(f"{'':10} {'CPU µs/record':>14} {'records/s':>10}")
    for name, rounds in found.items():
        cpu, pace = (statistics.median(one[each] for one in rounds) for each in ("cpu_us", "per_second"))
        print(f"{name:10} {cpu:14.1f} {pace:10,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
