"""What CREMA-D tells beside its clips: how people rated them, and who the actors are.

The tables are the corpus' own, in its repository: processedResults/summaryTable.csv
(raters' votes) and VideoDemographics.csv (actors). Both are under ODbL 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mien.corpora.csv_rows import read_rows
from mien.errors import InputError, LabelError

VOTE_COLUMNS = {"voice": "VoiceVote", "face": "FaceVote", "both": "MultiModalVote"}
LETTERS = {"A": "Angry", "D": "Disgust", "F": "Fear", "H": "Happy", "N": "Neutral", "S": "Sad"}
AGE_BANDS = ((45, "45 and over"), (30, "30-44"), (0, "under 30"))  # each of 20 actors or more
OLDEST = 120

Votes = Mapping[str, tuple[str, ...]]  # clip without folder and ending -> labels voted most


@dataclass(frozen=True)
class Agreement:
    """How often labels of clips are what most raters said. Shares are 0-1, NaN of nothing.

    A clip on which k labels tied counts 1/k when its label is among them, as if the tie
    were broken at random; `untied` leaves such clips out.
    """

    clips: int  # that have votes
    ties: int  # of these
    share: float
    untied: float
    by_label: dict[str, tuple[int, float]]  # untied clips that raters gave a label, share met
    without_votes: list[str] = field(default_factory=list)


def read_votes(path: str | Path, *, modality: str = "face") -> dict[str, tuple[str, ...]]:
    """The label or labels that most raters gave each clip, from summaryTable.csv.

    modality: "face" (clips without sound), "voice" or "both". Keys are names without
    folder and ending, such as 1001_DFA_ANG_XX; a tie such as A:D is ("Angry", "Disgust").
    Raises InputError when there is no such file, LabelError when it cannot be used or
    names a clip twice.
    """
    if modality not in VOTE_COLUMNS:
        raise InputError(f"no modality {modality!r}: there are {', '.join(VOTE_COLUMNS)}")
    column = VOTE_COLUMNS[modality]
    votes: dict[str, tuple[str, ...]] = {}
    for line, row in read_rows(path, ["FileName", column]):
        clip = clip_stem(row["FileName"])
        if not clip:
            raise LabelError(f"{path} line {line} names no clip")
        if clip in votes:
            raise LabelError(f"{path} line {line} names the clip {clip!r} again: keep one row")
        votes[clip] = _labels(row[column], where=f"{path} line {line}, {column}")
    return votes


def agreement(labels: Mapping[str, str | None], votes: Votes) -> Agreement:
    """How often labels of clips are the raters' plurality.

    labels: clip, with folder and ending or without -> label; None, for a clip without a
    usable face, agrees with nobody. Give the intended labels for the raters' own accuracy.

    >>> votes = {"1001_DFA_ANG_XX": ("Angry", "Disgust"), "1001_DFA_HAP_XX": ("Happy",)}
    >>> found = agreement({"1001_DFA_ANG_XX.flv": "Angry", "1001_DFA_HAP_XX.flv": "Sad"}, votes)
    >>> found.clips, found.share, found.untied
    (2, 0.25, 0.0)
    """
    credits, untied, without = [], [], []
    met: dict[str, list[bool]] = {}
    for clip, label in labels.items():
        voted = votes.get(clip_stem(clip))
        if voted is None:
            without.append(clip)
            continue
        credits.append(1 / len(voted) if label in voted else 0.0)
        if len(voted) == 1:
            untied.append(credits[-1])
            met.setdefault(voted[0], []).append(label == voted[0])
    return Agreement(
        clips=len(credits),
        ties=len(credits) - len(untied),
        share=_mean(credits),
        untied=_mean(untied),
        by_label={label: (len(hits), _mean(hits)) for label, hits in sorted(met.items())},
        without_votes=without,
    )


def read_demographics(path: str | Path) -> dict[str, dict[str, str]]:
    """Each actor's sex, age band, race and ethnicity, from VideoDemographics.csv.

    Returns subject, such as "1001" -> {"sex", "age", "race", "ethnicity"}; a cell that is
    empty is "Unknown". Raises InputError when there is no such file, LabelError when it
    cannot be used or names an actor twice.
    """
    people: dict[str, dict[str, str]] = {}
    for line, row in read_rows(path, ["ActorID", "Age", "Sex", "Race", "Ethnicity"]):
        person = row["ActorID"]
        if not person:
            raise LabelError(f"{path} line {line} names no actor")
        if person in people:
            raise LabelError(f"{path} line {line} names the actor {person!r} again: keep one row")
        people[person] = {
            "sex": row["Sex"] or "Unknown",
            "age": _age_band(row["Age"], where=f"{path} line {line}"),
            "race": row["Race"] or "Unknown",
            "ethnicity": row["Ethnicity"] or "Unknown",
        }
    return people


def clip_stem(clip: str) -> str:
    """A clip's name as the corpus' tables write it.

    >>> clip_stem("a/1001_DFA_ANG_XX.flv")
    '1001_DFA_ANG_XX'
    """
    return PurePosixPath(clip.replace("\\", "/")).name.partition(".")[0]


def _labels(cell: str, *, where: str) -> tuple[str, ...]:
    letters = cell.split(":")
    unknown = [letter for letter in letters if letter not in LETTERS]
    if unknown or len(set(letters)) < len(letters):
        raise LabelError(
            f"{where}: {cell!r} is no vote; wanted letters of {', '.join(LETTERS)}, each once, "
            "with : between those that tie"
        )
    return tuple(sorted(LETTERS[letter] for letter in letters))


def _age_band(cell: str, *, where: str) -> str:
    if not cell:
        return "Unknown"
    if not (cell.isascii() and cell.isdigit()) or int(cell) > OLDEST:
        raise LabelError(f"{where}: {cell!r} is no age in years")
    return next(band for least, band in AGE_BANDS if int(cell) >= least)


def _mean(values: list[float] | list[bool]) -> float:
    return sum(values) / len(values) if values else float("nan")
