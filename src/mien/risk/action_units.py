"""Action units of 0-5 from blendshapes and from where points lie, in one table, and P of them.

What a camera sees of a unit is mixed with whose face it is: at rest one person's brows are where
another's are when lowered. So each unit is zeroed at the 90th percentile of neutral faces, and
LEVELS says how far beyond it a strong expression lies. `benchmarks/neutral_faces.py`
measures every number here on half of the people of a collection of photographs and checks the
table on the other half.

An action unit (AU) is one movement of the face in the Facial Action Coding System. These are
estimates of a movement from geometry; none is a coder's intensity.

Shapes: N faces, M measures, U = 6 units, P = 478 points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face import topology
from mien.face.blendshapes import BLENDSHAPE_NAMES
from mien.face.features import Faces
from mien.face.measures import OPENING_NAMES, openings

Values = NDArray[np.floating]
REGIONS = tuple(topology.REGIONS)  # of which windows keep a mean position

HIGH = 90  # percentile of neutral faces at which a unit is 0
RARE = 99  # percentile of neutral faces that `reach` is counted in
# A unit grows as this power of the way from zero to full: near zero, what is seen is more often
# the person than an expression.
CURVE = 1.5
CLOSED = 3.5  # AU43 from which the eyes count as closed: a lid gap of about .08 of the eye's width
LID_BEYOND = 0.25  # steps: a lower lid that rises further than the squint is a closing eye's
COUNTS_WITH = 1.0  # AU4, AU6 or AU7 without which closed eyes are sleep
P_MOST = 16.0

SOURCES = {
    "PSPI": "Prkachin KM, Solomon PE. The structure, reliability and validity of pain expression: "
    "evidence from patients with shoulder pain. Pain 139(2):267-274, 2008. "
    "doi:10.1016/j.pain.2008.04.010",
    "FACS": "Ekman P, Friesen WV, Hager JC. Facial Action Coding System. Research Nexus, Salt Lake "
    "City, 2002",
    "ARKit": "Apple. ARFaceAnchor.BlendShapeLocation. "
    "https://developer.apple.com/documentation/arkit/arfaceanchor/blendshapelocation",
    "EAR": "Soukupová T, Čech J. Real-time eye blink detection using facial landmarks. Computer "
    "Vision Winter Workshop 2016 (the opening of an eye in its own widths)",
}

_EYE_CORNERS = (33, 133, 263, 362)
_NOSE_BASE = (2, 97, 326)
_LEAST_SHARE = 0.02  # keeps log odds finite
_SMILE = [BLENDSHAPE_NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right")]
_EYES_OPEN = [OPENING_NAMES.index(f"{side}_eye_opening") for side in ("left", "right")]


def _log_odds(blendshape: str) -> Callable[[Faces], Values]:
    """A blendshape, both sides averaged, on the scale on which the model adds things up."""
    sides = [BLENDSHAPE_NAMES.index(f"{blendshape}{side}") for side in ("Left", "Right")]

    def value(faces: Faces) -> Values:
        share = faces.blendshapes[:, sides].mean(axis=1)
        odds: Values = np.log((share + _LEAST_SHARE) / (1 + _LEAST_SHARE - share))
        return odds

    return value


def _raised(points: tuple[int, ...], *, over: tuple[int, ...]) -> Callable[[Faces], Values]:
    """How high some points lie over others, in outer-eye-corner distances, without the pose."""

    def value(faces: Faces) -> Values:
        height = np.ascontiguousarray(-faces.aligned.points[..., 1])
        found: Values = height[:, points].mean(axis=1) - height[:, over].mean(axis=1)
        return found

    return value


def _eyes_shut(faces: Faces) -> Values:
    """The lids' gap in widths of the eye, less of it is more."""
    gap: Values = -openings(faces.aligned.points)[:, _EYES_OPEN].mean(axis=1)
    return gap


@dataclass(frozen=True)
class Measure:
    """Something of a face that grows with an expression."""

    meaning: str
    value: Callable[[Faces], Values]  # (N,)


