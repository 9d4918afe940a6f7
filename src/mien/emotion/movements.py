"""Where on the face a model's values lie: areas of points, and each blendshape's area and words.

An area is a region of face/topology.py with its partner on the other side, so that a
movement of both sides is one thing: to a model either side can stand in for the other.
Left and right are the person's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mien.errors import ModelError
from mien.face.blendshapes import DEAD_BLENDSHAPES
from mien.face.measures import ACTION_UNITS, GAZE_NAMES
from mien.face.topology import REGIONS

WHOLE_FACE = "whole face"  # of values that belong to no part, such as the head's turn

_REGIONS_OF_AREA = {
    "forehead": ("forehead",),
    "brows": ("right brow", "left brow"),
    "eyes": ("right eye", "left eye"),
    "temples": ("right temple", "left temple"),
    "nose": ("nose",),
    "cheeks": ("right cheek", "left cheek"),
    "mouth": ("mouth",),
    "jaw": ("chin", "right jaw", "left jaw"),
}
# Area -> its points: each of the 478 in exactly one.
AREAS: dict[str, tuple[int, ...]] = {
    area: tuple(sorted(point for region in regions for point in REGIONS[region]))
    for area, regions in _REGIONS_OF_AREA.items()
}
_AREA_OF_POINT = {point: area for area, points in AREAS.items() for point in points}


@dataclass(frozen=True)
class Movement:
    """A blendshape: the area that it moves, and what is seen when its value is high."""

    blendshape: str
    area: str
    words: str
    is_dead: bool  # never rises on real faces: its words are never used


_TABLE = (  # in the order of BLENDSHAPE_NAMES
    ("_neutral", WHOLE_FACE, "face at rest"),
    ("browDownLeft", "brows", "left brow lowered"),
    ("browDownRight", "brows", "right brow lowered"),
    ("browInnerUp", "brows", "inner brows raised"),
    ("browOuterUpLeft", "brows", "left outer brow raised"),
    ("browOuterUpRight", "brows", "right outer brow raised"),
    ("cheekPuff", "cheeks", "cheeks puffed"),
    ("cheekSquintLeft", "cheeks", "left cheek raised"),
    ("cheekSquintRight", "cheeks", "right cheek raised"),
    ("eyeBlinkLeft", "eyes", "left eye closed"),
    ("eyeBlinkRight", "eyes", "right eye closed"),
    ("eyeLookDownLeft", "eyes", "left eye looking down"),
    ("eyeLookDownRight", "eyes", "right eye looking down"),
    ("eyeLookInLeft", "eyes", "left eye looking towards the nose"),
    ("eyeLookInRight", "eyes", "right eye looking towards the nose"),
    ("eyeLookOutLeft", "eyes", "left eye looking outwards"),
    ("eyeLookOutRight", "eyes", "right eye looking outwards"),
    ("eyeLookUpLeft", "eyes", "left eye looking up"),
    ("eyeLookUpRight", "eyes", "right eye looking up"),
    ("eyeSquintLeft", "eyes", "left eye narrowed"),
    ("eyeSquintRight", "eyes", "right eye narrowed"),
    ("eyeWideLeft", "eyes", "left eye opened wide"),
    ("eyeWideRight", "eyes", "right eye opened wide"),
    ("jawForward", "jaw", "jaw pushed forward"),
    ("jawLeft", "jaw", "jaw moved to the person's left"),
    ("jawOpen", "jaw", "jaw dropped"),
    ("jawRight", "jaw", "jaw moved to the person's right"),
    ("mouthClose", "mouth", "lips closed over a dropped jaw"),
    ("mouthDimpleLeft", "mouth", "left mouth corner drawn back"),
    ("mouthDimpleRight", "mouth", "right mouth corner drawn back"),
    ("mouthFrownLeft", "mouth", "left mouth corner lowered"),
    ("mouthFrownRight", "mouth", "right mouth corner lowered"),
    ("mouthFunnel", "mouth", "lips funnelled"),
    ("mouthLeft", "mouth", "mouth moved to the person's left"),
    ("mouthLowerDownLeft", "mouth", "left lower lip lowered"),
    ("mouthLowerDownRight", "mouth", "right lower lip lowered"),
    ("mouthPressLeft", "mouth", "left lips pressed"),
    ("mouthPressRight", "mouth", "right lips pressed"),
    ("mouthPucker", "mouth", "lips puckered"),
    ("mouthRight", "mouth", "mouth moved to the person's right"),
    ("mouthRollLower", "mouth", "lower lip rolled in"),
    ("mouthRollUpper", "mouth", "upper lip rolled in"),
    ("mouthShrugLower", "mouth", "lower lip pushed up"),
    ("mouthShrugUpper", "mouth", "upper lip pushed up"),
    ("mouthSmileLeft", "mouth", "left mouth corner raised"),
    ("mouthSmileRight", "mouth", "right mouth corner raised"),
    ("mouthStretchLeft", "mouth", "left mouth corner stretched sideways"),
    ("mouthStretchRight", "mouth", "right mouth corner stretched sideways"),
    ("mouthUpperUpLeft", "mouth", "left upper lip raised"),
    ("mouthUpperUpRight", "mouth", "right upper lip raised"),
    ("noseSneerLeft", "nose", "left side of the nose wrinkled"),
    ("noseSneerRight", "nose", "right side of the nose wrinkled"),
)
MOVEMENTS = tuple(Movement(*row, is_dead=row[0] in DEAD_BLENDSHAPES) for row in _TABLE)
BOTH_SIDES = {  # what a pair is called when both sides move alike
    "browDown": "brows lowered",
    "browOuterUp": "outer brows raised",
    "eyeBlink": "eyes closed",
    "eyeLookDown": "eyes looking down",
    "eyeLookUp": "eyes looking up",
    "eyeSquint": "eyes narrowed",
    "eyeWide": "eyes opened wide",
    "mouthDimple": "mouth corners drawn back",
    "mouthFrown": "mouth corners lowered",
    "mouthLowerDown": "lower lip lowered",
    "mouthPress": "lips pressed",
    "mouthSmile": "mouth corners raised",
    "mouthStretch": "mouth corners stretched sideways",
    "mouthUpperUp": "upper lip raised",
}
_AREA_OF_NAME: dict[str, str] = {
    **{movement.blendshape: movement.area for movement in MOVEMENTS},
    **dict.fromkeys(("mouth_opening", "mouth_width"), "mouth"),
    **dict.fromkeys(("left_eye_opening", "right_eye_opening", *GAZE_NAMES), "eyes"),
    **dict.fromkeys(("yaw_rad", "pitch_rad", "roll_rad"), WHOLE_FACE),
}


def point_of(name: str) -> int | None:
    """The point that a value is a coordinate of; None for a value of another kind.

    >>> point_of("aligned_x_33"), point_of("z_477"), point_of("jawOpen")
    (33, 477, None)
    """
    stem, _, point = name.rpartition("_")
    is_coordinate = stem in {f"{kind}{axis}" for kind in ("", "aligned_") for axis in "xyz"}
    return int(point) if is_coordinate and point.isdecimal() else None


def area_of(name: str) -> str:
    """The area that a value of a feature set belongs to. Raises ModelError for one not known.

    >>> area_of("aligned_y_61"), area_of("browDownLeft"), area_of("yaw_rad")
    ('mouth', 'brows', 'whole face')
    """
    point = point_of(name)
    if point is not None:
        return _AREA_OF_POINT[point]
    if name in ACTION_UNITS:
        return _AREA_OF_NAME[ACTION_UNITS[name][0]]
    if name not in _AREA_OF_NAME:
        raise ModelError(
            f"the value {name!r} belongs to no known area of the face, so it cannot be explained: "
            "use a model of points or blendshapes"
        )
    return _AREA_OF_NAME[name]


def columns_by_area(names: Sequence[str]) -> dict[str, np.ndarray]:
    """Which values lie in which area, in the order of AREAS; areas without a value are left out.

    >>> columns_by_area(["jawOpen", "aligned_x_61", "mouthPucker"])
    {'mouth': array([1, 2]), 'jaw': array([0])}
    """
    found = np.array([area_of(name) for name in names])
    columns = {area: np.flatnonzero(found == area) for area in (*AREAS, WHOLE_FACE)}
    return {area: places for area, places in columns.items() if len(places)}


def paired(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Blendshapes in order, with the two sides of one movement together.

    >>> paired(["mouthSmileLeft", "jawOpen", "mouthSmileRight", "browDownLeft"])
    [('mouthSmileLeft', 'mouthSmileRight'), ('jawOpen',), ('browDownLeft',)]
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        stem = name.removesuffix("Left").removesuffix("Right")
        groups.setdefault(stem if stem in BOTH_SIDES else name, []).append(name)
    return [tuple(sorted(group)) for group in groups.values()]


def in_words(blendshapes: Sequence[str]) -> str:
    """What is seen when one blendshape, or a pair as `paired` gives it, is high.

    >>> in_words(["mouthSmileLeft", "mouthSmileRight"]), in_words(["mouthSmileLeft"])
    ('mouth corners raised', 'left mouth corner raised')
    """
    if len(blendshapes) > 1:
        return BOTH_SIDES[blendshapes[0].removesuffix("Left").removesuffix("Right")]
    return next(each.words for each in MOVEMENTS if each.blendshape == blendshapes[0])
