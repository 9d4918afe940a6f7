"""The named parts of the 478-point mesh: which points draw an eye, a lip, the face's outline.

Left and right are the person's own: in a picture that is not mirrored, the left
eye is at the larger x. Points 0-467 are MediaPipe's face mesh; 468-472 are the
right iris and 473-477 the left one, centre first.

Source: the connection lists of MediaPipe's face mesh (Apache-2.0), joined here
into lines that can be drawn in one stroke. Regions are mien's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.tables import POINT_COUNT

RIGHT_IRIS_CENTER = 468
LEFT_IRIS_CENTER = 473
NOSE_TIP = 4
CHIN = 152
FOREHEAD = 10  # the topmost point: below the hairline, so a mask must reach beyond it


@dataclass(frozen=True)
class Contour:
    """Points in the order of one stroke; a closed one returns to its first point."""

    points: tuple[int, ...]
    is_closed: bool = False


# From the forehead over the person's left temple and the chin, back over the right one.
_FACE_OVAL = Contour(
    (
        *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
        *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    ),
    is_closed=True,
)
# An eye: outer corner, lower lid, inner corner, upper lid.
_RIGHT_EYE = Contour(
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246), is_closed=True
)
_LEFT_EYE = Contour(
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
    is_closed=True,
)
# An eyebrow: its lower and its upper edge, each from the temple inwards.
_RIGHT_EYEBROW = (Contour((46, 53, 52, 65, 55)), Contour((70, 63, 105, 66, 107)))
_LEFT_EYEBROW = (Contour((276, 283, 282, 295, 285)), Contour((300, 293, 334, 296, 336)))
# Lips: right corner, lower edge, left corner, upper edge.
_LIPS_OUTER = Contour(
    (
        *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375),
        *(291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
    ),
    is_closed=True,
)
_LIPS_INNER = Contour(
    (
        *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324),
        *(308, 415, 310, 311, 312, 13, 82, 81, 80, 191),
    ),
    is_closed=True,
)
# An iris: its rim without the centre.
_RIGHT_IRIS = Contour((469, 470, 471, 472), is_closed=True)
_LEFT_IRIS = Contour((474, 475, 476, 477), is_closed=True)
# The nose: its bridge down to the lip, then the rim of both wings around the tip.
_NOSE = (
    Contour((168, 6, 197, 195, 5, 4, 1, 19, 94, 2)),
    Contour(
        (2, 326, 327, 294, 278, 344, 440, 275, 4, 45, 220, 115, 48, 64, 98, 97), is_closed=True
    ),
)

PARTS: dict[str, tuple[Contour, ...]] = {
    "face oval": (_FACE_OVAL,),
    "right eyebrow": _RIGHT_EYEBROW,
    "left eyebrow": _LEFT_EYEBROW,
    "right eye": (_RIGHT_EYE,),
    "left eye": (_LEFT_EYE,),
    "right iris": (_RIGHT_IRIS,),
    "left iris": (_LEFT_IRIS,),
    "nose": _NOSE,
    "outer lips": (_LIPS_OUTER,),
    "inner lips": (_LIPS_INNER,),
}


def points_of_part(name: str) -> tuple[int, ...]:
    """The points of a part, each once, in drawing order. Raises KeyError for no such part.

    >>> points_of_part("left iris")
    (474, 475, 476, 477)
    >>> len(points_of_part("face oval"))
    36
    """
    return tuple(dict.fromkeys(point for contour in PARTS[name] for point in contour.points))


# The mesh numbers its midline and right half first, 0-247, then the left half in the right
# one's order. An iris is its centre, then its rim from image right over the top and image left:
# in the mirror, image right and image left change places.
_MIDLINE = (
    *(0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19),
    *(94, 151, 152, 164, 168, 175, 195, 197, 199, 200),
)
_RIGHT_HALF = tuple(point for point in range(248) if point not in _MIDLINE)
_LEFT_HALF = tuple(range(248, 468))
_RIGHT_IRIS_POINTS = (468, 469, 470, 471, 472)
_LEFT_IRIS_POINTS = (473, 476, 475, 474, 477)


def _mirror_map() -> NDArray[np.intp]:
    partner = np.arange(POINT_COUNT)
    right, left = (*_RIGHT_HALF, *_RIGHT_IRIS_POINTS), (*_LEFT_HALF, *_LEFT_IRIS_POINTS)
    partner[list(right)], partner[list(left)] = left, right
    partner.setflags(write=False)
    return partner


# (478,) the partner of each point across the midline; a point on the midline is its own.
MIRROR = _mirror_map()

# Points that expression barely moves, and whose depth the landmark model knows: for alignment.
# Temples, forehead and jaw are steadier in the flesh, but their depth follows the head's turn:
# docs/decisions/0009-pose-free.md has the figures.
STABLE = (
    *(8, 9),  # between the brows
    *(168, 6, 197, 195, 122, 351, 196, 419),  # bridge of the nose
    *(1, 2, 4, 19, 94),  # ridge of its tip, down to the lip
    *(33, 133, 263, 362),  # corners of the eyes
    *(31, 35, 113, 130, 226, 261, 265, 342, 359, 446),  # outer rim of the orbits
)

_RIGHT_REGIONS: dict[str, tuple[int, ...]] = {
    "brow": (46, 52, 53, 55, 63, 65, 66, 70, 105, 107, 124, 156),
    "eye": (
        *(7, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 33, 35, 56, 110, 112, 113, 130, 133, 144),
        *(145, 153, 154, 155, 157, 158, 159, 160, 161, 163, 173, 189, 190, 221, 222, 223, 224),
        *(225, 226, 228, 229, 230, 231, 232, 233, 243, 244, 246, 247, *_RIGHT_IRIS_POINTS),
    ),
    "temple": (21, 34, 71, 127, 139, 143, 162),
    "cheek": (
        *(36, 47, 50, 93, 100, 101, 111, 116, 117, 118, 119, 120, 121, 123, 137, 142, 147),
        *(177, 187, 192, 203, 205, 206, 207, 212, 213, 214, 216, 227, 234),
    ),
    "jaw": (58, 132, 135, 136, 138, 149, 150, 169, 170, 172, 210, 215),
}
_CENTRAL_REGIONS: dict[str, tuple[int, ...]] = {  # their midline and right half
    "forehead": (8, 9, 10, 54, 67, 68, 69, 103, 104, 108, 109, 151),
    "nose": (
        *(1, 2, 3, 4, 5, 6, 19, 20, 44, 45, 48, 49, 51, 59, 60, 64, 75, 79, 94, 97, 98, 99),
        *(102, 114, 115, 122, 125, 126, 128, 129, 131, 134, 141, 166, 168, 174, 188, 193, 195),
        *(196, 197, 198, 209, 217, 218, 219, 220, 235, 236, 237, 238, 239, 240, 241, 242, 245),
    ),
    "mouth": (
        *(0, 11, 12, 13, 14, 15, 16, 17, 18, 37, 38, 39, 40, 41, 42, 43, 57, 61, 62, 72, 73),
        *(74, 76, 77, 78, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 95, 96, 106, 146),
        *(164, 165, 167, 178, 179, 180, 181, 182, 183, 184, 185, 186, 191),
    ),
    "chin": (32, 140, 148, 152, 171, 175, 176, 194, 199, 200, 201, 202, 204, 208, 211),
}


def _mirrored(points: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(MIRROR[list(points)].tolist()))


# What part of the face a point belongs to: each of the 478 in exactly one region.
REGIONS: dict[str, tuple[int, ...]] = {
    **{name: tuple(sorted({*half, *_mirrored(half)})) for name, half in _CENTRAL_REGIONS.items()},
    **{f"right {name}": points for name, points in _RIGHT_REGIONS.items()},
    **{f"left {name}": _mirrored(points) for name, points in _RIGHT_REGIONS.items()},
}
