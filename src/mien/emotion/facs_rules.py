"""What `facs` knows, as tables: action units, the blendshapes that show them, and rules.

An action unit (AU) is one movement of the face in the Facial Action Coding System
(FACS). A rule is a published combination of action units that was said to belong to
an emotion, or was seen in people asked to show it. The combinations come from print.
LEVELS are measured on photographs; which published combinations are used, what stands
for units without a blendshape of their own, and what is in AGAINST were chosen by hand
with an eye on the same photographs: see CHOSEN.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCES = {
    "EMFACS": "Friesen WV, Ekman P. EMFACS-7: Emotional Facial Action Coding System. Unpublished "
    "manual, University of California, San Francisco, 1983",
    "Guide": "Ekman P, Friesen WV, Hager JC. Facial Action Coding System: Investigator's Guide, "
    "chapter 10: emotion prediction, prototypes and major variants. Research Nexus, Salt Lake "
    "City, 2002",
    "Du 2014": "Du S, Tao Y, Martinez AM. Compound facial expressions of emotion. PNAS "
    "111(15):E1454-E1462, 2014, table 1: units seen in more than 70 % of 230 people asked to show "
    "the emotion. doi:10.1073/pnas.1322355111",
    "CK+": "Lucey P, Cohn JF, Kanade T, Saragih J, Ambadar Z, Matthews I. The Extended Cohn-Kanade "
    "Dataset (CK+). CVPR Workshops 2010, table 2. doi:10.1109/CVPRW.2010.5543262",
    "Ozel": "Ozel M. ARKit to FACS: blendshape cheat sheet. "
    "https://melindaozel.com/arkit-to-facs-cheat-sheet (for animators; not peer-reviewed)",
    "ARKit": "Apple. ARFaceAnchor.BlendShapeLocation. "
    "https://developer.apple.com/documentation/arkit/arfaceanchor/blendshapelocation",
    "GHUM": "Grishchenko I, Yan G, Bazavan EG, et al. Blendshapes GHUM: real-time monocular facial "
    "blendshape prediction. arXiv:2309.05782, 2023",
    "Barrett 2019": "Barrett LF, Adolphs R, Marsella S, Martinez AM, Pollak SD. Emotional "
    "expressions reconsidered. Psychological Science in the Public Interest 20(1):1-68, 2019. "
    "doi:10.1177/1529100619832930",
}
CAUTION = (
    "People do not always show these faces when they feel these emotions, and show them for other "
    "reasons too (Barrett 2019). A label names what a face looks like, not what is felt."
)

REPRINTED = (
    "EMFACS is unpublished and the Guide is sold: their combinations are given as the literature "
    "reprints them."
)
CHOSEN = (
    "The combinations are published; the rest was chosen. Levels, the four constants, which "
    "published combinations are used, the substitutes for units without a living blendshape and "
    "what speaks against a label were chosen by trying some three hundred variants on one half of "
    "the people of a collection of photographs. Nothing was tried on the other half, but it is not "
    "untouched: a first look at the mean of each blendshape by label was over everybody, and its "
    "scores were seen before the last three choices (full's lower bound, Neutral's evidence, the "
    "temperature). AU4 was left to speak against Happy with an eye on a sample clip too, so those "
    "six clips illustrate and do not test. Expect no more than the second half's scores from "
    "other people."
)


@dataclass(frozen=True)
class ActionUnit:
    """A movement of the face, and which blendshapes stand for it."""

    number: int
    meaning: str
    blendshapes: tuple[str, ...]  # without Left and Right: both sides are averaged
    sources: tuple[str, ...]
    note: str = ""

    @property
    def name(self) -> str:
        return f"AU{self.number}"


_MAPPED = ("Ozel", "ARKit")
ACTION_UNITS = (
    ActionUnit(1, "inner brow raised", ("browInnerUp",), _MAPPED),
    ActionUnit(2, "outer brow raised", ("browOuterUp",), _MAPPED),
    ActionUnit(4, "brow lowered", ("browDown",), _MAPPED),
    ActionUnit(5, "upper lid raised", ("eyeWide",), _MAPPED),
    ActionUnit(
        6,
        "cheek raised",
        ("eyeSquint",),
        _MAPPED,
        "cheekSquint, its own blendshape, hardly moves; a raised cheek narrows the eye too",
    ),
    ActionUnit(7, "lids tightened", ("eyeSquint",), _MAPPED),
    ActionUnit(
        9,
        "nose wrinkled",
        ("mouthUpperUp",),
        _MAPPED,
        "noseSneer, its own blendshape, hardly moves; a wrinkled nose raises the upper lip too; "
        "less AU12, as AU10",
    ),
    ActionUnit(
        10,
        "upper lip raised",
        ("mouthUpperUp",),
        _MAPPED,
        "less AU12, for a smile raises the upper lip by itself",
    ),
    ActionUnit(12, "lip corners pulled up", ("mouthSmile",), _MAPPED),
    ActionUnit(15, "lip corners pulled down", ("mouthFrown",), _MAPPED),
    ActionUnit(17, "chin raised", ("mouthShrugLower",), _MAPPED),
    ActionUnit(20, "lips stretched", ("mouthStretch",), _MAPPED),
    ActionUnit(22, "lips funnelled", ("mouthFunnel",), _MAPPED),
    ActionUnit(24, "lips pressed", ("mouthPress",), _MAPPED),
    ActionUnit(
        25,
        "lips parted",
        ("mouthLowerDown", "jawOpen"),
        _MAPPED,
        "the larger of the two: a lowered lip or jaw parts the lips",
    ),
    ActionUnit(26, "jaw dropped", ("jawOpen",), _MAPPED, "AU27, mouth stretched open, too"),
    ActionUnit(
        64,
        "eyes turned down",
        ("eyeLookDown", "eyeBlink"),
        _MAPPED,
        "the larger of the two: the upper lid follows the gaze down",
    ),
)
NOT_MEASURED = {
    11: "nasolabial furrow deepened: no blendshape shows it",
    16: "lower lip lowered: told as AU25, lips parted",
    23: "lips tightened: no blendshape shows it",
    54: "head down: not a movement of the face",
}


@dataclass(frozen=True)
class Rule:
    """One combination of action units that speaks for a label. Every unit must be there."""

    label: str
    units: tuple[int, ...]  # as far as they are measured
    published: str  # as its first source writes it
    sources: tuple[str, ...]
    may_lack: tuple[int, ...] = ()  # any one of these may be absent: the source's own words

    @property
    def variants(self) -> tuple[tuple[int, ...], ...]:
        """The units, then the units without each one that may be lacking."""
        return (
            self.units,
            *(tuple(u for u in self.units if u != gone) for gone in self.may_lack),
        )


def _angry(units: tuple[int, ...], published: str) -> Rule:
    lacking = tuple(unit for unit in (4, 5, 7, 10) if unit in units)
    return Rule("Angry", units, published, ("Guide",), lacking)


RULES = (
    Rule("Happy", (6, 12), "6+12*", ("Guide", "EMFACS")),
    Rule("Happy", (12,), "12C/D", ("Guide", "CK+")),
    Rule("Surprise", (1, 2, 5, 26), "1+2+5B+26", ("Guide", "EMFACS")),
    Rule("Surprise", (1, 2, 5), "1+2+5B", ("Guide",)),
    Rule("Surprise", (1, 2, 26), "1+2+26", ("Guide",)),
    Rule("Surprise", (5, 26), "5B+26", ("Guide",)),
    Rule("Surprise", (1, 2, 25, 26), "1, 2, 25, 26", ("Du 2014",)),
    Rule("Fear", (1, 2, 4, 5, 20, 25), "1+2+4+5*+20*+25, 26 or 27", ("Guide",)),
    Rule("Fear", (1, 2, 4, 5, 25), "1+2+4+5*+25, 26 or 27", ("Guide",)),
    Rule("Fear", (1, 2, 4, 5), "1+2+4+5*", ("Guide",)),
    Rule("Fear", (5, 20), "5*+20* with or without 25, 26, 27", ("Guide",)),
    Rule("Fear", (1, 2, 4, 5, 7, 20, 26), "1+2+4+5+7+20+26", ("EMFACS",)),
    Rule("Fear", (1, 4, 20, 25), "1, 4, 20, 25", ("Du 2014",)),
    Rule("Sad", (1, 4, 15), "1+4+15* with or without 54+64", ("Guide", "EMFACS", "CK+")),
    Rule("Sad", (1, 4, 15, 64), "1+4+15* with 54+64", ("Guide",)),
    Rule("Sad", (1, 4, 15, 17), "1+4+15B+17", ("Guide",)),
    Rule("Sad", (6, 15), "6+15* with or without 54+64", ("Guide", "CK+")),
    Rule("Sad", (6, 15, 64), "6+15* with 54+64", ("Guide",)),
    Rule("Sad", (4, 15), "4, 15", ("Du 2014",)),
    Rule("Sad", (4, 15, 17), "4, 15 [17 in 67 %]", ("Du 2014",)),
    Rule("Disgust", (9,), "9", ("Guide", "CK+")),
    Rule("Disgust", (10,), "10*", ("Guide", "CK+")),
    Rule("Disgust", (9, 17), "9+17", ("Guide",)),
    Rule("Disgust", (10, 17), "10+17", ("Guide",)),
    Rule("Disgust", (9, 10, 17), "9, 10, 17", ("Du 2014",)),
    Rule("Disgust", (4, 9, 10, 17), "9, 10, 17 [4 in 31 %]", ("Du 2014",)),
    _angry((4, 5, 7, 10, 22, 25), "4+5*+7+10*+22+23+25, 26"),
    _angry((4, 5, 7, 10, 25), "4+5*+7+10*+23+25, 26"),
    _angry((4, 5, 7, 25), "4+5*+7+23+25, 26"),
    _angry((4, 5, 7, 17, 24), "4+5*+7+17+23 or 24"),
    _angry((4, 5, 7, 24), "4+5*+7+23 or 24"),
    Rule("Angry", (4, 7, 24), "4, 7, 24", ("Du 2014",)),
    Rule("Angry", (4, 7, 17, 24), "4, 7, 24 [17 in 52 %]", ("Du 2014",)),
)
NOT_USED = (
    "Disgust's 9+16+15, 26 and 10*+16+25, 26 (Guide): with the mouth open and neither AU9 nor "
    "AU16 measured apart, they are the open-mouthed Angry prototypes",
    "Sad's 11+15B, 11+17 and 1+4+11 (Guide): AU11 is their mark and is not measured",
    "Angry's 4+5+7+23 (EMFACS) is the Guide's 4+5*+7+23 or 24: AU24 stands for both",
    "Surprise's 1+2+5B+27 (Guide): AU26 and AU27 are one blendshape",
    "Contempt (12 or 14 on one side): not among the seven labels",
)
# Units that are in no rule of the label above, and mark another emotion or pull against its own
# units. No source prints this list: it is mien's.
AGAINST: dict[str, tuple[int, ...]] = {
    "Angry": (1, 12),
    "Disgust": (1, 12, 22),
    "Fear": (12,),
    "Happy": (4, 15),
    "Sad": (12, 22),
    "Surprise": (4, 12),
}
LABELS = tuple(sorted({rule.label for rule in RULES} | {"Neutral"}))
# blendshape: (zero, full). Zero is the 90th percentile over Neutral photographs, so that nine
# neutral faces in ten show nothing; full is the 90th percentile over the photographs of the label
# that shows it most, or what one neutral face in a hundred exceeds, if that is more. Printed by
# benchmarks/facs_levels.py from 4,509 photographs of 1,984 people: aggregates, no one's own.
LEVELS: dict[str, tuple[float, float]] = {
    "browInnerUp": (0.368, 0.821),
    "browOuterUp": (0.382, 0.759),
    "browDown": (0.536, 0.832),
    "eyeWide": (0.034, 0.114),
    "eyeSquint": (0.606, 0.737),
    "mouthUpperUp": (0.025, 0.637),
    "mouthSmile": (0.102, 0.911),
    "mouthFrown": (0.062, 0.304),
    "mouthShrugLower": (0.105, 0.601),
    "mouthStretch": (0.075, 0.396),
    "mouthFunnel": (0.012, 0.055),
    "mouthPress": (0.181, 0.42),
    "mouthLowerDown": (0.191, 0.826),
    "jawOpen": (0.187, 0.51),
    "eyeLookDown": (0.435, 0.756),
    "eyeBlink": (0.31, 0.598),
}


def rules() -> list[dict[str, str]]:
    """Every rule with its source: label, published, measured, may_lack, and the full source."""
    return [
        {
            "label": rule.label,
            "published": rule.published,
            "measured": _sum(rule.units),
            "may_lack": ", ".join(f"AU{unit}" for unit in rule.may_lack),
            "sources": ", ".join(rule.sources),
            "full_sources": "; ".join(SOURCES[key] for key in rule.sources),
        }
        for rule in RULES
    ]


def rules_text() -> str:
    """The rules to be read in a terminal: a line each, then the sources in full."""
    lines = [CAUTION, ""]
    for rule in RULES:
        lacking = f", or without one of {_sum(rule.may_lack, ' ')}" if rule.may_lack else ""
        lines.append(
            f"{rule.label:9} {_sum(rule.units) + lacking}: {rule.published} "
            f"({', '.join(rule.sources)})"
        )
    lines += ["", *(f"{label:9} not with {_sum(units, ' ')}" for label, units in AGAINST.items())]
    lines += ["", CHOSEN, "", REPRINTED]
    return "\n".join([*lines, "", *(f"{key}: {text}" for key, text in SOURCES.items())]) + "\n"


def rules_markdown() -> str:
    """The rules, the mapping and the sources as Markdown tables."""
    parts = [f"{CAUTION}\n", "## Rules\n"]
    parts.append("| label | units | as published | source |\n|---|---|---|---|")
    for rule in RULES:
        lacking = f", or without one of {_sum(rule.may_lack, ' ')}" if rule.may_lack else ""
        parts.append(
            f"| {rule.label} | {_sum(rule.units)}{lacking} | {_escaped(rule.published)} | "
            f"{', '.join(rule.sources)} |"
        )
    parts.append(
        "\nUnits that speak against a label: none of its rules above has them, and they mark "
        "another emotion or pull against its own units. No source prints this list: it is mien's.\n"
    )
    parts.append("| label | against it |\n|---|---|")
    parts += [f"| {label} | {_sum(units, ' ')} |" for label, units in AGAINST.items()]
    parts.append("\nPublished and not used:\n")
    parts += [f"- {_escaped(reason)}" for reason in NOT_USED]
    parts.append("\n## Action units and blendshapes\n")
    parts.append(
        "A blendshape is the mean of its two sides. Zero and full are its values at which "
        "a unit counts 0 and 1.\n"
    )
    parts.append("| unit | movement | blendshapes: zero, full | note |\n|---|---|---|---|")
    parts += [_unit_row(unit) for unit in ACTION_UNITS]
    parts += [f"| AU{number} | | not measured | {why} |" for number, why in NOT_MEASURED.items()]
    parts.append("\nMapping: Ozel and ARKit; the model that estimates blendshapes: GHUM.\n")
    parts.append(f"## What was chosen\n\n{CHOSEN}\n")
    parts.append(f"## Sources\n\n{REPRINTED}\n")
    parts += [f"- **{key}**: {text}" for key, text in SOURCES.items()]
    return "\n".join(parts) + "\n"


def _sum(units: tuple[int, ...], between: str = "+") -> str:
    return between.join(f"AU{unit}" for unit in units)


def _escaped(text: str) -> str:
    return text.replace("*", r"\*")


def _unit_row(unit: ActionUnit) -> str:
    shown = "; ".join(
        "{} {}, {}".format(name, *(f"{level:g}" for level in LEVELS[name]))
        for name in unit.blendshapes
    )
    return f"| {unit.name} | {unit.meaning} | {shown} | {unit.note} |"
