"""Fit the parametric face: from photographs of many people to the numbers that mien packages.

    python benchmarks/fit_synthetic_face.py TABLE [--out face_statistics.npz]

TABLE is a landmark table of photographs with `subject` and `emotion` columns, some people in
several photographs; pictures without a size are taken as square. The six packaged clips say
how a tracker's points tremble. What is written are means, covariance factors and regression
coefficients over all people: no row of the table, nor any one person, can be read from it.

Each face counts twice, as it is and in the mirror, so that the average face is symmetric.

Shapes: N faces, P = 478 points, B = 52 blendshapes. Aligned points, (N, 478, 3), are in units
of the outer eye corners' distance.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import mien
from mien.corpora.sample import SAMPLE_FOLDER
from mien.face.blendshapes import BLENDSHAPE_NAMES, blendshapes
from mien.face.geometry import align, head_pose, mirror, to_pixels
from mien.recording.synthetic_face import DRIFTS, JITTER_MEMORY_S, STATISTICS_PATH, turn_terms
from mien.tables import points_of, read_landmarks

FRONTAL_RAD = np.radians(35)
IDENTITIES, JITTERS = 40, 16
RIDGE = 30.0  # in standardised blendshapes: about half a per cent of the photographs
ALIVE = 0.01  # a blendshape whose deviation over all photographs is less says nothing
SAID_OF = ("Happy", "Surprise", "Angry", "Sad")  # labels with 80 people or more, but Neutral


@dataclass(frozen=True)
class Faces:
    """Aligned photographs, each with its mirror image behind."""

    points: np.ndarray  # (N, 1434)
    blendshapes: np.ndarray  # (N, 52)
    turn: np.ndarray  # (N, 5): turn_terms of yaw and pitch
    person: np.ndarray  # (N,) number
    emotion: np.ndarray  # (N,) str

    def some(self, rows: np.ndarray) -> Faces:
        return Faces(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--out", type=Path, default=STATISTICS_PATH)
    asked = parser.parse_args()
    faces = read_faces(asked.table)
    fitted = fit(faces, sample_clips())
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(asked.out, **{name: array for name, array in fitted.items()})
    for name, array in fitted.items():
        print(f"{name:24}{array.dtype!s:>9} {array.shape}")
    print(f"{asked.out}: {asked.out.stat().st_size / 1e3:.0f} kB")


def read_faces(table: Path) -> Faces:
    """The photographs that look roughly into the camera, and their mirror images."""
    rows = read_landmarks(table)
    names = rows.schema.names
    width, height = (
        rows.column(name).to_numpy() if name in names else 1 for name in ("width_px", "height_px")
    )
    pixels = to_pixels(points_of(rows), width_px=width, height_px=height)
    both = np.concatenate([pixels, mirror(pixels, width=0)])
    aligned = align(both)
    pose = head_pose(aligned.rotation)
    people = np.unique(rows.column("subject").to_numpy(zero_copy_only=False), return_inverse=True)[
        1
    ]
    emotion = rows.column("emotion").to_numpy(zero_copy_only=False).astype(str)
    shapes = blendshapes(pixels)
    faces = Faces(
        points=aligned.points.reshape(len(both), -1).astype(np.float64),
        blendshapes=np.concatenate([shapes, shapes[:, swapped_sides()]]).astype(np.float64),
        turn=turn_terms(pose[:, 0], pose[:, 1]),
        person=np.tile(people, 2),
        emotion=np.tile(emotion, 2),
    )
    return faces.some(np.flatnonzero(np.abs(pose[:, 0]) < FRONTAL_RAD))


def swapped_sides() -> list[int]:
    """The blendshapes of the mirrored face: left and right change places."""
    names = list(BLENDSHAPE_NAMES)

    def other(name: str) -> str:
        for side, opposite in (("Left", "Right"), ("Right", "Left")):
            if name.endswith(side):
                return name.removesuffix(side) + opposite
        return name

    return [names.index(other(name)) for name in names]


def fit(faces: Faces, clips: list[np.ndarray]) -> dict[str, np.ndarray]:
    """The packaged arrays; recording/synthetic_face.py says what each is."""
    expression, turn = fit_expression(faces)
    still = faces.points - faces.turn @ turn
    at_rest = faces.blendshapes - rest_of_each(faces)
    neutral = faces.emotion == "Neutral"
    mean = still[neutral].mean(axis=0)
    identity = factors(between_people(still[neutral], faces.person[neutral]), IDENTITIES)
    residual, degrees = within_people(still - at_rest @ expression, faces.person)
    drift = factors(residual.T @ residual / degrees, DRIFTS)
    tremor = tremor_of(clips, expression)
    covariance = tremor.T @ tremor / len(tremor)
    jitter = factors(covariance, JITTERS)
    rest = np.sqrt(np.maximum(np.diag(covariance) - (jitter**2).sum(axis=0), 0))
    arrays = {
        "mean": mean,
        "identity": identity,
        "expression": expression,
        "turn": turn,
        "drift": drift,
        "jitter": jitter,
        "jitter_rest": rest,
    }
    told = {name: array.reshape(*array.shape[:-1], -1, 3) for name, array in arrays.items()}
    said = [(at_rest[faces.emotion == label]).mean(axis=0) for label in SAID_OF]
    told |= {"said": np.array(said), "said_of": np.array(SAID_OF)}
    kept = {"mean": np.float32, "said_of": None}
    return {name: a if (k := kept.get(name, np.float16)) is None else a.astype(k)
            for name, a in told.items()}  # fmt: skip


def fit_expression(faces: Faces) -> tuple[np.ndarray, np.ndarray]:
    """What a blendshape moves, (52, 1434), and what turning the head does, (5, 1434).

    Ridge regression of each person's photographs about that person's mean, so that a face
    that always looks stern is not taken for a frown. Dead blendshapes move nothing.
    """
    points, _ = within_people(faces.points, faces.person)
    told = np.concatenate([faces.blendshapes, faces.turn], axis=1)
    told, _ = within_people(told, faces.person)
    alive = np.r_[faces.blendshapes.std(axis=0) > ALIVE, np.ones(faces.turn.shape[1], bool)]
    spread = told[:, alive].std(axis=0)
    design = told[:, alive] / spread
    normal = design.T @ design + RIDGE * np.eye(alive.sum())
    found = np.zeros((len(alive), points.shape[1]))
    found[alive] = np.linalg.solve(normal, design.T @ points) / spread[:, None]
    shapes = faces.blendshapes.shape[1]
    return found[:shapes], found[shapes:]


def rest_of_each(faces: Faces) -> np.ndarray:
    """(N, 52) the person's mean blendshapes over neutral photographs; everybody's where none."""
    neutral = faces.emotion == "Neutral"
    everybody = faces.blendshapes[neutral].mean(axis=0)
    rest = np.tile(everybody, (faces.person.max() + 1, 1))
    mean, count = means(faces.blendshapes[neutral], faces.person[neutral])
    rest[: len(mean)][count > 0] = mean[count > 0]
    return rest[faces.person]


def means(values: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each person's mean, and of how many rows."""
    count = np.bincount(person)
    total = np.zeros((len(count), values.shape[1]))
    np.add.at(total, person, values)
    return total / np.maximum(count, 1)[:, None], count


