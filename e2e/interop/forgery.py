"""What a lying server and a lying writer can make: everything that needs no key of the reader.

It must never be used by the client; it exists so that each check of a reader has something to catch.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from jwcrypto.jwk import JWK

from letterlock.delivery import Expected
from letterlock.encoding import canonical, digest, from_base64url, read_canonical, to_base64url
from letterlock.envelope import commitment, pad, payload_key
from letterlock.identity import Identity, new_signing_key
from letterlock.jose import encrypt, sign, symmetric, thumbprint, unverified_payload

FILE_KEY = bytes(range(32))


@dataclass(frozen=True)
class Case:
    """One answer with what its reader expects. A change gives another case."""

    delivery: dict
    expected: Expected
    writer: Identity
    # A key that the reader takes for the instance's, when the server itself lies.
    instance_key: JWK

    def replace(self, **members: object) -> "Case":
        return dataclasses.replace(self, delivery=self.delivery | members)

    def expecting(self, **members: object) -> "Case":
        return dataclasses.replace(self, expected=dataclasses.replace(self.expected, **members))

    def header(self) -> dict:
        return read_canonical(from_base64url(self.delivery["hdr"]))

    def claims(self) -> dict:
        return read_canonical(unverified_payload(self.delivery["dlv"]))

    def signed(self) -> dict:
        return read_canonical(unverified_payload(self.delivery["sig"]))

    def said_by_server(self, **claims: object) -> "Case":
        """The pinned server itself signs these claims."""
        dlv = sign(self.instance_key, "dlv", canonical(self.claims() | claims))
        return self.replace(dlv=dlv).expecting(instance_key=self.instance_key)

    def with_slot(self, slot: str) -> "Case":
        """The pinned server delivers another slot."""
        reply = self.expected.reply_key
        eh = digest(from_base64url(self.delivery["hdr"]))
        dslot = encrypt(reply, slot.encode("ascii"), "dslot", kid=thumbprint(reply), eh=eh, ct="slot")
        return self.replace(dslot=dslot).said_by_server(ds=digest(dslot.encode("ascii")))

    def written(
        self,
        *,
        header: dict | None = None,
        padded: bytes = pad(b"{}\nforged"),
        payload_eh: str | None = None,
        slot_eh: str | None = None,
        slot_key: JWK | None = None,
        file_key: bytes = FILE_KEY,
        payload_file_key: bytes = FILE_KEY,
    ) -> "Case":
        """The writer itself seals like this, and the pinned server delivers it."""
        identifier = self.header()["id"]
        changed = self.header() | {"kc": commitment(FILE_KEY, identifier)} | (header or {})
        hdr = canonical(changed)
        eh = digest(hdr)
        payload = encrypt(symmetric(payload_key(payload_file_key, eh)), padded, "payload", eh=payload_eh or eh)
        receiver = slot_key or self.expected.reader.enc
        slot = encrypt(receiver, file_key, "slot", kid=thumbprint(receiver), eh=slot_eh or eh)
        ph = digest(payload.encode("ascii"))
        sig = sign(
            self.writer.sig,
            "env",
            canonical({"eh": eh, "ph": ph, "sh": [digest(slot.encode("ascii")) for _ in changed["rcp"]]}),
        )
        rewritten = self.replace(hdr=to_base64url(hdr), payload=payload, sig=sig)
        return rewritten.with_slot(slot).said_by_server(eh=eh, ph=ph)


def genuine(delivery: dict, expected: Expected, writer: Identity) -> Case:
    return Case(delivery, expected, writer, new_signing_key())


def flipped(token: str, part: int) -> str:
    """A compact JWS or JWE with one bit of one part changed."""
    parts = token.split(".")
    raw = bytearray(from_base64url(parts[part]))
    raw[len(raw) // 2] ^= 1
    parts[part] = to_base64url(bytes(raw))
    return ".".join(parts)


Change = Callable[[Case, Case], Case]