MEASURES: dict[str, Measure] = {
    "brow_down": Measure("blendshape browDown, log odds", _log_odds("browDown")),
    "brow_low": Measure(
        "corners of the eyes over the brows", _raised(_EYE_CORNERS, over=(52, 282, 105, 334))
    ),
    "eye_squint": Measure("blendshape eyeSquint, log odds", _log_odds("eyeSquint")),
    "lower_lid": Measure(
        "lower lids over the corners of the eyes",
        _raised((144, 145, 153, 373, 374, 380), over=_EYE_CORNERS),
    ),
    "cheek": Measure(
        "cheeks over the corners of the eyes", _raised((101, 330, 36, 266), over=_EYE_CORNERS)
    ),
    "nose_wings": Measure(
        "wings of the nose over the corners of the eyes", _raised((64, 294), over=_EYE_CORNERS)
    ),
    "upper_lip_up": Measure("blendshape mouthUpperUp, log odds", _log_odds("mouthUpperUp")),
    "upper_lip": Measure(
        "upper lip over the base of the nose", _raised((40, 270, 39, 269), over=_NOSE_BASE)
    ),
    "eyes_shut": Measure("gap of the lids in widths of the eye, times -1", _eyes_shut),
}
# Measure -> how it lies in neutral faces: median, 90th percentile, and what a full smile adds to
# it by itself (the slope on mouthSmile in Happy photographs), which is taken off before.
NEUTRAL: dict[str, tuple[float, float, float]] = {
    "brow_down": (-2.309, 0.1389, 0),
    "brow_low": (-0.2466, -0.2042, 0),
    "eye_squint": (-0.5497, 0.4142, 0),
    "lower_lid": (-0.02776, -0.01625, 0),
    "cheek": (-0.3293, -0.3099, 0.02577),
    "nose_wings": (-0.4409, -0.4162, 0.03196),
    "upper_lip_up": (-3.927, -3.224, 2.519),
    "upper_lip": (-0.2183, -0.188, 0.05834),
    "eyes_shut": (-0.2949, -0.1856, 0),
}


@dataclass(frozen=True)
class Unit:
    """An action unit: the mean of its measures, each in steps from its median to its high."""

    number: int
    meaning: str
    measures: tuple[str, ...]
    reach: float  # it is 5 so many times as far beyond zero as neutral faces' 99th percentile
    estimate: str  # how well it can be measured
    sources: tuple[str, ...]


UNIT_TABLE: dict[str, Unit] = {
    "au04": Unit(
        4,
        "brow lowered",
        ("brow_down", "brow_low"),
        2.2,
        "in part: a lowered brow is seen; one that is low by nature looks alike",
        ("PSPI", "FACS", "ARKit"),
    ),
    "au06": Unit(
        6,
        "cheek raised",
        ("cheek", "eye_squint"),
        5.0,
        "hardly: the blendshape cheekSquint never moves, and a smile raises the cheek too",
        ("PSPI", "FACS"),
    ),
    "au07": Unit(
        7,
        "lids tightened",
        ("eye_squint", "lower_lid"),
        3.3,
        "well: a raised lower lid is seen; eyes that are narrow by nature look alike",
        ("PSPI", "FACS", "ARKit"),
    ),
    "au09": Unit(
        9,
        "nose wrinkled",
        ("nose_wings",),
        6.0,
        "hardly: wrinkles are not seen, the blendshape noseSneer never moves; only the wings rise",
        ("PSPI", "FACS"),
    ),
    "au10": Unit(
        10,
        "upper lip raised",
        ("upper_lip_up", "upper_lip"),
        3.0,
        "in part: a smile and a word raise it too",
        ("PSPI", "FACS", "ARKit"),
    ),
    "au43": Unit(
        43,
        "eyes closed",
        ("eyes_shut",),
        1.2,
        "well: the gap of the lids is seen",
        ("PSPI", "EAR"),
    ),
}
UNITS = tuple(UNIT_TABLE)
# Unit -> the mean of its measures at which it is 0 and 5.
LEVELS: dict[str, tuple[float, float]] = {
    "au04": (0.9545, 2.339),
    "au06": (0.5972, 3.468),
    "au07": (0.9159, 3.2),
    "au09": (1.001, 6.922),
    "au10": (0.8537, 6.165),
    "au43": (1.0, 2.264),
}
# Unit -> how much higher its zero lies where eyes are shut: lids that close raise the lower one
# and narrow the eye as a squint does, and whoever shuts the eyes lowers the brows a little.
CLOSING: dict[str, float] = {
    "au04": 0.3253,
    "au06": 0.992,
    "au07": 0.8296,
    "au09": 1.048,
    "au10": 0.4377,
    "au43": 0.0,
}
CHOSEN = (
    "Median, high, smile and the zero of each unit are measured on one half of the people. The "
    "measures, their pairing, `reach` and CURVE were chosen on that half and on parametric faces, "
    "so that few neutral faces reach P 2 and strong grimaces reach 6. The other half's share was "
    "seen while reach was chosen: expect a little more from other people."
)


