"""The judge of `geofence` rules: a site that moves is inside a zone, enters one, or leaves one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from citybrain.alerts import Evidence
from citybrain.model import Words
from rules.holding import Holding, Streak
from rules.lifecycle import Timing, Verdict
from rules.rest import Band
from rules.rule import Finding, Rule, SiteView, is_any_silent
from rules.spans import Spans

ALL_ZONES = ""
POSITION = "position"  # The series key under which a new position is announced.


class Event(StrEnum):
    """What is watched for."""

    INSIDE = "inside"  # It is in the zone, however it got there.
    ENTER = "enter"  # It was seen outside, and now is inside; until it is outside again.
    EXIT = "exit"  # It was seen inside, and now is outside; until it is inside again.
    OUTSIDE = "outside"  # It is in none of the zones, however it got there. About the site, not about a zone.


_WORDS = {
    Event.INSIDE: Words("位于区域内", "Inside the zone"),
    Event.ENTER: Words("进入区域", "Entered the zone"),
    Event.EXIT: Words("离开区域", "Left the zone"),
    Event.OUTSIDE: Words("位于允许区域之外", "Outside the zones"),
}


@dataclass(slots=True)
class Track:
    """What is remembered of one site and one zone."""

    streaks: list[Streak]  # One per rung.
    was_outside: bool = False
    was_inside: bool = False


@dataclass(slots=True)
class Tracks:
    """What is remembered of one site: a track for each of the rule's zones it ever was in."""

    by_zone: dict[str, Track] = field(default_factory=dict)
    has_position: bool = False


@dataclass(frozen=True, slots=True)
class GeofenceJudge:
    """A geofence rule bound to one site that moves."""

    rule: Rule
    timing: Timing
    event: Event
    zones: frozenset[str]
    rungs: tuple[tuple[int, Holding], ...]  # (rank, how long and how often), lowest first.
    silent_for: int  # A position older than this is unknown, milliseconds.
    around: Callable[[tuple[float, float]], frozenset[str]] | None = None  # With a buffer: the widened zones.
    # When temporary zones count; `ALL_ZONES` for `outside`.
    spans: Mapping[str, Spans] = field(default_factory=dict, compare=False)
    is_about_silence: ClassVar[bool] = False
    has_wakes: ClassVar[bool] = False
    bands: ClassVar[Mapping[str, Band]] = {}

    @property
    def series_keys(self) -> tuple[str, ...]:
        """Return the key of positions."""
        return (POSITION,)

    @property
    def silent_after(self) -> dict[str, int]:
        """Return the silence that makes the position unknown."""
        return {POSITION: self.silent_for}

    def new_memory(self, zones: Sequence[str] = ()) -> Tracks:
        """Return a memory of nothing but the zones that alerts are open in."""
        tracks = {zone: Track(self._streaks(), was_outside=True, was_inside=True) for zone in zones}
        return Tracks(tracks, has_position=bool(zones))

    def quiet_until(self, memory: Tracks, view: SiteView, instant: int) -> None:
        """Return nothing, as it never is: every position is remembered."""

    def is_blind(self, view: SiteView) -> bool:
        """Tell whether a series that it reads has been silent for too long to be known."""
        return is_any_silent(self, view)

    def judge(self, memory: Tracks, view: SiteView, instant: int, *, is_open: bool) -> Sequence[Finding]:
        """Judge the newest position against every zone it is in or was in."""
        if view.position is None:
            return ()
        inside = self._inside(view)
        if self.event is Event.OUTSIDE:
            # One track for all the zones together, under a name that no zone has.
            track = memory.by_zone.setdefault(ALL_ZONES, Track(self._streaks()))
            here = bool([zone for zone in inside if self._counts(zone, instant)])
            return (Finding(None, self._verdict(track, here, instant, is_armed=self._counts(ALL_ZONES, instant))),)
        for zone in inside - memory.by_zone.keys():
            # A zone without a track was not around the position before: seen outside, if seen at all.
            memory.by_zone[zone] = Track(self._streaks(), was_outside=memory.has_position)
        memory.has_position = True
        return [
            Finding(zone, self._verdict(track, zone in inside, instant, is_armed=self._counts(zone, instant)))
            for zone, track in sorted(memory.by_zone.items())
        ]

    def evidence(self, memory: Tracks, view: SiteView, instant: int, *, rank: int, zone: str | None) -> Evidence:
        """Return what was watched for; value 1 says that the position is inside, 0 that it is not."""
        inside = self._inside(view)
        is_inside = zone in inside if zone is not None else bool(inside)
        return Evidence(
            measure=POSITION,
            words=_WORDS[self.event],
            value=float(is_inside),
            unit="state",
            comparison=self.event.value,
            limit=None,
            window=max((holding.hold for at, holding in self.rungs if at == rank), default=0) or None,
        )

    def dump(self, memory: Tracks) -> Any:
        """Return the tracks as plain data."""
        tracks = {
            zone: [track.was_outside, track.was_inside, [streak.dump() for streak in track.streaks]]
            for zone, track in sorted(memory.by_zone.items())
        }
        return [memory.has_position, tracks]

    def load(self, data: Any) -> Tracks:
        """Return the tracks that `dump` wrote."""
        memory = Tracks(has_position=data[0])
        for zone, (was_outside, was_inside, dumped) in data[1].items():
            if zone not in self.zones and zone != ALL_ZONES:
                continue  # It has left the catalog since.
            track = Track(self._streaks(), was_outside, was_inside)
            for streak, one in zip(track.streaks, dumped, strict=True):
                streak.load(one)
            memory.by_zone[zone] = track
        return memory

    def _inside(self, view: SiteView) -> frozenset[str]:
        """Return the rule's zones around the newest position, widened by the buffer if there is one."""
        if self.around is not None and view.position is not None:
            return self.around(view.position)
        return view.inside & self.zones

    def _counts(self, zone: str, instant: int) -> bool:
        """Tell whether a zone counts at the instant: a temporary one over its span, any other always."""
        spans = self.spans.get(zone)
        return spans is None or spans.holds(instant)

    def _streaks(self) -> list[Streak]:
        return [Streak() for _ in self.rungs]

    def _verdict(self, track: Track, is_inside: bool, instant: int, *, is_armed: bool) -> Verdict:
        match self.event:
            case Event.INSIDE:
                holds = is_inside
            case Event.ENTER:
                holds = is_inside and track.was_outside
            case Event.EXIT:
                holds = not is_inside and track.was_inside
            case Event.OUTSIDE:
                holds = not is_inside
        holds &= is_armed
        track.was_inside |= is_inside
        track.was_outside |= not is_inside
        rank = 0
        for (rung_rank, holding), streak in zip(self.rungs, track.streaks, strict=True):
            streak.note(holds, instant, holding)
            if streak.is_enough(holding):
                rank = max(rank, rung_rank)
        return Verdict(instant, rank, track.streaks[0].since, (not holds,) * 4, not holds)
