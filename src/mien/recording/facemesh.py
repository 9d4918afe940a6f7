"""478 points of a face: MediaPipe's published models, run on LiteRT.

The bundle `face_landmarker.task` is a zip of three TensorFlow Lite models. The
detector finds faces in the whole frame; the landmark model reads a square,
turned region around one face. Their inputs, outputs and anchors are those of
Google's BlazeFace short-range and Face Landmarker models (Apache-2.0).

Shapes: P = 478 points. An image is (H, W, 3) uint8 RGB, or (H, W, 4) with a
channel that is ignored: four are warped 2.6 times as fast as three. Points in
pixels are (P, 3) float32: +x image right, +y image down, +z away from the camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mien.face.bundle import BUNDLE_PATH, open_bundle, silent_stderr
from mien.tables import POINT_COUNT

EXTRACTOR = "mien-facemesh 1"  # raised when the same frames would give other points

_DETECTOR_PX = 128
_LANDMARK_PX = 256
_REGION_SCALE = 1.5  # the landmark model's region is so much larger than the face's box
_OVERLAP = 0.3  # detections that share this much of their area are one face
_RIGHT_EYE_OUTER, _LEFT_EYE_OUTER = 33, 263  # the person's own right and left
_MAX_LOGIT = 100.0
_lowest, _highest = np.minimum.reduce, np.maximum.reduce  # min() and max() go round by Python


@dataclass(frozen=True)
class Region:
    """A square in the image, turned so that the eyes are level. Pixels and radians."""

    center_x_px: float
    center_y_px: float
    size_px: float
    angle_rad: float

    def to_image(self, side_px: int) -> tuple[tuple[float, float, float], ...]:
        """Two rows of three: pixels of a `side_px` square crop -> pixels of the image."""
        scale = self.size_px / side_px
        cos, sin = scale * math.cos(self.angle_rad), scale * math.sin(self.angle_rad)
        half = side_px / 2
        return (
            (cos, -sin, self.center_x_px - half * (cos - sin)),
            (sin, cos, self.center_y_px - half * (sin + cos)),
        )


@dataclass(frozen=True)
class Detection:
    """A face's box and its six key points, pixels, with the detector's score, 0-1."""

    box: np.ndarray  # (4,) left, top, right, bottom
    key_points: np.ndarray  # (6, 2); the first two are the eyes
    score: float

    @property
    def area(self) -> float:
        return float(np.prod(self.box[2:] - self.box[:2]))


class FaceMesh:
    """Both models, each on one thread. Not for use by two threads at once."""

    def __init__(self, bundle: Path = BUNDLE_PATH) -> None:
        models = open_bundle(bundle)
        self._detector = _Model(models["face_detector.tflite"])
        self._landmarks = _Model(models["face_landmarks_detector.tflite"])
        self._crops: dict[int, np.ndarray] = {}  # by channels

    def detect(self, image: np.ndarray, *, threshold: float = 0.5) -> list[Detection]:
        """The faces in an image, best score first."""
        square, offset, scale = _letterboxed(image)
        outputs = self._detector.run(square, scale=1 / 127.5, offset=-1)
        found = _decode_detections(outputs[16], outputs[1][:, 0], threshold)
        return [_in_image(detection, offset, scale) for detection in found]

    def points(self, image: np.ndarray, region: Region) -> tuple[np.ndarray, float]:
        """The points of the face in a region: (478, 3) float32 pixels, and presence 0-1.

        Presence below a half means that the region holds no face.
        """
        (a, b, left), (c, d, top) = region.to_image(_LANDMARK_PX)
        crop = cv2.warpAffine(
            image,
            np.array([[a, b, left], [c, d, top]]),
            (_LANDMARK_PX, _LANDMARK_PX),
            dst=self._crops.get(image.shape[2]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        self._crops[image.shape[2]] = crop  # memory to use again: fresh pages cost as much
        outputs = self._landmarks.run(crop, scale=1 / 255)
        depth = region.size_px / _LANDMARK_PX
        to_image = np.array([[a, b, 0, left], [c, d, 0, top], [0, 0, depth, 0]])
        points = cv2.transform(outputs[3 * POINT_COUNT].reshape(1, POINT_COUNT, 3), to_image)[0]
        return points, 1 / (1 + math.exp(-outputs[1].item()))


def region_of_detection(detection: Detection) -> Region:
    """The landmark model's region for a detected face."""
    right_eye, left_eye = detection.key_points[:2].tolist()
    return _region(*detection.box.tolist(), right_eye=right_eye, left_eye=left_eye)


def region_of_points(points: np.ndarray) -> Region:
    """The region for the next frame, from this frame's points (478, 3), pixels.

    The box is upright as MediaPipe's is; the turn comes from the outer eye corners.
    """
    x, y = points[:, 0], points[:, 1]  # axis by axis: five times as fast as min(axis=0)
    return _region(
        float(_lowest(x)),
        float(_lowest(y)),
        float(_highest(x)),
        float(_highest(y)),
        right_eye=points[_RIGHT_EYE_OUTER].tolist(),
        left_eye=points[_LEFT_EYE_OUTER].tolist(),
    )


def _region(
    left: float,
    top: float,
    right: float,
    bottom: float,
    *,
    right_eye: list[float],
    left_eye: list[float],
) -> Region:
    return Region(
        (left + right) / 2,
        (top + bottom) / 2,
        _REGION_SCALE * max(right - left, bottom - top),
        math.atan2(left_eye[1] - right_eye[1], left_eye[0] - right_eye[0]),
    )