def measures(faces: Faces) -> Values:
    """(N, M) what MEASURES name, in their order; NaN where no face."""
    return np.stack([measure.value(faces) for measure in MEASURES.values()], axis=1)


def smile(faces: Faces) -> Values:
    """(N,) blendshape mouthSmile, both sides averaged, 0-1."""
    shown: Values = faces.blendshapes[:, _SMILE].mean(axis=1)
    return shown


def steps(values: Values, smiles: Values) -> Values:
    """(N, M) each measure without what the smile adds, from its middle in steps to its high.

    A lid that closes raises the lower one as a squint does, but not the squint itself: see
    LID_BEYOND.
    """
    middle, high, added = np.array([NEUTRAL[name] for name in MEASURES]).T
    found: Values = (values - smiles[:, None] * added - middle) / (high - middle)
    lid, squint = (list(MEASURES).index(name) for name in ("lower_lid", "eye_squint"))
    found[:, lid] = np.minimum(found[:, lid], found[:, squint] + LID_BEYOND)
    return found


def means(stepped: Values) -> Values:
    """(N, U) the mean of each unit's measures. stepped: (N, M), as steps gives them."""
    places = {name: place for place, name in enumerate(MEASURES)}
    columns = [[places[name] for name in unit.measures] for unit in UNIT_TABLE.values()]
    return np.stack([stepped[:, column].mean(axis=1) for column in columns], axis=1)


def action_units(faces: Faces) -> Values:
    """(N, 6) estimates of 0-5 in the order of UNITS; NaN where no face."""
    return 5 * ways(means(steps(measures(faces), smile(faces)))) ** CURVE


def ways(found: Values) -> Values:
    """(N, U) how far each unit is from its zero to 5, 0-1. found: (N, U), as means gives them."""
    zero, full = np.array([LEVELS[name] for name in UNITS]).T
    zero = zero + shut(found)[:, None] * np.array([CLOSING[name] for name in UNITS])
    way: Values = np.clip((found - zero) / (full - zero), 0, 1)
    return way


def shut(found: Values) -> Values:
    """(N,) how far the eyes are shut, 0-1. found: (N, U), as means gives them."""
    zero, full = LEVELS["au43"]
    way: Values = np.clip((found[:, UNITS.index("au43")] - zero) / (full - zero), 0, 1)
    return way


def p_of(units: Sequence[float], *, mouth_is_speaking: bool = False) -> float:
    """P, 0-16: AU4 + the larger of AU6 and AU7 + the larger of AU9 and AU10 + closed eyes.

    Closed eyes count 1, and only beside AU4, AU6 or AU7 of 1 or more: else it is sleep. While
    the mouth speaks, the lip that it raises (AU10) is ignored. units: 6 of 0-5, order of UNITS.
    Source: PSPI; mien has estimates of its units, so this is a proxy.

    >>> p_of((2.0, 0.0, 1.0, 0.0, 3.0, 5.0)), p_of((0.0, 0.0, 0.0, 0.0, 0.0, 5.0))
    (7.0, 0.0)
    """
    au04, au06, au07, au09, au10, au43 = units
    orbit = max(au06, au07)
    lip = au09 if mouth_is_speaking else max(au09, au10)
    is_closed = au43 >= CLOSED and max(au04, orbit) >= COUNTS_WITH
    return au04 + orbit + lip + float(is_closed)
