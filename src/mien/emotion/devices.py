"""Where a network is fitted, and in how many threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mien.errors import InputError


def chosen_device(asked: str) -> str:
    """The device cuda or cpu; auto is the GPU where there is one.

    Raises InputError when there is none and it was asked for.
    """
    has_gpu = torch.cuda.is_available()
    if asked == "cuda" and not has_gpu:
        raise InputError("torch finds no CUDA GPU here: use the device auto or cpu")
    return "cuda" if has_gpu and asked != "cpu" else "cpu"


def has_bfloat16(device: str) -> bool:
    """Whether the processor multiplies bfloat16 itself: there it is 1.6 times as fast
    (benchmarks/results/full_size.txt), elsewhere slower than float32."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch names them so itself
    return any(getattr(torch.cpu, name, lambda: False)() for name in asked)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work in one thread meanwhile: a sum over several depends on how many they are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
