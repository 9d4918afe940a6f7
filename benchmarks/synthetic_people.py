"""Synthetic people beside real ones: what is alike, what is not.

    python benchmarks/synthetic_people.py TABLE [--figure docs/images/synthetic_people.png]

TABLE is a landmark table of photographs with `subject` and `emotion` columns, none of which is
shown: only means, spreads and distributions are. Motion is compared with the six packaged clips.
With --out the numbers go to a file as well.

Shapes: N faces, P = 478 points, B = 52 blendshapes. Aligned points are in units of the outer eye
corners' distance.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

import mien
from mien.corpora.sample import SAMPLE_FOLDER
from mien.face.blendshapes import BLENDSHAPE_NAMES, blendshapes
from mien.face.geometry import align, head_pose, to_pixels
from mien.face.topology import PARTS, REGIONS
from mien.recording.synthetic import Scenario, clips
from mien.tables import points_of, read_landmarks

FIGURE = Path(__file__).parent.parent / "docs" / "images" / "synthetic_people.png"
REAL, SYNTHETIC, CLIPS = "#0072b2", "#d55e00", "#009e73"
EMOTIONS = ("Neutral", "Happy", "Surprise", "Angry", "Sad")  # with 80 people or more
SHAPES = ("mouthSmile", "browDown", "browInnerUp", "jawOpen", "eyeSquint", "mouthPress")
PEOPLE, CLIPS_EACH = 400, 7
FRONTAL_RAD = np.radians(35)
# Distances that a ruler would take, by their two points.
DISTANCES = {
    "inner eye corners": (133, 362),
    "right eye's width": (33, 133),
    "right eye's height": (159, 145),
    "nose's width": (48, 278),
    "nose's length": (168, 4),
    "mouth's width": (61, 291),
    "upper lip to nose": (0, 2),
    "lips' height": (0, 17),
    "lower lip to chin": (17, 152),
    "face's width": (234, 454),
    "jaw's width": (172, 397),
    "face's height": (10, 152),
    "brow to eye": (105, 159),
}


@dataclass(frozen=True)
class Faces:
    """Faces out of photographs or out of the middle of clips."""

    points: np.ndarray  # (N, P, 3) aligned
    pose_rad: np.ndarray  # (N, 3)
    blendshapes: np.ndarray  # (N, B)
    emotion: np.ndarray  # (N,) str
    person: np.ndarray  # (N,) str

    def some(self, rows: np.ndarray) -> Faces:
        return Faces(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--figure", type=Path, default=FIGURE)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    lines: list[str] = []

    def say(line: str = "") -> None:
        print(line, flush=True)
        lines.append(line)

    real, made = photographs(asked.table), synthetic_faces()
    moved_real, moved_made = real_clips(), synthetic_clips()
    say(f"photographs within 35° of the camera: {len(real.person):,} of "
        f"{len(np.unique(real.person)):,} people; synthetic: {len(made.person):,} of "
        f"{len(np.unique(made.person)):,}")  # fmt: skip
    tell_identity(real, made, say)
    tell_distances(real, made, say)
    tell_blendshapes(real, made, say)
    tell_motion(moved_real, moved_made, say)
    draw(real, made, moved_real, moved_made, asked.figure)
    say()
    say(f"figure: {asked.figure.name}")
    if asked.out is not None:
        asked.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def photographs(table: Path) -> Faces:
    """The photographs of a table that look roughly into the camera."""
    rows = read_landmarks(table)
    names = rows.schema.names
    width, height = (
        rows.column(name).to_numpy() if name in names else 1 for name in ("width_px", "height_px")
    )
    pixels = to_pixels(points_of(rows), width_px=width, height_px=height)
    emotion, person = (
        rows.column(name).to_numpy(zero_copy_only=False).astype(str)
        for name in ("emotion", "subject")
    )
    faces = seen(pixels, emotion, person)
    return faces.some(np.flatnonzero(np.abs(faces.pose_rad[:, 0]) < FRONTAL_RAD))


def synthetic_faces() -> Faces:
    """A frame out of the middle third of each of many short clips."""
    scenario = Scenario(
        people=PEOPLE, clips_each=CLIPS_EACH, dropout=0, emotions=(*EMOTIONS, "Disgust", "Fear")
    )
    random = np.random.default_rng(0)
    pixels, emotion, person = [], [], []
    for clip in clips(scenario):
        frame = random.integers(scenario.frames // 3, 2 * scenario.frames // 3)
        pixels.append(in_pixels(clip.points[frame], scenario))
        emotion.append(clip.label)
        person.append(clip.subject)
    return seen(np.array(pixels), np.array(emotion), np.array(person))


def in_pixels(points: np.ndarray, scenario: Scenario) -> np.ndarray:
    return to_pixels(points, width_px=scenario.width_px, height_px=scenario.height_px)


def seen(pixels: np.ndarray, emotion: np.ndarray, person: np.ndarray) -> Faces:
    aligned = align(pixels)
    return Faces(aligned.points, head_pose(aligned.rotation), blendshapes(pixels), emotion, person)


def real_clips() -> list[np.ndarray]:
    """(T, P, 3) pixels of the six packaged clips, as mien extracts them."""
    with tempfile.TemporaryDirectory() as folder:
        table = mien.extract([SAMPLE_FOLDER], Path(folder) / "clips.parquet").table
        rows = read_landmarks(table)
    names = rows.column("video_filename").to_numpy(zero_copy_only=False)
    pixels = to_pixels(
        points_of(rows),
        width_px=rows.column("width_px").to_numpy(),
        height_px=rows.column("height_px").to_numpy(),
    )
    return [pixels[names == name] for name in dict.fromkeys(names)]


def synthetic_clips() -> list[np.ndarray]:
    """(T, P, 3) pixels of six emotions of fifty people."""
    scenario = Scenario(people=50, clips_each=6, dropout=0, seed=1, frames=63)
    return [in_pixels(clip.points, scenario) for clip in clips(scenario)]


def spectrum(faces: Faces) -> np.ndarray:
    """Variances of aligned neutral faces along their principal axes, one picture a person."""
    neutral = faces.some(np.flatnonzero(faces.emotion == "Neutral"))
    first = np.unique(neutral.person, return_index=True)[1]
    points = neutral.points[first].reshape(len(first), -1).astype(np.float64)
    return np.linalg.svd(points - points.mean(axis=0), compute_uv=False) ** 2 / len(points)


def tell_identity(real: Faces, made: Faces, say: Callable) -> None:
    say()
    say("one neutral picture a person, aligned: root of the mean squared distance to the mean")
    for name, faces in (("photographs", real), ("synthetic", made)):
        sizes = spectrum(faces)
        share = np.cumsum(sizes) / sizes.sum()
        say(f"  {name:12} {np.sqrt(sizes.sum() / 478):.4f} eye distances; shares of the variance "
            f"in the first 1, 5, 10, 20, 40 axes: "
            + " ".join(f"{share[count - 1]:.2f}" for count in (1, 5, 10, 20, 40)))  # fmt: skip
    both = [
        f.some(np.flatnonzero(f.emotion == "Neutral")).points.mean(axis=0) for f in (real, made)
    ]
    apart = np.linalg.norm(both[0] - both[1], axis=-1)
    say(f"  mean faces apart: {apart.mean():.4f} on average, {apart.max():.4f} at most")


def tell_distances(real: Faces, made: Faces, say: Callable) -> None:
    say()
    say(f"{'distances, neutral':22}{'photographs':>20}{'synthetic':>20}{'95 % overlap':>14}")
    for name, pair in DISTANCES.items():
        found = [neutral_distances(faces, pair) for faces in (real, made)]
        text = [f"{values.mean():.3f} ± {values.std():.3f}" for values in found]
        say(f"  {name:20}{text[0]:>20}{text[1]:>20}{covered(*found):>14.2f}")


def neutral_distances(faces: Faces, pair: tuple[int, int]) -> np.ndarray:
    points = faces.points[faces.emotion == "Neutral"]
    return np.linalg.norm(points[:, pair[0]] - points[:, pair[1]], axis=-1)


def covered(real: np.ndarray, made: np.ndarray) -> float:
    """The share of synthetic values within the real ones' central 95 %."""
    low, high = np.quantile(real, [0.025, 0.975])
    return float(((made >= low) & (made <= high)).mean())


