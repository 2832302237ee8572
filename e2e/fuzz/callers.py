"""Sends a request as a stranger, a registered identity or an admin, with a fresh proof each time.

It must never let the server's limit of failed proofs decide an answer: then every answer would be the same.
"""

import time

from letterlock.channel import Answer, CertificateChannel
from letterlock.identity import Identity
from letterlock.session import Session
from server import Server

# The server counts failed proofs by source address, and refuses all requests of an address after 20 in a minute.
FAILURES_PER_ADDRESS = 15
# Idle connections are closed after 65 seconds; on a busy machine a test can take that long.
IDLE_SECONDS = 20


class Caller:
    """`identity` None: neither a proof nor a certificate."""

    def __init__(self, server: Server, name: str, identity: Identity | None, network: int):
        self.name = name
        self.identity = identity
        self._server = server
        self._addresses = (f"127.{network}.{high}.{low}" for high in range(256) for low in range(1, 255))
        self._session: Session | None = None
        self._failures = 0
        self._used_at = 0.0

    @property
    def session(self) -> Session:
        """A connection that still lives, from an address that may still fail."""
        idle = time.monotonic() - self._used_at
        self._used_at = time.monotonic()
        lives = self._session is not None and self._session.channel.is_open and idle < IDLE_SECONDS
        if not lives or self._failures >= FAILURES_PER_ADDRESS:
            self.close()
            key = self.identity.sig if self.identity else None
            self._session = Session(self._dial(key), key, self._server.fingerprint)
            self._failures = 0
        return self._session

    def send(self, method: str, path: str, body: bytes, claims: dict) -> Answer:
        """`claims` replace those of the proof."""
        session = self.session
        proof = None
        if self.identity is not None:
            if session.nonce is None:
                session.send("HEAD", "/v1/nonce", b"")
            proof = session.proof(method, path, body, **claims)
        answer = session.send(method, path, body, proof)
        if answer.status == 401:
            self._failures += 1
        return answer

    def close(self) -> None:
        if self._session is not None:
            self._session.channel.close()

    def _dial(self, key: object) -> CertificateChannel:
        try:
            return CertificateChannel(self._server.origin, key, next(self._addresses))
        except OSError:
            # Not every system has all of 127.0.0.0/8.
            return CertificateChannel(self._server.origin, key)
