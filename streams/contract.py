"""The Faust that the transport was written for: its version, and the source of each method that is leaned on.

Faust's own modules differ where a package was patched, vendored or built anew under the same number. What a worker
then does with offsets was never tested, so it does not start.
"""

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Final

import faust.streams
from faust.app.base import App
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer

from citybrain.errors import MissingError

PACKAGE: Final = "faust-streaming"
TESTED: Final = "0.15.3"
_CLASSES: Final = (App, AIOKafkaConsumerThread, BaseConsumer, Consumer, Recovery)

# Module and method -> the first digits of the SHA-256 of its source.
METHODS: Final[Mapping[str, str]] = {
    "faust.app.base.App._on_partitions_assigned": "de932b7927db85b3",
    "faust.app.base.App._on_partitions_revoked": "d5c895bbe57dc73a",
    "faust.app.base.App._stop_consumer": "55854a5de12c3f52",
    "faust.app.base.App.on_stop": "bfe5a933defb2324",
    "faust.tables.recovery.Recovery._resume_streams": "d986a6710c1aca98",
    "faust.transport.consumer.Consumer._add_gap": "4df2573ded7c1c2c",
    "faust.transport.consumer.Consumer._commit_offsets": "1a69799041188441",
    "faust.transport.consumer.Consumer._commit_tps": "a20e230b05ae8b15",
    "faust.transport.consumer.Consumer._drain_messages": "44a2500309e83c63",
    "faust.transport.consumer.Consumer._filter_tps_with_pending_acks": "f6f9239774234e7e",
    "faust.transport.consumer.Consumer._get_active_partitions": "b24897f3c7afdb5d",
    "faust.transport.consumer.Consumer._new_offset": "1d2c7ea89a7ad4f1",
    "faust.transport.consumer.Consumer._set_active_tps": "401f4dc883191950",
    "faust.transport.consumer.Consumer._should_commit": "5ce941793947ad42",
    "faust.transport.consumer.Consumer._wait_next_records": "6218e1969a636b3f",
    "faust.transport.consumer.Consumer.ack": "5fcf41cf45153475",
    "faust.transport.consumer.Consumer.commit": "a354437baaa08bf8",
    "faust.transport.consumer.Consumer.getmany": "4b168d84882a70d6",
    "faust.transport.consumer.Consumer.on_buffer_drop": "4b57e8a418d5ad9c",
    "faust.transport.consumer.Consumer.on_buffer_full": "c8961679e0bcdce5",
    "faust.transport.consumer.Consumer.on_partitions_assigned": "29ce96596f05a18c",
    "faust.transport.consumer.Consumer.on_partitions_revoked": "d04b7ae72c6fc206",
    "faust.transport.consumer.Consumer.pause_partitions": "27a1c94bdacd54de",
    "faust.transport.consumer.Consumer.perform_seek": "0e8c130ff4b0afd8",
    "faust.transport.consumer.Consumer.resume_flow": "db59630f25b5819b",
    "faust.transport.consumer.Consumer.resume_partitions": "afe6b7c02a41d63c",
    "faust.transport.consumer.Consumer.stop_flow": "cf7e875a2b0d40e8",
    "faust.transport.consumer.Consumer.wait_empty": "e4662fe24f094819",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._commit": "932852ce7a23f658",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._create_worker_consumer": "c2701bfc3e6f6cad",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._fetch_records": "39a2c6c79fc1455a",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._seek_wait": "9d221e816d940467",
    "faust.transport.drivers.aiokafka.Consumer._new_consumer_thread": "0870ec53dea75083",
    "faust.transport.drivers.aiokafka.Consumer._to_message": "7c24f6511b2fcef7",
}


def found() -> dict[str, str]:
    """Return the digests of the methods of `METHODS` as they are installed; empty for one that is gone."""
    classes = {f"{each.__module__}.{each.__qualname__}": each for each in _CLASSES}
    digests = {}
    for name in METHODS:
        owner, _, method = name.rpartition(".")
        function = vars(classes[owner]).get(method)
        source = inspect.getsource(function).encode() if function is not None else b""
        digests[name] = hashlib.sha256(source).hexdigest()[:16] if source else ""
    return digests


def faults() -> Iterator[str]:
    """Yield a sentence for each way in which the installed Faust is not the tested one."""
    pinned = f"pip install --force-reinstall {PACKAGE}=={TESTED}"
    installed = version(PACKAGE)
    if installed != TESTED:
        yield f"{PACKAGE} is {installed}, expected {TESTED}, the only version that is tested; run `{pinned}`"
        return
    for name, digest in found().items():
        if digest != METHODS[name]:
            yield f"{name} is not as it is in {PACKAGE} {TESTED}; run `{pinned}`"
    # The pure Python one acknowledges what an older assignment delivered.
    if vars(faust.streams)["_CStreamIterator"] is None:
        yield f"the compiled streams of {PACKAGE} are missing; unset NO_CYTHON and run `{pinned}`"


def require_tested_faust() -> None:
    """Raise MissingError unless the installed Faust is the tested one."""
    if found_faults := list(faults()):
        raise MissingError("\n".join(found_faults))
