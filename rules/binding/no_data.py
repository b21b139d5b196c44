"""Binding of `no_data` rules."""

from citybrain.model import Level
from citybrain.registry import Registry
from citybrain.sites import Site
from rules.binding.units import silence_of
from rules.lifecycle import Timing
from rules.rule import Rule
from rules.shape.no_data import NoDataRule
from rules.silence import ANY_METRIC, SilenceJudge


def bind_silence(entry: NoDataRule, rule: Rule, site: Site, registry: Registry) -> SilenceJudge | None:
    """Return the judge of a `no_data` rule at the site; None where the site does not offer the metric."""
    if entry.metric != ANY_METRIC and entry.metric not in site.metrics:
        return None
    period = max(site.period, registry.covers(entry.metric) or 0)
    spans = tuple(
        (level.rank, silence_of(entry.silent_for[level], period)) for level in Level if level in entry.silent_for
    )
    return SilenceJudge(
        rule, Timing(entry.keep_firing_for, entry.min_life, spans[0][0], latched=entry.latched), entry.metric, spans
    )