def within_people(values: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, int]:
    """Rows about their person's mean, of people with several; their degrees of freedom."""
    mean, count = means(values, person)
    several = count[person] > 1
    return (values - mean[person])[several], int((count[count > 1] - 1).sum())


def between_people(values: np.ndarray, person: np.ndarray) -> np.ndarray:
    """The covariance of people: that of their means, less what the photograph adds to a mean."""
    mean, count = means(values, person)
    mean, count = mean[count > 0], count[count > 0]
    residual, degrees = within_people(values, person)
    noise = residual.T @ residual / degrees * (1 / count).mean()
    return np.cov(mean.T) - noise


def factors(covariance: np.ndarray, count: int) -> np.ndarray:
    """(count, 1434) directions one standard deviation long, largest first."""
    sizes, directions = np.linalg.eigh(covariance)
    first = slice(None, -count - 1, -1)
    found = (directions[:, first] * np.sqrt(np.maximum(sizes[first], 0))).T
    return found * np.where(found.sum(axis=1) < 0, -1, 1)[:, None]  # a sign that does not wander


def sample_clips() -> list[np.ndarray]:
    """Aligned points of the six packaged clips, (frames, 1434) each, as mien extracts them."""
    with tempfile.TemporaryDirectory() as folder:
        table = mien.extract([SAMPLE_FOLDER], Path(folder) / "clips.parquet").table
        rows = read_landmarks(table)
    pixels = to_pixels(
        points_of(rows),
        width_px=rows.column("width_px").to_numpy(),
        height_px=rows.column("height_px").to_numpy(),
    )
    aligned = align(pixels).points.reshape(len(pixels), -1).astype(np.float64)
    names = rows.column("video_filename").to_numpy(zero_copy_only=False)
    return [aligned[names == name] for name in dict.fromkeys(names)]


def tremor_of(clips: list[np.ndarray], expression: np.ndarray) -> np.ndarray:
    """What is left of a clip's points beside a smooth path and the movements of expression.

    Each clip counts twice, as it is and in the mirror. Returns (frames, 1434).
    """
    gram = expression @ expression.T + 1e-4 * np.trace(expression @ expression.T) * np.eye(52)
    left = []
    for clip in clips:
        rough = (clip - smoother(len(clip)) @ clip)[4:-4]
        rough = rough - np.linalg.solve(gram, expression @ rough.T).T @ expression
        left += [rough, mirror(rough.reshape(-1, 478, 3), width=0).reshape(rough.shape)]
    return np.concatenate(left) / share_left()


def share_left(*, frames: int = 61, fps: float = 30.0) -> float:
    """Of noise with a tracker's memory, what the smooth path leaves: its standard deviation."""
    apart = np.abs(np.subtract.outer(np.arange(frames), np.arange(frames)))
    covariance = np.exp(-apart / (JITTER_MEMORY_S * fps))
    rough = np.eye(frames) - smoother(frames)
    return float(np.sqrt(np.diag(rough @ covariance @ rough.T)[10:-10].mean()))


def smoother(frames: int, *, window: int = 7, degree: int = 3) -> np.ndarray:
    """(frames, frames): each row fits a polynomial to the frames around (Savitzky-Golay)."""
    matrix = np.zeros((frames, frames))
    for frame in range(frames):
        start = min(max(frame - window // 2, 0), frames - window)
        places = np.vander(np.arange(start, start + window) - frame, degree + 1, increasing=True)
        matrix[frame, start : start + window] = np.linalg.pinv(places)[0]
    return matrix


if __name__ == "__main__":
    main()
