"""Area rules whose limits go by season and hour: one plain judge for each set of values that is ever in force."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from citybrain.alerts import Evidence
from rules.areas.judge import AreaJudge, AreaMemory
from rules.areas.measure import AreaView
from rules.rule import Finding
from rules.seasons import Seasons, in_season, waking_at
from rules.signals import Signal


@dataclass(frozen=True, slots=True)
class SeasonalAreaJudge(AreaJudge):
    """An area rule at a zone with a dated attribute that it names; see `rules.seasons.SeasonalJudge`."""

    as_of: Seasons[AreaJudge] = field(kw_only=True)

    def is_stirred(self, memory: AreaMemory, signal: Signal) -> bool:
        """Tell that it always may: what is near in one season is not in another."""
        return True

    def is_blind(self, view: AreaView) -> bool:
        """Tell whether a limit of the season has nobody left to speak."""
        return self.as_of(view.newest_at).is_blind(view)

    def judge(self, memory: AreaMemory, view: AreaView, instant: int, *, is_open: bool) -> Sequence[Finding]:
        """Judge the group against the limits of the season."""
        now = self.as_of(instant)
        (finding,) = now.judge(memory, view, instant, is_open=is_open)
        if self.has_wakes:
            finding = waking_at(finding, self.as_of.turns_after(instant))
        return (in_season(finding, now.timing.lowest, self.timing.lowest),)

    def evidence(self, memory: AreaMemory, view: AreaView, instant: int, *, rank: int, zone: str | None) -> Evidence:
        """Return the limit of the season that decides about the rank."""
        return self.as_of(instant).evidence(memory, view, instant, rank=rank, zone=zone)


def seasonal_area(whole: AreaJudge, seasons: Seasons[AreaJudge]) -> SeasonalAreaJudge:
    """Return the judge that has all the limits of another, and those of the season at each instant."""
    given: dict[str, Any] = {one.name: getattr(whole, one.name) for one in fields(whole) if one.init}
    return SeasonalAreaJudge(**given, as_of=seasons)
