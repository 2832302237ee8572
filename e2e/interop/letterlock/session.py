"""Section 4: a connection whose server is checked, and requests that carry a proof.

It must never send anything on a connection before the server's statement holds.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from jwcrypto.jwk import JWK

from letterlock.channel import Answer, Channel
from letterlock.encoding import canonical, digest, read_canonical, to_base64url
from letterlock.jose import Forged, read_jwk, sign, thumbprint, verify

STATES = ("uninitialised", "sealed", "unsealed")


class Refused(Exception):
    """A problem document (section 11)."""

    def __init__(self, answer: Answer):
        self.status = answer.status
        self.media_type = answer.headers.get("Content-Type")
        self.problem = json.loads(answer.body) if answer.body else {}
        self.code = self.problem.get("code")
        super().__init__(f"{self.status} {self.code}: {self.problem.get('detail')}")


@dataclass(frozen=True)
class Sent:
    """What of a request comes back in signed answers."""

    nonce: str | None
    body_hash: str


class Session:
    """Requests of one caller on one connection. `pin`: the fingerprint, or None for the first contact."""

    def __init__(self, channel: Channel, key: JWK | None, pin: str | None, clock: Callable[[], float] = time.time):
        self.channel = channel
        self.key = key
        self.clock = clock
        self.nonce: str | None = None
        self.last: Sent | None = None
        self.state, self.instance_key, self.instance = self._check_server(pin)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def call(self, method: str, path: str, document: dict | None = None, **options: object) -> dict:
        """A request with a proof; on `bad_nonce` again, at most twice."""
        for _ in range(2):
            try:
                return self.call_once(method, path, document, **options)
            except Refused as refusal:
                if refusal.code != "bad_nonce":
                    raise
        return self.call_once(method, path, document, **options)

    def call_once(
        self, method: str, path: str, document: dict | None = None, *, proven: bool = True, **claims: object
    ) -> dict:
        """`claims` replace those of the proof; `proven=False` leaves it out (mutual TLS, signed bodies)."""
        body = b"" if document is None else canonical(document)
        if proven and self.nonce is None and "nonce" not in claims:
            self.send("HEAD", "/v1/nonce", b"")
        authorization = self.proof(method, path, body, **claims) if proven else None
        self.last = Sent(claims.get("nonce", self.nonce) if proven else None, digest(body))
        return self.read(self.send(method, path, body, authorization))

    def proof(self, method: str, path: str, body: bytes, **claims: object) -> str:
        payload = {
            "bh": digest(body),
            "htm": method,
            "htu": self.channel.origin + path,
            "iat": int(self.clock()),
            "nonce": self.nonce,
        }
        if self.channel.exporter is not None:
            payload["cb"] = to_base64url(self.channel.exporter)
        return sign(self.key, "proof", canonical(payload | claims))

    def send(self, method: str, path: str, body: bytes, proof: str | None = None) -> Answer:
        headers = {"Content-Type": "application/json"} if body else {}
        if proof is not None:
            headers["Authorization"] = f"Letterlock {proof}"
        answer = self.channel.request(method, path, headers, body or None)
        # Single use, so the one before is worth nothing even when no new one came.
        self.nonce = answer.headers.get("Replay-Nonce")
        return answer

    @staticmethod
    def read(answer: Answer) -> dict:
        if not 200 <= answer.status < 300:
            raise Refused(answer)
        return read_canonical(answer.body) if answer.body else {}

    def _check_server(self, pin: str | None) -> tuple[str, JWK | None, str | None]:
        """Section 4.2: the pin, the signature and the key of this connection."""
        answer = self.read(self.send("GET", "/v1/sys/state", b""))
        if answer["state"] not in STATES:
            raise Forged("expected a known state")
        instance_key = read_jwk(answer["sik"]) if "sik" in answer else None
        if pin is not None and (instance_key is None or thumbprint(instance_key) != pin):
            raise Forged("expected the pinned server")
        if "jws" not in answer or instance_key is None:
            return answer["state"], instance_key, None
        claims = read_canonical(verify(answer["jws"], "state", instance_key))
        if claims["tls"] != self.channel.server_thumbprint:
            raise Forged("expected a statement about the key of this connection")
        return answer["state"], instance_key, claims["inst"]


def read_receipt(token: str, instance_key: JWK, sent: Sent | None, **expected: object) -> dict:
    """Section 5.1. `sent`: the request that it answers; `expected`: members that must have these values."""
    claims = read_canonical(verify(token, "rcpt", instance_key))
    if sent is not None and claims.get("nonce") != sent.nonce:
        raise Forged("expected a receipt for this request")
    if any(claims.get(name) != value for name, value in expected.items()):
        raise Forged("expected a receipt about this envelope")
    return claims
