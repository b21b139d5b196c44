"""What lies in the topic `signals`: what each partition of a feed tells rules over several sites.

Three kinds of records, told apart by a header: bundles of signals with the times that their source has passed, alert
events of sites as they are in the journal, and the decision to wait for a source no longer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

import orjson

from citybrain.model import Feed
from rules.measures import Bound, Measured
from rules.signals import Signal
from streams.log import Outgoing, Place
from streams.topics import Names

KIND_HEADER: Final = "kind"
VERSION: Final = 2
BUNDLE_MAX: Final = 2_000  # Signals of one record: some 200 KB.


class Kind(StrEnum):
    """What a record of the topic `signals` is."""

    BUNDLE = "bundle"
    EVENT = "event"
    GIVE_UP = "give_up"


class Told(NamedTuple):
    """A signal, and where it comes from: the n-th of its site that the record at an offset gave."""

    signal: Signal
    offset: int
    ordinal: int
    measures: str  # What its values are values of, by the rule set that they were taken under.


@dataclass(frozen=True, slots=True)
class Bundle:
    """What some records of one partition gave, and times (milliseconds) before which nothing more comes from it."""

    source: Place
    told: tuple[Told, ...]
    passed: tuple[int, ...]
    catalog: int  # The number of the rule set that the partition goes by after all that.


def kind_of(headers: Mapping[str, bytes]) -> Kind | None:
    """Return what a record is; None for one that is of no concern, such as a canary."""
    value = headers.get(KIND_HEADER)
    return Kind(value.decode()) if value is not None else None


def bundles(names: Names, source: Place, told: Sequence[Told], passed: Sequence[int], catalog: int) -> list[Outgoing]:
    """Return the records that tell signals and, in the first of them, the times passed before those signals."""
    pieces = [told[first : first + BUNDLE_MAX] for first in range(0, len(told), BUNDLE_MAX)] or [()]
    records = []
    for number, piece in enumerate(pieces):
        rules = sorted({(one.signal.rule, one.measures) for one in piece})
        places = {rule: place for place, rule in enumerate(rules)}
        data = {
            "version": VERSION,
            "source": [source.source.value, source.partition],
            "passed": passed if number == 0 else (),
            "catalog": catalog,
            "rules": rules,
            "signals": [_plain(one, places[one.signal.rule, one.measures]) for one in piece],
        }
        records.append(_outgoing(names, Kind.BUNDLE, orjson.dumps(data), key=_key(source)))
    return records


def give_up(names: Names, source: Place) -> Outgoing:
    """Return the record that says to wait for a source no longer."""
    value = orjson.dumps({"version": VERSION, "source": [source.source.value, source.partition]})
    return _outgoing(names, Kind.GIVE_UP, value, key=_key(source))


def event_record(names: Names, event: bytes, *, key: bytes) -> Outgoing:
    """Return an encoded alert event for the area stage."""
    return _outgoing(names, Kind.EVENT, event, key=key)


def read_bundle(value: bytes) -> Bundle:
    """Return a bundle. Raises ValueError, KeyError or TypeError for bytes that are none."""
    data = _checked(value)
    rules = data["rules"]
    told = tuple(_told(*rules[place], *one) for place, *one in data["signals"])
    return Bundle(_place(data), told, tuple(data["passed"]), int(data["catalog"]))


def read_give_up(value: bytes) -> Place:
    """Return the source to wait for no longer. Raises as `read_bundle`."""
    return _place(_checked(value))


def _outgoing(names: Names, kind: Kind, value: bytes, *, key: bytes) -> Outgoing:
    return Outgoing(names.signals(), key, value, 0, headers=((KIND_HEADER, kind.value.encode()),))


def _key(source: Place) -> bytes:
    return f"{source.source.value}/{source.partition}".encode()


def _checked(value: bytes) -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(value)
    if data["version"] != VERSION:
        raise ValueError(f"version {data['version']}, expected {VERSION}")
    return data


def _place(data: Mapping[str, Any]) -> Place:
    feed, partition = data["source"]
    return Place(Feed(feed), partition)


def _plain(told: Told, rule: int) -> list[Any]:
    signal = told.signal
    measured = [None if one is None else [one.value, one.bound.value, one.newest_at] for one in signal.measured]
    return [rule, signal.site, signal.at, signal.instant, measured, told.offset, told.ordinal]


def _told(
    rule: str, measures: str, site: str, at: int, instant: int, measured: Sequence[Any], offset: int, ordinal: int
) -> Told:
    values = tuple(None if one is None else Measured(one[0], Bound(one[1]), one[2]) for one in measured)
    return Told(Signal(rule, site, at, instant, values), offset, ordinal, measures)
