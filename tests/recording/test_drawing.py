import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.errors import InputError
from mien.face.geometry import to_pixels
from mien.recording.drawing import (
    MASK_RGB,
    annotate,
    captioned,
    draw_landmarks,
    find_bystanders,
    is_located,
    mask_faces,
    scaled_to,
)
from mien.recording.facemesh import FaceMesh
from mien.recording.video import read_frames
from mien.tables import points_of

HEIGHT, WIDTH = 120, 160
NO_FACE = np.full((1, 478, 3), np.nan, np.float32)


def noise(*, seed: int = 0) -> np.ndarray:
    """A picture in which no pixel has the mask's colour."""
    return np.random.default_rng(seed).integers(64, 256, (HEIGHT, WIDTH, 3), np.uint8)


def face_at(x: float, y: float, *, size: float = 0.25, seed: int = 0) -> np.ndarray:
    """478 points in a disc around (x, y), the forehead above and the chin below."""
    generator = np.random.default_rng(seed)
    turn, distance = 2 * np.pi * generator.random(478), np.sqrt(generator.random(478))
    points = np.stack([np.cos(turn) * distance, np.sin(turn) * distance, 0 * turn], -1)
    points[10], points[152] = (0, -1, 0), (0, 1, 0)
    return (np.array([x, y, 0]) + size * points).astype(np.float32)


def hull_of(face: np.ndarray, *, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """(H, W) bool: the convex hull of a face's points, not grown."""
    points = to_pixels(face, width_px=width, height_px=height)[:, :2]
    area = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(area, cv2.convexHull(np.round(points).astype(np.int32)), 1)
    return area.astype(bool)


PLACES = st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2), st.floats(0.02, 0.6))


@settings(max_examples=60, deadline=None)
@given(st.lists(PLACES, min_size=1, max_size=3))
def test_a_filled_mask_leaves_no_original_pixel_within_any_face(places) -> None:
    image = noise()
    faces = np.stack([face_at(x, y, size=size) for x, y, size in places])
    masked = mask_faces(image, faces, mask="fill")
    for face in faces:
        assert (masked[hull_of(face)] == MASK_RGB).all()


def test_the_mask_is_the_default() -> None:
    faces = face_at(0.5, 0.5)[None]
    assert np.array_equal(mask_faces(noise(), faces), mask_faces(noise(), faces, mask="fill"))


