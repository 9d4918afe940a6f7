"""One vocabulary of emotion labels, and the spellings that corpora use for it.

Labels are acted intent or a rater's opinion, never felt emotion.
"""

from __future__ import annotations

ALIASES: dict[str, tuple[str, ...]] = {
    "Angry": ("ang", "anger", "angry"),
    "Calm": ("calm",),
    "Contempt": ("contempt", "contemptuous"),
    "Disgust": ("dis", "disgust", "disgusted"),
    "Fear": ("fea", "fear", "fearful", "afraid"),
    "Happy": ("hap", "happy", "happiness", "joy"),
    "Neutral": ("neu", "neutral"),
    "Sad": ("sad", "sadness"),
    "Surprise": ("sur", "surprise", "surprised"),
}
SEPARATOR = "|"  # between the labels of a set
UNKNOWN = "unknown"  # the answer where not exactly one label fits
_BY_SPELLING = {spelling: label for label, all_ in ALIASES.items() for spelling in all_}


def canonical_label(text: str) -> str:
    """The vocabulary's spelling of a label; a label that it lacks is kept as it is.

    >>> canonical_label("ANG"), canonical_label(" happiness "), canonical_label("Bored")
    ('Angry', 'Happy', 'Bored')
    """
    return _BY_SPELLING.get(text.strip().casefold(), text.strip())


def renamed_labels(labels: set[str]) -> dict[str, str]:
    """The labels that canonical_label changes, with what they become.

    >>> renamed_labels({"ANG", "Angry"})
    {'ANG': 'Angry'}
    """
    return {raw: canonical_label(raw) for raw in sorted(labels) if canonical_label(raw) != raw}


def is_ambiguous(label: str) -> bool:
    """Whether predictions could not tell a label from a set of several, or from no answer.

    >>> is_ambiguous("Happy|Sad"), is_ambiguous("Unknown"), is_ambiguous("Happy or Sad")
    (True, True, False)
    """
    return SEPARATOR in label or label.casefold() == UNKNOWN
