"""Faces on frames: masked first, their landmarks drawn after.

An image is (H, W, 3) uint8 RGB and is never changed in place. Faces are
(K, 478, 3), fractions of the frame, NaN where there is none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Literal, get_args

import cv2
import numpy as np

from mien.errors import InputError, ShapeError
from mien.face.geometry import to_pixels
from mien.face.topology import CHIN, FOREHEAD, PARTS
from mien.recording.facemesh import FaceMesh

Mask = Literal["fill", "blur", "none"]
MASKS: tuple[str, ...] = get_args(Mask)

MASK_RGB = (36, 41, 51)
_CAPTION_RGB = (236, 240, 245)
_POINT_RGB = (176, 190, 206)
_PART_RGB = {
    "face oval": (236, 240, 245),
    "right eyebrow": (255, 179, 71),  # the person's right is orange, the left blue
    "left eyebrow": (86, 190, 255),
    "right eye": (255, 179, 71),
    "left eye": (86, 190, 255),
    "right iris": (255, 226, 160),
    "left iris": (178, 226, 255),
    "nose": (150, 214, 140),
    "outer lips": (255, 112, 126),
    "inner lips": (255, 112, 126),
}
_MARGIN = 0.15  # the mask reaches so far beyond the points, in face sizes
_HAIRLINE = 0.2  # and so much further above the forehead: the mesh ends below the hair
_BLUR_CELLS = 4  # mean colours along a face's longer side: too few to know anyone by
_BLUR_STEP = 32  # and each rounded, so that many frames do not add up to a sharper one
_COVERED = 0.6  # a detected box that is masked so far is a face that the table has
_BYSTANDER_THRESHOLD = 0.35  # detector's score: rather mask a picture on the wall
# Left, top and side of where bystanders are sought: the whole frame, then overlapping
# parts of it, because the detector sees no face smaller than a tenth of its picture.
_TILES = ((0, 0, 1), *((x, y, 0.6) for y in (0, 0.4) for x in (0, 0.2, 0.4)))
_SUBPIXEL_BITS = 4
_FAR_PX = 1 << 15  # coordinates are clipped here, so that absurd ones do not overflow


class Painter:
    """Masks and draws the frames of a clip in their order, bystanders included.

    A bystander that the detector loses stays masked for `remember_frames` frames.
    """

    def __init__(self, mask: Mask = "fill", *, remember_frames: int = 1) -> None:
        self.mask: Mask = mask
        self._mesh = None if mask == "none" else FaceMesh()
        self._seen: deque[list[np.ndarray]] = deque(maxlen=remember_frames)

    def __call__(self, image: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """A new image of (H, W, 3) uint8 RGB. faces: (K, 478, 3), fractions."""
        if self._mesh is not None:
            self._seen.append(find_bystanders(image, faces, mesh=self._mesh))
        others = [box for boxes in self._seen for box in boxes]
        return annotate(image, faces, mask=self.mask, others=others)


def annotate(
    image: np.ndarray,
    faces: np.ndarray,
    *,
    mask: Mask = "fill",
    others: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """Mask every face of a frame, then draw its landmarks.

    faces: (K, 478, 3). others: boxes of further faces, as find_bystanders gives them.
    Returns a new image. Raises InputError for an unknown mask.
    """
    masked = mask_faces(image, faces, mask=mask, others=others)
    return draw_landmarks(masked, faces)


def mask_faces(
    image: np.ndarray,
    faces: np.ndarray,
    *,
    mask: Mask = "fill",
    others: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """Hide every face: `fill` paints it over, `blur` leaves a few mean colours, `none` shows it.

    The hidden area is the convex hull of the points, grown by a margin and up
    over the forehead. A frame whose face cannot be located, because it has no
    points or not all of them, is hidden whole.

    Returns a new image. Raises InputError for an unknown mask.
    """
    if mask not in MASKS:
        raise InputError(f"mask is {mask!r}, wanted one of {', '.join(MASKS)}")
    if mask == "none":
        return image.copy()
    hide = _filled if mask == "fill" else _blurred
    if not is_located(faces):
        return hide(image, np.ones(image.shape[:2], bool), max(image.shape[:2]))
    result = image.copy()
    for area, size_px in _areas(image, faces, others):
        if area.any():
            result = hide(result, area, size_px)
    return result


def is_located(faces: np.ndarray) -> bool:
    """Whether a frame has a face, and every face in it has all its points.

    faces: (K, 478, 3); a row that is NaN throughout is no face.
    """
    faces = _checked_faces(faces)
    finite = np.isfinite(faces)
    is_absent = np.isnan(faces).all(axis=(1, 2))
    return bool(len(faces) and not is_absent.all() and finite[~is_absent].all())


def find_bystanders(image: np.ndarray, faces: np.ndarray, *, mesh: FaceMesh) -> list[np.ndarray]:
    """Boxes of faces that a detector sees and the table lacks: (4,) left, top, right, bottom.

    A table may hold only the largest face of a frame; the others are masked by these
    boxes, in fractions of the frame. None are sought when the whole frame is hidden.
    """
    if not is_located(faces):
        return []
    boxes = [box for tile in _TILES for box in _boxes_in(image, tile, mesh)]
    known = [_grown_box(face) for face in faces if np.isfinite(face).all()]
    return [box for box in boxes if max(_share(box, other) for other in known) < _COVERED]


def _boxes_in(
    image: np.ndarray, tile: tuple[float, float, float], mesh: FaceMesh
) -> list[np.ndarray]:
    """Boxes that the detector sees in a tile of the image, in fractions of the whole."""
    height, width = image.shape[:2]
    left, top, side = tile
    corner = np.array([round(left * width), round(top * height)])
    end = corner + np.array([round(side * width), round(side * height)])
    part = np.ascontiguousarray(image[corner[1] : end[1], corner[0] : end[0]])
    found = mesh.detect(part, threshold=_BYSTANDER_THRESHOLD)
    scale = np.array([width, height, width, height])
    return [(face.box + np.tile(corner, 2)) / scale for face in found]


def draw_landmarks(image: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Draw all points small and the parts of the face as lines. Returns a new image.

    faces: (K, 478, 3); points that are not finite are left out.
    """
    height, width = image.shape[:2]
    canvas = np.ascontiguousarray(image).copy()
    for face in to_pixels(_checked_faces(faces), width_px=width, height_px=height):
        _draw_face(canvas, face[:, :2])
    return canvas


