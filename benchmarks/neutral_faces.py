"""Measure where action units begin and are strong, and how often a neutral face reaches P 2.

    python benchmarks/neutral_faces.py TABLE

TABLE: a landmark table of photographs with the columns `subject` and `emotion`. The numbers of
src/mien/risk/action_units.py are measured on half of the people, those whose name's SHA-256
begins with an even byte, and printed as its literals. Then the share of Neutral photographs with
P >= 2 for both halves, P of the six packaged clips as the watch smooths it, and P of parametric
people who show a grimace, or what may look like one.
"""

import argparse
import hashlib
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from mien.corpora.sample import SAMPLE_FOLDER
from mien.face.features import Faces
from mien.recording.synthetic_face import DRIFTS, filmed, lid_opening, shown, trembling
from mien.recording.synthetic_motion import blendshape_vector, with_lids
from mien.recording.synthetic_people import somebody
from mien.risk.action_units import (
    CLOSING,
    HIGH,
    LEVELS,
    MEASURES,
    NEUTRAL,
    RARE,
    UNIT_TABLE,
    UNITS,
    action_units,
    means,
    measures,
    p_of,
    shut,
    smile,
    steps,
)
from mien.risk.events import Event, FrameMeasured, WindowClosed
from mien.risk.measured import faces_of
from mien.risk.settings import WatchSettings
from mien.risk.signal import initial, step
from mien.tables import open_landmarks, points_of, read_landmarks
from mien.workflows.extract import extract

