"""Write report.html again, from the folder of a training or an evaluation."""

from __future__ import annotations

from pathlib import Path

from mien.errors import InputError
from mien.files import replacing


def report(folder: str | Path, *, out: str | Path | None = None) -> Path:
    """Render report.html from metrics.json and the figures beside it. Returns its path.

    out: where to write; by default report.html in the folder.
    Raises InputError when the folder is not one that mien train or evaluate wrote.
    """
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
    with replacing(path) as temporary:
        temporary.write_text(render(results, figures=figures), encoding="utf-8")
    return path
