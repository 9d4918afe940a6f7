"""Measure where `facs` sees a blendshape begin and be strong, and score it on other people.

    python benchmarks/facs_levels.py TABLE

TABLE: a landmark table of photographs with the columns `subject` and `emotion`. The levels
are measured on half of the people, those whose name's SHA-256 begins with an even byte, and
printed as the literal of src/mien/emotion/facs_rules.py; a label needs 20 of them. The
scores are printed for both halves. The first half's flatter: rules and constants were chosen
on it. The second's are nearer the truth (facs_rules.CHOSEN says how near).
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np

from mien.emotion.facs import LABELS, action_units, evidence, probabilities
from mien.emotion.facs_rules import ACTION_UNITS, LEVELS
from mien.emotion.facs_tables import NEUTRAL_EVIDENCE
from mien.emotion.frames import read_frames
from mien.face.blendshapes import BLENDSHAPE_NAMES
from mien.face.features import FEATURE_SETS
from mien.tables import open_landmarks

HIGH = 90  # percentile, of neutral faces for zero and of an expression's for full
RARE = 99  # of neutral faces: full is no less
PEOPLE_A_LABEL = 20
FIVE = ("Neutral", "Happy", "Surprise", "Angry", "Sad")  # labels of 80 people or more


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    frames, _ = read_frames(open_landmarks(parser.parse_args().table), FEATURE_SETS["blendshapes"])
    values, labels = frames.features[:], frames.labels
    measured = np.array([_is_measured(person) for person in frames.subjects])
    people = [len(set(frames.subjects[half].tolist())) for half in (measured, ~measured)]
    print(f"levels from {measured.sum():,} photographs of {people[0]:,} people\n")
    _print_levels(values[measured], labels[measured], frames.subjects[measured])
    for name, half in (("measured on", measured), ("held out", ~measured)):
        _print_scores(name, values[half], labels[half])


def _is_measured(person: str) -> bool:
    return hashlib.sha256(person.encode()).digest()[0] % 2 == 0


def _print_levels(values: np.ndarray, labels: np.ndarray, people: np.ndarray) -> None:
    strong = [
        label
        for label in sorted(set(labels.tolist()) - {"Neutral"})
        if len(set(people[labels == label].tolist())) >= PEOPLE_A_LABEL
    ]
    print("LEVELS: dict[str, tuple[float, float]] = {")
    for channel in dict.fromkeys(name for unit in ACTION_UNITS for name in unit.blendshapes):
        sides = [n for n in BLENDSHAPE_NAMES if n in (channel, channel + "Left", channel + "Right")]
        shown = values[:, [BLENDSHAPE_NAMES.index(name) for name in sides]].mean(axis=1)
        zero, rare = np.percentile(shown[labels == "Neutral"], [HIGH, RARE])
        full = max(rare, *(np.percentile(shown[labels == label], HIGH) for label in strong))
        stale = "" if LEVELS.get(channel) == (level := _level(zero, full)) else "  # packaged: "
        print(f'    "{channel}": {level},{stale}{LEVELS.get(channel, "none") if stale else ""}')
    print("}\n")


def _level(zero: float, full: float) -> tuple[float, float]:
    return round(float(zero), 3), round(float(full), 3)


def _print_scores(name: str, values: np.ndarray, labels: np.ndarray) -> None:
    chances = probabilities(values)
    truth = chances[np.arange(len(labels)), [LABELS.index(label) for label in labels]]
    accuracy, five, recall = _scores(chances, labels)
    print(f"{name}: {len(labels):,} photographs")
    print(
        f"    accuracy {accuracy:.3f}, balanced over five {five:.3f}, over {len(recall)} "
        f"{np.mean(list(recall.values())):.3f}, log loss {-np.log(truth + 1e-9).mean():.3f}"
    )
    for label, share in recall.items():
        print(f"    {label:9} {share:.2f} of {(labels == label).sum():,}")
    found = evidence(action_units(values))
    for neutral in (0.1, 0.15, 0.2, 0.25, 0.3):
        found[:, LABELS.index("Neutral")] = neutral
        accuracy, five, _ = _scores(found, labels)
        mark = ", as packaged" if neutral == NEUTRAL_EVIDENCE else ""
        print(
            f"    with {neutral} for Neutral: accuracy {accuracy:.3f}, over five {five:.3f}{mark}"
        )


def _scores(found: np.ndarray, labels: np.ndarray) -> tuple[float, float, dict[str, float]]:
    """Accuracy, the mean recall over five labels, and every label's recall. found: (N, C)."""
    right = np.array(LABELS)[found.argmax(axis=1)] == labels
    recall = {c: float(right[labels == c].mean()) for c in LABELS if (labels == c).any()}
    return float(right.mean()), float(np.mean([recall[label] for label in FIVE])), recall


if __name__ == "__main__":
    main()
