"""Recipes on real photographs: five person-disjoint folds, pooled, beside the anchors.

    .venv/bin/python benchmarks/real_faces.py TABLE [--recipes svm,blend,...] [--balance 0.0]
        [--out benchmarks/results/real_faces.txt] [--folder DIR]

TABLE: a landmark table of photographs with `emotion` and `subject`. Prints every
recipe's accuracy, balanced accuracy over all labels and over those of 80 people or more,
calibration, sets, abstention and the gap by head turn, then every label's recall, then
paired differences, with 95 % intervals over people of the scores and differences. All that
is fitted learns inside the training people; but constants of the recipes were chosen on such
photographs (docs/decisions/0011, docs/facs.md), so only other people are a clean test.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import mien
from mien.evaluation.comparison import comparison_text
from mien.evaluation.metrics import Score
from mien.evaluation.results import Results

RECIPES = "svm,blend,logistic,kernel,mlp,facs,seed"
FRONTAL, TURNED = "below 5°", "25–35°"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--recipes", default=RECIPES)
    parser.add_argument("--balance", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--folder", type=Path, help="keep reports there")
    chosen = parser.parse_args()
    began = time.perf_counter()
    found = mien.evaluate(
        chosen.table,
        recipe=chosen.recipes,
        out=chosen.folder,
        balance=chosen.balance,
        seed=chosen.seed,
        on_progress=_tell,
    )
    lines = report(found.results, found.others)
    lines.append(f"balance {chosen.balance}, seed {chosen.seed}")
    print("\n".join(lines))
    print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
    if chosen.out:
        chosen.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def report(first: Results, others: dict[str, Results]) -> list[str]:
    """The table's lines."""
    every = {first.recipe: first, **others}
    facts = first.table
    lines = [
        f"{facts.rows:,} photographs, {facts.people:,} people; five person-disjoint folds, pooled",
        f"{'':10}{'accuracy':>20}{'ECE':>7}{'90 % sets':>11}{'labels':>8}{'at 70 %':>9}"
        f"{FRONTAL:>10}{TURNED:>8}{'leaky':>8}",
    ]
    lines += [_line(name, results) for name, results in every.items()]
    lines += [
        "",
        "recall, label by label",
        " " * 10 + "".join(f"{x:>9}" for x in first.splits[0].clips.labels),
    ]
    for name, results in every.items():
        scores = results.honest.clips if results.honest else first.splits[0].clips
        recalls = "".join(f"{line.recall:9.2f}" for line in scores.per_class)
        lines.append(f"{name:10}{recalls}")
    assert first.comparison is not None
    return [*lines, "", *comparison_text(first.comparison).splitlines()]


def _line(name: str, results: Results) -> str:
    honest, leaky = results.honest, results.split("random-frame")
    assert honest is not None and honest.measures is not None and leaky is not None
    found = honest.measures
    turned = {group.group: group.accuracy.value for group in found.groups[0].groups}
    sets = found.sets
    at_70 = next(x.accuracy.value for x in found.selective.at if abs(x.coverage - 0.7) < 1e-6)
    return (
        f"{name:10}{_interval(honest.clips.accuracy):>20}{found.reliability.ece.value:7.3f}"
        + (
            f"{sets.coverage.value:11.3f}{sets.mean_size.value:8.2f}"
            if sets
            else f"{'-':>11}{'-':>8}"
        )
        + f"{at_70:9.3f}{turned.get(FRONTAL, float('nan')):10.3f}"
        f"{turned.get(TURNED, float('nan')):8.3f}{leaky.clips.accuracy.value:8.3f}"
    )


def _interval(score: Score) -> str:
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"


def _tell(doing: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{doing}: {done}/{total}   ", end="", file=sys.stderr)


if __name__ == "__main__":
    main()
