"""Write report.html and model_card.md again, from the folder of a training or an evaluation."""

from __future__ import annotations

from pathlib import Path

from mien.errors import InputError
from mien.files import replacing


def report(folder: str | Path, *, out: str | Path | None = None) -> Path:
    """Render report.html and model_card.md from metrics.json and the figures beside it.

    out: where to write the page alone; by default page and card go into the folder.
    Returns the page's path. Raises InputError when the folder is not one that mien
    train or evaluate wrote.
    """
    from mien.evaluation.model_card import render_card
    from mien.evaluation.report import FIGURES, render
    from mien.evaluation.results import load_results

    results = load_results(folder)
    figures = {
        name: (Path(folder) / f"{name}.png").read_bytes()
        for name in FIGURES
        if (Path(folder) / f"{name}.png").is_file()
    }
    path = Path(folder) / "report.html" if out is None else Path(out)
    if path.is_dir():
        raise InputError(f"{path} is a folder: give the name of a page in it, such as report.html")
    pages = {path: render(results, figures=figures)}
    if out is None:
        pages[Path(folder) / "model_card.md"] = render_card(results)
    for target, text in pages.items():
        with replacing(target) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return path
