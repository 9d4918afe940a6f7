"""CREMA-D: how its clips are named, and where its own repository keeps their videos.

The repository holds Git LFS pointers. Its LFS bandwidth runs out at times
(issue 15 there); the authors' mirror then has the same files by the same hashes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mien.corpora.lfs import Pointer, read_pointer
from mien.corpora.names import label_from_name
from mien.corpora.web import NotAvailable, Patience
from mien.errors import InputError

LICENCE = "ODbL 1.0 (the collection), DbCL 1.0 (its contents)"
CITATION = (
    "Cao H, Cooper DG, Keutmann MK, Gur RC, Nenkova A, Verma R. CREMA-D: Crowd-sourced Emotional "
    "Multimodal Actors Dataset. IEEE Transactions on Affective Computing 5(4):377-390, 2014. "
    "doi:10.1109/TAFFC.2014.2336244"
)
NAMING = (
    "a name is ACTOR_SENTENCE_EMOTION_LEVEL, such as 1001_DFA_ANG_XX: actors 1001 to 1091; "
    "sentences DFA, IEO, IOM, ITH, ITS, IWL, IWW, MTI, TAI, TIE, TSI, WSI; emotions ANG, DIS, FEA, "
    "HAP, NEU, SAD; level XX, but LO, MD or HI for IEO unless NEU"
)


@dataclass(frozen=True)
class HumanAnchor:
    """How often people see the intended emotion in the face alone, of six. Shares are 0-1."""

    name: str
    accuracy: float
    source: str
    by_label: dict[str, float] = field(default_factory=dict)


# Ties are shared: a clip on which k labels tied counts 1/k when the intended is among them.
HUMAN_ANCHORS = (
    HumanAnchor(
        "one human rating",
        0.574,
        "the corpus' single ratings; its paper (Cao et al. 2014, abstract) says 58.2 %",
    ),
    HumanAnchor(
        "plurality of about ten raters",
        0.685,
        "FaceVote of the corpus' summaryTable.csv against the intended emotion, 7,442 clips",
        {
            "Angry": 0.685,
            "Disgust": 0.661,
            "Fear": 0.546,
            "Happy": 0.961,
            "Neutral": 0.933,
            "Sad": 0.360,
        },
    ),
)
# The same plurality on clips of women (.727, 43 actors) less that on clips of men (.648, 48).
RATERS_SEX_GAP = 0.078


@dataclass(frozen=True)
class Repository:
    """Where CREMA-D's pointers are, and which LFS servers have the bytes, in order."""

    pointers: str
    lfs_servers: tuple[str, ...]


CREMA_D = Repository(
    "https://raw.githubusercontent.com/CheyneyComputerScience/CREMA-D/master/VideoFlash",
    (
        "https://github.com/CheyneyComputerScience/CREMA-D.git/info/lfs",
        "https://gitlab.com/cs-cooper-lab/crema-d-mirror.git/info/lfs",
    ),
)


def clip_file(name: str) -> str:
    """The file name of a clip, named with or without its ending.

    >>> clip_file("1001_DFA_ANG_XX")
    '1001_DFA_ANG_XX.flv'
    >>> clip_file("../1001_DFA_ANG_XX")
    Traceback (most recent call last):
    mien.errors.InputError: '../1001_DFA_ANG_XX' names no CREMA-D clip: a name is ...
    """
    stem = name.removesuffix(".flv")
    if not re.fullmatch(r"[0-9A-Z_]+", stem) or label_from_name(stem).corpus != "CREMA-D":
        raise InputError(f"{name!r} names no CREMA-D clip: {NAMING}")
    return f"{stem}.flv"


def find_clip(file: str, *, repository: Repository, patience: Patience) -> Pointer:
    """What the repository says a clip's file is. Raises NotAvailable when it has none."""
    try:
        return read_pointer(f"{repository.pointers}/{file}", patience=patience)
    except NotAvailable as error:
        if error.status == 404:
            raise NotAvailable(f"CREMA-D has no such clip: {NAMING}", status=404) from error
        raise
