"""CREMA-D's tables of raters and actors are read as they are, and refused when damaged."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.corpora.crema_d import HUMAN_ANCHORS, RATERS_SEX_GAP
from mien.corpora.votes import AGE_BANDS, LETTERS, agreement, read_demographics, read_votes
from mien.errors import InputError, LabelError

HEADER = (
    '"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote",'
    '"MultiModalLevel"\n'
)
ROWS = (
    '"1","1001_IEO_NEU_XX","N","69.1","N","92.22","N","64.78"\n'
    '"2","1001_IEO_ANG_HI","N:S","71.67:60","A:D","57:58","A","57.38"\n'
)
ACTORS = '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","Caucasian","Not Hispanic"\n'
CLIPS = st.dictionaries(
    st.from_regex(r"10[0-9]{2}_[A-Z]{3}_HAP_XX", fullmatch=True),
    st.tuples(
        st.lists(st.sampled_from(sorted(LETTERS.values())), min_size=1, max_size=3, unique=True),
        st.sampled_from([*LETTERS.values(), None]),
    ),
    max_size=12,
)


def table(folder: Path, content: str | bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_votes_are_read_by_modality_and_ties_are_kept(tmp_path: Path) -> None:
    path = table(tmp_path, HEADER + ROWS)
    assert read_votes(path) == {
        "1001_IEO_NEU_XX": ("Neutral",),
        "1001_IEO_ANG_HI": ("Angry", "Disgust"),
    }
    assert read_votes(path, modality="voice")["1001_IEO_ANG_HI"] == ("Neutral", "Sad")
    assert read_votes(path, modality="both")["1001_IEO_ANG_HI"] == ("Angry",)
    with pytest.raises(InputError, match="no modality 'ears': there are voice, face, both"):
        read_votes(path, modality="ears")


def test_a_byte_order_mark_windows_line_ends_and_endings_of_clips_are_read(tmp_path: Path) -> None:
    path = table(tmp_path, b"\xef\xbb\xbfFileName,FaceVote\r\n1001_DFA_ANG_XX.flv,A\r\n\r\n")
    assert read_votes(path) == {"1001_DFA_ANG_XX": ("Angry",)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "lacks the column FileName, FaceVote; it has none"),
        ("FileName,VoiceVote\na,N\n", "lacks the column FaceVote; it has FileName, VoiceVote"),
        ("FileName,FaceVote,FaceVote\na,N,N\n", "has the column FaceVote twice"),
        ("FileName,FaceVote\n", "has no rows below its header"),
        ("FileName,FaceVote\na,N\na.flv,H\n", "line 3 names the clip 'a' again: keep one row"),
        ("FileName,FaceVote\n,N\n", "line 2 names no clip"),
        ("FileName,FaceVote\na,\n", "line 2, FaceVote: '' is no vote; wanted letters of A, D"),
        ("FileName,FaceVote\na,X\n", "'X' is no vote"),
        ("FileName,FaceVote\na,A:\n", "'A:' is no vote"),
        ("FileName,FaceVote\na,A:A\n", "'A:A' is no vote"),
        ("FileName,FaceVote\na\n", "line 2 has 1 cells, its header 2: the file is damaged"),
        ("FileName,FaceVote\na,N,9\n", "line 2 has 3 cells, its header 2"),
        ("FileName,FaceVote\na,N\né,N\n".encode("latin-1"), "is not UTF-8 in line 3"),
        ("FileName,FaceVote\na,N\n".encode("utf-16"), "is not UTF-8 in line 1"),
        ("FileName,FaceVote\n" + "a" * 200_000 + ",N\n", "cannot be read as CSV: field larger"),
    ],
)
def test_a_damaged_table_of_votes_says_what_is_wrong(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    with pytest.raises(LabelError, match=said):
        read_votes(table(tmp_path, content))


@pytest.mark.parametrize("read", [read_votes, read_demographics])
def test_no_file_says_so(tmp_path: Path, read) -> None:
    for missing in (tmp_path / "none.csv", tmp_path, tmp_path / ("n" * 300)):
        with pytest.raises(InputError, match="no file at|cannot read"):
            read(missing)


def test_a_tie_counts_its_share_and_is_left_out_of_the_untied() -> None:
    votes = {"a": ("Angry", "Disgust"), "b": ("Happy",), "c": ("Sad",), "d": ("Sad",)}
    found = agreement(
        {"x/a.flv": "Angry", "b.flv": "Happy", "c": "Happy", "d": None, "e.flv": "Sad"}, votes
    )
    assert (found.clips, found.ties, found.without_votes) == (4, 1, ["e.flv"])
    assert found.share == pytest.approx((0.5 + 1 + 0 + 0) / 4)
    assert found.untied == pytest.approx(1 / 3)
    assert found.by_label == {"Happy": (1, 1.0), "Sad": (2, 0.0)}


@given(clips=CLIPS)
def test_agreement_lies_between_nothing_and_all_and_ignores_the_order(clips: dict) -> None:
    votes = {clip: tuple(sorted(voted)) for clip, (voted, _) in clips.items()}
    labels = {clip: label for clip, (_, label) in clips.items()}
    found = agreement(labels, votes)
    if not clips:
        assert math.isnan(found.share) and math.isnan(found.untied) and found.clips == 0
        return
    assert 0 <= found.share <= 1 and found.clips == len(clips)
    assert agreement(dict(reversed(labels.items())), votes).share == pytest.approx(found.share)
    agreeing = {clip: voted[0] for clip, voted in votes.items()}
    most = sum(1 / len(voted) for voted in votes.values()) / len(votes)
    assert agreement(agreeing, votes).share == pytest.approx(most) and found.share <= most + 1e-9


def test_actors_are_read_with_their_age_as_a_band(tmp_path: Path) -> None:
    more = (
        '1002,29,"Female","African American","Hispanic"\n1003,30,Female,,\n1004,,Male,Asian,Not\n'
    )
    people = read_demographics(table(tmp_path, ACTORS + more))
    assert people["1001"] == {
        "sex": "Male",
        "age": "45 and over",
        "race": "Caucasian",
        "ethnicity": "Not Hispanic",
    }
    assert [people[who]["age"] for who in ("1002", "1003", "1004")] == [
        "under 30",
        "30-44",
        "Unknown",
    ]
    assert people["1003"]["race"] == people["1003"]["ethnicity"] == "Unknown"
    assert [least for least, _ in AGE_BANDS] == sorted((x for x, _ in AGE_BANDS), reverse=True)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("1001,20,Male,Asian,Hispanic\n", "line 3 names the actor '1001' again"),
        (",20,Male,Asian,Hispanic\n", "line 3 names no actor"),
        ("1002,young,Male,Asian,Hispanic\n", "line 3: 'young' is no age in years"),
        ("1002,-4,Male,Asian,Hispanic\n", "'-4' is no age"),
        ("1002,999,Male,Asian,Hispanic\n", "'999' is no age"),
        ("1002,20,Male\n", "line 3 has 3 cells, its header 5"),
    ],
)
def test_a_damaged_table_of_actors_says_what_is_wrong(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(LabelError, match=said):
        read_demographics(table(tmp_path, ACTORS + row))


def test_the_human_anchors_are_what_the_protocol_compares_with() -> None:
    one, plurality = HUMAN_ANCHORS
    assert (one.accuracy, plurality.accuracy) == (0.574, 0.685)
    assert set(plurality.by_label) == set(LETTERS.values())
    clips = dict.fromkeys(LETTERS.values(), 1271) | {"Neutral": 1087}
    pooled = sum(plurality.by_label[label] * count for label, count in clips.items()) / 7442
    assert pooled == pytest.approx(plurality.accuracy, abs=0.001)
    assert 0 < RATERS_SEX_GAP < 0.1
    assert all(anchor.source for anchor in HUMAN_ANCHORS)
