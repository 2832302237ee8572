"""Requests that the service accepts, by operation of the OpenAPI document: what generated requests are made from.

It must never seal or unseal the server of the tests.
"""

import itertools
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from callers import Caller
from letterlock.administration import Admin, read_share
from letterlock.encoding import canonical, digest, from_base64url, read_canonical, to_base64url
from letterlock.envelope import Sealed, seal, seal_version
from letterlock.identity import Identity, Keyset, new_receiving_key
from letterlock.jose import encrypt, public_jwk, read_jwk, sign, unverified_payload
from people import now
from server import Server

PATH = "fuzz/db"
Twist = Callable[[dict], dict]


@dataclass(frozen=True)
class Request:
    """`parameters` of the path, and the body's document."""

    parameters: dict[str, str]
    body: dict | None = None


class RealRequests:
    """Makes them for an identity that writes to itself and reads what it wrote."""

    def __init__(self, server: Server, owner: Caller, admin: Admin):
        self._owner = owner
        self._identity: Identity = owner.identity
        self._admin = admin
        self._server = server
        # False while the server is sealed.
        self.can_store = True
        self._sequence = itertools.count(2)
        with_share = Caller(server, "admin", Identity(admin.name, admin.key, admin.key), 100)
        self._status = with_share.session.call("GET", "/v1/sys/unseal")
        self.share = read_share(admin, self._status)
        self._instance: str = self._status["inst"]
        with_share.close()
        self._table: dict[str, Callable[[Twist], Request]] = {
            "state": self._nothing,
            "nonce": self._nothing,
            "openapi": self._nothing,
            "identity": lambda _: Request({"id": self._identity.id}),
            "register": self._register,
            "wrap": lambda twist: Request({}, self._envelope(twist)),
            "open": lambda _: Request({"id": self._stored()}, self._claim()),
            "acknowledge": self._acknowledge,
            "revoke": lambda _: Request({"id": self._stored()}, {}),
            "status": lambda _: Request({"id": self._stored()}),
            "writeSecret": lambda twist: Request({}, self._version(new_path(), twist)),
            "readSecret": self._read_secret,
            "listSecrets": lambda _: Request({}, {"after": "db", "limit": 10, "path": "fuzz"}),
            "secretVersions": lambda _: Request({}, {"limit": 10, "path": self._written()}),
            "destroySecret": lambda _: Request({}, {"path": self._written(), "ver": 1}),
            "grants": self._nothing,
            "explain": lambda _: Request({}, {"path": PATH, "verb": "wrap", "who": self._identity.id}),
            "unsealStatus": self._nothing,
            "init": self._init,
            "unseal": self._unseal,
            "operation": self._operation,
            "seal": self._seal,
        }

    @property
    def operations(self) -> set[str]:
        return set(self._table)

    def make(self, operation: str, twist: Twist) -> Request:
        """`twist` changes the payload of what is signed in the request."""
        return self._table[operation](twist)

    @staticmethod
    def _nothing(_: Twist) -> Request:
        return Request({})

    def _register(self, twist: Twist) -> Request:
        keyset = self._identity.keyset(next(self._sequence))
        return Request({}, {"keyset": resigned(keyset, "keyset", self._identity, twist)})

    def _envelope(self, twist: Twist) -> dict:
        return self._twisted(seal(os.urandom(20), self._identity, self._reader, PATH, now(self._owner.session)), twist)

    @property
    def _reader(self) -> Keyset:
        return Keyset(self._identity.id, self._identity.enc, self._identity.sig, 1)

    def _twisted(self, sealed: Sealed, twist: Twist) -> dict:
        """With another header, signed; its payload and slot then belong to the first one."""
        envelope = sealed.envelope
        header = canonical(twist(read_canonical(from_base64url(envelope["hdr"]))))
        if to_base64url(header) == envelope["hdr"]:
            return envelope
        signature = resigned(envelope["sig"], "env", self._identity, lambda claims: claims | {"eh": digest(header)})
        return envelope | {"hdr": to_base64url(header), "sig": signature}

    def _version(self, path: str, twist: Twist) -> dict:
        version = seal_version(os.urandom(20), self._identity, self._reader, path, now(self._owner.session), 1)
        return self._twisted(version, twist)

    def _written(self) -> str:
        path = new_path()
        if self.can_store:
            self._owner.session.call("POST", "/v1/secrets/write", self._version(path, lambda header: header))
        return path

    def _read_secret(self, _: Twist) -> Request:
        return Request({}, {"path": self._written(), "rpk": public_jwk(new_receiving_key()), "ver": 1})

    def _stored(self) -> str:
        if not self.can_store:
            return random_id()
        envelope = self._envelope(lambda header: header)
        self._owner.session.call("POST", "/v1/wraps", envelope)
        return read_canonical(from_base64url(envelope["hdr"]))["id"]

    @staticmethod
    def _claim() -> dict:
        return {"cid": random_id(), "rpk": public_jwk(new_receiving_key()), "why": "fuzz"}

    def _acknowledge(self, _: Twist) -> Request:
        identifier, claim = self._stored(), self._claim()
        if self.can_store:
            self._owner.session.call("POST", f"/v1/wraps/{identifier}/open", claim)
        return Request({"id": identifier}, {"cid": claim["cid"]})

    def _operation(self, twist: Twist) -> Request:
        args = {"path": PATH, "verbs": ["wrap"], "who": self._identity.id}
        return Request({}, {"ops": [self._signed_operation("grant.put", args, twist)]})

    def _seal(self, twist: Twist) -> Request:
        """Expired, so that no other request meets a sealed server."""
        return Request({}, {"ops": [self._signed_operation("seal", {}, lambda claims: twist(claims) | {"exp": 1})]})

    def _signed_operation(self, op: str, args: dict, twist: Twist) -> str:
        operation = self._admin.operation(self._instance, now(self._owner.session), op, **args)
        return resigned(operation, "op", Identity(self._admin.name, self._admin.key), twist)

    def _init(self, twist: Twist) -> Request:
        certificates = [ssl.PEM_cert_to_DER_cert(admin.certificate().decode()) for admin in self._server.admins]
        args = {"admins": [to_base64url(der) for der in certificates], "boot": self._server.boot, "k": 1}
        operation = self._signed_operation("init", args, lambda claims: twist(without(claims, "inst")))
        return Request({}, {"jws": operation})

    def _unseal(self, twist: Twist) -> Request:
        """With a commitment that is wrong, so that a sealed server stays sealed."""
        about = {"boot": self._server.boot, "inst": self._instance, "gen": self.share.generation, "purpose": "unseal"}
        receiver = read_jwk(self._status["benc"])
        share = encrypt(receiver, self.share.secret, "ushare", kid=self._admin.id, **about)
        session = self._owner.session
        session.send("HEAD", "/v1/nonce", b"")
        claims = about | {"c": digest(b""), "iat": now(session), "nonce": session.nonce, "s": share}
        return Request({}, {"jws": sign(self._admin.key, "unseal", canonical(twist(claims) | {"c": digest(b"")}))})


def resigned(token: str, typ: str, signer: Identity, twist: Twist) -> str:
    return sign(signer.sig, typ, canonical(twist(read_canonical(unverified_payload(token)))))


def without(claims: dict, name: str) -> dict:
    return {other: value for other, value in claims.items() if other != name}


def new_path() -> str:
    """A secret of its own for each request, so that none is in the way of another's version."""
    return f"fuzz/{os.urandom(8).hex()}"


def random_id() -> str:
    return to_base64url(os.urandom(16))
