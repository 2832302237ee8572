"""Section 5: sealing content for one reader, to be opened once or as a version of a secret.

It must never reuse a file key or an id.
"""

import os
from dataclasses import dataclass

from letterlock.encoding import canonical, derive, digest, from_base64url, to_base64url
from letterlock.identity import Identity, Keyset
from letterlock.jose import encrypt, sign, symmetric, thumbprint

BLOCK = 256


@dataclass(frozen=True)
class Sealed:
    """An envelope for the service, and what its receipt must say."""

    id: str
    envelope: dict
    eh: str
    ph: str
    writer: str


def pad(content: bytes) -> bytes:
    framed = len(content).to_bytes(4, "big") + content
    return framed + bytes(-len(framed) % BLOCK)


def commitment(file_key: bytes, identifier: str) -> str:
    return to_base64url(derive(file_key, from_base64url(identifier, 16), "commit"))


def payload_key(file_key: bytes, eh: str) -> bytes:
    return derive(file_key, from_base64url(eh, 32), "payload")


def seal(
    data: bytes, writer: Identity, reader: Keyset, path: str, now: int, *, seconds: int = 3600, window: int = 60
) -> Sealed:
    return _seal(data, writer, reader, path, now, {"exp": now + seconds, "kind": "once", "ver": 1, "win": window})


def seal_version(data: bytes, writer: Identity, reader: Keyset, path: str, now: int, version: int) -> Sealed:
    return _seal(data, writer, reader, path, now, {"kind": "kv", "ver": version})


def _seal(data: bytes, writer: Identity, reader: Keyset, path: str, now: int, kind: dict) -> Sealed:
    identifier = to_base64url(os.urandom(16))
    file_key = os.urandom(32)
    header = canonical(
        {
            "enc": "inline",
            "iat": now,
            "id": identifier,
            "kc": commitment(file_key, identifier),
            "mode": "e2e",
            "path": path,
            "rcp": [f"k:{reader.id}"],
            "v": 1,
            "wrt": writer.id,
        }
        | kind
    )
    eh = digest(header)
    content = canonical({"type": "text/plain"}) + b"\n" + data
    payload = encrypt(symmetric(payload_key(file_key, eh)), pad(content), "payload", eh=eh)
    slot = encrypt(reader.enc, file_key, "slot", kid=thumbprint(reader.enc), eh=eh)
    ph = digest(payload.encode("ascii"))
    claims = {"eh": eh, "ph": ph, "sh": [digest(slot.encode("ascii"))]}
    envelope = {
        "hdr": to_base64url(header),
        "payload": payload,
        "sig": sign(writer.sig, "env", canonical(claims)),
        "slots": [slot],
        "v": 1,
    }
    return Sealed(identifier, envelope, eh, ph, writer.id)
