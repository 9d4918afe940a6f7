"""Against MediaPipe itself, in an environment of its own: make test-reference."""

import runpy
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent.parent


@pytest.mark.reference
def test_every_frame_of_the_six_clips_agrees_with_mediapipe(clips: list[Path]) -> None:
    compare = runpy.run_path(str(REPO / "benchmarks" / "agreement.py"))["compare"]
    for clip in clips:
        found = compare(clip, clip.name)
        assert (found.ours_only, found.peers_only, found.neither) == (0, 0, 0)
        assert found.mean_px[:2].max() <= 0.05
        assert found.percentile_99_px <= 0.25
