"""The command `mien`: each verb parses, calls one workflow, prints.

Exit codes: 0 done, 2 wrong use or input, 3 done but for the failures listed.
"""

from mien.cli import recordings, tables, simulation, models, watch  # isort: skip  # in the order of --help
from mien.cli.base import app, main

__all__ = ["app", "main", "models", "recordings", "simulation", "tables", "watch"]
