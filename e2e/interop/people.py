"""What the tests do again and again: connecting as somebody, granting, wrapping, asking to open.

It must never check anything: tests and the client do.
"""

import os
from dataclasses import dataclass

from jwcrypto.jwk import JWK

from letterlock.administration import Admin
from letterlock.channel import CertificateChannel, ExporterChannel
from letterlock.delivery import Expected
from letterlock.encoding import to_base64url
from letterlock.envelope import Sealed, seal
from letterlock.identity import Identity, new_receiving_key, read_keyset
from letterlock.jose import public_jwk
from letterlock.session import Session
from server import Server


def connect(server: Server, key: JWK) -> Session:
    """Presents the key as TLS client certificate, which binds each proof."""
    return Session(CertificateChannel(server.origin, key), key, server.fingerprint)


def connect_by_exporter(server: Server, key: JWK) -> Session:
    return Session(ExporterChannel(server.origin), key, server.fingerprint)


def connect_bare(server: Server, key: JWK | None = None) -> Session:
    return Session(CertificateChannel(server.origin, None), key, server.fingerprint)


def operate(server: Server, admin: Admin, op: str, **args: object) -> dict:
    with connect_bare(server) as session:
        operation = admin.operation(session.instance, now(session), op, **args)
        return session.call_once("POST", "/v1/sys/op", {"ops": [operation]}, proven=False)


def register(server: Server, identity: Identity) -> None:
    operate(server, server.admins[0], "identity.put", id=identity.id)
    with connect(server, identity.sig) as session:
        session.call("POST", "/v1/identities", {"keyset": identity.keyset()})


def grant(server: Server, identity: Identity, path: str, *verbs: str) -> None:
    operate(server, server.admins[0], "grant.put", path=path, verbs=list(verbs), who=identity.id)


def now(session: Session) -> int:
    return int(session.clock())


def wrap(server: Server, data: bytes, writer: Identity, reader: Identity, path: str, **options: int) -> Sealed:
    with connect(server, writer.sig) as session:
        keyset = read_keyset(session.call("GET", f"/v1/identities/{reader.id}")["keyset"], reader.id)
        sealed = seal(data, writer, keyset, path, now(session), **options)
        session.call("POST", "/v1/wraps", sealed.envelope)
        return sealed


@dataclass
class Claim:
    """One reader's claim on one wrap, with what it has sent for it."""

    reader: Identity
    sealed: Sealed
    cid: str
    reply_key: JWK
    sent: list[str]

    def ask(self, session: Session) -> tuple[dict, Expected]:
        """Sends one open request. → the delivery and what the reader expects of it"""
        body = {"cid": self.cid, "rpk": public_jwk(self.reply_key)}
        delivery = session.call("POST", f"/v1/wraps/{self.sealed.id}/open", body)
        return delivery, self.expect(session)

    def expect(self, session: Session) -> Expected:
        self.sent.append(session.last.body_hash)
        return Expected(
            reader=self.reader,
            instance_key=session.instance_key,
            id=self.sealed.id,
            cid=self.cid,
            nonce=session.last.nonce,
            sent=tuple(self.sent),
            writers=(self.sealed.writer,),
            reply_key=self.reply_key,
        )


def claim(reader: Identity, sealed: Sealed) -> Claim:
    return Claim(reader, sealed, to_base64url(os.urandom(16)), new_receiving_key(), [])


def acknowledge(session: Session, own: Claim) -> dict:
    return session.call("POST", f"/v1/wraps/{own.sealed.id}/ack", {"cid": own.cid})
