"""Networks of clips: what they may know, what is missing, and the same bits each time.

Laws that every network keeps are here; test_comparators.py has what only the LSTM and CNN do.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from mien.emotion import runs
from mien.emotion.clip_augmentation import ClipAugmentation
from mien.emotion.runs import FitRun
from mien.emotion.sequence_classifier import NETWORKS, ClipClassifier, from_weights
from mien.emotion.sequences import Sequences
from mien.errors import InputError

VALUES = 6
SMALL: dict[str, Any] = dict(width=32, depth=1, batch_clips=16, precision="float32")


def face_clips(count: int = 48, *, frames: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """A movement that rises at once and fades, and the same clip backwards: pairs of one person."""
    random = np.random.default_rng(0)
    people = count // 2
    peak = random.uniform(0.05, 0.15, people)[:, None]
    time = np.linspace(0, 1, frames)[None]
    course = np.minimum(time / peak, (1 - time) / (1 - peak))
    way = random.normal(size=(1, 1, VALUES))
    person = random.normal(size=(people, 1, VALUES))
    noise = random.normal(0, 0.1, (people, frames, VALUES))
    clips = person + 3 * course[:, :, None] * way + noise
    X = np.stack([clips, clips[:, ::-1]], axis=1).reshape(-1, frames, VALUES)
    return X.astype(np.float32), np.tile(["Angry", "Sad"], people)


def with_gaps(X: np.ndarray) -> np.ndarray:
    X = X.copy()
    X[0, :3], X[1, 10:14], X[2, 20:], X[3, 1::2] = np.nan, np.nan, np.nan, np.nan
    return X


@pytest.fixture(scope="module", params=[(name, causal) for name in NETWORKS for causal in (0, 1)])
def fitted(request: pytest.FixtureRequest) -> ClipClassifier:
    """Every network, seeing all of a clip or only what was."""
    network, causal = request.param
    X, y = face_clips()
    model = ClipClassifier(network=network, causal=bool(causal), epochs=2, **SMALL)
    return model.fit(with_gaps(X), y)


def test_motion_tells_what_no_single_frame_can() -> None:
    X, y = face_clips(160)
    learnt, asked = slice(0, 120), slice(120, 160)
    for causal in (False, True):
        model = ClipClassifier(causal=causal, epochs=8, **SMALL).fit(X[learnt], y[learnt])
        assert model.score(X[asked], y[asked]) >= 0.95
    frames = LogisticRegression(max_iter=1000).fit(
        X[learnt].reshape(-1, VALUES), np.repeat(y[learnt], 24)
    )
    found = frames.score(X[asked].reshape(-1, VALUES), np.repeat(y[asked], 24))
    assert found == 0.5  # whatever it answers for a frame, the clip backwards has it too


def test_what_pads_a_clip_changes_nothing(fitted: ClipClassifier) -> None:
    X = with_gaps(face_clips(8)[0])
    longer = np.concatenate([X, np.full((8, 57, VALUES), np.nan, np.float32)], axis=1)
    # Indexed as an array, so that the network itself sees the padding.
    longer = Given(longer)
    np.testing.assert_allclose(fitted.predict_proba(longer), fitted.predict_proba(X), atol=1e-5)
    frames = fitted.predict_frames(longer)
    np.testing.assert_allclose(frames[:, :24], fitted.predict_frames(X), atol=1e-5)
    assert np.isnan(frames[:, 24:]).all()


class Given:
    """Clips as they are, padding and all."""

    gives_rows = True

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape = values, values.shape

    def __getitem__(self, index: np.ndarray) -> np.ndarray:
        return self.values[index]


def test_a_clip_without_a_face_has_no_probability(fitted: ClipClassifier) -> None:
    X = face_clips(4)[0][:3]
    X[1] = np.nan
    probabilities, frames = fitted.predict_proba(X), fitted.predict_frames(X)
    assert np.isnan(probabilities[1]).all() and np.isnan(frames[1]).all()
    np.testing.assert_allclose(probabilities[[0, 2]].sum(axis=1), 1, atol=1e-5)
    X[0, 4] = np.nan
    frames = fitted.predict_frames(X)
    assert np.isnan(frames[0, 4]).all() and not np.isnan(frames[0, [3, 5]]).any()
    with pytest.raises(InputError, match="1 clips have no face, the first is clip 1"):
        fitted.predict(X)


def test_a_causal_network_knows_nothing_of_what_comes(fitted: ClipClassifier) -> None:
    X = with_gaps(face_clips(6)[0])
    changed = X.copy()
    changed[:, 15:] = np.random.default_rng(1).normal(0, 50, changed[:, 15:].shape)
    before, after = fitted.predict_frames(X)[:, :15], fitted.predict_frames(changed)[:, :15]
    known = ~np.isnan(before)
    assert (known == ~np.isnan(after)).all()
    if fitted.causal:
        np.testing.assert_array_equal(before, after)
    else:
        assert abs(before[known] - after[known]).max() > 1e-3


@pytest.mark.parametrize("network", [name for name in NETWORKS if name != "lstm"])
def test_a_buffer_of_the_last_frames_gives_the_recording_s_scores(network: str) -> None:
    X, y = face_clips(32)
    model = ClipClassifier(network=network, causal=True, epochs=2, **SMALL).fit(X, y)
    recording = np.random.default_rng(2).normal(size=(1, 400, VALUES)).astype(np.float32)
    recording[0, 120:127] = np.nan
    recording[0, 300:302] = np.nan
    held = model.context_frames_
    assert held is not None and held < 200
    whole = model.predict_frames(recording)[0]
    differs = []
    for end in (held, held + 1, 200, 303, 333, 400):
        live = model.predict_frames(recording[:, end - held : end])[0, -1]
        np.testing.assert_allclose(live, whole[end - 1], atol=1e-5)
        differs.append(abs(model.predict_frames(recording[:, end - 3 : end])[0, -1] - live).max())
    assert max(differs) > 1e-3  # three frames are not enough


def test_a_long_recording_takes_memory_by_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times the frames with attention to all would be sixteen times the scores."""
    X, y = face_clips(16)
    model = ClipClassifier(epochs=1, **SMALL).fit(X, y)
    softmax, sizes = torch.softmax, []

    def noted(scores: torch.Tensor, dim: int) -> torch.Tensor:
        sizes.append(scores.numel())
        return softmax(scores, dim)

    monkeypatch.setattr(torch, "softmax", noted)
    peaks = []
    for frames in (2_000, 8_000):
        sizes.clear()
        recording = np.random.default_rng(0).normal(size=(1, frames, VALUES)).astype(np.float32)
        assert model.predict_frames(recording).shape == (1, frames, 2)
        peaks.append(max(sizes))
    assert peaks[0] > 2_000 * 32 and peaks[1] < 4.1 * peaks[0]


