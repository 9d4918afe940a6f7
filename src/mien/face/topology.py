"""The named parts of the 478-point mesh: which points draw an eye, a lip, the face's outline.

Left and right are the person's own: in a picture that is not mirrored, the left
eye is at the larger x. Points 0-467 are MediaPipe's face mesh; 468-472 are the
right iris and 473-477 the left one, centre first.

Source: the connection lists of MediaPipe's face mesh (Apache-2.0), joined here
into lines that can be drawn in one stroke.
"""

from __future__ import annotations

from dataclasses import dataclass

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
