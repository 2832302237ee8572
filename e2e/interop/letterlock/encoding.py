"""Section 2: canonical base64url, canonical JSON, hashes and the derivation of section 1.

It must never accept two spellings of one value.
"""

import base64
import hashlib
import json
import re

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALPHABET = re.compile(r"[A-Za-z0-9_-]*\Z")
MEMBER_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
DEEPEST = 6
LARGEST_INTEGER = 2**53 - 1


class NotCanonical(ValueError):
    """Bytes that are not the one spelling of their value."""


def to_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str, size: int | None = None) -> bytes:
    if not isinstance(text, str) or not ALPHABET.match(text):
        raise NotCanonical("expected base64url without padding")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) % 4 != 1 else b""
    if to_base64url(data) != text:
        raise NotCanonical("expected canonical base64url")
    if size is not None and len(data) != size:
        raise NotCanonical(f"expected {size} bytes")
    return data


def digest(data: bytes) -> str:
    """b64u(SHA-256(data)): hashes and thumbprints."""
    return to_base64url(hashlib.sha256(data).digest())


def derive(key: bytes, salt: bytes, label: str) -> bytes:
    """KDF of section 1."""
    return HKDF(SHA256(), 32, salt, b"letterlock/v1/" + label.encode("ascii")).derive(key)


def canonical(value: object) -> bytes:
    """The restricted RFC 8785 form of a value."""
    _check(value, 1)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def read_canonical(data: bytes) -> dict:
    """Parses an object and refuses whatever its own rewriting does not give back."""
    try:
        value = json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise NotCanonical("expected JSON in UTF-8") from error
    if not isinstance(value, dict) or canonical(value) != data:
        raise NotCanonical("expected an object in canonical form")
    return value


def _check(value: object, depth: int) -> None:
    match value:
        case bool() | str():
            return
        case int():
            if not 0 <= value <= LARGEST_INTEGER:
                raise NotCanonical("expected an integer of 0 … 2^53-1")
        case dict() | list():
            if depth > DEEPEST:
                raise NotCanonical(f"expected a depth of at most {DEEPEST}")
            if isinstance(value, dict) and not all(MEMBER_NAME.match(name) for name in value):
                raise NotCanonical("expected member names of the allowed form")
            for inner in value.values() if isinstance(value, dict) else value:
                _check(inner, depth + 1)
        case _:
            raise NotCanonical("expected an object, array, string, integer or boolean")