class _Model:
    """One TensorFlow Lite model from an image to its outputs."""

    def __init__(self, content: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with silent_stderr():  # it announces its delegate at every start
            self._interpreter = Interpreter(model_content=content, num_threads=1)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.tensor(self._interpreter.get_input_details()[0]["index"])
        self._rgb: np.ndarray | None = None
        # Outputs are told apart by their size; of the landmark model's two of size one the
        # first is the presence.
        self._outputs: dict[int, int] = {}
        for output in self._interpreter.get_output_details():
            self._outputs.setdefault(int(output["shape"][-1]), output["index"])

    def run(self, image: np.ndarray, *, scale: float, offset: float = 0) -> dict[int, np.ndarray]:
        """Last dimension -> output without its batch dimension. image: 0-255, 3 or 4 channels."""
        rgb = image
        if image.shape[2] == 4:
            rgb = self._rgb = cv2.cvtColor(image, cv2.COLOR_RGBA2RGB, dst=self._rgb)
        tensor = self._input()  # the model's own memory: no copy, and not kept over invoke()
        np.copyto(tensor[0], rgb)
        tensor *= np.float32(scale)  # two passes: faster than one that converts and multiplies
        if offset:
            tensor += np.float32(offset)
        del tensor
        self._interpreter.invoke()
        return {
            size: self._interpreter.get_tensor(index)[0] for size, index in self._outputs.items()
        }


def _letterboxed(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The whole image in the middle of the detector's square, the rest zero.

    As OpenCV 4 samples it, and so MediaPipe: positions in 1/32 pixel, halves
    rounded up. OpenCV 5 rounds halves to even, which at the usual 7.5 pixels a
    step makes the square darker and moves a doubtful detection by pixels.
    Returns the square (128, 128, channels) float32, its offset (2,) and its scale.
    """
    height, width = image.shape[:2]
    scale = _DETECTOR_PX / max(height, width)
    offset = (_DETECTOR_PX - scale * np.array([width, height])) / 2
    square = np.zeros((_DETECTOR_PX, _DETECTOR_PX, image.shape[2]), np.float32)
    down, rows = _taps(height, offset=offset[1], scale=scale)
    across, columns = _taps(width, offset=offset[0], scale=scale)
    strips = sum(image[pixels] * share[:, None, None] for pixels, share in rows)
    mixed = sum(strips[:, pixels] * share[:, None] for pixels, share in columns)
    square[down, across] = np.floor(mixed + np.float32(0.5))
    return square, offset, scale


def _taps(
    size: int, *, offset: float, scale: float
) -> tuple[slice, list[tuple[np.ndarray, np.ndarray]]]:
    """Along one axis: where the square shows the image, and the two pixels that each place
    mixes with their shares, zero beyond the edge."""
    position = np.round((np.arange(_DETECTOR_PX) - offset) / scale * 32) / 32
    shown = np.flatnonzero((position > -1) & (position < size))
    low = np.floor(position[shown]).astype(int)
    share = (position[shown] - low).astype(np.float32)
    taps = [
        (np.clip(pixel, 0, size - 1), weight * ((pixel >= 0) & (pixel < size)))
        for pixel, weight in ((low, 1 - share), (low + 1, share))
    ]
    return slice(shown[0], shown[-1] + 1), taps


@cache
def _anchors() -> np.ndarray:
    """(896, 2) float32: centres of the detector's cells, fractions of its input."""
    rows: list[Any] = []
    for stride, repeats in ((8, 2), (16, 6)):
        cells = _DETECTOR_PX // stride
        line = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(line, line, indexing="ij")
        rows.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), repeats, axis=0))
    return np.concatenate(rows).astype(np.float32)


def _decode_detections(
    regressors: np.ndarray, logits: np.ndarray, threshold: float
) -> list[Detection]:
    """Detections in the detector's own pixels. regressors: (896, 16); logits: (896,)."""
    scores = _sigmoid(np.clip(logits, -_MAX_LOGIT, _MAX_LOGIT).astype(np.float64))
    kept = np.flatnonzero(scores >= threshold)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    pairs = regressors[kept].reshape(-1, 8, 2).astype(np.float64)
    center = pairs[:, 0] + _anchors()[kept] * _DETECTOR_PX
    boxes = np.concatenate([center - pairs[:, 1] / 2, center + pairs[:, 1] / 2], axis=1)
    key_points = pairs[:, 2:] + _anchors()[kept, None] * _DETECTOR_PX
    return _merged(boxes, key_points, scores[kept])


def _merged(boxes: np.ndarray, key_points: np.ndarray, scores: np.ndarray) -> list[Detection]:
    """Weighted non-maximum suppression. Rows come best score first."""
    merged = []
    left = np.arange(len(boxes))
    while len(left):
        same = overlap(boxes[left[0]], boxes[left]) > _OVERLAP
        same[0] = True
        group = left[same]
        weights = scores[group] / scores[group].sum()
        merged.append(
            Detection(
                np.einsum("n,nk->k", weights, boxes[group]),
                np.einsum("n,nkd->kd", weights, key_points[group]),
                float(scores[left[0]]),
            )
        )
        left = left[~same]
    return merged


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one (4,) box with (N, 4) boxes."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    total = areas + (box[2:] - box[:2]).prod() - shared
    return shared / np.maximum(total, 1e-9)


def _in_image(detection: Detection, offset: np.ndarray, scale: float) -> Detection:
    box = (detection.box.reshape(2, 2) - offset) / scale
    return Detection(box.ravel(), (detection.key_points - offset) / scale, detection.score)


def _sigmoid(logit: Any) -> Any:
    return 1 / (1 + np.exp(-logit))
