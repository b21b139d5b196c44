"""The judge of `no_data` rules: a site, or one metric of it, says nothing for longer than its period allows.

What was never heard counts from when the engine began to wait for it (`Engine(expects=...)`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from citybrain.alerts import Evidence
from citybrain.instants import MINUTE
from citybrain.model import Words
from rules.lifecycle import Timing, Verdict
from rules.rest import Band
from rules.rule import Finding, Rule, SiteView

ANY_METRIC = "any"
_WORDS = Words("无数据时长", "Time without data")
_NEVER = Words("从未收到数据，已等待", "Never heard, waited for")


@dataclass(frozen=True, slots=True)
class SilenceJudge:
    """A `no_data` rule bound to one site. It is judged at its deadlines and when data come back."""

    rule: Rule
    timing: Timing
    series: str  # A series key, or `any` for the site as a whole.
    spans: tuple[tuple[int, int], ...]  # (rank, silence in milliseconds), lowest first.
    is_about_silence: ClassVar[bool] = True
    has_wakes: ClassVar[bool] = False
    bands: ClassVar[Mapping[str, Band]] = {}  # It rests while what comes has not been on its way for long.
    zones: ClassVar[frozenset[str]] = frozenset()

    @property
    def series_keys(self) -> tuple[str, ...]:
        """Return the series that it listens to."""
        return (self.series,)

    @property
    def silent_after(self) -> dict[str, int]:
        """Return nothing: silence is what this judge is about, never what it lacks."""
        return {}

    def new_memory(self, _zones: Sequence[str] = ()) -> None:
        """Return nothing: how long it has been silent is the engine's to know."""

    def quiet_until(self, memory: None, view: SiteView, instant: int) -> float | None:
        """Return no end where the silence is shorter than the shortest that counts, as time will wake it; else None."""
        return math.inf if view.silence(self.series) < self.spans[0][1] else None

    def is_blind(self, view: SiteView) -> bool:
        """Tell that it never is: silence is what it sees."""
        return False

    def judge(self, memory: None, view: SiteView, instant: int, *, is_open: bool) -> Sequence[Finding]:
        """Judge how long the silence has lasted at the instant."""
        silence = view.silence(self.series)
        rank = max((rank for rank, span in self.spans if silence >= span), default=0)
        is_back = rank == 0
        verdict = Verdict(instant, rank, instant - silence if rank else None, (is_back,) * 4, is_back)
        return (Finding(None, verdict),)

    def evidence(self, memory: None, view: SiteView, instant: int, *, rank: int, zone: str | None) -> Evidence:
        """Return the silence in minutes against the span of the rank."""
        assert zone is None, "silence is about the site itself"
        silence = view.silence(self.series)
        span = dict(self.spans).get(rank, self.spans[0][1])
        return Evidence(
            measure=self.series,
            words=_WORDS if self.series in view.heard and view.heard[self.series].ever else _NEVER,
            value=round(silence / MINUTE, 1),
            unit="min",
            comparison="silent_for",
            limit=round(span / MINUTE, 1),
        )

    def dump(self, memory: None) -> Any:
        """Return nothing, as there is no memory."""

    def load(self, data: Any) -> None:
        """Return nothing, as there is no memory."""
