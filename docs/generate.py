"""Write the pages of docs that follow from the code: see PAGES.

    .venv/bin/python docs/generate.py

`tests/test_docs.py` fails when they are stale.
"""

import re
from pathlib import Path
from typing import Any

import typer

from mien.cli import app
from mien.config import ExtractSettings, Settings, TrainSettings
from mien.corpora.index import CLIP_COLUMNS, EMOTION_COLUMNS, SUBJECT_COLUMNS
from mien.corpora.labels import ALIASES, SEPARATOR, UNKNOWN
from mien.emotion.facs import rules_markdown
from mien.emotion.prediction_table import CLIP_MEANINGS, FRAME_MEANINGS
from mien.monitor.settings import JournalSettings, PipelineSettings
from mien.risk.action_units import (
    CHOSEN,
    CLOSED,
    CLOSING,
    CURVE,
    HIGH,
    LEVELS,
    LID_BEYOND,
    MEASURES,
    NEUTRAL,
    UNIT_TABLE,
)
from mien.risk.action_units import SOURCES as UNIT_SOURCES
from mien.risk.settings import (
    AlertSettings,
    AppraisalSettings,
    ConditionSettings,
    SignalSettings,
)
from mien.tables import COLUMN_MEANINGS, COLUMN_TYPES, SCHEMA_VERSION

DOCS = Path(__file__).parent
WATCH = (
    SignalSettings,
    AppraisalSettings,
    ConditionSettings,
    AlertSettings,
    JournalSettings,
    PipelineSettings,
)
MADE = "<!-- made by docs/generate.py: edit the code instead -->\n\n"


def data_page() -> str:
    lines = [
        "# The landmark table",
        "",
        f"Schema version {SCHEMA_VERSION}, Parquet or CSV, the public data set's own columns. One "
        "row a frame; with several faces one row a face. The key is (`video_filename`, "
        "`frame_num`, `face_id` if present).",
        "",
        "| column | type | meaning |",
        "|---|---|---|",
    ]
    for name, meaning in COLUMN_MEANINGS.items():
        kind = str(COLUMN_TYPES[name.split(" ")[0]])
        kind = {"float": "float32", "double": "float64"}.get(kind, kind)  # Arrow's older names
        lines.append(f"| `{name}` | {kind} | {meaning} |")
    return "\n".join(lines) + (
        "\n\nfloat32 is written; float32 and float64 are read, in any column order, with other "
        "columns kept. A frame without a face is a row whose points are null and whose `presence` "
        "is 0: never dropped, never zeros. A row whose points are all NaN, as pandas writes null, "
        "is read the same. In CSV an empty cell is null; in text columns `NA` and `null` are text. "
        "Geometry first undoes the scaling by axis: x and z times the width, y "
        "times the height.\n\nParquet that `mien extract` writes carries, under the metadata key "
        "`mien`, the schema version, the extractor, the SHA-256 of its model, the settings, and "
        "each clip's size, time and a digest of its place, so that the same command adds what is "
        "new. No path and no credential is stored.\n\n## Label files\n\nA CSV with a clip column (`"
        + "`, `".join(CLIP_COLUMNS)
        + "`), an emotion column (`"
        + "`, `".join(EMOTION_COLUMNS)
        + "`), a subject column (`"
        + "`, `".join(SUBJECT_COLUMNS)
        + "`), or both of the latter, in any case. A row that names a folder labels that path "
        "only; one that does not labels the clips of that name in every folder. Rows that "
        "contradict each other are refused. Clips that the file lacks are labelled by CREMA-D's "
        "and RAVDESS's file names. Labels take one vocabulary: "
        + "; ".join(f"{label} ({', '.join(spellings)})" for label, spellings in ALIASES.items())
        + "; others are kept as they are. No model learns from a label that holds "
        f"`{SEPARATOR}` or reads `{UNKNOWN}`: predictions could not tell it from a set of labels, "
        "or from no answer.\n"
        + _meanings("Predictions: a row a frame", FRAME_MEANINGS)
        + _meanings("… and a row a clip", CLIP_MEANINGS)
    )


def _meanings(title: str, meanings: dict[str, str]) -> str:
    rows = [f"| `{name}` | {text.replace('|', chr(92) + '|')} |" for name, text in meanings.items()]
    return "\n".join(["", f"## {title}", "", "| column | meaning |", "|---|---|", *rows, ""])


def settings_page() -> str:
    parts = ["# Settings\n"]
    for kind in (ExtractSettings, TrainSettings, *WATCH):
        parts.append(f"## {kind.__name__}\n\n{_first_line(kind)}\n")
        parts.append("| setting | default | meaning |\n|---|---|---|")
        parts += [
            f"| `{name}` | {field.default} | {field.description} |"
            for name, field in kind.model_fields.items()
        ]
        parts.append("")
    return "\n".join(parts)