def both_sides(faces: Faces, shape: str) -> np.ndarray:
    """A blendshape, or the mean of its two sides."""
    sides = [i for i, name in enumerate(BLENDSHAPE_NAMES) if name.removesuffix("Left")
             .removesuffix("Right") == shape]  # fmt: skip
    return faces.blendshapes[:, sides].mean(axis=1)


def tell_blendshapes(real: Faces, made: Faces, say: Callable) -> None:
    say()
    say("blendshapes by label: mean (deviation), photographs | synthetic")
    say(f"  {'':14}" + "".join(f"{emotion:^28}" for emotion in EMOTIONS))
    for shape in (*SHAPES, "mouthFrown", "mouthStretch", "mouthUpperUp", "eyeBlink", "eyeWide"):
        cells = []
        for emotion in EMOTIONS:
            found = [both_sides(f, shape)[f.emotion == emotion] for f in (real, made)]
            cells.append(" | ".join(f"{v.mean():.2f} ({v.std():.2f})" for v in found))
        say(f"  {shape:14}" + "".join(f"{cell:^28}" for cell in cells))


def speeds(moved: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(frames, P) how far points go in a frame: as filmed, and within the aligned face."""
    filmed, own = [], []
    for pixels in moved:
        aligned = align(pixels)
        step = np.diff(pixels[..., :2], axis=0) / aligned.scale_px.mean()
        filmed.append(np.linalg.norm(step, axis=-1))
        own.append(np.linalg.norm(np.diff(aligned.points[..., :2], axis=0), axis=-1))
    return np.concatenate(filmed), np.concatenate(own)


def tell_motion(real: list[np.ndarray], made: list[np.ndarray], say: Callable) -> None:
    say()
    say("speed of points, thousandths of the eye distance a frame: median, mean, 95th percentile")
    found = {"six real clips": speeds(real), "synthetic": speeds(made)}
    for place, title in ((0, "as filmed"), (1, "aligned")):
        for name, both in found.items():
            text = "".join(
                f"  {region}: " + " ".join(f"{v:5.1f}" for v in three(both[place][:, list(points)]))
                for region, points in (("all", range(478)), *some_regions())
            )
            say(f"  {title:10}{name:16}{text}")
    say()
    say("head pose within a clip, deviation in degrees (yaw, pitch, roll), median over clips")
    for name, moved in (("six real clips", real), ("synthetic", made)):
        spread = [np.degrees(head_pose(align(p).rotation)).std(axis=0) for p in moved]
        say(f"  {name:16}" + " ".join(f"{v:.2f}" for v in np.median(spread, axis=0)))


def three(values: np.ndarray) -> list[float]:
    return [1e3 * float(v) for v in (np.median(values), values.mean(), np.quantile(values, 0.95))]


def some_regions() -> list[tuple[str, tuple[int, ...]]]:
    return [(name, REGIONS[name]) for name in ("forehead", "left eye", "mouth")]


def mouth_opening(moved: list[np.ndarray]) -> np.ndarray:
    """Power of the inner lips' distance over frequency, mean over clips: (frequencies,)."""
    powers = []
    for pixels in moved:
        points = align(pixels).points[:56]
        gap = points[:, 14, 1] - points[:, 13, 1]
        powers.append(np.abs(np.fft.rfft((gap - gap.mean()) * np.hanning(len(gap)))) ** 2)
    return np.mean(powers, axis=0)


def draw(
    real: Faces, made: Faces, moved: list[np.ndarray], moved_made: list[np.ndarray], path: Path
) -> None:
    plt.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False})
    figure = plt.figure(figsize=(14, 14.5), layout="constrained")
    rows = figure.subfigures(4, 1, height_ratios=[0.8, 1.25, 1, 1])
    draw_means(rows[0], real, made)
    draw_people(rows[1], made)
    draw_statics(rows[2].subplots(1, 4), real, made)
    draw_motion(rows[3].subplots(1, 5), real, made, moved, moved_made)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def draw_means(figure, real: Faces, made: Faces) -> None:
    figure.suptitle("Mean faces by label: photographs (blue) and synthetic people (orange)")
    for axes, emotion in zip(figure.subplots(1, 7), (*EMOTIONS, "Disgust", "Fear"), strict=True):
        if emotion in EMOTIONS:
            draw_face(axes, real.points[real.emotion == emotion].mean(axis=0), REAL)
        draw_face(axes, made.points[made.emotion == emotion].mean(axis=0), SYNTHETIC)
        axes.set_title(emotion if emotion in EMOTIONS else f"{emotion}\n(too few photographs)")


