"""Every Prometheus metric of the service, declared here and nowhere else. Labels come from closed sets."""

import logging
import platform
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.exposition import generate_latest

from citybrain import __version__
from citybrain.alerts import AlertEvent
from citybrain.model import Feed, Rejection
from rules.intake import Output
from scenarios.states import Outcome
from streams.topics import Stage

logger = logging.getLogger(__name__)

disable_created_metrics()  # type: ignore[no-untyped-call]  # When a counter was made says nothing that its resets do not.


class Telemetry:
    """What a worker counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        here = self.registry
        self._readings = Counter(
            "citybrain_readings_total", "Readings that came, rejected ones included.", ["feed"], registry=here
        )
        self._rejections = Counter("citybrain_rejections_total", "Rejections.", ["feed", "reason"], registry=here)
        self._events = Counter(
            "citybrain_alert_events_total", "Alert events published.", ["scenario", "level", "state"], registry=here
        )
        self._open = Gauge("citybrain_alerts_open", "Alerts that are open at this worker's sites.", registry=here)
        self._last = Gauge(
            "citybrain_feed_last_record_timestamp_seconds", "Time of the newest record judged.", ["feed"], registry=here
        )
        self._checkpoints = Counter("citybrain_checkpoints_total", "Checkpoints written.", registry=here)
        self._checkpoint_bytes = Gauge("citybrain_checkpoint_bytes", "Size of the newest checkpoint.", registry=here)
        self._restores = Counter("citybrain_restores_total", "Partitions taken over.", registry=here)
        self._gaps = Counter(
            "citybrain_lost_records_total", "Records that the log no longer had.", ["feed"], registry=here
        )
        self._errors = Counter(
            "citybrain_engine_errors_total", "Records whose judging failed.", ["feed"], registry=here
        )
        self._lag = Gauge(
            "citybrain_lag_records", "Records not judged yet, in owned partitions.", ["feed"], registry=here
        )
        self._silent_log = Gauge(
            "citybrain_silent_log_spans", "Times that a log itself was silent for over 30 s.", registry=here
        )
        self._late_signals = Gauge(
            "citybrain_area_late_signals", "Signals left out: their source was given up on.", registry=here
        )
        self._given_up = Gauge(
            "citybrain_area_sources_given_up", "Feed partitions that the area stage waits for no longer.", registry=here
        )
        self._area_time = Gauge(
            "citybrain_area_timestamp_seconds", "Time up to which rules over several sites are judged.", registry=here
        )
        self._incidents = Gauge("citybrain_incidents_running", "Incidents that have not ended.", registry=here)
        self._actions = Counter("citybrain_actions_total", "Actions of people, by answer.", ["answer"], registry=here)
        self._rule_errors = Counter("citybrain_rule_errors_total", "Rules that failed at a group.", registry=here)
        self._heartbeat = Gauge(
            "citybrain_heartbeat_timestamp_seconds", "Last turn of the worker's loop.", registry=here
        )
        self._catalog_errors = Counter(
            "citybrain_catalog_errors_total", "Sets of author files that did not compile.", registry=here
        )
        self._rules = Gauge("citybrain_rules_loaded", "Rules in force.", registry=here)
        build = Gauge("citybrain_build_info", "Always 1.", ["version", "python"], registry=here)
        build.labels(__version__, platform.python_version()).set(1)

    def text(self) -> bytes:
        """Return the exposition that Prometheus scrapes."""
        return generate_latest(self.registry)

    def judged(self, feed: Feed, output: Output, at: int) -> None:
        """Count what one record gave."""
        self._last.labels(feed.value).set(at / 1000)
        if output.readings:
            self._readings.labels(feed.value).inc(output.readings)
        for rejection in output.rejections:
            self._rejections.labels(feed.value, rejection.reason.value).inc()

    def reached(self, source: Feed | Stage, at: int) -> None:
        """Say of which time the newest record was."""
        self._last.labels(source.value).set(at / 1000)

    def rejected(self, source: Feed | Stage, rejection: Rejection) -> None:
        """Count a record that is none."""
        self._rejections.labels(source.value, rejection.reason.value).inc()

    def areas(self, *, late: int, given_up: int, at: int | None) -> None:
        """Say how the area stage stands."""
        self._late_signals.set(late)
        self._given_up.set(given_up)
        if at is not None:
            self._area_time.set(at / 1000)

    def incidents(self, running: int) -> None:
        """Say how many incidents run."""
        self._incidents.set(running)

    def answered(self, outcomes: Sequence[Outcome]) -> None:
        """Count answers to what people did."""
        for outcome in outcomes:
            self._actions.labels("accepted" if outcome.accepted else "refused").inc()

    def rule_error(self, name: str, at: int) -> None:
        """Count a rule that failed at a group; called where the exception is handled."""
        logger.exception("judging %s failed at %s", name, at)
        self._rule_errors.inc()

    def published(self, events: Sequence[AlertEvent]) -> None:
        """Count alert events that are acknowledged."""
        for event in events:
            self._events.labels(event.scenario.value, event.level.value, event.state.value).inc()

    def open_alerts(self, count: int) -> None:
        """Say how many alerts are open."""
        self._open.set(count)

    def checkpoint(self, size: int) -> None:
        """Count a checkpoint of so many bytes."""
        self._checkpoints.inc()
        self._checkpoint_bytes.set(size)

    def restored(self) -> None:
        """Count a partition that was taken over."""
        self._restores.inc()

    def gap(self, feed: Feed | Stage, count: int) -> None:
        """Count records that the log no longer has."""
        logger.error("the log no longer has some records", extra={"feed": feed.value, "count": count})
        self._gaps.labels(feed.value).inc(count)

    def engine_error(self, feed: Feed, partition: int, offset: int) -> None:
        """Count a record whose judging failed; called where the exception is handled."""
        logger.exception("judging a record failed: %s/%s offset %s", feed.value, partition, offset)
        self._errors.labels(feed.value).inc()

    def killer(self, feed: Feed, partition: int, offset: int) -> None:
        """Count a record that has ended one worker after the other."""
        logger.error("a record that kills workers is rejected: %s/%s offset %s", feed.value, partition, offset)
        self._errors.labels(feed.value).inc()

    def silent_log(self, count: int) -> None:
        """Say how often the log itself was silent."""
        self._silent_log.set(count)

    def lag(self, feed: Feed | Stage, count: int) -> None:
        """Say how many records of a feed or for a stage wait."""
        self._lag.labels(feed.value).set(count)

    def heartbeat(self, at: int) -> None:
        """Say that the loop turns."""
        self._heartbeat.set(at / 1000)

    def catalog_error(self) -> None:
        """Count a set that does not compile."""
        self._catalog_errors.inc()

    def rules(self, count: int) -> None:
        """Say how many rules are in force."""
        self._rules.set(count)
