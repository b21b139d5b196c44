"""The terms on which a worker owns partitions."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from citybrain.model import Feed, Status
from streams.topics import Names


@dataclass(frozen=True, slots=True)
class Terms:
    """What all partitions of one worker have in common: a process makes one of these."""

    names: Names
    partitions: Mapping[Feed, int]  # How many each feed has.
    checkpoint_every: int  # Milliseconds that a changed site may wait to be written.
    appends_clock: bool  # Whether an idle partition's owner appends clock records: where the broker stamps them.
    tells_signals: bool = False  # Whether signals go out: from when there is someone to read them.
    status: Status = Status.ACTUAL
    drill: str | None = None
    # Held by the partition that judges. Were two at it while one of them is about to end the process, the death would
    # be laid at the door of both.
    turn: AbstractAsyncContextManager[object] = field(default_factory=asyncio.Lock, compare=False)