def draw_people(figure, made: Faces) -> None:
    figure.suptitle("Fourteen synthetic people, neutral (grey) and as they show something")
    chosen = np.unique(made.person)[:14]
    labels = ("Happy", "Surprise", "Angry", "Sad", "Disgust", "Fear", "Happy") * 2
    for axes, person, label in zip(figure.subplots(2, 7).flat, chosen, labels, strict=True):
        own = made.some(np.flatnonzero(made.person == person))
        draw_face(axes, own.points[own.emotion == "Neutral"][0], "#999999")
        draw_face(axes, own.points[own.emotion == label][0], SYNTHETIC)
        axes.set_title(f"{person}, {label}", fontsize=7)


def draw_face(axes: Axes, points: np.ndarray, colour: str) -> None:
    axes.plot(points[:468, 0], points[:468, 1], ".", ms=0.8, color=colour, alpha=0.5)
    for contours in PARTS.values():
        for contour in contours:
            order = list(contour.points) + ([contour.points[0]] if contour.is_closed else [])
            axes.plot(points[order, 0], points[order, 1], color=colour, lw=0.9)
    axes.set_aspect("equal")
    axes.set_xlim(-0.95, 0.95)
    axes.set_ylim(1.55, -0.75)
    axes.set_axis_off()


def draw_statics(axes: np.ndarray, real: Faces, made: Faces) -> None:
    for name, faces, colour in (("photographs", real, REAL), ("synthetic", made, SYNTHETIC)):
        sizes = spectrum(faces)[:60]
        axes[0].semilogy(np.arange(1, len(sizes) + 1), sizes, color=colour, label=name)
    axes[0].set(title="Neutral faces, one a person:\nvariance along principal axes",
                xlabel="axis", ylabel="eye distances²")  # fmt: skip
    axes[0].legend(frameon=False)
    for faces, colour, shift in ((real, REAL, -0.16), (made, SYNTHETIC, 0.16)):
        for row, pair in enumerate(DISTANCES.values()):
            draw_spread(axes[1], neutral_distances(faces, pair), row + shift, colour)
    axes[1].set_yticks(range(len(DISTANCES)), DISTANCES, fontsize=7)
    axes[1].set(title="Distances in neutral faces:\nmedian, central 50 and 90 %",
                xlabel="eye distances")  # fmt: skip
    for which, emotion in enumerate(("Neutral", "Happy")):
        draw_shapes(axes[2 + which], real, made, emotion)


