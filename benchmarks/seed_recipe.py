"""Ten seeds of recipe `seed`: random frames, as the reference has it, and people never seen.

    python benchmarks/seed_recipe.py TABLE [--out benchmarks/results/seed_recipe.txt]

The seed sets the network's first weights and deals people into folds; the random-frame
split stays at random_state 42, as in the reference.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from mien.config import TrainSettings
from mien.emotion.contract import find_recipe
from mien.emotion.frames import LabelledFrames, read_frames
from mien.evaluation.evaluate import Evaluation, evaluate_frames
from mien.evaluation.results import environment
from mien.files import sha256
from mien.tables import open_landmarks

SEEDS = 10
HEADER = f"{'seed':>6}  {'random frames (leaky)':^23}  {'people never seen':^23}"
UNITS = f"{'':>6}  {'accuracy':>11} {'balanced':>11}  {'accuracy':>11} {'balanced':>11}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    asked = parser.parse_args()
    lines: list[str] = []

    def say(line: str) -> None:
        print(line, flush=True)
        lines.append(line)

    run(asked.table, asked.seeds, say)
    if asked.out is not None:
        asked.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(table: Path, seeds: int, say) -> None:
    frames, survey = read_frames(open_landmarks(table), find_recipe("seed").features)
    say(f"{table.name}: {len(frames.labels):,} frames of {len(frames.people):,} people, "
        f"{survey.rows_without_face:,} without a face")  # fmt: skip
    say(f"sha256 {sha256(table)}")
    versions = environment().packages
    say(", ".join(f"{name} {versions[name]}" for name in ("torch", "scikit-learn", "numpy")) + "\n")
    say(HEADER)
    say(UNITS)
    rows = []
    for seed in range(seeds):
        evaluation = evaluate_frames(frames, TrainSettings(seed=seed))
        rows.append(scores(evaluation))
        say(line(str(seed), rows[-1]))
    say(line("median", [statistics.median(column) for column in zip(*rows, strict=True)]))
    say("")
    say(majority(frames, evaluation))


def scores(evaluation: Evaluation) -> list[float]:
    """Accuracy and balanced accuracy of frames: leaky, then honest."""
    if evaluation.held_out is None:
        raise SystemExit("nobody can be held out of this table")
    both = (evaluation.leaky.result.frames, evaluation.held_out.result.frames)
    return [
        value for found in both for value in (found.accuracy.value, found.balanced_accuracy.value)
    ]


def line(name: str, values: list[float]) -> str:
    leaky, leaky_balanced, honest, honest_balanced = (f"{value:>11.3f}" for value in values)
    return f"{name:>6}  {leaky} {leaky_balanced}  {honest} {honest_balanced}"


def majority(frames: LabelledFrames, evaluation: Evaluation) -> str:
    found = evaluation.majority.frames
    return (
        f"always the majority label: accuracy {found.accuracy.value:.3f}, balanced "
        f"{found.balanced_accuracy.value:.3f} (chance over {len(frames.classes)} labels)"
    )


if __name__ == "__main__":
    main()
