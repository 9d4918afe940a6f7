"""What the watch's alarms are worth: the specification's table, on simulated test patients.

    python benchmarks/alarms.py [--workers 2] [--folder REPORT] [--out FILE]
    python benchmarks/alarms.py --quick

At least 100 event-free patient-days and 300 scripted episodes, 5 and 30 of them by every frame's
landmarks, of patients of a test seed: nobody looked at them while the watch was built
(evaluation/alarm_patients.py). An hour and a half on two idle cores. --quick takes some minutes,
on development patients.
What other scripts measure is told from their files in benchmarks/results, where these are.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import mien
from mien.evaluation.alarm_patients import DEVELOPMENT, TEST
from mien.evaluation.alarm_table import ELSEWHERE
from mien.evaluation.alarm_text import details, summary

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Size:
    days: int
    days_of_faces: int
    episodes: int
    episodes_of_faces: int
    vanishing: int
    wavering: int
    replays: int


FULL = Size(
    days=105,
    days_of_faces=5,
    episodes=360,
    episodes_of_faces=36,
    vanishing=200,
    wavering=100,
    replays=20,
)
QUICK = Size(
    days=4, days_of_faces=0, episodes=24, episodes_of_faces=0, vanishing=20, wavering=12, replays=2
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, help="else the first test seed; 0 with --quick")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="write the report, figures and numbers there")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    size = QUICK if asked.quick else FULL
    seed = asked.seed if asked.seed is not None else (DEVELOPMENT if asked.quick else TEST).start
    began = time.perf_counter()
    found = mien.evaluate_alarms(
        seed=seed,
        workers=asked.workers,
        out=asked.folder,
        elsewhere=elsewhere(),
        on_progress=_tell,
        **vars(size),
    )
    lines = [*summary(found.results), "", *details(found.results)]
    print("\n".join(lines))
    print(f"{(time.perf_counter() - began) / 60:.0f} min, {asked.workers} workers", file=sys.stderr)
    if asked.out:
        asked.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def elsewhere() -> dict[str, str]:
    """Script -> where its own figures are, for those that have been run."""
    stems = {where: Path(where).stem for _, where in ELSEWHERE.values()}
    return {
        where: f"see benchmarks/results/{stem}.txt"
        for where, stem in stems.items()
        if (RESULTS / f"{stem}.txt").exists()
    }


def _tell(doing: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{doing}: {done}/{total}   ", end="", file=sys.stderr)


if __name__ == "__main__":
    main()
