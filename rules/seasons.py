"""Threshold rules whose limits go by season and hour: one plain judge for each set of values that is ever in force."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, TypeVar

from citybrain.alerts import Evidence
from rules.rule import Finding, SiteView
from rules.threshold import Limit, Memory, Rung, ThresholdJudge

_T = TypeVar("_T")


class Seasons(Generic[_T]):
    """Gives what holds at an instant, each made on first use; as many as the values named have combinations."""

    def __init__(
        self,
        key_at: Callable[[int], Hashable],
        made_at: Callable[[int], _T],
        turns_after: Callable[[int], int | None],
    ) -> None:
        self.turns_after = turns_after  # From an instant to the next at which something else may hold, if any.
        self._key_at = key_at
        self._made_at = made_at
        self._made: dict[Hashable, _T] = {}

    def __call__(self, instant: int) -> _T:
        """Return what holds at the instant."""
        key = self._key_at(instant)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._made_at(instant)
        return made


@dataclass(frozen=True, slots=True)
class SeasonalJudge(ThresholdJudge):
    """A threshold rule at a site where an attribute that it names is dated, or comes and goes with a zone.

    Its own limits are all that there ever are; the judges of the seasons have the same ones, in the same places, so
    that they share a memory. A level without a value in a season is in its judge, but is not judged. A mean
    is judged in the season in which it was measured: its stamp is the end of that time.
    """

    as_of: Seasons[ThresholdJudge] = field(kw_only=True)

    def quiet_until(self, memory: Memory, view: SiteView, instant: int) -> float | None:
        """Return the instant where no streak runs and no limit of the season is surely met, else None.

        What holds until the next value may meet a limit of the next season, and must be asked then.
        """
        now = self.as_of(instant - self.lead)
        return None if self.has_wakes or now.quiet_until(memory, view, instant) is None else instant

    def may_be_met(self, view: SiteView, key: str, instant: int) -> bool:
        """Tell whether a limit of the season on a series may be met as of an instant."""
        return self.as_of(instant).may_be_met(view, key, instant)

    def judge(self, memory: Memory, view: SiteView, instant: int, *, is_open: bool) -> Sequence[Finding]:
        """Judge the site's measures against the limits of the season."""
        now = self.as_of(instant - self.lead)
        (finding,) = now.judge(memory, view, instant, is_open=is_open)
        if self.has_wakes and not self.lead:  # Means come by themselves, and are of the time before their stamp.
            finding = waking_at(finding, self.as_of.turns_after(instant))
        return (in_season(finding, now.timing.lowest, self.timing.lowest),)

    def evidence(self, memory: Memory, view: SiteView, instant: int, *, rank: int, zone: str | None) -> Evidence:
        """Return the limit of the season that decides about the rank."""
        return self.as_of(instant - self.lead).evidence(memory, view, instant, rank=rank, zone=zone)


def seasonal(whole: ThresholdJudge, seasons: Seasons[ThresholdJudge]) -> SeasonalJudge:
    """Return the judge that has all the limits of another, and those of the season at each instant."""
    given: dict[str, Any] = {one.name: getattr(whole, one.name) for one in fields(whole) if one.init}
    return SeasonalJudge(**given, as_of=seasons)


def waking_at(finding: Finding, turn: int | None) -> Finding:
    """Return a finding that is looked at again at a turn, if there is one, or sooner."""
    verdict = finding.verdict
    if turn is None or (verdict.wake_in is not None and verdict.instant + verdict.wake_in <= turn):
        return finding
    return Finding(finding.zone, replace(verdict, wake_in=turn - verdict.instant))


def in_season(finding: Finding, lowest: int, ever: int) -> Finding:
    """Return a finding of a season whose lowest rank is left by clearing only, as the lowest of all is.

    The ranks below are not judged in it.
    """
    if lowest == ever:
        return finding
    sides: Any = tuple(None if rank <= lowest else side for rank, side in enumerate(finding.verdict.good_side, 1))
    return Finding(finding.zone, replace(finding.verdict, good_side=sides))


def aligned(whole: Sequence[Limit | None], found: Sequence[Limit | None]) -> tuple[Limit | None, ...]:
    """Return the limits of a season with a place for all that there ever are; what it lacks is not judged."""
    return tuple(None if ever is None else _filled(ever, now) for ever, now in zip(whole, found, strict=True))


def _filled(ever: Limit, now: Limit | None) -> Limit:
    rungs: dict[int, Rung] = {rung.rank: rung for rung in now.rungs} if now is not None else {}
    filled = tuple(rungs.get(rung.rank) or replace(rung, is_judged=False) for rung in ever.rungs)
    return replace(now or ever, rungs=filled)
