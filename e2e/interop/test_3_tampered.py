"""A reader refuses a tampered delivery, and says which check caught it.

The base is a genuine delivery of the real server; each row changes one thing in it. ANYBODY needs no key for that; in
SERVER and WRITER the pinned server or the writer itself lies, so that no signature helps, only the check that is named.
"""

from collections.abc import Iterator

import pytest

from forgery import FILE_KEY, Case, Change, flipped, genuine
from letterlock.delivery import CheckFailed, read_delivery
from letterlock.encoding import canonical, digest, from_base64url, to_base64url
from letterlock.envelope import pad
from letterlock.identity import Identity, new_receiving_key, new_signing_key
from letterlock.jose import encrypt, public_jwk, sign, thumbprint
from people import claim, connect, grant, register, wrap
from server import Server

SECRET = b"hunter2"
OTHER_ID = to_base64url(bytes(16))
OTHER_HASH = digest(b"another request")


@pytest.fixture(scope="module")
def cases(server: Server) -> Iterator[tuple[Case, Case]]:
    """Two genuine deliveries, of different wraps by one writer to one reader with one reply key."""
    writer, reader = Identity("writer"), Identity("reader")
    register(server, writer)
    register(server, reader)
    grant(server, writer, "team-a", "wrap")
    reply_key, made = new_receiving_key(), []
    with connect(server, reader.sig) as session:
        for data in (SECRET, b"another"):
            own = claim(reader, wrap(server, data, writer, reader, "team-a/password"))
            own.reply_key = reply_key
            made.append(genuine(*own.ask(session), writer))
    yield made[0], made[1]


def with_header(case: Case, **members: object) -> Case:
    return case.replace(hdr=to_base64url(canonical(case.header() | members)))


def signed_by_stranger(case: Case) -> Case:
    stranger = new_signing_key()
    return case.replace(sig=sign(stranger, "env", canonical(case.signed())), wkey=public_jwk(stranger))


def slot_for(case: Case) -> str:
    """A slot that the lying server makes for the reader: it knows the public key, not the file key."""
    key = case.expected.reader.enc
    return encrypt(key, FILE_KEY, "slot", kid=thumbprint(key), eh=digest(from_base64url(case.delivery["hdr"])))


ANYBODY: list[tuple[str, Change, str]] = [
    ("a member more", lambda one, _: one.replace(more=1), "form"),
    ("version 2", lambda one, _: one.replace(v=2), "form"),
    ("padded base64url", lambda one, _: one.replace(hdr=one.delivery["hdr"] + "="), "form"),
    (
        "a header that is not canonical",
        lambda one, _: one.replace(hdr=to_base64url(b" " + from_base64url(one.delivery["hdr"]))),
        "form",
    ),
    ("a header with a member more", lambda one, _: with_header(one, more=1), "form"),
    ("a header of another kind", lambda one, _: with_header(one, kind="kv"), "form"),
    ("a header of mode svc", lambda one, _: with_header(one, mode="svc"), "form"),
    ("flipped writer signature", lambda one, _: one.replace(sig=flipped(one.delivery["sig"], 2)), "writer signature"),
    ("flipped signed hashes", lambda one, _: one.replace(sig=flipped(one.delivery["sig"], 1)), "writer signature"),
    ("a stranger's signature and key", lambda one, _: signed_by_stranger(one), "writer signature"),
    (
        "a stranger's key",
        lambda one, _: one.replace(wkey=public_jwk(new_signing_key())),
        "writer signature",
    ),
    (
        "the signature of another type",
        lambda one, _: one.replace(sig=sign(one.writer.sig, "op", canonical(one.signed()))),
        "writer signature",
    ),
    ("flipped payload byte", lambda one, _: one.replace(payload=flipped(one.delivery["payload"], 3)), "hashes"),
    ("other payload", lambda one, two: one.replace(payload=two.delivery["payload"]), "hashes"),
    ("changed header", lambda one, _: with_header(one, path="team-a/other"), "hashes"),
    ("other header", lambda one, two: one.replace(hdr=two.delivery["hdr"]), "hashes"),
    (
        "other envelope",
        lambda one, two: one.replace(**{name: two.delivery[name] for name in ("hdr", "payload", "sig")}),
        "id",
    ),
    ("asked by another than the recipient", lambda one, _: one.expecting(reader=Identity("another")), "recipient"),
    ("a writer that is not wanted", lambda one, _: one.expecting(writers=("another",)), "writer"),
    (
        "flipped delivery signature",
        lambda one, _: one.replace(dlv=flipped(one.delivery["dlv"], 2)),
        "delivery signature",
    ),
    (
        "changed bhs",
        lambda one, _: one.replace(dlv=sign(new_signing_key(), "dlv", canonical(one.claims() | {"bhs": [OTHER_HASH]}))),
        "delivery signature",
    ),
    ("another server", lambda one, _: one.expecting(instance_key=new_signing_key()), "delivery signature"),
    ("foreign dlv", lambda one, two: one.replace(dlv=two.delivery["dlv"]), "delivery claims"),
    ("swapped dslot", lambda one, two: one.replace(dslot=two.delivery["dslot"]), "delivery claims"),
    ("an answer to another request", lambda one, two: one.expecting(nonce=two.expected.nonce), "delivery claims"),
    ("an answer to another claim", lambda one, two: one.expecting(cid=two.expected.cid), "delivery claims"),
    ("a request that this reader did not send", lambda one, _: one.expecting(sent=()), "body hashes"),
    ("another reply key", lambda one, _: one.expecting(reply_key=new_receiving_key()), "delivery slot"),
]

