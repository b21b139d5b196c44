"""How long a day of the whole city takes to simulate: `python benchmarks/simulate.py [--json] [--hours H]`.

Every site of the shipped catalog at its real period, on one core, counted and thrown away, with the truth beside it.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.engine import calibration_s
from citybrain.registry import load_registry
from simulators.fleet import simulate
from simulators.storyline import load_storyline
from simulators.witness import truth_of

SEED = 1
KIB_PER_MIB = 1024


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--storyline", default="quiet-day")
    given = parser.parse_args()
    city = load_registry()
    story = load_storyline(given.storyline, city.sites, metrics=city.metrics).model_copy(update={"fleet": None})
    yardstick = calibration_s()
    began = time.process_time()
    run = simulate(city, story, seed=SEED, start=story.start, hours=given.hours)
    readings = sum(record.reading is not None for record in run)
    simulated_s = time.process_time() - began
    began = time.process_time()
    truth_of(city, story, seed=SEED, start=story.start, hours=given.hours)
    figures = {
        "storyline": given.storyline,
        "hours": given.hours,
        "sites": len(city.sites),
        "readings": readings,
        "calibration_s": round(yardstick, 3),
        "simulated_s": round(simulated_s, 1),
        "truth_s": round(time.process_time() - began, 1),
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // KIB_PER_MIB,
    }
    if given.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:28} {figure:>12}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