@pytest.mark.parametrize("frames", [1, 2, 31, 33, 75, 130])
def test_onnx_runtime_agrees_with_torch(fitted: ClipClassifier, frames: int, graph: Any) -> None:
    random = np.random.default_rng(frames)
    X = random.normal(size=(5, frames, VALUES)).astype(np.float32)
    X[1] = np.nan
    if frames > 5:
        X[2, :2], X[3, 3:5], X[4, -4:] = np.nan, np.nan, np.nan
    probabilities, scores = graph.run(None, {"features": X})
    np.testing.assert_allclose(probabilities, fitted.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(scores, fitted.predict_frames(X), atol=1e-5)
    assert np.isnan(probabilities[1]).all() and not np.isnan(probabilities[[0, 2, 3, 4]]).any()
    single = graph.run(None, {"features": X[:1]})[0]
    np.testing.assert_allclose(single, probabilities[:1], atol=1e-5)


@pytest.fixture(scope="module")
def graph(fitted: ClipClassifier, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    fitted.write_onnx(path)
    stored = path.read_bytes()
    assert str(Path(__file__).parents[2]).encode() not in stored  # no path of this machine
    return onnxruntime.InferenceSession(stored, providers=["CPUExecutionProvider"])


def test_weights_give_the_model_back(fitted: ClipClassifier) -> None:
    X = with_gaps(face_clips(6)[0])
    params = {name: value for name, value in fitted.get_params().items() if name != "classes"}
    again = from_weights(fitted.weights(), labels=["Angry", "Sad"], **params)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert again.context_frames_ == fitted.context_frames_
    assert all(value.dtype == np.float32 for value in fitted.weights().values())


def test_it_is_a_scikit_learn_classifier(fitted: ClipClassifier) -> None:
    assert clone(fitted).get_params() == fitted.get_params()
    X, y = face_clips(30)
    model = ClipClassifier(network=fitted.network, epochs=1, **SMALL)
    assert len(cross_val_score(model, X, y, cv=3)) == 3


WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "augmented": dict(augment=ClipAugmentation(), class_weight="sqrt", dropout=0.3),
    "early stopping": dict(patience=4, epochs=12),
    "bfloat16": dict(precision="bfloat16", class_weight="balanced"),
}


class Stopped(Exception):
    pass


@pytest.mark.parametrize("way", WAYS)
def test_a_training_that_was_stopped_ends_with_the_same_bits(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "SAVE_EVERY_S", 0)
    X, y = face_clips()
    X = with_gaps(X)
    options = SMALL | dict(epochs=5) | WAYS[way]
    people = np.array([f"p{number // 4}" for number in range(len(y))])
    whole = ClipClassifier(**options).fit(X, y, groups=people)

    def stop(epoch: int) -> None:
        if epoch == 2:
            raise Stopped

    with pytest.raises(Stopped):
        run = FitRun("a", folder=tmp_path, on_epoch=stop)
        ClipClassifier(**options).fit(X, y, groups=people, run=run)
    seen: list[int] = []
    run = FitRun("a", folder=tmp_path, on_epoch=seen.append)
    resumed = ClipClassifier(**options).fit(X, y, groups=people, run=run)
    assert seen[0] == 3
    assert resumed.loss_history_ == whole.loss_history_
    for name, weight in whole.weights().items():
        np.testing.assert_array_equal(resumed.weights()[name], weight)


@pytest.mark.parametrize("network", NETWORKS)
def test_one_thread_or_two_give_the_same_bits(network: str) -> None:
    X, y = face_clips()
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 2):
            torch.set_num_threads(threads)
            model = ClipClassifier(network=network, epochs=2, **SMALL).fit(with_gaps(X), y)
            assert torch.get_num_threads() == threads
            found.append((model.loss_history_, model.weights()))
    finally:
        torch.set_num_threads(before)
    for losses, weights in found[1:]:
        assert losses == found[0][0]
        for name, weight in weights.items():
            np.testing.assert_array_equal(weight, found[0][1][name])


