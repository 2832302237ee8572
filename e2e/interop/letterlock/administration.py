"""Sections 4.1 and 8: operations of admins, and unsealing with the share of an init certificate.

It must never let a share leave this process except encrypted to a server whose boot fingerprint was checked.
"""

import os
from dataclasses import dataclass, field

from jwcrypto.jwk import JWK

from letterlock.encoding import canonical, derive, digest, from_base64url, read_canonical, to_base64url
from letterlock.identity import new_signing_key, self_signed
from letterlock.jose import Forged, decrypt, encrypt, header_of, read_jwk, sign, thumbprint, verify
from letterlock.session import Session


@dataclass(frozen=True)
class Admin:
    """An admin's key: P-256, so that it signs and receives."""

    name: str
    key: JWK = field(default_factory=new_signing_key)

    @property
    def id(self) -> str:
        return thumbprint(self.key)

    def certificate(self) -> bytes:
        return self_signed(self.key, self.name)

    def operation(self, instance: str, now: int, op: str, **args: object) -> str:
        payload = {
            "args": args,
            "exp": now + 600,
            "inst": instance,
            "nonce": to_base64url(os.urandom(16)),
            "op": op,
        }
        return sign(self.key, "op", canonical(payload))


@dataclass(frozen=True)
class Share:
    """A decrypted share with what it is for."""

    secret: bytes
    instance: str
    generation: int

    @property
    def commitment(self) -> str:
        framed = b"letterlock/v1/share\0" + from_base64url(self.instance, 16) + self.generation.to_bytes(4, "big")
        return digest(framed + self.secret)

    @property
    def acknowledgement(self) -> str:
        return to_base64url(derive(self.secret, from_base64url(self.instance, 16), "ack"))


def read_share(admin: Admin, status: dict) -> Share:
    """Step 2: type, instance and generation, then decryption."""
    instance, generation = status["inst"], status["gen"]
    x = header_of(status["share"], 5).get("x")
    secret = decrypt(admin.key, status["share"], "share", kid=admin.id, inst=instance, gen=generation, x=x)
    return Share(secret, instance, generation)


def unseal(session: Session, admin: Admin, boot: str, commitment: str, pin: str) -> dict:
    """Steps 1 to 5. `boot`: printed by the server; `commitment`: pinned when the share was first seen. → transcript"""
    status = session.call("GET", "/v1/sys/unseal")
    receiver = read_jwk(status["benc"])
    computed = digest(canonical({"enc": thumbprint(receiver), "tls": session.channel.server_thumbprint}))
    if not computed == status["boot"] == boot:
        raise Forged("expected the boot keys whose fingerprint the server printed")
    share = read_share(admin, status)
    if share.commitment != commitment:
        raise Forged("expected the share of the pinned commitment")
    about = {"boot": boot, "inst": share.instance, "gen": share.generation, "purpose": "unseal"}
    sealed = encrypt(receiver, share.secret, "ushare", kid=admin.id, **about)
    claims = about | {"c": commitment, "iat": int(session.clock()), "nonce": session.nonce, "s": sealed}
    answer = session.call_once(
        "POST", "/v1/sys/unseal", {"jws": sign(admin.key, "unseal", canonical(claims))}, proven=False
    )
    # k = 1, so one share is enough and the answer is the transcript.
    state = session.read(session.send("GET", "/v1/sys/state", b""))
    instance_key = read_jwk(state["sik"])
    if thumbprint(instance_key) != pin:
        raise Forged("expected the pinned server")
    transcript = read_canonical(verify(answer["transcript"], "transcript", instance_key))
    if (transcript["boot"], transcript["gen"]) != (boot, share.generation):
        raise Forged("expected a transcript of this unsealing")
    return transcript
