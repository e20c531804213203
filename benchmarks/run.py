"""Measure what the issues promise, and write results as JSON: `python benchmarks/run.py [SUBJECT ...]`.

Contenders of one subject take turns, round by round, so that a machine that gets slower in between is slower
for all of them. Reported are the median and the spread of the rounds.
"""

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"
SUBJECTS = (
    *("ir", "proof", "registry", "lineage", "lineage_scale", "search", "diff"),
    *("similarity", "similarity_store", "cli", "compile", "importing"),
)

Contender = Callable[[], float]
"""Runs once and returns its figure in the subject's unit."""


def interleaved(contenders: Mapping[str, Contender], rounds: int) -> dict[str, dict[str, Any]]:
    """Run all contenders in turn, several rounds; one round before them is not counted."""
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, run in contenders.items():
            figure = run()
            if turn:
                figures[name].append(figure)
    return {name: summary(values) for name, values in figures.items()}


def summary(values: list[float]) -> dict[str, Any]:
    """Median, smallest, largest and number of rounds."""
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "rounds": len(values),
    }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    packages = ("esper-graph", "torch", "neo4j", "pydantic", "arcadedb-embedded", "numpy", "networkx")
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


def main() -> None:
    """Run the subjects that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"one of {', '.join(SUBJECTS)}")
    subjects = parser.parse_args().subjects or list(SUBJECTS)
    sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
    RESULTS.mkdir(exist_ok=True)
    for subject in subjects:
        started = datetime.now(UTC)
        found = import_module(subject).measure()
        document = {
            "subject": subject,
            "at": started.isoformat(timespec="seconds"),
            "machine": machine(),
            "results": found,
        }
        path = RESULTS / f"{subject}.json"
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{subject}")
        for name, figures in found.items():
            shown = "  ".join(
                f"{key} {value:,.4g}" if isinstance(value, float) else f"{key} {value}"
                for key, value in figures.items()
            )
            print(f"  {name:<48}{shown}")


if __name__ == "__main__":
    main()
