"""The terms on which a worker owns partitions."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from citybrain.model import Feed, Status
from streams.topics import Names


class Turn:
    """Whose turn it is to judge, among all partitions of a process, or of one loop of it.

    Were two at it while one of them is about to end the process, the death would be laid at the door of both.
    """

    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def __aenter__(self) -> None:
        await self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()).acquire()

    async def __aexit__(self, *_: object) -> None:
        self._locks[asyncio.get_running_loop()].release()


_TURN: Final = Turn()  # A process has one, however many partitions and workers it makes.


@dataclass(frozen=True, slots=True)
class Terms:
    """What all partitions of one worker have in common."""

    names: Names
    partitions: Mapping[Feed, int]  # How many each feed has.
    checkpoint_every: int  # Milliseconds that a changed site may wait to be written.
    appends_clock: bool  # Whether an idle partition's owner appends clock records: where the broker stamps them.
    expects_sites: bool = True  # Whether a site that never speaks is missed: not where a storyline plays some of them.
    status: Status = Status.ACTUAL
    drill: str | None = None
    turn: AbstractAsyncContextManager[object] = field(default=_TURN, compare=False)