def test_a_seed_gives_the_same_model_and_leaves_torch_s_random_state() -> None:
    X, y = face_clips()
    state = torch.get_rng_state()
    models = [ClipClassifier(seed=seed, epochs=1, **SMALL).fit(X, y) for seed in (1, 1, 2)]
    assert torch.equal(state, torch.get_rng_state())
    first, again, other = (model.predict_proba(X) for model in models)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_clips_by_rows_frames_or_array_are_the_same_clips() -> None:
    X, y = face_clips(40)
    clip_of, frame_nums = np.divmod(np.arange(40 * 24), 24)
    kept = np.random.default_rng(0).permutation(np.flatnonzero(frame_nums % 7 != 3))
    sequences = Sequences(
        X.reshape(-1, VALUES)[kept], clip_of=clip_of[kept], frame_nums=frame_nums[kept]
    )
    holed = X.copy()
    holed[:, 3::7] = np.nan
    rows = np.arange(0, 40, 2)
    labels = np.where(rows % 4, "Sad", "Angry")
    y[rows] = labels
    model = ClipClassifier(epochs=1, **SMALL)
    of_frames = clone(model).fit(sequences, y, rows=rows)
    of_array = clone(model).fit(holed, y, rows=rows)
    copied = clone(model).fit(holed[rows], labels)
    for other in (of_array, copied):
        np.testing.assert_array_equal(
            of_frames.predict_proba(sequences), other.predict_proba(holed)
        )