def cli_page() -> str:
    group: Any = typer.main.get_command(app)
    parts = [
        "# The command\n",
        "Exit codes: 0 done, 2 wrong use or input, 3 done but for the "
        "failures listed, 130 stopped by Ctrl-C.\n",
    ]
    for name, verb in group.commands.items():
        parts.append(f"## mien {name}\n\n{_unindented(verb.help)}\n")
        parts.append("| option | default | |\n|---|---|---|")
        for parameter in verb.params:
            shown = parameter.metavar or parameter.name
            spellings = [*parameter.opts, *parameter.secondary_opts]
            names = ", ".join(f"`{n}`" for n in spellings if n.startswith("-")) or f"`{shown}`"
            default = "" if parameter.default is None or parameter.required else parameter.default
            parts.append(f"| {names} | {default} | {getattr(parameter, 'help', '') or ''} |")
        parts.append("")
    return "\n".join(parts)


def _first_line(kind: type[Settings]) -> str:
    return (kind.__doc__ or "").splitlines()[0]


def _unindented(text: str) -> str:
    """A docstring at the margin, its example commands as code."""
    text = re.sub(r"\n {4}", "\n", text.replace("\x0c", "")).strip()
    return re.sub(r"(?m)^ *(mien .*)$", r"    \1", text)


RESULTS = DOCS.parent / "benchmarks" / "results"


def facs_page() -> str:
    scores = (RESULTS / "facs_levels.txt").read_text("utf-8")
    scores = scores[scores.index("measured on") :]
    return (
        "# facs: emotions by published rules\n\n"
        "`facs` needs no training. It reads the 52 blendshapes of a face as action units of the "
        "Facial Action Coding System (FACS), 0-1, and asks how much of every published "
        "combination is there: the geometric mean of its units (with 0.1 added to each, so that "
        "one unit that was not seen does not silence the rest). A label has the evidence of its "
        "strongest rule, less half of the strongest unit that speaks against it. Neutral has a "
        "fixed evidence of 0.15, which a rule must exceed. A softmax at a temperature of 0.05 "
        "makes probabilities of it.\n\n" + rules_markdown() + "\n## Scores\n\n"
        "On photographs of the public repository muxspace/facial_expressions, labelled by "
        "students. The first half of the people is the one that the choices above were made on; "
        "the second is nearer to what other people will give. Balanced over five: Neutral, Happy, "
        "Surprise, Angry and Sad, "
        "the labels of 80 people or more. Printed by `benchmarks/facs_levels.py`.\n\n"
        "```\n" + scores + "```\n"
    )


def action_units_page() -> str:
    results = (RESULTS / "neutral_faces.txt").read_text("utf-8")
    parts = [
        "# Action units and P\n",
        "P, the PSPI proxy of the watch, is AU4 + the larger of AU6 and AU7 + the larger of AU9 "
        "and AU10 + 1 with the eyes closed (PSPI); the eyes count only beside AU4, AU6 or AU7 of "
        "1 or more, else it is sleep, and AU10 does not while the mouth speaks. It describes what "
        "is seen: it is no pain score.\n",
        "| unit | movement | mean of | 0 and 5 at | 0 with eyes shut | how well | sources |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, unit in UNIT_TABLE.items():
        means = ", ".join(f"`{measure}`" for measure in unit.measures)
        levels = " and ".join(f"{level:g}" for level in LEVELS[name])
        parts.append(
            f"| AU{unit.number} | {unit.meaning} | {means} | {levels} | "
            f"{LEVELS[name][0] + CLOSING[name]:.4g} | {unit.estimate} | {', '.join(unit.sources)} |"
        )
    parts += [
        "\nEach measure is counted from its median in neutral faces (0) in steps to their "
        f"{HIGH}th percentile (1); what a full smile adds by itself is taken off first, in "
        "proportion to the smile. `lower_lid` counts no further than `eye_squint` and "
        f"{LID_BEYOND:g}: a lid that closes lifts the lower one too. A unit is 0 where its mean is "
        f"at the {HIGH}th percentile of neutral faces whose eyes are as far shut, and grows as the "
        f"power {CURVE:g} of the way to 5. Closed eyes are an AU43 of {CLOSED:g} or more. Heights "
        "are in distances of the outer eye corners, with the head's pose taken out.\n",
        "| measure | of | median | 90th percentile | a smile adds |",
        "|---|---|---|---|---|",
    ]
    for name, measure in MEASURES.items():
        middle, high, smile = NEUTRAL[name]
        parts.append(f"| `{name}` | {measure.meaning} | {middle:g} | {high:g} | {smile:g} |")
    parts.append(f"\n{CHOSEN}\n\n## Sources\n")
    parts += [f"- **{key}**: {text}" for key, text in UNIT_SOURCES.items()]
    shown = results[results.index("measured on:") :]
    return "\n".join(parts) + (
        "\n\n## What it gives\n\nOn photographs of the public repository "
        "muxspace/facial_expressions, labelled by students, on the packaged clips and on "
        f"parametric people. Printed by `benchmarks/neutral_faces.py`.\n\n```\n{shown}```\n"
    )


PAGES = {
    "action-units.md": action_units_page,
    "data.md": data_page,
    "settings.md": settings_page,
    "cli.md": cli_page,
    "facs.md": facs_page,
}


def main() -> None:
    for name, page in PAGES.items():
        (DOCS / name).write_text(MADE + page(), encoding="utf-8")


if __name__ == "__main__":
    main()