SMILING = ("cheek", "nose_wings", "upper_lip_up", "upper_lip")  # what a smile moves by itself
PEOPLE = 200
LOOP_S = 300
HALF_SHUT = 0.5
GRIMACE = {"browDown": 1.0, "eyeSquint": 0.9, "mouthUpperUp": 0.9, "noseSneer": 0.9}
LOOKS_LIKE = {
    "at rest": {},
    "a smile": {"mouthSmile": 0.75, "eyeSquint": 0.2, "mouthLowerDown": 0.35},
    "a smile with eyes narrowed": {"mouthSmile": 0.75, "eyeSquint": 0.35, "mouthUpperUp": 0.12},
    "asleep": {"eyeBlink": 1.0},
    "asleep, mouth open": {"eyeBlink": 1.0, "jawOpen": 0.4},
    "looking down": {"eyeLookDown": 0.8, "eyeBlink": 0.28},
    "yawning": {"jawOpen": 0.6, "eyeSquint": 0.4, "eyeBlink": 0.5},
    "an open vowel": {"jawOpen": 0.25, "mouthLowerDown": 0.1, "mouthUpperUp": 0.05},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    photographs = _Photographs(parser.parse_args().table)
    _print_levels(photographs)
    _print_shares(photographs)
    _print_clips()
    _print_grimaces()


class _Photographs:
    def __init__(self, table: Path) -> None:
        rows: list[tuple[np.ndarray, ...]] = []
        labels, people = [], []
        for batch in open_landmarks(table).batches():
            faces = Faces(points_of(batch), size_px=(1, 1))  # these photographs are square
            rows.append((measures(faces), smile(faces), action_units(faces)))
            labels += batch.column("emotion").to_pylist()
            people += batch.column("subject").to_pylist()
        self.measures, self.smiles, self.units = map(np.concatenate, zip(*rows, strict=True))
        self.labels, self.people = np.array(labels), np.array(people)
        self.is_measured = np.array([_is_measured(person) for person in people])
        self.is_neutral = self.labels == "Neutral"

    @property
    def shut(self) -> np.ndarray:
        return shut(means(steps(self.measures, self.smiles)))

    @property
    def p(self) -> np.ndarray:
        return np.array([p_of(row) for row in self.units])


def _is_measured(person: str) -> bool:
    return hashlib.sha256(person.encode()).digest()[0] % 2 == 0


def _print_levels(photos: _Photographs) -> None:
    neutral = photos.is_neutral & photos.is_measured
    happy = (photos.labels == "Happy") & photos.is_measured
    people = len(set(photos.people[neutral]))
    print(f"measured on {neutral.sum():,} Neutral photographs of {people:,} people\n")
    print("NEUTRAL: dict[str, tuple[float, float, float]] = {")
    for name, values in zip(MEASURES, photos.measures.T, strict=True):
        slope = np.polyfit(photos.smiles[happy], values[happy], 1)[0] if name in SMILING else 0
        middle, high = np.percentile((values - slope * photos.smiles)[neutral], [50, HIGH])
        _print_entry(name, (middle, high, slope), NEUTRAL[name])
    print("}\nLEVELS: dict[str, tuple[float, float]] = {")
    found = means(steps(photos.measures, photos.smiles))[neutral]
    zeros, rares = np.percentile(found, [HIGH, RARE], axis=0)
    for name, zero, rare in zip(UNITS, zeros, rares, strict=True):
        full = zero + UNIT_TABLE[name].reach * (rare - zero)
        _print_entry(name, (zero, full), LEVELS[name])
    print("}\nCLOSING: dict[str, float] = {")
    closed = shut(found)
    some = found[closed >= HALF_SHUT]
    highs = np.percentile(some, HIGH, axis=0)
    for name, zero, high in zip(UNITS, zeros, highs, strict=True):
        lift = max(0.0, high - zero) / np.median(closed[closed >= HALF_SHUT])
        _print_entry(name, 0.0 if name == "au43" else lift, CLOSING[name])
    print(f"}}  # of {len(some)} with eyes at least half shut\n")


def _print_entry(
    name: str, measured: float | tuple[float, ...], packaged: float | tuple[float, ...]
) -> None:
    """As a literal of the package; what is packaged beside it, where that is another."""
    shown = np.vectorize(lambda value: float(f"{value:.4g}"))(measured).tolist()
    shown = tuple(shown) if isinstance(shown, list) else shown
    is_stale = not np.allclose(shown, packaged, rtol=2e-3)
    print(f'    "{name}": {shown},' + (f"  # packaged: {packaged}" if is_stale else ""))


def _print_shares(photos: _Photographs) -> None:
    p = photos.p
    for name, half in (("measured on", photos.is_measured), ("held out", ~photos.is_measured)):
        some = photos.is_neutral & half
        _, person = np.unique(photos.people[some], return_inverse=True)
        of_people = np.bincount(person, p[some] >= 2) / np.bincount(person)
        print(
            f"{name}: {some.sum():,} Neutral photographs, P >= 2 {_share(p[some], 2)} "
            f"(every person counting alike {of_people.mean():.2%}), "
            f">= 4 {_share(p[some], 4)}, >= 6 {_share(p[some], 6)}"
        )
        asleep = some & (photos.shut >= HALF_SHUT)
        print(f"    of {asleep.sum()} with eyes at least half shut {_share(p[asleep], 2)}")
    print("5 x blendshapes, as these units are often estimated, for comparison:")
    print(f"    P >= 2 {_share(_plain_p(photos)[photos.is_neutral], 2)}\n")
    for label in ("Happy", "Surprise", "Sad", "Angry", "Disgust"):
        some = p[photos.labels == label]
        print(f"{label:9} {len(some):5,}: P >= 2 {_share(some, 2)}, >= 6 {_share(some, 6)}")


def _share(p: np.ndarray, limit: float) -> str:
    return f"{(p >= limit).mean():.2%}"


def _plain_p(photos: _Photographs) -> np.ndarray:
    """P of 5 x browDown, eyeSquint and mouthUpperUp, undoing their log odds."""
    place = list(MEASURES).index
    columns = [place(name) for name in ("brow_down", "eye_squint", "upper_lip_up")]
    odds = np.exp(photos.measures[:, columns])
    return 5 * np.clip((1.02 * odds - 0.02) / (1 + odds), 0, 1).sum(axis=1)


def _print_clips() -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = read_landmarks(extract([SAMPLE_FOLDER], Path(folder) / "clips.parquet").table)
    print(f"\nreal clips, each looped for {LOOP_S} s, smoothed: median and highest P")
    names = table["video_filename"]
    for name in sorted(set(names.to_pylist())):
        faces = faces_of(points_of(table.filter(pc.equal(names, name))), size_px=(480, 360))
        windows = [body for body in _watched(faces) if isinstance(body, WindowClosed)]
        p = [window.p for window in windows if window.p is not None]
        r = [window.r for window in windows if window.r is not None]
        jitter = np.median([w.jitter for w in windows if w.jitter is not None])
        speaks = np.mean([window.mouth_is_speaking for window in windows])
        print(
            f"    {name:24} {np.median(p):.2f} {max(p):.2f}   R {np.median(r):.2f}, "
            f"jitter {jitter:.4f}, speaks in {speaks:.0%} of {len(windows)} s"
        )


def _watched(faces: list) -> list:
    state, settings, said = initial(), WatchSettings(), []
    for number in range(round(LOOP_S * 29.97)):
        at_ms = round(number / 0.02997)
        body = FrameMeasured(faces[number % len(faces)])
        state, more = step(state, Event("bed", 0, at_ms, at_ms, "", body), settings)
        said += [body for _, body in more]
    return said


def _print_grimaces() -> None:
    print(f"\n{PEOPLE} parametric people, one photograph each: P at the 5th, 50th, 95th percentile")
    for closes in (0.0, 1.0):
        print(f"  a grimace ({_words(GRIMACE)}), eyes {'closing' if closes else 'open'}")
        for intensity in (0.25, 0.5, 0.75, 1.0, 1.25):
            weights = {name: weight * intensity for name, weight in GRIMACE.items()}
            _print_people(f"{intensity}", weights | {"eyeBlink": closes * intensity})
    print("  one movement alone, at 1")
    for name in ("browDown", "eyeSquint", "mouthUpperUp", "noseSneer", "cheekSquint"):
        _print_people(name, {name: 1.0})
    print("  what may look like one")
    for name, weights in LOOKS_LIKE.items():
        _print_people(name, weights)


def _print_people(name: str, weights: dict[str, float]) -> None:
    points = np.concatenate([_photograph(weights, number) for number in range(PEOPLE)])
    units = action_units(Faces(points, size_px=(1, 1)))
    p = np.array([p_of(row) for row in units])
    low, middle, high = np.percentile(p, [5, 50, 95])
    medians = " ".join(f"{unit} {np.median(v):.1f}" for unit, v in zip(UNITS, units.T, strict=True))
    print(
        f"    {name:26} {low:5.2f} {middle:5.2f} {high:5.2f}   >= 2 {(p >= 2).mean():4.0%}, "
        f">= 4 {(p >= 4).mean():4.0%}, >= 6 {(p >= 6).mean():4.0%}   {medians}"
    )


def _words(weights: dict[str, float]) -> str:
    return ", ".join(f"{name} {weight:g}" for name, weight in weights.items())


def _photograph(weights: dict[str, float], number: int) -> np.ndarray:
    """(1, 478, 3) of a stranger who faces the camera within some degrees."""
    random = np.random.default_rng([7, number])
    who = somebody(random)
    pose_rad = random.normal(0, np.radians([[4, 4, 2]]))
    moved = with_lids(blendshape_vector(weights)[None], np.zeros(1), opening=lid_opening(who.rest))
    drift = who.drift + random.normal(0, 0.47, (1, DRIFTS))
    face = shown(who.rest, blendshapes=moved, pose_rad=pose_rad, drift=drift)
    face = face + trembling(random, 1, fps=30)
    return filmed(
        face, pose_rad=pose_rad, scale_px=np.array([0.17]), centre_px=np.array([[0.5, 0.5]])
    )


if __name__ == "__main__":
    main()
