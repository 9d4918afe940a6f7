"""Who and what a file name tells, in the corpora whose names carry it.

CREMA-D: ACTOR_SENTENCE_EMOTION_LEVEL, e.g. 1027_IOM_HAP_XX.flv.
RAVDESS: modality-channel-emotion-intensity-statement-repetition-actor,
e.g. 01-01-05-02-01-01-12.mp4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath

from mien.corpora.labels import canonical_label

_CREMA_D = re.compile(r"(?P<actor>\d{4})_[A-Z]{3}_(?P<emotion>ANG|DIS|FEA|HAP|NEU|SAD)_[A-Z]{1,2}")
_RAVDESS = re.compile(r"0[1-3]-0[12]-(?P<emotion>0[1-8])-0[12]-0[12]-0[12]-(?P<actor>\d{2})")
_RAVDESS_EMOTIONS = {
    "01": "Neutral",
    "02": "Calm",
    "03": "Happy",
    "04": "Sad",
    "05": "Angry",
    "06": "Fear",
    "07": "Disgust",
    "08": "Surprise",
}


@dataclass(frozen=True)
class ClipLabel:
    """What is known of a clip; None where nothing is."""

    emotion: str | None = None
    subject: str | None = None
    corpus: str | None = None


def label_from_name(clip: str) -> ClipLabel:
    """Emotion and subject from a CREMA-D or RAVDESS file name, else nothing.

    >>> label_from_name("a/1027_IOM_HAP_XX.flv")
    ClipLabel(emotion='Happy', subject='1027', corpus='CREMA-D')
    >>> label_from_name("Actor_12/01-01-05-02-01-01-12.mp4")
    ClipLabel(emotion='Angry', subject='Actor_12', corpus='RAVDESS')
    >>> label_from_name("holiday.mp4")
    ClipLabel(emotion=None, subject=None, corpus=None)
    """
    stem = PurePosixPath(PureWindowsPath(clip).as_posix()).name.partition(".")[0]
    if match := _CREMA_D.fullmatch(stem):
        return ClipLabel(canonical_label(match["emotion"]), match["actor"], "CREMA-D")
    if match := _RAVDESS.fullmatch(stem):
        return ClipLabel(_RAVDESS_EMOTIONS[match["emotion"]], f"Actor_{match['actor']}", "RAVDESS")
    return ClipLabel()
