"""What only the LSTM and the CNN do; the laws of every network are in test_temporal.py."""

import numpy as np
import pytest
import torch

from mien.emotion.comparators import _from_last_to_first
from mien.emotion.sequence_classifier import ClipClassifier
from tests.emotion.test_temporal import SMALL, VALUES, face_clips


@pytest.mark.parametrize("network", ["lstm", "cnn"])
@pytest.mark.parametrize("causal", [False, True])
def test_they_learn_from_motion_too(network: str, causal: bool) -> None:
    X, y = face_clips(240)
    model = ClipClassifier(network=network, causal=causal, epochs=12, **SMALL)
    assert model.fit(X[:160], y[:160]).score(X[160:], y[160:]) >= 0.9


def test_the_way_back_begins_at_the_last_face() -> None:
    is_present = torch.tensor([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]).bool()
    order = _from_last_to_first(is_present)
    assert order.tolist() == [[3, 2, 1, 0, 4], [0, 1, 2, 3, 4], [4, 3, 2, 1, 0]]
    assert torch.gather(order, 1, order).tolist() == [list(range(5))] * 3  # there and back


def test_only_the_causal_lstm_forgets_what_comes_and_neither_has_a_bounded_memory() -> None:
    X, y = face_clips(16)
    for causal in (False, True):
        model = ClipClassifier(network="lstm", causal=causal, epochs=1, **SMALL).fit(X, y)
        assert model.context_frames_ is None
        later = X.copy()
        later[:, -1] += 5
        moved = abs(model.predict_frames(later) - model.predict_frames(X))[:, 0].max()
        assert moved == 0 if causal else moved > 0


def test_a_deeper_cnn_looks_twice_as_far() -> None:
    X = np.random.default_rng(0).normal(size=(1, 200, VALUES)).astype(np.float32)
    later = X.copy()
    later[0, 100] += 5
    reach = []
    for depth in (1, 2, 3):
        network = ClipClassifier(network="cnn", causal=True, width=32, depth=depth)
        network = network._untrained(VALUES, 2).eval()
        with torch.inference_mode():
            frames = [network(torch.from_numpy(x)).frames[0] for x in (X, later)]
        moved = (frames[0] - frames[1]).abs().amax(dim=1).numpy() > 1e-6
        reach.append(int(np.flatnonzero(moved).max()) - 100)
        assert reach[-1] < network.context_frames
    assert reach == sorted(set(reach))
