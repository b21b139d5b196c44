"""How fast the engine judges, and how much it remembers: `python benchmarks/engine.py [--json] [--hours H]`.

Figures of one run on one machine; what counts are ratios to the calibration loop, and differences above 20 %.
"""

import argparse
import gc
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.city import records
from citybrain.codec import decode
from citybrain.instants import parse_instant
from citybrain.model import Control, Reading, Rejection
from rules.engine import Engine
from rules.intake import Intake
from rules.ruleset import RuleSet, load_rules
from scenarios.runner import feed_record, replay
from simulators.trace import TraceRecord

ROUNDS = 3
START = parse_instant("2026-05-13T06:00:00+08:00")
CALIBRATION_TURNS = 2_000_000


def calibration_s() -> float:
    """Return the CPU seconds of a fixed loop in plain Python: the yardstick of this machine at this moment."""
    began = time.process_time()
    total = 0
    for number in range(CALIBRATION_TURNS):
        total += number & 7
    return time.process_time() - began


def seconds_of(work: Callable[[], object]) -> float:
    """Return the median CPU seconds of the work, over some rounds."""
    spans = []
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        work()
        spans.append(time.process_time() - began)
    return statistics.median(spans)


def judge_decoded(rules: RuleSet, decoded: list[tuple[TraceRecord, Reading | None]]) -> None:
    """Judge readings that are decoded already."""
    engine = Engine(rules)
    for record, reading in decoded:
        if reading is None:
            engine.advance(record.at)
        else:
            engine.observe(reading, at=record.at, feed=record.feed)


def judge_bytes(rules: RuleSet, trace: list[TraceRecord]) -> None:
    """Judge records as they lie in a log, rules over several sites too."""
    for _ in replay(trace, rules):
        pass


def bytes_per_site(rules: RuleSet, trace: list[TraceRecord]) -> float:
    """Return the memory of the engine's state per site after the records."""
    for site in rules.registry.sites.values():
        rules.plan_for(site)  # Plans are shared by all engines and are no state.
    gc.collect()
    tracemalloc.start()
    intake = Intake(Engine(rules))
    for record in trace:
        intake.accept(feed_record(record))
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / len(rules.registry.sites)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--hours", type=float, default=2.0)
    given = parser.parse_args()
    rules = load_rules()
    trace = records(rules.registry, seed=1, start=START, hours=given.hours)
    readings = sum(1 for record in trace if not record.is_clock)
    decoded: list[tuple[TraceRecord, Reading | None]] = []
    for record in trace:
        result = decode(record.reading, feed_record(record).headers)
        assert not isinstance(result, Rejection), "the synthetic city sends good readings"
        decoded.append((record, None if isinstance(result, Control) else result[0]))
    yardstick = calibration_s()
    engine_s = seconds_of(lambda: judge_decoded(rules, decoded))
    replay_s = seconds_of(lambda: judge_bytes(rules, trace))
    figures = {
        "readings": readings,
        "rules": len(rules.rules),
        "sites": len(rules.registry.sites),
        "calibration_s": round(yardstick, 3),
        "readings_per_second": round(readings / engine_s),
        "replay_readings_per_second": round(readings / replay_s),
        "bytes_per_site": round(bytes_per_site(rules, trace)),
    }
    if given.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:28} {figure:>12,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
