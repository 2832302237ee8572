"""Sections 2.1 and 2.2: signing and encrypting with the allowed algorithms, and headers with exactly their members.

It must never let a token choose its algorithm: the key does.
"""

import json
import re

from jwcrypto import jwe, jws
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK

from letterlock.encoding import NotCanonical, from_base64url, to_base64url

SIGNING = {"P-256": "ES256", "P-384": "ES384", "Ed25519": "Ed25519", "RSA": "PS256"}
RECEIVING = {"P-256": "ECDH-ES+A256KW", "P-384": "ECDH-ES+A256KW", "X25519": "ECDH-ES+A256KW", "RSA": "RSA-OAEP-256"}
CONTENT = "A256GCM"
MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
# Printable ASCII without white space and backslash.
HEADER = re.compile(rb"[!-\[\]-~]+\Z")
HEADER_LIMIT = 1024


class Forged(ValueError):
    """A token that does not hold: signature, tag, header or type."""


def kind_of(key: JWK) -> str:
    return "RSA" if key["kty"] == "RSA" else key["crv"]


def public_jwk(key: JWK) -> dict:
    """The members of RFC 7638, no others."""
    exported = key.export_public(as_dict=True)
    return {name: exported[name] for name in MEMBERS[exported["kty"]]}


def read_jwk(members: dict) -> JWK:
    """Imports a public key; its re-export must be what came."""
    if not isinstance(members, dict) or set(members) != set(MEMBERS.get(members.get("kty", ""), ())):
        raise Forged("expected a public key with the members of RFC 7638")
    try:
        key = JWK(**members)
        # The import itself is lazy; this computes with the key.
        key.get_op_key("verify") if kind_of(key) in SIGNING else key.get_op_key("wrapKey")
    except (JWException, ValueError, KeyError) as error:
        raise Forged("expected a usable public key") from error
    if public_jwk(key) != members or kind_of(key) not in SIGNING | RECEIVING:
        raise Forged("expected the canonical members of an allowed key")
    return key


def thumbprint(key: JWK) -> str:
    return key.thumbprint()


def sign(key: JWK, typ: str, payload: bytes, kid: str | None = None) -> str:
    algorithm = SIGNING[kind_of(key)]
    token = jws.JWS(payload)
    header = {"alg": algorithm, "kid": kid or thumbprint(key), "typ": f"letterlock-{typ}+jws"}
    token.add_signature(key, protected=_compact(header))
    return token.serialize(compact=True)


def verify(token: str, typ: str, key: JWK) -> bytes:
    """The payload of a JWS of this type by this key."""
    algorithm = SIGNING[kind_of(key)]
    expected = {"alg": algorithm, "kid": thumbprint(key), "typ": f"letterlock-{typ}+jws"}
    if header_of(token, 3) != expected:
        raise Forged(f"expected the header of {expected['typ']} by this key")
    try:
        opened = jws.JWS()
        opened.allowed_algs = [algorithm]
        opened.deserialize(token, key)
    except (JWException, ValueError) as error:
        raise Forged("expected a signature that holds") from error
    return opened.payload


def unverified_payload(token: str) -> bytes:
    """For self-signed payloads, whose key is inside; verify before use."""
    header_of(token, 3)
    return from_base64url(token.split(".")[1])


def encrypt(key: JWK, plaintext: bytes, typ: str, **members: object) -> str:
    header = {"alg": _receiving(key), "enc": CONTENT, "typ": f"letterlock-{typ}+jwe", **members}
    token = jwe.JWE(plaintext, _compact(header), recipient=key, algs=[header["alg"], CONTENT])
    return token.serialize(compact=True)


def decrypt(key: JWK, token: str, typ: str, **members: object) -> bytes:
    """The plaintext of a JWE whose header is exactly that of this type and key, with these members."""
    algorithm = _receiving(key)
    expected = {"alg": algorithm, "enc": CONTENT, "typ": f"letterlock-{typ}+jwe", **members}
    header = header_of(token, 5)
    if algorithm == "ECDH-ES+A256KW":
        sender = read_jwk(header.pop("epk", {}))
        if kind_of(sender) != kind_of(key):
            raise Forged("expected an ephemeral key on the curve of the key")
    if header != expected:
        raise Forged(f"expected the header of {expected['typ']}")
    _, wrapped, nonce, _, tag = (from_base64url(part) for part in token.split("."))
    if len(nonce) != 12 or len(tag) != 16 or (algorithm == "dir") != (wrapped == b""):
        raise Forged("expected a nonce of 96 bits and a tag of 128")
    try:
        opened = jwe.JWE(algs=[algorithm, CONTENT])
        opened.deserialize(token, key)
    except (JWException, ValueError) as error:
        raise Forged("expected a ciphertext that holds") from error
    return opened.payload


def header_of(token: str, parts: int) -> dict:
    """The protected header by rule 3 of section 2."""
    if not isinstance(token, str) or token.count(".") != parts - 1:
        raise Forged(f"expected {parts} parts")
    try:
        decoded = [from_base64url(part) for part in token.split(".")][0]
        members = json.loads(decoded, object_pairs_hook=lambda pairs: pairs)
    except (NotCanonical, ValueError) as error:
        raise Forged("expected canonical base64url around a JSON object") from error
    if len(decoded) > HEADER_LIMIT or not HEADER.match(decoded) or not isinstance(members, list):
        raise Forged("expected a header of plain ASCII")
    if len(dict(members)) != len(members):
        raise Forged("expected each member once")
    return {name: dict(value) if isinstance(value, list) else value for name, value in members}


def symmetric(key: bytes) -> JWK:
    return JWK(kty="oct", k=to_base64url(key))


def _receiving(key: JWK) -> str:
    return "dir" if key["kty"] == "oct" else RECEIVING[kind_of(key)]


def _compact(header: dict) -> str:
    return json.dumps(header, separators=(",", ":"))
