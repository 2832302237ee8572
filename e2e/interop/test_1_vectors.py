"""`vectors/ours`: what the other implementation wrote and will always be able to read, this one reads too."""

import json
from pathlib import Path

import pytest
from jwcrypto.jwk import JWK

from letterlock.administration import Share
from letterlock.delivery import CheckFailed, Expected, read_delivery
from letterlock.encoding import digest, from_base64url, read_canonical
from letterlock.envelope import commitment
from letterlock.identity import Identity, read_keyset
from letterlock.jose import decrypt, public_jwk, thumbprint, verify

FOLDER = Path(__file__).resolve().parents[2] / "vectors/ours"


def read(name: str) -> list | dict:
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def named(name: str) -> list:
    return [pytest.param(entry, id=entry["name"]) for entry in read(name)]


KEYS = {name: JWK(**members) for name, members in read("keys").items()}


@pytest.mark.parametrize("entry", named("keyset"))
def test_keyset(entry: dict) -> None:
    found = read_keyset(entry["jws"], thumbprint(KEYS[entry["sig"]]))
    assert (found.seq, public_jwk(found.enc)) == (entry["seq"], public_jwk(KEYS[entry["enc"]]))


@pytest.mark.parametrize("entry", named("proof"))
def test_proof(entry: dict) -> None:
    claims, said = read_canonical(verify(entry["jws"], "proof", KEYS[entry["key"]])), entry["claims"]
    assert [claims[name] for name in ("htm", "htu", "bh", "nonce", "iat")] == [
        said[name] for name in ("method", "target", "bodyHash", "nonce", "iat")
    ]
    assert claims.get("cb") == said.get("channelBinding")


@pytest.mark.parametrize("entry", named("receipt"))
def test_receipt(entry: dict) -> None:
    assert read_canonical(verify(entry["jws"], "rcpt", KEYS["instance"])) == entry["claims"]


def test_state() -> None:
    vector = read("state")
    assert read_canonical(verify(vector["jws"], "state", KEYS["instance"])) == vector["claims"]


def test_operation() -> None:
    vector = read("operation")
    assert read_canonical(verify(vector["jws"], "op", KEYS[vector["key"]])) == vector["operation"]


@pytest.mark.parametrize("entry", named("envelope"))
def test_envelope(entry: dict) -> None:
    """Hashes, signature and commitment hold for the kinds that this release refuses, too."""
    envelope, header = entry["envelope"], entry["header"]
    raw_header = from_base64url(envelope["hdr"])
    assert read_canonical(raw_header) == header
    signed = read_canonical(verify(envelope["sig"], "env", KEYS[entry["writer"]]))
    assert signed == {
        "eh": digest(raw_header),
        "ph": digest(envelope["payload"].encode("ascii")),
        "sh": [digest(slot.encode("ascii")) for slot in envelope["slots"]],
    }
    file_key = from_base64url(entry["fileKey"])
    assert commitment(file_key, header["id"]) == header["kc"]
    for slot, name in zip(envelope["slots"], entry["recipients"], strict=True):
        assert decrypt(KEYS[name], slot, "slot", kid=thumbprint(KEYS[name]), eh=signed["eh"]) == file_key


@pytest.mark.parametrize("entry", named("delivery"))
def test_delivery(entry: dict) -> None:
    said = entry["expected"]
    expected = Expected(
        reader=Identity("reader", KEYS[entry["reader"]], KEYS[entry["encryptionKey"]]),
        instance_key=KEYS["instance"],
        id=said.get("id", ""),
        cid=said.get("cid", ""),
        nonce=said.get("nonce"),
        sent=said["sentBodyHashes"],
        writers=[thumbprint(KEYS[name]) for name in ("writer", "writerEd25519", "writerP384")],
        reply_key=KEYS["delivery"],
    )
    if entry["name"].startswith("once e2e"):
        sealed = next(envelope for envelope in read("envelope") if envelope["name"] == entry["name"])
        opened = read_delivery(entry["answer"], expected)
        assert from_base64url(sealed["content"]).endswith(b"\n" + opened.data)
        assert opened.claims == entry["claims"]
    else:
        with pytest.raises(CheckFailed, match="form"):
            read_delivery(entry["answer"], expected)


def test_share() -> None:
    vector = read("share")
    context, own = vector["context"], vector["shares"][0]
    about = {"inst": vector["inst"], "gen": vector["gen"]}
    key = KEYS["adminEncryption"]
    secret = decrypt(key, vector["sealed"], "share", kid=thumbprint(key), x=own["x"], **about)
    assert secret == from_base64url(own["share"])
    share = Share(secret, vector["inst"], vector["gen"])
    assert (share.commitment, share.acknowledgement) == (vector["commitment"], vector["acknowledgement"])
    assert digest(from_base64url(share.acknowledgement)) == vector["acknowledgementHash"]
    to_boot = {"kid": context["adminId"], "boot": context["boot"], "purpose": "unseal", **about}
    assert decrypt(KEYS["boot"], vector["sealedToBoot"], "ushare", **to_boot) == secret
