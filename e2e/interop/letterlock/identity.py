"""Section 3: identities, keysets and the certificates that show a key in TLS.

It must never use a fetched key before its keyset's signature and thumbprint hold.
"""

import datetime
import time
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from jwcrypto.jwk import JWK

from letterlock.encoding import canonical, read_canonical
from letterlock.jose import Forged, public_jwk, read_jwk, sign, thumbprint, unverified_payload, verify


def new_signing_key() -> JWK:
    return JWK.generate(kty="EC", crv="P-256")


def new_receiving_key(curve: str = "X25519") -> JWK:
    return JWK.generate(kty="OKP" if curve == "X25519" else "EC", crv=curve)


@dataclass(frozen=True)
class Identity:
    """Who signs with `sig` and receives with `enc`."""

    name: str
    sig: JWK = field(default_factory=new_signing_key)
    enc: JWK = field(default_factory=new_receiving_key)

    @property
    def id(self) -> str:
        return thumbprint(self.sig)

    def keyset(self, seq: int = 1) -> str:
        payload = {
            "enc": public_jwk(self.enc),
            "iat": int(time.time()),
            "name": self.name,
            "seq": seq,
            "sig": public_jwk(self.sig),
        }
        return sign(self.sig, "keyset", canonical(payload))


@dataclass(frozen=True)
class Keyset:
    """What a checked keyset says about somebody."""

    id: str
    enc: JWK
    sig: JWK
    seq: int


def read_keyset(token: str, identity: str) -> Keyset:
    """Checks signature and thumbprint: a server that lies about a key breaks one of them."""
    claims = read_canonical(unverified_payload(token))
    signer = read_jwk(claims["sig"])
    verify(token, "keyset", signer)
    if thumbprint(signer) != identity:
        raise Forged("expected the keyset of the identity that was asked for")
    return Keyset(identity, read_jwk(claims["enc"]), signer, claims["seq"])


def self_signed(key: JWK, name: str) -> bytes:
    """A PEM certificate of a signing key: for TLS (names and dates are ignored), or to initialise with."""
    private = key.get_op_key("sign")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .sign(private, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)


def thumbprint_of_certificate(der: bytes) -> str:
    public = x509.load_der_x509_certificate(der).public_key()
    return thumbprint(JWK.from_pyca(public))
