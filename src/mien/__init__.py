"""mien: face video to landmarks, landmarks to emotion probabilities. Research use only.

Each verb of the command is a function here with the same name and options:

    import mien

    mien.extract(["clips"], "landmarks.parquet")
    mien.train("landmarks.parquet", out="model", recipe="seed")

They are imported when they are first used, so that `import mien` is quick and
needs no extra.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {  # name -> the module that it lives in
    "cache": "mien.workflows.cache",
    "convert": "mien.workflows.convert",
    "demo": "mien.workflows.demo",
    "evaluate": "mien.workflows.evaluate",
    "evaluate_alarms": "mien.workflows.evaluate_alarms",
    "explain": "mien.workflows.explain",
    "extract": "mien.workflows.extract",
    "features": "mien.workflows.features",
    "fetch": "mien.workflows.fetch",
    "inspect": "mien.workflows.inspect",
    "overlay": "mien.workflows.overlay",
    "predict": "mien.workflows.predict",
    "read_landmarks": "mien.tables",
    "record": "mien.workflows.extract",
    "replay": "mien.workflows.replay",
    "report": "mien.workflows.report",
    "simulate": "mien.workflows.simulate",
    "simulate_stay": "mien.workflows.simulate_stay",
    "train": "mien.workflows.train",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"mien has no {name!r}: it has {', '.join(_HOMES)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