def draw_shapes(axes: Axes, real: Faces, made: Faces, emotion: str) -> None:
    shapes = (*SHAPES, "mouthFrown", "mouthUpperUp", "mouthLowerDown", "mouthStretch", "eyeBlink",
              "browOuterUp")  # fmt: skip
    for faces, colour, shift in ((real, REAL, -0.16), (made, SYNTHETIC, 0.16)):
        for row, shape in enumerate(shapes):
            draw_spread(
                axes, both_sides(faces, shape)[faces.emotion == emotion], row + shift, colour
            )
    axes.set_yticks(range(len(shapes)), shapes, fontsize=7)
    axes.set(title=f"Blendshapes, {emotion}:\nmedian, central 50 and 90 %", xlim=(0, 1))


def draw_spread(axes: Axes, values: np.ndarray, row: float, colour: str) -> None:
    low, first, mid, last, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
    axes.plot([low, high], [row, row], color=colour, lw=0.9)
    axes.plot([first, last], [row, row], color=colour, lw=3, solid_capstyle="butt")
    axes.plot(mid, row, "o", ms=3, color="white", mec=colour)


def draw_motion(
    axes: np.ndarray,
    real: Faces,
    made: Faces,
    moved: list[np.ndarray],
    moved_made: list[np.ndarray],
) -> None:
    draw_shapes(axes[0], real, made, "Angry")
    draw_shapes(axes[1], real, made, "Sad")
    bins = np.logspace(-4, -1, 60)
    for name, clips_, colour in (
        ("six real clips", moved, CLIPS),
        ("synthetic", moved_made, SYNTHETIC),
    ):
        filmed, own = speeds(clips_)
        for values, style, what in ((filmed, "-", "as filmed"), (own, "--", "aligned")):
            share = np.histogram(values, bins)[0] / values.size
            axes[2].semilogx(bins[1:], share, style, color=colour, label=f"{name}, {what}")
        power = mouth_opening(clips_)
        axes[3].semilogy(np.fft.rfftfreq(56, 1 / 29.97), power, color=colour, label=name)
    axes[2].set(title="Speed of points", xlabel="eye distances a frame", ylabel="share")
    axes[2].legend(frameon=False, fontsize=6, loc="upper left", bbox_to_anchor=(0, 1.02))
    axes[2].set_ylim(0, 0.068)
    axes[3].set(title="Movement of the lips", xlabel="Hz", ylabel="power")
    axes[3].legend(frameon=False)
    draw_poses(axes[4], real, made, moved)


def draw_poses(axes: Axes, real: Faces, made: Faces, moved: list[np.ndarray]) -> None:
    clip_pose = np.concatenate([head_pose(align(pixels).rotation) for pixels in moved])
    for pose_rad, colour, shift in (
        (real.pose_rad, REAL, -0.22),
        (clip_pose, CLIPS, 0),
        (made.pose_rad, SYNTHETIC, 0.22),
    ):
        for row, values in enumerate(np.degrees(pose_rad).T):
            draw_spread(axes, values, row + shift, colour)
    axes.set_yticks(range(3), ("yaw", "pitch", "roll"))
    axes.set(title="Head pose", xlabel="degrees")


if __name__ == "__main__":
    main()