SERVER: list[tuple[str, Change, str]] = [
    ("at after exp", lambda one, _: one.said_by_server(at=one.header()["exp"]), "expiry"),
    ("another reader", lambda one, _: one.said_by_server(kid=Identity("another").id), "delivery claims"),
    ("another id", lambda one, _: one.said_by_server(id=OTHER_ID), "delivery claims"),
    ("another eh", lambda one, _: one.said_by_server(eh=OTHER_HASH), "delivery claims"),
    ("another ph", lambda one, _: one.said_by_server(ph=OTHER_HASH), "delivery claims"),
    ("another ds", lambda one, _: one.said_by_server(ds=OTHER_HASH), "delivery claims"),
    ("another state", lambda one, _: one.said_by_server(st="STORED"), "delivery claims"),
    ("bhs of somebody else", lambda one, _: one.said_by_server(bhs=[OTHER_HASH]), "body hashes"),
    (
        "bhs of somebody else beside the own",
        lambda one, _: one.said_by_server(n=2, bhs=[*one.claims()["bhs"], OTHER_HASH]),
        "body hashes",
    ),
    ("fewer bhs than deliveries", lambda one, _: one.said_by_server(n=2), "body hashes"),
    ("no bhs", lambda one, _: one.said_by_server(n=0, bhs=[]), "body hashes"),
    (
        "dslot of another envelope",
        lambda one, two: one.replace(dslot=two.delivery["dslot"]).said_by_server(
            ds=digest(two.delivery["dslot"].encode("ascii"))
        ),
        "delivery slot",
    ),
    ("a slot of its own", lambda one, _: one.with_slot(slot_for(one)), "slot hash"),
]

WRITER: list[tuple[str, Change, str]] = [
    ("fewer slot hashes than recipients", lambda one, _: signed_short_of_slots(one.written()), "hashes"),
    ("a header beyond its limit", lambda one, _: one.written(header={"path": "a" * 8192}), "form"),
    ("a slot for another key", lambda one, _: one.written(slot_key=new_receiving_key()), "slot key"),
    ("a slot of another envelope", lambda one, _: one.written(slot_eh=OTHER_HASH), "slot"),
    ("a short file key", lambda one, _: one.written(file_key=FILE_KEY[:16]), "slot"),
    ("an uncommitted file key", lambda one, _: one.written(file_key=bytes(32)), "key commitment"),
    ("a payload under another key", lambda one, _: one.written(payload_file_key=bytes(32)), "payload"),
    ("a payload of another envelope", lambda one, _: one.written(payload_eh=OTHER_HASH), "payload"),
    ("a pad byte that is not zero", lambda one, _: one.written(padded=pad(b"{}\nforged")[:-1] + b"\x01"), "padding"),
    ("a block of padding more", lambda one, _: one.written(padded=pad(b"{}\nforged") + bytes(256)), "padding"),
    ("less than a block", lambda one, _: one.written(padded=pad(b"{}\nforged")[:-1]), "padding"),
    ("a length beyond the end", lambda one, _: one.written(padded=b"\xff" * 256), "padding"),
    ("no metadata line", lambda one, _: one.written(padded=pad(b"forged")), "metadata"),
    ("a metadata line without an end", lambda one, _: one.written(padded=pad(b"{}")), "metadata"),
    ("metadata that is not canonical", lambda one, _: one.written(padded=pad(b"{ }\nforged")), "metadata"),
]


def signed_short_of_slots(case: Case) -> Case:
    return case.replace(sig=sign(case.writer.sig, "env", canonical(case.signed() | {"sh": []})))


def test_00_the_untouched_delivery_opens(cases: tuple[Case, Case]) -> None:
    assert read_delivery(cases[0].delivery, cases[0].expected).data == SECRET


def test_00_what_the_forger_leaves_alone_opens(cases: tuple[Case, Case]) -> None:
    for case, data in ((cases[0].said_by_server(), SECRET), (cases[0].written(), b"forged")):
        assert read_delivery(case.delivery, case.expected).data == data


ROWS = [(who, *row) for who, rows in (("anybody", ANYBODY), ("server", SERVER), ("writer", WRITER)) for row in rows]


@pytest.mark.parametrize(("change", "check"), [row[2:] for row in ROWS], ids=[f"{row[0]}: {row[1]}" for row in ROWS])
def test_01_is_refused(cases: tuple[Case, Case], change: Change, check: str) -> None:
    changed = change(*cases)
    with pytest.raises(CheckFailed) as caught:
        read_delivery(changed.delivery, changed.expected)
    assert caught.value.check == check
