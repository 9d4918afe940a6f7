"""What scores say, in words: the same on the page, the card and the terminal.

Every number in a sentence is read from the record. Scores are of clips, the
unit of evaluation, unless a sentence says frames. How far single answers can
be believed is put in words by answer_sentences.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mien.emotion.enrolment import LEAST_FRAMES, NEUTRAL
from mien.evaluation.comparison import RecipeLine
from mien.evaluation.enrolment import EnrolmentGain
from mien.evaluation.numbers import percent, percent_within, points, points_within, within
from mien.evaluation.results import Results
from mien.evaluation.split_result import SplitResult

SMALL_GAP = 0.02
ENROLMENT_APART = (
    "Apart from all other scores, for it needs a recording of each person's face at rest and is of "
    "fewer clips"
)
LEARNS_NO_FACES = ("facs", "majority")  # recipes that learn nothing from faces


def headline(results: Results) -> str:
    """One sentence: what the model is worth on whom it never saw, against saying the majority."""
    shown = results.honest or results.splits[1]
    majority = results.splits[0]
    where = {
        "subject": "On people it never saw",
        "time": "On later frames of the same people",
        "random-frame": "On random frames of clips it has seen (leaky)",
    }[shown.split]
    frames = f" Of single frames it labels {percent(shown.frames.accuracy.value)} so."
    return (
        f"{where}, recipe {results.recipe} labels {percent_within(shown.clips.accuracy)} of clips "
        f"as they are labelled; always giving the majority label scores "
        f"{percent(majority.clips.accuracy.value)}. "
        f"Averaged over labels it is right {percent(shown.clips.balanced_accuracy.value)} "
        f"of the time; chance is {percent(1 / len(shown.clips.labels))}."
    ) + (frames if shown.frames.confusion != shown.clips.confusion else "")


def gap_text(results: Results) -> list[str]:
    """What the distance between the two scores of frames means, a sentence at a time."""
    leaky, honest = results.split("random-frame"), results.honest
    if leaky is None or honest is None:
        return [
            "There is only the random-frame score. Frames of one clip, and clips of one person, "
            "lie on both sides of that split, so it says nothing about a new clip or a new person."
        ]
    scores = (
        f"Random frames give {percent(leaky.frames.accuracy.value)}, "
        f"{_of(honest)} {percent(honest.frames.accuracy.value)}: "
        f"a gap of {100 * results.gap:+.1f} points."
    )
    return [scores, _gap_reason(results, honest), _who_counts(honest)]


def comparison_sentences(lines: Sequence[RecipeLine]) -> list[str]:
    """How each recipe stands to the first, by accuracy, and whether these people show it."""
    if not lines:
        return []
    first = lines[0].recipe
    found = []
    for line in lines[1:]:
        apart = line.difference.accuracy if line.difference else None
        if apart is None or math.isnan(apart.value):
            continue
        more = "more" if apart.value > 0 else "less"
        size = f"{100 * abs(apart.value):.1f} points"
        text = f"Recipe {line.recipe} is {size} {more} accurate than {first}"
        if math.isnan(apart.low):
            found.append(f"{text}.")
        elif apart.low <= 0 <= apart.high:
            found.append(
                f"{text}, with an interval of {points_within(apart)} that holds 0: "
                "these people do not tell the two apart."
            )
        else:
            found.append(f"{text} ({points_within(apart)}).")
    return found


def enrolment_sentences(found: EnrolmentGain) -> list[str]:
    """Who was enrolled from what, and what it did to their other clips."""
    compared = found.compared
    who = (
        f"Of {found.people_held_out:,} people held out {compared.people:,} have {LEAST_FRAMES} or "
        f"more {NEUTRAL} frames and another clip. Each one's face at rest is the median of such "
        f"frames: {found.frames_to_enrol:,} in all, of {found.clips_to_enrol:,} clips, which are "
        "not scored."
    )
    if NEUTRAL not in found.scored:
        who += f" That leaves no {NEUTRAL} clip to score."
    return [who, _gain(found)]


def sentence(text: str) -> str:
    """A note as a sentence: with a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _gain(found: EnrolmentGain) -> str:
    plain, enrolled = found.compared.lines
    assert enrolled.difference is not None
    gain = enrolled.difference.accuracy
    text = (
        f"With that face taken off, {percent_within(enrolled.scores.accuracy)} of their other "
        f"{found.compared.count:,} {found.compared.unit} are answered rightly; without, "
        f"{percent_within(plain.scores.accuracy)}: "
        f"{points(gain.value)} points{within(points_within(gain))}."
    )
    if gain.low <= 0 <= gain.high:
        text += " The interval holds 0: these people do not show that enrolling changes anything."
    return text


def _gap_reason(results: Results, honest: SplitResult) -> str:
    if results.recipe in LEARNS_NO_FACES:
        return (
            f"Recipe {results.recipe} learns nothing from faces, so that nothing can leak: the two "
            "are of different frames."
        )
    if results.gap > SMALL_GAP:
        return (
            "That much of the random-frame score comes from having learnt from neighbouring frames "
            "or other clips of the same people, not from reading expressions."
        )
    if results.gap < -SMALL_GAP:
        return (
            "The random-frame score is not the higher one here: the two are of different frames, "
            "and this model does not profit from what leaks."
        )
    many = results.table.rows > results.table.clips
    why = (
        "the model is too weak to profit from what leaks, or both splits leak alike"
        if many or honest.split == "time"
        else "every clip is one frame, so that no neighbouring frame can leak, and this model "
        "does not profit from other pictures of the same people"
    )
    return (
        f"The gap is small here: {why}. A stronger model on the same table may show a larger one."
    )


def _who_counts(honest: SplitResult) -> str:
    if honest.split == "subject":
        return "Only the score on people never seen says what to expect of somebody new."
    return (
        "Neither score says what to expect of somebody new: the frames held out show the same "
        "people as those learnt from, a moment later."
    )


def _of(honest: SplitResult) -> str:
    return "people never seen" if honest.split == "subject" else "the held-out ends of clips"
