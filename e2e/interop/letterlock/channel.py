"""One TLS 1.3 connection, and HTTP/1.1 on it. Section 4.2 authenticates its server, not a certificate authority.

It must never reconnect by itself: a new connection is a new channel, whose server must be checked again.
"""

import http.client
import io
import os
import ssl
import socket
import tempfile
from dataclasses import dataclass
from urllib.parse import urlsplit

from jwcrypto.jwk import JWK
from OpenSSL import SSL, crypto

from letterlock.identity import self_signed, thumbprint_of_certificate

TIMEOUT_SECONDS = 20
EXPORTER_LABEL = b"EXPORTER-Channel-Binding"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Channel:
    """What both kinds of connection do."""

    # b64u of the exporter's value is the claim `cb`; None: the TLS certificate binds the proof.
    exporter: bytes | None = None

    def __init__(self, origin: str, tls_socket: object, certificate: bytes):
        self.origin = origin
        self.server_thumbprint = thumbprint_of_certificate(certificate)
        address = urlsplit(origin)
        self._http = http.client.HTTPConnection(address.hostname, address.port or 443)
        self._http.auto_open = 0
        self._http.sock = tls_socket

    @property
    def is_open(self) -> bool:
        """False once the server has said that an answer was the last."""
        return self._http.sock is not None

    def request(self, method: str, path: str, headers: dict, body: bytes | None) -> Answer:
        self._http.request(method, path, body, headers)
        answer = self._http.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    def close(self) -> None:
        self._http.close()


class CertificateChannel(Channel):
    """Python's own ssl, which has no exporter. With a key it presents that key's certificate; without, none."""

    def __init__(self, origin: str, key: JWK | None, source: str | None = None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if key is not None:
            _load(context, key)
        tls = context.wrap_socket(_dial(origin, source))
        super().__init__(origin, tls, tls.getpeercert(binary_form=True))


class ExporterChannel(Channel):
    """pyOpenSSL, which has the exporter of RFC 9266: no client certificate is needed."""

    def __init__(self, origin: str):
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        connection = SSL.Connection(context, _dial(origin))
        connection.set_connect_state()
        connection.do_handshake()
        self.exporter = connection.export_keying_material(EXPORTER_LABEL, 32, b"")
        certificate = crypto.dump_certificate(crypto.FILETYPE_ASN1, connection.get_peer_certificate())
        super().__init__(origin, _SocketOf(connection), certificate)


class _SocketOf:
    """The part of a socket that http.client uses, over a pyOpenSSL connection."""

    def __init__(self, connection: SSL.Connection):
        self._connection = connection

    def sendall(self, data: bytes) -> None:
        self._connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._connection))

    def close(self) -> None:
        self._connection.close()


class _Reader(io.RawIOBase):
    def __init__(self, connection: SSL.Connection):
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        try:
            return self._connection.recv_into(buffer)
        except SSL.ZeroReturnError:
            return 0


def _dial(origin: str, source: str | None = None) -> socket.socket:
    """`source`: an own address to dial from."""
    address = urlsplit(origin)
    target, local = (address.hostname, address.port or 443), (source, 0) if source else None
    dialled = socket.create_connection(target, TIMEOUT_SECONDS, local)
    # http.client writes head and body apart; with Nagle's algorithm the second waits for the other side's late ACK.
    dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Blocking: pyOpenSSL would otherwise answer WantRead.
    dialled.settimeout(None)
    return dialled


def _load(context: ssl.SSLContext, key: JWK) -> None:
    """ssl reads keys from files only: one of this process, 0600, removed at once."""
    handle, path = tempfile.mkstemp(prefix="letterlock-interop-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key.export_to_pem(private_key=True, password=None))
            file.write(self_signed(key, "letterlock interop"))
        context.load_cert_chain(path)
    finally:
        os.unlink(path)
