"""The packaged face models: MediaPipe's own bundle, opened only when it is the published one.

`face_landmarker.task` (float16, version 1, Apache-2.0) is a zip: the face detector, the
landmark model, the blendshape model and the canonical face mesh.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from mien.errors import ModelError

BUNDLE_PATH = Path(__file__).parent / "assets" / "face_landmarker.task"
BUNDLE_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"


@cache
def open_bundle(bundle: Path = BUNDLE_PATH) -> dict[str, bytes]:
    """File name -> content. Raises ModelError unless it is the published bundle."""
    try:
        content = bundle.read_bytes()
    except OSError as error:
        raise ModelError(f"no landmark model at {bundle}: install mien again") from error
    found = hashlib.sha256(content).hexdigest()
    if found != BUNDLE_SHA256:
        raise ModelError(
            f"{bundle} has SHA-256 {found[:12]}…, wanted {BUNDLE_SHA256[:12]}…: install mien again"
        )
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Drop what native code writes to the error stream, such as LiteRT's start-up notes.

    A failure still raises.
    """
    try:
        kept = os.dup(2)
    except OSError:  # a program without an error stream
        yield
        return
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
