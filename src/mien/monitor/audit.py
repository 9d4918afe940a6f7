"""The audit chain: what was written, in which order, provable without what was written.

A commit is an entry of parts, a part a patient. A part's digest is of its content, keyed with a
random salt beside it; the entry's digest is of its parts' digests; its link is of the link
before, its place, its time and its digest. Content and salt can be erased, and every link still
follows from the one before; without the salt a digest says nothing about what it was of, so that
guessing a name does not help.

Every link stands on all before it. Whoever rewrites the end of the chain, or cuts it off, makes
another head than the one that was printed: keep heads where the store's keepers cannot write.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, insert, select

from mien.errors import InputError
from mien.monitor.schema import chain, meta, parts, subjects
from mien.risk.events import WARD
from mien.risk.lines import canonical_json

GENESIS = "0" * 64  # the link before the first

What = Literal["events", "note", "tombstone"]
Kind = Literal["events", "snapshot", "note", "tombstone"]


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends: entries so far and the last one's link.

    >>> Head.parse(str(Head(0, GENESIS))) == Head(0, GENESIS)
    True
    """

    position: int
    link: str  # 64 hexadecimal digits

    def __str__(self) -> str:
        return f"{self.position}:{self.link}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The head of a printed one. Raises InputError."""
        if not (found := re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text.strip())):
            raise InputError(
                f"a head of the log is its number of entries, a colon and 64 hexadecimal digits, "
                f"got {text[:100]!r}"
            )
        return cls(int(found[1]), found[2])


@dataclass(frozen=True, slots=True)
class Part:
    """What an entry says of one patient. content: canonical JSON, or a snapshot's text."""

    kind: Kind
    subject: str
    content: str


def digest_of(salt: str, content: str) -> str:
    return hmac.digest(salt.encode(), content.encode(), "sha256").hex()


def digest_of_parts(told: Iterable[tuple[str, str, str]]) -> str:
    """told: (kind, subject, digest) of every part, in their order."""
    return _sha256([list(part) for part in told])


def link_of(before: str, *, position: int, time_ms: int, what: str, digest: str) -> str:
    return _sha256([before, position, time_ms, what, digest])


def _sha256(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def head_of(connection: Connection) -> Head:
    position, link, _ = _last(connection)
    return Head(position, link)


def lock(connection: Connection) -> Head:
    """Let nobody else add to the chain until this transaction ends; where it ends now."""
    connection.execute(select(meta.c.value).where(meta.c.name == "schema").with_for_update())
    return head_of(connection)


def add(
    connection: Connection, what: What, content: Sequence[Part], *, time_ms: int | None = None
) -> Head:
    """Add an entry. Its time is never before the entry's before it, and that one's if None."""
    before, link, last_ms = _last(connection)
    time_ms = last_ms if time_ms is None else max(time_ms, last_ms)
    position = before + 1
    rows = [_row(position, number, part) for number, part in enumerate(content)]
    digest = digest_of_parts((row["kind"], row["subject"], row["digest"]) for row in rows)
    link = link_of(link, position=position, time_ms=time_ms, what=what, digest=digest)
    connection.execute(
        insert(chain),
        {"position": position, "time_ms": time_ms, "what": what, "digest": digest, "link": link},
    )
    connection.execute(insert(parts), rows)
    return Head(position, link)


def _last(connection: Connection) -> tuple[int, str, int]:
    last = connection.execute(
        select(chain.c.position, chain.c.link, chain.c.time_ms)
        .order_by(chain.c.position.desc())
        .limit(1)
    ).first()
    return (last.position, last.link, last.time_ms) if last else (0, GENESIS, 0)


def _row(position: int, number: int, part: Part) -> dict[str, Any]:
    salt = secrets.token_hex(16)
    return {
        "position": position,
        "part": number,
        "kind": part.kind,
        "subject": part.subject,
        "digest": digest_of(salt, part.content),
        "salt": salt,
    }


def pseudonyms(connection: Connection, patients: Iterable[str]) -> dict[str, str]:
    """What the chain calls these patients; new ones get a random name, the ward its own."""
    wanted = set(patients)
    asked = select(subjects.c.patient, subjects.c.subject).where(subjects.c.patient.in_(wanted))
    known = {row.patient: row.subject for row in connection.execute(asked)}
    new = {
        patient: secrets.token_hex(8) if patient else WARD
        for patient in sorted(wanted - known.keys())
    }
    if new:
        rows = [{"patient": one, "subject": name, "last_seq": 0} for one, name in new.items()]
        connection.execute(insert(subjects), rows)
    return known | new
