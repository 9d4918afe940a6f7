"""Measures of a face that have a name: gaze, openings of eyes and mouth, action units.

Left and right are the person's own. They describe what is seen, in a face whose
head pose was taken out; none of them is a coder's or an instrument's reading.

Shapes: N frames, P = 478 points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.face.blendshapes import BLENDSHAPE_NAMES
from mien.face.topology import LEFT_IRIS_CENTER, RIGHT_IRIS_CENTER

Values = NDArray[np.float32]

GAZE_NAMES = (
    *("left_eye_gaze_left", "left_eye_gaze_up", "right_eye_gaze_left", "right_eye_gaze_up"),
    *("gaze_left", "gaze_up"),
)
OPENING_NAMES = ("left_eye_opening", "right_eye_opening", "mouth_opening", "mouth_width")
_LEFT_EYE_CORNERS, _RIGHT_EYE_CORNERS = (362, 263), (33, 133)  # from the person's right to left
_LEFT_LIDS, _RIGHT_LIDS = ((385, 380), (387, 373)), ((160, 144), (158, 153))  # upper and lower
_INNER_LIPS, _MOUTH_CORNERS = (13, 14), (61, 291)

# Action unit -> the blendshapes whose mean estimates it, by their definitions: ARKit's in Apple's
# documentation of ARFaceAnchor.BlendShapeLocation, the units' in Ekman, Friesen and Hager, Facial
# Action Coding System, 2002. AU 6 and 9 are left out: cheekSquint and noseSneer never move.
ACTION_UNITS: dict[str, tuple[str, ...]] = {
    "au01_inner_brow_raiser": ("browInnerUp",),
    "au02_outer_brow_raiser": ("browOuterUpLeft", "browOuterUpRight"),
    "au04_brow_lowerer": ("browDownLeft", "browDownRight"),
    "au05_upper_lid_raiser": ("eyeWideLeft", "eyeWideRight"),
    "au07_lid_tightener": ("eyeSquintLeft", "eyeSquintRight"),
    "au10_upper_lip_raiser": ("mouthUpperUpLeft", "mouthUpperUpRight"),
    "au12_lip_corner_puller": ("mouthSmileLeft", "mouthSmileRight"),
    "au14_dimpler": ("mouthDimpleLeft", "mouthDimpleRight"),
    "au15_lip_corner_depressor": ("mouthFrownLeft", "mouthFrownRight"),
    "au16_lower_lip_depressor": ("mouthLowerDownLeft", "mouthLowerDownRight"),
    "au17_chin_raiser": ("mouthShrugLower",),
    "au18_lip_pucker": ("mouthPucker",),
    "au20_lip_stretcher": ("mouthStretchLeft", "mouthStretchRight"),
    "au22_lip_funneler": ("mouthFunnel",),
    "au24_lip_pressor": ("mouthPressLeft", "mouthPressRight"),
    "au26_jaw_drop": ("jawOpen",),
    "au28_lip_suck": ("mouthRollLower", "mouthRollUpper"),
    "au43_eye_closure": ("eyeBlinkLeft", "eyeBlinkRight"),
}


def gaze(aligned: Values) -> Values:
    """Where the irises stand between the corners of the eyes, relative to the head.

    0 is midway between an eye's corners; 1 is half its width away, so at a
    corner. Positive is to the person's own left, and up. The last two are the
    mean of both eyes. A closed eye still has a number: see the openings.

    aligned: (N, 478, 3), as align gives them. Returns (N, 6) in the order of GAZE_NAMES.
    """
    left = _in_eye(aligned, LEFT_IRIS_CENTER, _LEFT_EYE_CORNERS)
    right = _in_eye(aligned, RIGHT_IRIS_CENTER, _RIGHT_EYE_CORNERS)
    return np.concatenate([left, right, (left + right) / 2], axis=1)


def _in_eye(aligned: Values, iris: int, corners: tuple[int, int]) -> Values:
    """(N, 2) towards the own left and up, in half widths of the eye."""
    plane = aligned[..., :2]
    from_, to = plane[:, corners[0]], plane[:, corners[1]]
    across = to - from_
    offset = plane[:, iris] - (from_ + to) / 2
    along = (offset * across).sum(axis=1)
    above = offset[:, 0] * across[:, 1] - offset[:, 1] * across[:, 0]
    found: Values = 2 * np.stack([along, above], axis=1) / (across**2).sum(axis=1, keepdims=True)
    return found


def openings(aligned: Values) -> Values:
    """How far eyes and mouth are open, and how wide the mouth is.

    An eye: the mean distance of its lids in widths of the eye (Soukupová and
    Čech 2016, "eye aspect ratio"). The mouth: the gap between the inner lips,
    and from corner to corner, in distances of the template's outer eye corners.

    aligned: (N, 478, 3), as align gives them. Returns (N, 4) in the order of OPENING_NAMES.
    """
    plane = aligned[..., :2]
    eyes = [
        sum(_distance(plane, lids) for lids in pairs) / (2 * _distance(plane, corners))
        for pairs, corners in (
            (_LEFT_LIDS, _LEFT_EYE_CORNERS),
            (_RIGHT_LIDS, _RIGHT_EYE_CORNERS),
        )
    ]
    return np.stack([*eyes, _distance(plane, _INNER_LIPS), _distance(plane, _MOUTH_CORNERS)], 1)


def _distance(plane: Values, pair: tuple[int, int]) -> Values:
    """(N,) between two points. plane: (N, 478, 2)"""
    found: Values = np.linalg.norm(plane[:, pair[0]] - plane[:, pair[1]], axis=1)
    return found


def action_units(blendshapes: Values) -> Values:
    """Estimates of action units, 0-1: see ACTION_UNITS. Not a coder's intensities.

    blendshapes: (N, 52). Returns (N, 18) in the order of ACTION_UNITS.
    """
    place = {name: index for index, name in enumerate(BLENDSHAPE_NAMES)}
    means = [
        blendshapes[:, [place[name] for name in names]].mean(axis=1)
        for names in ACTION_UNITS.values()
    ]
    return np.stack(means, axis=1)