def test_the_mask_reaches_beyond_the_points_and_further_over_the_forehead() -> None:
    face = face_at(0.5, 0.5, size=0.2)
    masked = (mask_faces(noise(), face[None]) == MASK_RGB).all(axis=2)
    hull = hull_of(face)
    rows, columns = np.flatnonzero(hull.any(axis=1)), np.flatnonzero(hull.any(axis=0))
    middle = WIDTH // 2
    grown_rows = np.flatnonzero(masked[:, middle])
    grown_columns = np.flatnonzero(masked[HEIGHT // 2])
    margin = 0.1 * len(rows)
    assert rows[0] - grown_rows[0] > 2.5 * margin
    assert grown_rows[-1] - rows[-1] > margin
    assert columns[0] - grown_columns[0] > margin
    assert grown_columns[-1] - columns[-1] > margin


def test_what_is_far_from_any_face_is_left_as_it_is() -> None:
    image = noise()
    for mask in ("fill", "blur"):
        masked = mask_faces(image, face_at(0.3, 0.5, size=0.1)[None], mask=mask)
        assert np.array_equal(masked[:, WIDTH // 2 + 20 :], image[:, WIDTH // 2 + 20 :])


def test_a_blurred_face_tells_nothing_but_a_few_mean_colours() -> None:
    """Whatever is added that leaves the means of small blocks alone changes nothing."""
    faces = face_at(0.5, 0.5, size=0.4)[None]
    flat = np.full((HEIGHT, WIDTH, 3), 140, np.uint8)
    checks = np.indices((HEIGHT, WIDTH)).sum(axis=0) % 2 * 160 - 80
    detailed = (flat + checks[..., None]).astype(np.uint8)
    blurred = [mask_faces(image, faces, mask="blur") for image in (flat, detailed)]
    hull = hull_of(faces[0])
    assert np.array_equal(blurred[0][hull], blurred[1][hull])
    assert not np.array_equal(flat[hull], detailed[hull])


def test_a_blurred_face_is_smooth_where_the_face_was_not() -> None:
    faces = face_at(0.5, 0.5, size=0.4)[None]
    image = noise()
    blurred = mask_faces(image, faces, mask="blur").astype(int)
    inside = hull_of(faces[0])[:, 1:] & hull_of(faces[0])[:, :-1]
    steps = np.abs(np.diff(blurred, axis=1))[inside]
    assert steps.max() <= 8
    assert np.abs(np.diff(image.astype(int), axis=1))[inside].max() > 100


def test_without_a_mask_every_pixel_stays() -> None:
    image = noise()
    assert np.array_equal(mask_faces(image, face_at(0.5, 0.5)[None], mask="none"), image)
    assert np.array_equal(mask_faces(image, NO_FACE, mask="none"), image)


def partial_face() -> np.ndarray:
    face = face_at(0.5, 0.5)
    face[7, 1] = np.nan
    return face


def infinite_face() -> np.ndarray:
    face = face_at(0.5, 0.5)
    face[7, 1] = np.inf
    return face


UNLOCATED = {
    "no row": np.empty((0, 478, 3), np.float32),
    "no face": NO_FACE,
    "some points missing": partial_face()[None],
    "an infinite point": infinite_face()[None],
    "one face whole and one not": np.stack([face_at(0.2, 0.2), partial_face()]),
}


@pytest.mark.parametrize("faces", UNLOCATED.values(), ids=UNLOCATED)
def test_a_frame_whose_face_cannot_be_located_is_hidden_whole(faces: np.ndarray) -> None:
    assert not is_located(faces)
    assert (mask_faces(noise(), faces, mask="fill") == MASK_RGB).all()
    blurred = mask_faces(noise(), faces, mask="blur").astype(int)
    assert np.abs(np.diff(blurred, axis=1)).max() <= 8


def test_a_lost_track_beside_a_whole_face_hides_only_the_face() -> None:
    faces = np.concatenate([face_at(0.2, 0.5, size=0.1)[None], NO_FACE])
    image = noise()
    assert is_located(faces)
    assert np.array_equal(mask_faces(image, faces)[:, WIDTH // 2 :], image[:, WIDTH // 2 :])


def test_landmarks_are_drawn_over_the_mask() -> None:
    faces = face_at(0.5, 0.5, size=0.3)[None]
    image = noise()
    drawn, masked = annotate(image, faces), mask_faces(image, faces)
    x, y = to_pixels(faces[0], width_px=WIDTH, height_px=HEIGHT)[10, :2].round().astype(int)
    assert not np.array_equal(drawn[y, x], masked[y, x])
    assert (drawn != masked).any(axis=2).sum() > 200
    assert np.array_equal(drawn, draw_landmarks(masked, faces))


def test_points_that_are_missing_or_absurd_are_not_drawn_and_break_nothing() -> None:
    image = noise()
    assert np.array_equal(draw_landmarks(image, NO_FACE), image)
    faces = np.stack([partial_face(), infinite_face(), face_at(1e30, -1e30)])
    assert draw_landmarks(image, faces).shape == image.shape
    assert mask_faces(image, face_at(1e30, 1e30)[None]).shape == image.shape


@pytest.mark.parametrize("mask", ["fill", "blur", "none"])
def test_the_given_image_is_never_changed(mask) -> None:
    image = noise()
    read_only = image.copy()
    read_only.setflags(write=False)
    annotate(read_only, face_at(0.5, 0.5)[None], mask=mask)
    annotate(read_only, NO_FACE, mask=mask)
    assert np.array_equal(read_only, image)


def test_a_mask_of_another_name_is_refused() -> None:
    with pytest.raises(InputError, match="mask is 'pixels', wanted one of fill, blur, none"):
        mask_faces(noise(), NO_FACE, mask="pixels")  # type: ignore[arg-type]


def test_the_face_of_a_real_frame_is_gone_under_the_mask(clips, landmarks) -> None:
    image = next(read_frames(clips[0])).image
    faces = points_of(landmarks.slice(0, 1))
    mesh = FaceMesh()
    assert mesh.detect(image)
    hull = hull_of(faces[0], width=480, height=360)
    assert (mask_faces(image, faces)[hull] == MASK_RGB).all()
    for mask in ("fill", "blur"):
        assert not mesh.detect(mask_faces(image, faces, mask=mask))


def test_a_bystander_that_the_table_lacks_is_found_and_masked(clips, landmarks) -> None:
    image = next(read_frames(clips[0])).image
    two = np.concatenate([image, image], axis=1)
    faces = points_of(landmarks.slice(0, 1))
    faces[..., 0] /= 2  # only the left one is in the table
    mesh = FaceMesh()
    others = find_bystanders(two, faces, mesh=mesh)
    assert others
    assert all(box[0] > 0.5 for box in others)
    masked = mask_faces(two, faces, others=others)
    right = hull_of(points_of(landmarks.slice(0, 1))[0], width=480, height=360)
    assert (masked[:, 480:][right] == MASK_RGB).all()


def test_the_tables_own_face_is_no_bystander(clips, landmarks) -> None:
    image = next(read_frames(clips[0])).image
    assert find_bystanders(image, points_of(landmarks.slice(0, 1)), mesh=FaceMesh()) == []


def test_a_frame_is_scaled_by_its_longer_side() -> None:
    assert scaled_to(noise(), longer_px=320).shape == (240, 320, 3)
    assert scaled_to(noise(), longer_px=80).shape == (60, 80, 3)


def test_a_caption_is_written_along_the_lower_edge() -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    drawn = captioned(image, "no face found")
    assert drawn[: HEIGHT * 3 // 4].max() == 0
    assert drawn[HEIGHT * 3 // 4 :].max() > 200
