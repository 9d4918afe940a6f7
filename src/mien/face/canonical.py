"""The canonical face: MediaPipe's metric mesh, in this package's axes.

Shapes: P = 478 points. Points are (P, 3): +x image right (the person's own left),
+y image down, +z away from the camera, in centimetres.

Source: geometry_pipeline_metadata_landmarks.binarypb of the packaged bundle (Apache-2.0), a
Protocol Buffers message of mediapipe.face_geometry.GeometryPipelineMetadata: field 1 is the mesh,
whose field 3 holds x, y, z, u, v of each vertex and whose field 4 the triangles.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mien.face.bundle import open_bundle
from mien.face.topology import LEFT_IRIS_CENTER, RIGHT_IRIS_CENTER, points_of_part
from mien.tables import POINT_COUNT

METADATA = "geometry_pipeline_metadata_landmarks.binarypb"
IRIS_DIAMETER_CM = 1.17  # nearly the same in all people; what MediaPipe Iris takes
_MESH, _VERTICES, _TRIANGLES = 1, 3, 4
_VARINT, _BYTES, _FLOAT = 0, 2, 5  # the wire types that occur
_VALUES_A_VERTEX = 5


@cache
def canonical_face() -> NDArray[np.float32]:
    """(478, 3) float32, centimetres: a neutral face that looks straight into the camera.

    The mesh has no irises; here they are upright circles of the usual size in
    the middle of the eyes' contours. Its left and right halves are mirror
    images to the last bit, and x = 0 is the midline.

    >>> canonical_face().shape
    (478, 3)
    """
    values = b"".join(value for value in _mesh_values(_VERTICES) if isinstance(value, bytes))
    vertices = np.frombuffer(values, "<f4").reshape(-1, _VALUES_A_VERTEX)
    face = np.empty((POINT_COUNT, 3), np.float32)
    face[: len(vertices)] = vertices[:, :3] * np.array([1, -1, -1])  # its y is up, z forward
    for center, eye in ((RIGHT_IRIS_CENTER, "right eye"), (LEFT_IRIS_CENTER, "left eye")):
        contour = face[list(points_of_part(eye))]
        middle = (contour.min(axis=0) + contour.max(axis=0)) / 2
        radius = np.float32(IRIS_DIAMETER_CM / 2)
        around = np.array([[0, 0, 0], [1, 0, 0], [0, -1, 0], [-1, 0, 0], [0, 1, 0]], np.float32)
        face[center : center + 5] = middle + radius * around
    face.setflags(write=False)
    return face


@cache
def canonical_triangles() -> NDArray[np.int32]:
    """(898, 3) int32: the triangles of the mesh, as point numbers.

    >>> canonical_triangles().max()
    np.int32(467)
    """
    corners = np.array(list(_mesh_values(_TRIANGLES)), np.int32).reshape(-1, 3)
    corners.setflags(write=False)
    return corners


def _mesh_values(wanted: int) -> Iterator[int | bytes]:
    for number, mesh in _fields(open_bundle()[METADATA]):
        if number == _MESH and isinstance(mesh, bytes):
            yield from (value for field, value in _fields(mesh) if field == wanted)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a Protocol Buffers message, in order."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        if key & 7 == _VARINT:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        size = 4
        if key & 7 == _BYTES:
            size, place = _varint(message, place)
        yield key >> 3, message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """A number in seven bits a byte, lowest first; the place behind it."""
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
