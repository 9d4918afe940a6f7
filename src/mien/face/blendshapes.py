"""52 blendshapes from points alone: MediaPipe's own model on LiteRT, no video needed.

A blendshape is how far one movement of the face has gone, 0-1, by the names of
Apple's ARKit. Left and right are the person's own.

Shapes: N frames, P = 478 points. One model runs a frame at a time on one thread:
about .45 ms. A batch of frames is no faster: the model is bound by arithmetic.

The names and the 146 points that the model reads are those of MediaPipe's
face_blendshapes_graph.cc (Apache-2.0). Some values hardly ever move on real
faces: see DEAD_BLENDSHAPES.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.errors import ShapeError
from mien.face.bundle import open_bundle, silent_stderr
from mien.tables import POINT_COUNT

BLENDSHAPE_NAMES = tuple(
    "_neutral browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff "
    "cheekSquintLeft cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight "
    "eyeLookInLeft eyeLookInRight eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight "
    "eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight jawForward jawLeft jawOpen jawRight "
    "mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft mouthFrownRight mouthFunnel "
    "mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight mouthPucker "
    "mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft "
    "mouthSmileRight mouthStretchLeft mouthStretchRight mouthUpperUpLeft mouthUpperUpRight "
    "noseSneerLeft noseSneerRight".split()
)
# Constant, or below .03 on each of 9,574 photographs of faces: they tell nothing apart. MediaPipe's
# issues 4403, 4436 and 4450 say the same.
DEAD_BLENDSHAPES = tuple(
    "_neutral cheekPuff cheekSquintLeft cheekSquintRight jawForward noseSneerLeft "
    "noseSneerRight".split()
)
_MODEL = "face_blendshapes.tflite"
_POINTS_READ = (
    *(0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65),
    *(66, 67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136),
    *(144, 145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168),
    *(172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276),
    *(282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318),
    *(321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380),
    *(381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466),
    *(468, 469, 470, 471, 472, 473, 474, 475, 476, 477),
)
_own = threading.local()  # an interpreter may not be shared by threads


def blendshapes(points_px: ArrayLike) -> NDArray[np.float32]:
    """The 52 blendshapes of faces, 0-1, in the order of BLENDSHAPE_NAMES.

    Only x and y count, and neither the place of the face nor its size, so any
    unit that is the same along x and y will do.

    points_px: (N, 478, 3) pixels. Returns (N, 52) float32; a frame with a point missing or not
    finite is NaN. Raises ShapeError unless points are (N, 478, 3).
    """
    points = np.asarray(points_px)
    if points.ndim != 3 or points.shape[1:] != (POINT_COUNT, 3):
        raise ShapeError(
            f"points must be (frames, 478, 3), got {points.shape}. "
            "468 points come from a model without irises: extract again with mien extract."
        )
    read = points[:, _POINTS_READ, :2]
    found = np.full((len(points), len(BLENDSHAPE_NAMES)), np.nan, np.float32)
    usable = np.flatnonzero(np.isfinite(read).all(axis=(1, 2)))
    if len(usable):
        run = _model()
        for row in usable:
            found[row] = run(read[row])
    return found


class _BlendshapeModel:
    """The model on one thread. Not for use by two threads at once."""

    def __init__(self) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with silent_stderr():
            self._interpreter: Any = Interpreter(model_content=open_bundle()[_MODEL], num_threads=1)
            self._interpreter.allocate_tensors()
        self._input: Any = self._interpreter.tensor(
            self._interpreter.get_input_details()[0]["index"]
        )
        self._output: int = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """(146, 2) -> (52,) float32."""
        self._input()[0] = points
        self._interpreter.invoke()
        values: NDArray[np.float32] = self._interpreter.get_tensor(self._output)
        return values


def _model() -> _BlendshapeModel:
    """This thread's own model, made when it is first asked for."""
    if not hasattr(_own, "model"):
        _own.model = _BlendshapeModel()
    model: _BlendshapeModel = _own.model
    return model
