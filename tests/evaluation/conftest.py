"""Records of evaluations, made once a test run: one hostile, one with all that can be measured."""

from pathlib import Path

import numpy as np
import pytest

from mien.corpora.names import label_from_name
from mien.evaluation.results import Results
from mien.workflows.evaluate import evaluate
from tests.emotion.tables import MOUTH, write_people, write_rows

SCRIPT = "<script>alert('x')</script>"
ACTORS = range(1001, 1025)
CODES = ("ANG", "HAP", "SAD")


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The seed recipe on four people; one label is a script."""
    table = tmp_path_factory.mktemp("hostile") / "people.parquet"
    write_people(table, emotions=("Happy", "Sad", SCRIPT), faceless=range(5))
    return evaluate(table, folds=2, hidden_units=4, epochs=2).results


@pytest.fixture(scope="session")
def one_person(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Nobody to hold out: the end of each clip is."""
    table = write_people(tmp_path_factory.mktemp("one") / "one.parquet", people=1)
    return evaluate(table, hidden_units=4, epochs=2).results


@pytest.fixture(scope="session")
def crema_d_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation on clips named as CREMA-D's, with what is known of actors and raters."""
    folder = tmp_path_factory.mktemp("crema_d")
    clips = [f"{actor}_DFA_{code}_XX.flv" for actor in ACTORS for code in CODES]
    (folder / "actors.csv").write_text(
        "ActorID,Age,Sex,Race,Ethnicity\n"
        + "".join(f"{who},{who - 980},{'Male' if who < 1004 else 'Female'},a,b\n" for who in ACTORS)
    )
    (folder / "votes.csv").write_text(
        "FileName,FaceVote\n" + "".join(f"{clip[:-4]},{clip[9]}\n" for clip in clips[2:])
    )
    evaluate(
        _acted(folder / "acted.parquet", clips),
        recipe="logistic",
        folds=2,
        demographics=folder / "actors.csv",
        crema_d_votes=folder / "votes.csv",
        out=folder / "evaluation",
    )
    return folder / "evaluation"


@pytest.fixture(scope="session")
def crema_d(crema_d_folder: Path) -> Results:
    from mien.evaluation.results import load_results

    return load_results(crema_d_folder)


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Four people who could be enrolled; one label is a script."""
    table = tmp_path_factory.mktemp("enrolled") / "people.parquet"
    write_people(table, clips_each=4, emotions=("Happy", "Neutral", SCRIPT))
    return evaluate(table, recipe="facs", folds=2, beside=(), enrol=True).results


def _acted(path: Path, clips: list[str], *, frames: int = 2) -> Path:
    """Faces whose mouth tells the emotion, but not surely; the first clip has no face."""
    random = np.random.default_rng(0)
    rest = random.uniform(0.3, 0.7, (478, 3))
    points, columns = [], {name: [] for name in ("video_filename", "frame_num", "emotion")}
    for index, clip in enumerate(clips):
        moved = rest + random.normal(0, 0.004, (478, 3))
        moved[list(MOUTH), 1] += 0.1 * (index % len(CODES)) + random.normal(0, 0.05)
        for frame in range(frames):
            points.append(moved + random.normal(0, 0.002, (478, 3)))
            columns["video_filename"].append(clip)
            columns["frame_num"].append(frame)
            columns["emotion"].append(label_from_name(clip).emotion)
    subjects = [clip[:4] for clip in columns["video_filename"]]
    return write_rows(path, np.array(points), columns | {"subject": subjects}, range(frames))
