"""The alerts of a stay as a table: when, what, and the evidence there was."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from mien.evaluation.canvas import FAINT, INK, SOFT
from mien.risk.events import Record
from mien.risk.evidence import TERMS
from mien.risk.words import moment

ALERTS_SHOWN = 9
_HEADS = ("", "onset", "lasted", "rule", "priority", "now", "top score", "evidence at onset")
_ROW_SHARE = 0.085  # of the table's height, a row


def draw_table(axes: Axes, numbered: list[tuple[int, Record]]) -> None:
    """The alerts in words. Those that do not fit are counted."""
    axes.axis("off")
    if not numbered:
        axes.text(0, 0.8, "No alert.", fontsize=9, color=INK)
        return
    shown = _most_urgent(numbered)
    rows = [_row(number, record) for number, record in shown]
    height = _ROW_SHARE * (len(rows) + 1)
    table = axes.table(
        cellText=rows,
        colLabels=_HEADS,
        colWidths=[0.025, 0.09, 0.06, 0.1, 0.065, 0.06, 0.06, 0.54],
        cellLoc="left", bbox=Bbox.from_bounds(0, 0.97 - height, 1, height), edges="horizontal",
    )  # fmt: skip
    table.auto_set_font_size(False)
    table.set_fontsize(7.2)
    for cell in table.get_celld().values():
        cell.set_edgecolor(FAINT)
        cell.PAD = 0.01
        cell.get_text().set_horizontalalignment("left")
        cell.get_text().set_parse_math(False)
    if len(shown) < len(numbered):
        text = f"and {len(numbered) - len(shown)} more alerts, of lower priority or later"
        axes.text(0, 0.9 - height, text, fontsize=7.5, color=SOFT, transform=axes.transAxes)


def _most_urgent(numbered: list[tuple[int, Record]]) -> list[tuple[int, Record]]:
    """As many as fit, the highest first chosen; in the order of their onsets."""
    ranks = {"HIGH": 0, "MEDIUM": 1, "LOW": 2}
    by_rank = sorted(numbered, key=lambda one: (ranks.get(one[1].priority, 3), one[0]))
    return sorted(by_rank[:ALERTS_SHOWN])


def _row(number: int, record: Record) -> list[str]:
    lasted = "-" if record.cleared_ms is None else moment(record.cleared_ms - record.onset_ms)
    score = "-" if record.score is None else str(record.score)
    return [
        str(number), moment(record.onset_ms), lasted, record.rule, record.priority, record.shown,
        score, _evidence(record),
    ]  # fmt: skip


def _evidence(record: Record) -> str:
    """Terms that added something, with value and weight; of a technical one what was measured."""
    if record.evidence is None:
        return ""
    told = []
    for term in record.evidence.terms:
        if term.value is None or (term.name in TERMS and not term.weight):
            continue
        if term.name in TERMS:
            told.append(f"{term.name} {term.value:.2g} ≥ {term.limit:g}: +{term.weight}")
        else:
            told.append(f"{term.value:g} {term.unit}")
    moved = ", ".join(name for name, _ in record.evidence.regions)
    score = "" if record.evidence.score is None else f"score {record.evidence.score}: "
    back = f"; back {record.reopened}×" if record.reopened else ""
    return score + "; ".join(told) + (f"; moved most: {moved}" if moved else "") + back