def scaled_to(image: np.ndarray, *, longer_px: int) -> np.ndarray:
    """An image resized so that its longer side has so many pixels."""
    factor = longer_px / max(image.shape[:2])
    size = tuple(max(1, round(side * factor)) for side in image.shape[1::-1])
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=way))


def captioned(image: np.ndarray, text: str) -> np.ndarray:
    """An image with a line of ASCII text along its lower edge. Returns a new image."""
    height, width = image.shape[:2]
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, max(0.3, width / 1000)
    thickness = max(1, round(2 * scale))
    (text_width, text_height), _ = cv2.getTextSize(text, font, scale, thickness)
    canvas = np.ascontiguousarray(image).copy()
    cv2.rectangle(canvas, (0, height - 2 * text_height), (width, height), MASK_RGB, -1)
    origin = ((width - text_width) // 2, height - text_height // 2)
    cv2.putText(canvas, text, origin, font, scale, _CAPTION_RGB, thickness, cv2.LINE_AA)
    return canvas


def _checked_faces(faces: np.ndarray) -> np.ndarray:
    faces = np.asarray(faces)
    if faces.ndim != 3:
        raise ShapeError(f"faces must be (faces, 478, 3), got {faces.shape}")
    return faces


def _areas(
    image: np.ndarray, faces: np.ndarray, others: Sequence[np.ndarray]
) -> list[tuple[np.ndarray, float]]:
    """What to hide: (H, W) bool areas, each with the size of its face in pixels."""
    height, width = image.shape[:2]
    areas = [
        _grown_hull(_with_forehead(face[:, :2]), image.shape[:2])
        for face in to_pixels(faces, width_px=width, height_px=height)
        if np.isfinite(face).all()
    ]
    for box in others:
        left, top, right, bottom = box * np.array([width, height, width, height])
        top -= 0.5 * (bottom - top)  # the detector's box begins at the eyebrows
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        areas.append(_grown_hull(corners, image.shape[:2]))
    return areas


def _grown_box(face: np.ndarray) -> np.ndarray:
    """(4,): the box around a face's points (478, 3), with the mask's margin."""
    low, high = face[:, :2].min(axis=0), face[:, :2].max(axis=0)
    margin = _MARGIN * (high - low)
    return np.concatenate([low - margin, high + margin])


def _share(box: np.ndarray, other: np.ndarray) -> float:
    """How much of a box lies within another, 0-1."""
    sides = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    return float(sides.clip(0).prod() / max(float((box[2:] - box[:2]).prod()), 1e-12))


def _with_forehead(points: np.ndarray) -> np.ndarray:
    """(2P, 2): the points, and again moved up along the face's own axis."""
    return np.concatenate([points, points + _HAIRLINE * (points[FOREHEAD] - points[CHIN])])


def _grown_hull(points: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
    """The convex hull of (N, 2) points in pixels, grown by the margin; and its size."""
    points = np.clip(points, -_FAR_PX, _FAR_PX).astype(np.float32)
    size_px = max(1.0, float(np.ptp(points, axis=0).max()))
    hull = np.round(cv2.convexHull(points)).astype(np.int32)
    area = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(area, hull, 1)
    thickness = int(np.clip(np.ceil(2 * _MARGIN * size_px) + 1, 3, 32767))
    cv2.polylines(area, [hull], True, 1, thickness)
    return area.astype(bool), size_px


def _filled(image: np.ndarray, area: np.ndarray, size_px: float) -> np.ndarray:
    result = image.copy()
    result[area] = MASK_RGB
    return result


def _blurred(image: np.ndarray, area: np.ndarray, size_px: float) -> np.ndarray:
    """Replace an area by mean colours of cells, rounded, then smoothed."""
    rows, columns = np.flatnonzero(area.any(axis=1)), np.flatnonzero(area.any(axis=0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    crop = image[window]
    height, width = crop.shape[:2]
    cell_px = size_px / _BLUR_CELLS
    cells = (max(1, int(width / cell_px)), max(1, int(height / cell_px)))
    means = cv2.resize(crop, cells, interpolation=cv2.INTER_AREA).reshape(cells[1], cells[0], 3)
    rounded = means // _BLUR_STEP * _BLUR_STEP + _BLUR_STEP // 2
    smooth = cv2.resize(rounded, (width, height), interpolation=cv2.INTER_LINEAR)
    result = image.copy()
    result[window] = np.where(area[window][..., None], smooth, crop)
    return result


def _draw_face(canvas: np.ndarray, points: np.ndarray) -> None:
    """Draw one face in place. points: (478, 2), pixels."""
    is_drawn = np.isfinite(points).all(axis=1)
    if not is_drawn.any():
        return
    size_px = float(np.ptp(points[is_drawn], axis=0).max())
    fixed = np.zeros(points.shape, np.int64)
    fixed[is_drawn] = np.round(np.clip(points[is_drawn], -_FAR_PX, _FAR_PX) * (1 << _SUBPIXEL_BITS))
    radius = round(float(np.clip(size_px / 300, 0.5, 6)) * (1 << _SUBPIXEL_BITS))
    for x, y in fixed[is_drawn]:
        center = (int(x), int(y))
        cv2.circle(canvas, center, radius, _POINT_RGB, -1, cv2.LINE_AA, _SUBPIXEL_BITS)
    thickness = max(1, round(size_px / 110))
    lines = [
        (fixed[list(contour.points)].astype(np.int32), contour.is_closed, _PART_RGB[name])
        for name, contours in PARTS.items()
        for contour in contours
        if is_drawn[list(contour.points)].all()
    ]
    for line, is_closed, _ in lines:  # a dark rim: the colours must show on skin too
        _stroke(canvas, line, is_closed, MASK_RGB, thickness + 2)
    for line, is_closed, color in lines:
        _stroke(canvas, line, is_closed, color, thickness)


def _stroke(
    canvas: np.ndarray, line: np.ndarray, is_closed: bool, color: tuple[int, ...], thickness: int
) -> None:
    cv2.polylines(canvas, [line], is_closed, color, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
