"""The terms on which a worker owns partitions."""

from collections.abc import Mapping
from dataclasses import dataclass

from citybrain.model import Feed, Status
from streams.topics import Names


@dataclass(frozen=True, slots=True)
class Terms:
    """What all partitions of one worker have in common."""

    names: Names
    partitions: Mapping[Feed, int]  # How many each feed has.
    checkpoint_every: int  # Milliseconds that a changed site may wait to be written.
    appends_clock: bool  # Whether an idle partition's owner appends clock records: where the broker stamps them.
    expects_sites: bool = True  # Whether a site that never speaks is missed: not where a storyline plays some of them.
    tells_signals: bool = False  # Whether signals go out: from when there is someone to read them.
    status: Status = Status.ACTUAL
    drill: str | None = None
