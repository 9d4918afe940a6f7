"""Requests to web services: repeated while a service is busy, careful with credentials.

Only the standard library is needed. No error names a whole address: the storage
behind a service signs its addresses, and a signature is a key.
"""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse, InvalidURL
from typing import IO, Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

import mien
from mien.errors import InputError
from mien.files import redacted, without_credentials

REPLY_BYTES = 1 << 20  # an answer that is no file is shorter
SAID_CHARACTERS = 200  # of what a service says about its refusal
BUSY = frozenset({408, 429, 500, 502, 503, 504})
KEPT_ACROSS_HOSTS = frozenset({"range", "user-agent", "accept", "content-type"})

Answer = TypeVar("Answer")


class NotAvailable(InputError):
    """A file that its source does not give, or gives with other bytes."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status  # the HTTP status, where that is the reason


class Unreachable(InputError):
    """A service that does not answer, however often it is asked."""


class TryAgain(Exception):
    """A service is busy or the connection broke: the same request may succeed later."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Patience:
    """How long to go on asking a service that does not answer."""

    attempts: int = 5  # in a row that bring no byte
    first_wait_s: float = 1.0  # doubled after each attempt
    longest_wait_s: float = 60.0  # a service that asks for more is left alone
    timeout_s: float = 30.0  # without a byte


def ask(
    address: str,
    *,
    patience: Patience,
    headers: Mapping[str, str] | None = None,
    data: bytes | None = None,
) -> bytes:
    """A service's short answer; with `data` the question is posted.

    Raises NotAvailable when the service refuses, Unreachable when it does not answer.
    """

    def once() -> bytes:
        with opened(address, headers=headers or {}, patience=patience, data=data) as response:
            return read(response, REPLY_BYTES)

    return retried(once, address, patience=patience)


def retried(call: Callable[[], Answer], address: str, *, patience: Patience) -> Answer:
    """The answer of a call that may raise TryAgain. Raises Unreachable after the last attempt."""
    failures = 0
    while True:
        try:
            return call()
        except TryAgain as error:
            failures += 1
            pause(error, failures=failures, address=address, patience=patience)


def pause(error: TryAgain, *, failures: int, address: str, patience: Patience) -> None:
    """Wait before the next attempt, or raise Unreachable when there shall be none."""
    asked_s = error.retry_after_s or 0.0
    if asked_s > patience.longest_wait_s:
        raise Unreachable(
            f"{host_of(address)} {error} and asks to wait {asked_s:.0f} s: run the same command "
            "again then"
        ) from error
    if failures >= patience.attempts:
        raise Unreachable(
            f"{host_of(address)} {error}, {failures} times in a row: check the network and any "
            "proxy (HTTPS_PROXY), then run the same command again; it goes on from there"
        ) from error
    backoff_s = patience.first_wait_s * 2 ** (failures - 1)
    time.sleep(min(max(asked_s, backoff_s), patience.longest_wait_s))


def retry_after_s(header: str | None) -> float | None:
    """The wait that a Retry-After header asks for, in seconds or as a date.

    >>> retry_after_s("120"), retry_after_s("soon"), retry_after_s(None)
    (120.0, None, None)
    """
    given = (header or "").strip()
    if given.isdecimal():
        return float(given)
    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    return None


def check_step(address: str, *, since: str) -> None:
    """Refuse an address that is no web address, leaves HTTPS or holds a password.

    since: the address whose answer named it; for a first address, itself.
    """
    allowed = {"https"} if urlsplit(since).scheme == "https" else {"http", "https"}
    parts = urlsplit(address)
    if parts.scheme not in allowed or "@" in parts.netloc:
        raise NotAvailable(
            f"{host_of(since)} leads to {without_credentials(address)}, which is not an "
            f"{' or '.join(sorted(allowed))} address without a user name: refused"
        )


def host_of(address: str) -> str:
    """The host of an address, to be shown.

    >>> host_of("https://user:password@hub.example:8443/x?signature=abc")
    'hub.example:8443'
    """
    return without_credentials(address).partition("://")[2].partition("/")[0]


@contextmanager
def opened(
    address: str, *, headers: Mapping[str, str], patience: Patience, data: bytes | None = None
) -> Iterator[HTTPResponse]:
    """A service's answer, to be read with `read`.

    Raises TryAgain where the same request may succeed later, NotAvailable where
    it will not, Unreachable for a certificate that cannot be verified.
    """
    try:
        check_step(address, since=address)
        agent = {"User-Agent": f"mien/{mien.__version__}"}
        request = Request(address, data=data, headers={**agent, **headers})
        response = _opener().open(request, timeout=patience.timeout_s)
    except HTTPError as error:
        with error:
            raise _refusal(address, error) from None
    except (ValueError, InvalidURL):  # before HTTPException, which InvalidURL is; its text has all
        raise NotAvailable(f"{without_credentials(address)} cannot be asked for") from None
    except (OSError, HTTPException) as error:
        raise _no_answer(address, error) from None
    with response:
        yield response


def read(response: HTTPResponse, size: int) -> bytes:
    """Up to `size` bytes of an answer. Raises TryAgain when the connection breaks."""
    try:
        return response.read(size)
    except (OSError, HTTPException) as error:
        raise TryAgain(f"cut the connection ({reason(error)})") from error


def _opener() -> OpenerDirector:
    """Only the web: urllib's own opener would read a file:// address that an answer names."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


class _Redirects(HTTPRedirectHandler):
    """Redirects with the same method. No credential goes to another host, as urllib's would."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request:
        fp.close()
        check_step(newurl, since=req.full_url)
        kept = req.headers
        if urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            kept = {name: text for name, text in kept.items() if name.lower() in KEPT_ACROSS_HOSTS}
        return Request(newurl, data=req.data, headers=kept, method=req.get_method())


def _refusal(address: str, error: HTTPError) -> Exception:
    if error.code in BUSY:
        wait_s = retry_after_s(error.headers["Retry-After"])
        return TryAgain(f"answers {error.code}", retry_after_s=wait_s)
    shown = without_credentials(address)
    return NotAvailable(f"{shown} answers {error.code}{_said(error)}", status=error.code)


def _said(error: HTTPError) -> str:
    """What a service's JSON says about its refusal, for one line."""
    with suppress(OSError, HTTPException, ValueError, AttributeError):
        reply = json.loads(error.read(REPLY_BYTES))
        text = " ".join(str(reply.get("message") or reply.get("error") or "").split())
        return f": {redacted(text)[:SAID_CHARACTERS]}" if text else ""
    return ""


def _no_answer(address: str, error: Exception) -> Exception:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Unreachable(
            f"{host_of(address)} shows a certificate that cannot be verified: behind an inspecting "
            "proxy name its certificates in SSL_CERT_FILE; with python.org's Python on a Mac run "
            "its Install Certificates.command"
        )
    return TryAgain(f"cannot be reached ({reason(cause)})")


def reason(cause: object) -> str:
    """Why a connection failed, for one line.

    >>> reason(OSError("[Errno 111] Connection refused")), reason(TimeoutError())
    ('Connection refused', 'TimeoutError')
    """
    text = str(getattr(cause, "strerror", None) or cause or "") or type(cause).__name__
    return redacted(" ".join(re.sub(r"^\[Errno -?[0-9]+\]", "", text).split()))
