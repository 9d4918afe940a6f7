"""The public landmark table on the Hugging Face Hub: which file, its hash, licence and citation.

huggingface_hub lists the repository. It does not bring the bytes: since 1.18 it
begins an interrupted file anew (its issue 4196), so mien.corpora.downloads does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any, TypeVar

from mien.corpora.downloads import RemoteFile
from mien.corpora.web import BUSY, NotAvailable, Patience, TryAgain, reason, retried, retry_after_s
from mien.errors import InputError, missing_extra
from mien.files import without_credentials

REPOSITORY = "PSewmuthu/Optimized_Video_Facial_Landmarks"
NOT_STATED = "not stated in the data set's card: ask its author before use"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class PublicTable:
    """A file of the data set, and what its card says of licence and citation."""

    file: RemoteFile
    revision: str  # the commit
    licence: str
    citations: tuple[str, ...]


def find_table(
    *,
    csv: bool = False,
    revision: str | None = None,
    token: bool | str = False,
    endpoint: str | None = None,
    patience: Patience,
) -> PublicTable:
    """Find the table in the data set's listing: its one Parquet file, or its one CSV file.

    revision: branch, tag or commit; the newest when None. token: none is sent
    unless it is given, or True for the saved one. endpoint: another Hub, such as
    a mirror; HF_ENDPOINT when None.
    Raises NotAvailable when there is no such file or revision, Unreachable when
    the Hub does not answer, MissingExtraError without huggingface_hub.
    """
    hub = _hub()
    endpoint = (endpoint or hub.constants.ENDPOINT).rstrip("/")
    shown = f"{without_credentials(endpoint)}/datasets/{REPOSITORY}"
    secret = _secret(hub, token)
    info = _listing(hub, endpoint, shown, revision, secret, patience)
    if info.gated and not secret:
        raise NotAvailable(f"{shown} asks to accept its conditions: {_with_token(shown)}")
    found = _table_file(info, ".csv" if csv else ".parquet", shown)
    address = hub.hf_hub_url(
        REPOSITORY, found.rfilename, repo_type="dataset", revision=info.sha, endpoint=endpoint
    )
    name = PureWindowsPath(found.rfilename).name  # no folder, whichever slash it has
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    file = RemoteFile(name, address, found.lfs.size, found.lfs.sha256, headers)
    card = info.card_data.to_dict() if info.card_data else {}
    return PublicTable(file, info.sha, _licence(card), _citations(info, card, shown))


def _hub() -> Any:
    """huggingface_hub, which else would say in each request what is installed and who asks."""
    try:
        import huggingface_hub
        from huggingface_hub import constants
    except ImportError as error:
        raise missing_extra("mien fetch", "fetch", "huggingface_hub") from error
    constants.HF_HUB_DISABLE_TELEMETRY = True  # read at each call, unlike the variable
    return huggingface_hub


def _secret(hub: Any, token: bool | str) -> str | None:
    if not isinstance(token, bool):
        return token
    if not token:
        return None
    if saved := hub.get_token():
        return str(saved)
    raise InputError("no Hugging Face token is saved: hf auth login, or set HF_TOKEN")


def _with_token(shown: str) -> str:
    return f"log in and accept them at {shown}, then fetch with your token (--with-token)"


def _listing(
    hub: Any,
    endpoint: str,
    shown: str,
    revision: str | None,
    secret: str | None,
    patience: Patience,
) -> Any:
    def once() -> Any:
        return hub.HfApi(endpoint=endpoint).dataset_info(
            REPOSITORY,
            revision=revision,
            files_metadata=True,
            timeout=patience.timeout_s,
            token=secret or False,
        )

    return retried(lambda: _translated(once, shown, revision), shown, patience=patience)


def _translated(call: Callable[[], Answer], shown: str, revision: str | None) -> Answer:
    """A call to the Hub, its errors turned into mien's."""
    from huggingface_hub import errors

    try:
        return call()
    except errors.OfflineModeIsEnabled as error:
        raise InputError("HF_HUB_OFFLINE is set, so the Hub is not asked: unset it") from error
    except errors.RevisionNotFoundError as error:
        raise NotAvailable(f"{shown} has no revision {revision!r}", status=404) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status in BUSY:
            wait = error.response.headers.get("Retry-After")
            raise TryAgain(f"answers {status}", retry_after_s=retry_after_s(wait)) from error
        gone = "; is it gated or gone? " + _with_token(shown) if status in (401, 403, 404) else ""
        raise NotAvailable(f"{shown} answers {status}{gone}", status=status) from error
    except errors.HTTPError as error:  # its HTTP library's, whichever that is: no connection
        raise TryAgain(f"cannot be reached ({reason(error)})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise NotAvailable(f"{shown} gave no answer of the Hub's API") from error


def _table_file(info: Any, suffix: str, shown: str) -> Any:
    """The one file of a kind. Raises NotAvailable, naming what is there, when it is not one."""
    names = [file.rfilename for file in info.siblings or []]
    fitting = [file for file in info.siblings or [] if file.rfilename.lower().endswith(suffix)]
    if len(fitting) != 1:
        raise NotAvailable(
            f"{shown} has {len(fitting)} {suffix} files where one is wanted. It holds: "
            f"{', '.join(names) or 'nothing'}"
        )
    if fitting[0].lfs is None:
        raise NotAvailable(f"{shown} states no SHA-256 of {fitting[0].rfilename}: not fetched")
    return fitting[0]


def _licence(card: dict[str, Any]) -> str:
    stated = ", ".join(_texts(card.get("license"))) or NOT_STATED
    return f"{stated} (the points; the recordings behind them have terms of their own)"


def _citations(info: Any, card: dict[str, Any], shown: str) -> tuple[str, ...]:
    """The data set itself first, then what its card asks to cite."""
    dois = [f"doi:{tag[4:]}" for tag in info.tags or [] if tag.startswith("doi:")]
    title = " ".join(_texts(card.get("pretty_name"))) or info.id
    itself = [f"{info.author or info.id}. {title}. Hugging Face, revision {info.sha}. {shown}"]
    return ". ".join(itself + dois), *_texts(card.get("citation"))


def _texts(value: object) -> list[str]:
    """A card's field as lines of text, whether it holds one, several or none."""
    values = value if isinstance(value, list) else [value]
    return [" ".join(str(text).split()) for text in values if text]
