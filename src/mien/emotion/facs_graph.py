"""The rules of `facs` as a graph, for who serves every model through ONNX Runtime.

Only writing the graph needs torch. It follows facs.evidence line by line, and a test
holds the two together.

Shapes: N frames, B = 52 blendshapes, U action units, R variants of rules, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from mien.emotion.facs_rules import LABELS
from mien.emotion.facs_tables import (
    AGAINST_SHARE,
    NEUTRAL_EVIDENCE,
    SMILE,
    TABLES,
    TEMPERATURE,
    TOLERANCE,
)
from mien.emotion.fitted_network import export

_NEVER = -1e4  # evidence whose share after the softmax is 0


class FacsGraph(torch.nn.Module):
    """(N, 52) blendshapes to (N, C) probabilities of `labels`, in their order."""

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__()
        self.labels = labels
        self.tables = {
            name: torch.from_numpy(value.astype(np.float32 if value.dtype.kind == "f" else int))
            for name, value in TABLES.items()
        }

    def forward(self, blendshapes: torch.Tensor) -> torch.Tensor:
        tables = self.tables
        level = ((blendshapes @ tables["sides"] - tables["zero"]) / tables["span"]).clamp(0, 1)
        shown_by = tables["shown_by"]
        seen = torch.maximum(level[:, shown_by[:, 0]], level[:, shown_by[:, 1]])
        units = (seen - tables["less_smile"] * seen[:, [SMILE]]).clamp(min=0)
        strengths = torch.exp(torch.log(units + TOLERANCE) @ tables["variants"].T) - TOLERANCE
        found = torch.stack([self._evidence(c, units, strengths) for c in self.labels], dim=1)
        absent = torch.isnan(blendshapes).any(dim=1, keepdim=True)
        chances = torch.softmax(found / TEMPERATURE, dim=1)
        return torch.where(absent, torch.full_like(chances, torch.nan), chances)

    def _evidence(self, label: str, units: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
        if label == "Neutral" or label not in LABELS:
            fixed = NEUTRAL_EVIDENCE if label == "Neutral" else _NEVER
            return torch.full_like(units[:, 0], fixed)
        place = LABELS.index(label)
        speaking = np.flatnonzero(TABLES["speaks_for"] == place).tolist()
        denying = np.flatnonzero(TABLES["against"][place]).tolist()
        denied = units[:, denying].amax(dim=1)
        return strengths[:, speaking].amax(dim=1) - AGAINST_SHARE * denied


def write_onnx(path: Path, *, labels: Sequence[str]) -> None:
    """Export: `features` (N, 52) in, `probabilities` (N, C) out, in the order of labels."""
    export(FacsGraph(labels), path, sample_shape=(2, len(TABLES["sides"])))