def test_a_label_missing_from_a_fold_keeps_its_place() -> None:
    X, y = face_clips(16)
    model = ClipClassifier(classes=("Angry", "Fear", "Sad"), epochs=1, **SMALL).fit(X, y)
    assert model.predict_proba(X).shape == (16, 3)
    with pytest.raises(InputError, match="'Sad' is not among the classes"):
        ClipClassifier(classes=("Angry", "Fear"), **SMALL).fit(X, y)


def test_a_network_that_cannot_be_made_is_refused() -> None:
    X, y = face_clips(8)
    with pytest.raises(InputError, match="no network 'gru': there are temporal, lstm, cnn"):
        ClipClassifier(network="gru").fit(X, y)
    with pytest.raises(InputError, match="width is 100: attention has heads of 32 units"):
        ClipClassifier(width=100).fit(X, y)


def test_clips_without_a_face_are_not_learnt_from() -> None:
    X, y = face_clips(24)
    blank = np.concatenate([X, np.full_like(X[:4], np.nan)])
    labels = np.concatenate([y, ["Fear"] * 4])
    classes = ("Angry", "Fear", "Sad")
    model = ClipClassifier(classes=classes, epochs=1, **SMALL)
    np.testing.assert_array_equal(
        clone(model).fit(blank, labels).predict_proba(X), clone(model).fit(X, y).predict_proba(X)
    )
    with pytest.raises(InputError, match="none of 4 clips has a face"):
        model.fit(blank, labels, rows=np.arange(24, 28))


def test_standardised_streams_have_mean_0_and_deviation_1() -> None:
    X, y = face_clips(64)
    X = with_gaps(X)
    model = ClipClassifier(epochs=1, **SMALL).fit(X, y)
    streams = model.network_.streams
    _, is_known, is_present = streams.unscaled(torch.from_numpy(X))
    scaled = streams(torch.from_numpy(X))[0]
    known = is_known.bool().numpy()
    for value in range(4 * VALUES):
        seen = scaled[..., value].numpy()[known[..., value]]
        assert abs(seen.mean()) < 1e-3 and abs(seen.std() - 1) < 0.01
    assert (scaled.numpy()[~known] == 0).all()
    assert (is_present.numpy() == ~np.isnan(X).any(axis=2)).all()


@pytest.mark.parametrize("causal", [False, True])
def test_velocity_and_acceleration_need_neighbours_with_a_face(causal: bool) -> None:
    X = np.array([0.0, 1, 4, 9, np.nan, 25, 36, 49], np.float32).reshape(1, -1, 1)
    model = ClipClassifier(causal=causal, **SMALL)
    streams, is_known, _ = model._untrained(1, 2).streams.unscaled(torch.from_numpy(X))
    values, usual, velocity, acceleration = streams[0].T.numpy()
    known = is_known[0].T.bool().numpy()
    assert known[2].tolist() == [False, True, True, True, False, False, True, True]
    assert velocity[known[2]].tolist() == [1, 3, 5, 11, 13]
    assert known[3].tolist() == [False, False, True, True, False, False, False, True]
    assert acceleration[known[3]].tolist() == [2, 2, 2]
    mean = [0, 0.5, 5 / 3, 3.5, 2.8, 39 / 5, 75 / 6, 124 / 7] if causal else [124 / 7] * 8
    present = known[0]
    expected = (values - np.array(mean))[present]
    np.testing.assert_allclose(usual[present], expected, atol=1e-5)


def test_its_size_is_that_of_a_small_network() -> None:
    for value_count in (160, 212):
        network = ClipClassifier()._untrained(value_count, 6)
        assert 0.5e6 < sum(weight.numel() for weight in network.parameters()) < 2e6
