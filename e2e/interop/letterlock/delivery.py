"""Section 6: what a reader checks, in the page's order, before it uses a byte of a delivery.

It must never return content unless every check has passed.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jwcrypto.jwk import JWK

from letterlock.encoding import digest, from_base64url, read_canonical
from letterlock.envelope import BLOCK, commitment, payload_key
from letterlock.identity import Identity
from letterlock.jose import Forged, decrypt, header_of, read_jwk, symmetric, thumbprint, unverified_payload, verify

HEADER_LIMIT = 8192
HEADER_MEMBERS = {"enc", "exp", "iat", "id", "kc", "kind", "mode", "path", "rcp", "v", "ver", "win", "wrt"}
DELIVERY_MEMBERS = {"dlv", "dslot", "hdr", "payload", "sig", "v", "wkey"}


class CheckFailed(Exception):
    """Names the first check that a delivery does not pass."""

    def __init__(self, check: str):
        self.check = check
        super().__init__(check)


@dataclass(frozen=True)
class Expected:
    """What the reader knows before it looks at the answer."""

    reader: Identity
    instance_key: JWK
    id: str
    cid: str
    nonce: str | None
    # b64u hashes of the bodies of all open requests that the reader sent for this claim.
    sent: Collection[str]
    writers: Collection[str]
    # The private half of `rpk`; by mutual TLS the registered `enc`.
    reply_key: JWK


@dataclass(frozen=True)
class Opened:
    metadata: dict
    data: bytes
    header: dict
    claims: dict


def read_delivery(delivery: dict, expected: Expected) -> Opened:
    with _check("form"):
        _demand(set(delivery) == DELIVERY_MEMBERS and delivery["v"] == 1)
        raw_header = from_base64url(delivery["hdr"])
        _demand(len(raw_header) <= HEADER_LIMIT)
        header = read_canonical(raw_header)
        _demand(set(header) == HEADER_MEMBERS)
        _demand((header["enc"], header["kind"], header["mode"], header["v"]) == ("inline", "once", "e2e", 1))
    with _check("writer signature"):
        writer = read_jwk(delivery["wkey"])
        _demand(thumbprint(writer) == header["wrt"])
        signed = read_canonical(verify(delivery["sig"], "env", writer))
    eh, ph = digest(raw_header), digest(delivery["payload"].encode("ascii"))
    with _check("hashes"):
        _demand(set(signed) == {"eh", "ph", "sh"} and (signed["eh"], signed["ph"]) == (eh, ph))
        _demand(len(signed["sh"]) == len(header["rcp"]))
    with _check("id"):
        _demand(header["id"] == expected.id)
    with _check("expiry"):
        # The signature of `dlv` has its turn below; nothing is used before.
        _demand(header["exp"] > read_canonical(unverified_payload(delivery["dlv"]))["at"])
    with _check("recipient"):
        index = header["rcp"].index(f"k:{expected.reader.id}")
    with _check("writer"):
        _demand(header["wrt"] in expected.writers)
    with _check("delivery signature"):
        claims = read_canonical(verify(delivery["dlv"], "dlv", expected.instance_key))
    with _check("delivery claims"):
        own = {"kid": expected.reader.id, "cid": expected.cid, "id": expected.id, "eh": eh, "ph": ph, "st": "CLAIMED"}
        _demand(all(claims.get(name) == value for name, value in own.items()))
        _demand(claims.get("nonce") == expected.nonce)
        _demand(claims["ds"] == digest(delivery["dslot"].encode("ascii")))
    with _check("body hashes"):
        _demand(len(claims["bhs"]) == claims["n"] >= 1 and set(claims["bhs"]) <= set(expected.sent))
    with _check("delivery slot"):
        reply = expected.reply_key
        slot = decrypt(reply, delivery["dslot"], "dslot", kid=thumbprint(reply), eh=eh, ct="slot").decode("ascii")
    with _check("slot hash"):
        _demand(digest(slot.encode("ascii")) == signed["sh"][index])
    own_key = expected.reader.enc
    with _check("slot key"):
        _demand(header_of(slot, 5).get("kid") == thumbprint(own_key))
    with _check("slot"):
        file_key = decrypt(own_key, slot, "slot", kid=thumbprint(own_key), eh=eh)
        _demand(len(file_key) == 32)
    with _check("key commitment"):
        _demand(commitment(file_key, header["id"]) == header["kc"])
    with _check("payload"):
        padded = decrypt(symmetric(payload_key(file_key, eh)), delivery["payload"], "payload", eh=eh)
    with _check("padding"):
        content = unpad(padded)
    with _check("metadata"):
        line, newline, data = content.partition(b"\n")
        _demand(newline == b"\n")
        metadata = read_canonical(line)
    return Opened(metadata, data, header, claims)


def unpad(padded: bytes) -> bytes:
    size = int.from_bytes(padded[:4], "big")
    rest = padded[4 + size :]
    if len(padded) % BLOCK != 0 or len(padded) < 4 + size or len(rest) >= BLOCK or any(rest):
        raise Forged("expected the fewest zero bytes that fill a block")
    return padded[4 : 4 + size]


def _demand(holds: bool) -> None:
    if not holds:
        raise Forged("does not hold")


@contextmanager
def _check(name: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise CheckFailed(name) from error
