"""A network that is fitted: its weights by name, its probabilities, its graph.

Shapes: N rows, F values a row, C classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from mien.emotion.batches import RowSource, rows_of
from mien.emotion.training import CHUNK_ROWS

Axes = Mapping[str, Mapping[int, str]]  # a graph's inputs and outputs: those of any length

_OF_ROWS: Axes = {"features": {0: "rows"}, "probabilities": {0: "rows"}}


def weights_of(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """Each layer's weights and constants, by name."""
    return {name: value.numpy().copy() for name, value in network.state_dict().items()}


def take_weights(network: torch.nn.Module, weights: Mapping[str, np.ndarray]) -> None:
    """Make it the fitted network whose weights_of these are, ready to answer."""
    network.load_state_dict(
        {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}, strict=True
    )
    network.eval()


def row_probabilities(network: torch.nn.Module, X: RowSource, *, class_count: int) -> np.ndarray:
    """(N, C) float32 from class scores of X (N, F), a chunk at a time."""
    X = rows_of(X)
    found = np.empty((X.shape[0], class_count), np.float32)
    with torch.inference_mode():
        for start in range(0, len(found), CHUNK_ROWS):
            some = np.ascontiguousarray(X[start : start + CHUNK_ROWS], np.float32)
            scores = network(torch.from_numpy(some))
            found[start : start + len(some)] = torch.softmax(scores, dim=1).numpy()
    return found


def write_onnx(network: torch.nn.Module, path: Path, *, value_count: int) -> None:
    """Export a network of class scores with softmax in the graph; any number of rows."""
    graph = torch.nn.Sequential(network, torch.nn.Softmax(dim=1))
    export(graph, path, sample_shape=(2, value_count))


def export(
    graph: torch.nn.Module,
    path: Path,
    *,
    sample_shape: tuple[int, ...],
    axes: Axes = _OF_ROWS,
    opset_version: int | None = None,
) -> None:
    """Export a graph as it is. axes: first what goes in, then what comes out, in order.

    sample_shape: of zeros that are sent through it once. opset_version: None: torch's own.
    """
    with warnings.catch_warnings():
        # The exporter that torch now prefers writes this machine's paths into the file.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            graph.eval(),
            (torch.zeros(*sample_shape),),
            str(path),
            input_names=[*axes][:1],
            output_names=[*axes][1:],
            dynamic_axes={name: dict(lengths) for name, lengths in axes.items()},
            opset_version=opset_version,
            dynamo=False,
        )
