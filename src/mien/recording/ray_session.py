"""A stay in a Ray cluster: joined or started here, quiet, and left again.

Ray's usage statistics are off in what this process starts. A cluster that
somebody else started keeps the setting that it was started with.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from mien.errors import InputError, missing_extra

RAY_SWITCHES = {  # in the environment: Ray reads them at import, and when it starts a process
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run` it would upload the working folder
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # one clip's error is told; the same of others is not
}
NOBODY_ANSWERS = {  # statistics off, Ray still asks cloud metadata servers which cloud this is
    "http_proxy": "http://127.0.0.1:9",
    "no_proxy": "",
    "NO_PROXY": "",
}
_CONNECT_S = 5.0
_WAITS_S = (1.0, 3.0)  # between attempts


@contextmanager
def ray_session(address: str) -> Iterator[Any]:
    """Ray, joined to the cluster for a while. What it raises itself is an InputError."""
    _check_answers(address)
    with _environment(RAY_SWITCHES):
        ray = _import_ray()
        if ray.is_initialized():
            raise InputError("this process has joined a Ray cluster: call ray.shutdown() first")
        ray._private.worker._worker_logs_enabled = False  # a dead node's log would be on stdout
        try:
            _join(ray, address)
            yield ray
        except (ray.exceptions.RayError, ConnectionError) as error:
            raise InputError(
                f"the Ray cluster at {address} failed: {_first_line(error)}; finished clips are "
                "kept: run the same command again to go on"
            ) from error
        finally:
            ray.shutdown()
            ray._private.worker._worker_logs_enabled = True


def _join(ray: Any, address: str) -> None:
    quiet = {"log_to_driver": False, "logging_level": "CRITICAL"}
    try:
        if address == "local":
            _start_here(ray, quiet)
        else:
            _connect(ray, address, quiet)
    except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(address, _first_line(error)) from error


def _connect(ray: Any, address: str, quiet: dict[str, Any]) -> None:
    """Again where the server that the cluster starts for each client died while it started."""
    for wait_s in (*_WAITS_S, None):
        try:
            ray.init(address, **quiet)
            return
        except ConnectionAbortedError:
            ray.shutdown()
            if wait_s is None:
                raise
            time.sleep(wait_s)


def _start_here(ray: Any, quiet: dict[str, Any]) -> None:
    constants = ray._private.ray_constants
    usual = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = False  # as on Windows: listen on the loopback address alone
    try:
        token = {"RAY_AUTH_TOKEN": secrets.token_hex(32)}  # else one is left in the home folder
        with _environment(NOBODY_ANSWERS | token):
            ray.init("local", include_dashboard=False, **quiet)
    finally:
        constants.ENABLE_RAY_CLUSTER = usual


@contextmanager
def _environment(switches: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in switches}
    os.environ.update(switches)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise missing_extra("mien extract --cluster", "cluster", "ray") from error
    return ray


def _check_answers(address: str) -> None:
    """Try the port first: Ray itself would try for minutes, and then end this process."""
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS", address)
    if address in ("auto", "local"):
        return
    try:
        place = urlsplit(address if "://" in address else f"//{address}")
        host, port = place.hostname, place.port
    except ValueError:
        host = port = None
    if not host or not port or place.scheme not in ("", "ray"):
        raise InputError(f"a cluster is auto, host:port, ray://host:port or local, got {address!r}")
    try:
        socket.create_connection((host, port), timeout=_CONNECT_S).close()
    except OSError as error:
        raise _no_cluster(address, error.strerror or str(error)) from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _no_cluster(address: str, reason: str) -> InputError:
    return InputError(
        f"no Ray cluster to use at {address}: {reason}. Start one with `ray start --head`, name "
        "its host:port and set RAY_AUTH_MODE as its nodes have it; or use --cluster local"
    )
