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
_WIDTHS = (0.025, 0.115, 0.06, 0.09, 0.06, 0.055, 0.06, 0.535)
_ROW_SHARE = 0.085  # of the height of a table of ALERTS_SHOWN, a row
_GAP_SHARE = 0.03  # and below the axis above it
_MOST_EVIDENCE = 96  # characters that fit into their column


def table_share(count: int) -> float:
    """How much of a full table's height so many alerts need, 0-1.

    >>> table_share(0) < table_share(3) < table_share(9) < table_share(99)
    True
    """
    rows = max(min(count, ALERTS_SHOWN) + 1, 2)
    return 1.0 if count > ALERTS_SHOWN else _GAP_SHARE + _ROW_SHARE * rows


def draw_table(axes: Axes, numbered: list[tuple[int, Record]]) -> None:
    """The alerts in words. Those that do not fit are counted."""
    axes.axis("off")
    if not numbered:
        axes.text(0, 0.5, "No alert.", fontsize=9, color=INK)
        return
    shown = _most_urgent(numbered)
    rows = [_row(number, record) for number, record in shown]
    share = table_share(len(numbered))
    height, top = _ROW_SHARE * (len(rows) + 1) / share, 1 - _GAP_SHARE / share
    table = axes.table(
        cellText=rows,
        colLabels=_HEADS,
        colWidths=_WIDTHS,
        cellLoc="left", bbox=Bbox.from_bounds(0, top - height, 1, height), edges="horizontal",
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
        axes.text(0, top - 0.06 - height, text, fontsize=7.5, color=SOFT, transform=axes.transAxes)


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
            told.append(f"{term.name} {term.value:.2g} ≥ {term.limit:g} +{term.weight}")
        else:
            told.append(f"{_plain(term.value)} {term.unit}")
    back = f" (back {record.reopened}×)" if record.reopened else ""
    score = "" if record.evidence.score is None else f"score {record.evidence.score}{back}: "
    moved = ", ".join(name for name, _ in record.evidence.regions)
    text = score + ", ".join(told)
    most = f"{text}; moved most: {moved}"
    return most if moved and len(most) <= _MOST_EVIDENCE else text


def _plain(value: float) -> str:
    """
    >>> _plain(12.5), _plain(-1_700_000_000.0)
    ('12.5', '-1,700,000,000')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
