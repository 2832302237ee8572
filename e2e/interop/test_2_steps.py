"""What a second client does against a real server, step by step.

Each step uses what the earlier ones left there; `-k` still works, since each makes its own wraps.
"""

import dataclasses
from collections.abc import Iterator

import pytest

from letterlock.administration import read_share, unseal
from letterlock.delivery import CheckFailed, read_delivery
from letterlock.encoding import digest, read_canonical, to_base64url
from letterlock.envelope import seal
from letterlock.identity import Identity, new_receiving_key, read_keyset
from letterlock.jose import Forged, thumbprint, verify
from letterlock.session import Refused, read_receipt
from people import (
    acknowledge,
    claim,
    connect,
    connect_bare,
    connect_by_exporter,
    grant,
    now,
    operate,
    register,
    wrap,
)
from server import Server

PATH = "team-a/db/password"
SECRET = b"correct horse battery staple\x00\xff"


@dataclasses.dataclass(frozen=True)
class World:
    server: Server
    writer: Identity
    reader: Identity


@pytest.fixture(scope="module")
def world(server: Server) -> Iterator[World]:
    made = World(server, Identity("writer@interop.test"), Identity("reader@interop.test"))
    register(server, made.writer)
    register(server, made.reader)
    grant(server, made.writer, "team-a", "wrap")
    yield made


def test_01_pins_the_server(server: Server) -> None:
    with connect_bare(server) as session:
        assert session.state == "unsealed"
        assert thumbprint(session.instance_key) == server.fingerprint


def test_02_refuses_another_server_than_the_pinned_one(server: Server) -> None:
    with connect_bare(server) as session:
        with pytest.raises(Forged, match="pinned"):
            session._check_server(Identity("another").id)


def test_03_refuses_a_statement_about_another_connection(server: Server) -> None:
    with connect_bare(server) as session:
        session.channel.server_thumbprint = Identity("a proxy").id
        with pytest.raises(Forged, match="this connection"):
            session._check_server(server.fingerprint)


def test_04_registers_itself_with_an_admins_evidence(server: Server) -> None:
    newcomer = Identity("newcomer")
    with connect(server, newcomer.sig) as session:
        operation = server.admins[0].operation(session.instance, now(session), "identity.put", id=newcomer.id)
        body = {"evidence": {"jws": operation, "t": "op"}, "keyset": newcomer.keyset()}
        assert session.call("POST", "/v1/identities", body) == {"id": newcomer.id, "seq": 1}
        # The same keyset again is no new one.
        assert session.call("POST", "/v1/identities", {"keyset": body["keyset"]}) == {"id": newcomer.id, "seq": 1}
        found = read_keyset(session.call("GET", f"/v1/identities/{newcomer.id}")["keyset"], newcomer.id)
    assert thumbprint(found.enc) == thumbprint(newcomer.enc)


def test_05_is_not_registered_without_evidence(server: Server) -> None:
    stranger = Identity("stranger")
    with connect(server, stranger.sig) as session, pytest.raises(Refused) as refused:
        session.call("POST", "/v1/identities", {"keyset": stranger.keyset()})
    assert refused.value.status == 403


def test_06_rotates_its_encryption_key_and_refuses_to_go_back(server: Server) -> None:
    old = Identity("rotating")
    register(server, old)
    new = dataclasses.replace(old, enc=new_receiving_key("P-256"))
    with connect(server, old.sig) as session:
        assert session.call("POST", "/v1/identities", {"keyset": new.keyset(seq=2)})["seq"] == 2
        with pytest.raises(Refused) as refused:
            session.call("POST", "/v1/identities", {"keyset": old.keyset(seq=1)})
        assert refused.value.code == "conflict"
        found = read_keyset(session.call("GET", f"/v1/identities/{old.id}")["keyset"], old.id)
    assert (found.seq, thumbprint(found.enc)) == (2, thumbprint(new.enc))


def test_07_may_not_wrap_before_an_admin_grants_it(world: World) -> None:
    newcomer = Identity("without grants")
    register(world.server, newcomer)
    with pytest.raises(Refused) as refused:
        wrap(world.server, SECRET, newcomer, world.reader, "team-b/key")
    assert refused.value.status == 403
    grant(world.server, newcomer, "team-b", "list", "wrap")
    assert wrap(world.server, SECRET, newcomer, world.reader, "team-b/key")
    with pytest.raises(Refused):
        wrap(world.server, SECRET, newcomer, world.reader, "team-bc/key")


def test_08_wraps_to_a_second_identity(world: World) -> None:
    with connect(world.server, world.writer.sig) as session:
        keyset = read_keyset(session.call("GET", f"/v1/identities/{world.reader.id}")["keyset"], world.reader.id)
        sealed = seal(SECRET, world.writer, keyset, PATH, now(session))
        answer = session.call("POST", "/v1/wraps", sealed.envelope)
        about = {"id": sealed.id, "eh": sealed.eh, "ph": sealed.ph, "st": "STORED"}
        read_receipt(answer["rcpt"], session.instance_key, session.last, **about)
        # Stored once: the same again is the same.
        again = session.call("POST", "/v1/wraps", sealed.envelope)
        read_receipt(again["rcpt"], session.instance_key, session.last, **about)


def test_09_opens_with_every_check_and_acknowledges(world: World) -> None:
    sealed = wrap(world.server, SECRET, world.writer, world.reader, PATH)
    own = claim(world.reader, sealed)
    with connect(world.server, world.reader.sig) as session:
        opened = read_delivery(*own.ask(session))
        assert (opened.data, opened.metadata) == (SECRET, {"type": "text/plain"})
        assert opened.claims["until"] == opened.claims["at"] + 60
        answer = acknowledge(session, own)
        read_receipt(answer["rcpt"], session.instance_key, session.last, id=sealed.id, st="OPENED")
        assert acknowledge(session, own)["rcpt"]


def test_10_the_second_open_is_gone_with_a_valid_receipt(world: World) -> None:
    sealed = wrap(world.server, SECRET, world.writer, world.reader, PATH)
    own = claim(world.reader, sealed)
    with connect(world.server, world.reader.sig) as session:
        read_delivery(*own.ask(session))
        at = read_receipt(acknowledge(session, own)["rcpt"], session.instance_key, session.last)["at"]
        with pytest.raises(Refused) as refused:
            claim(world.reader, sealed).ask(session)
        problem = refused.value.problem
        assert (refused.value.status, refused.value.code) == (410, "gone")
        assert refused.value.media_type == "application/problem+json"
        assert (problem["st"], problem["at"], problem["kid"]) == ("OPENED", at, world.reader.id)
        read_receipt(problem["rcpt"], session.instance_key, session.last, id=sealed.id, st="OPENED", at=at)
    # The record carries the reader's own signed request.
    proof = read_canonical(verify(problem["proof"], "proof", world.reader.sig))
    assert (proof["htm"], proof["bh"]) == ("POST", own.sent[0])


def test_11_a_lost_answer_is_fetched_again_and_both_requests_are_named(world: World) -> None:
    sealed = wrap(world.server, SECRET, world.writer, world.reader, PATH)
    own = claim(world.reader, sealed)
    with connect(world.server, world.reader.sig) as session:
        own.ask(session)
    first_key, own.reply_key = own.reply_key, new_receiving_key("P-256")
    with connect(world.server, world.reader.sig) as session:
        delivery, expected = own.ask(session)
    opened = read_delivery(delivery, expected)
    assert thumbprint(first_key) != thumbprint(own.reply_key)
    assert (opened.data, opened.claims["n"]) == (SECRET, 2)
    assert sorted(opened.claims["bhs"]) == sorted(own.sent) and len(set(own.sent)) == 2
    # Somebody with a copy of the key and of the claim id would be seen here.
    with pytest.raises(CheckFailed, match="body hashes"):
        read_delivery(delivery, dataclasses.replace(expected, sent=own.sent[1:]))


def test_12_another_claim_is_refused_with_a_receipt(world: World) -> None:
    sealed = wrap(world.server, SECRET, world.writer, world.reader, PATH)
    with connect(world.server, world.reader.sig) as session:
        claim(world.reader, sealed).ask(session)
        with pytest.raises(Refused) as refused:
            claim(world.reader, sealed).ask(session)
        assert (refused.value.status, refused.value.code) == (409, "already_claimed")
        read_receipt(refused.value.problem["rcpt"], session.instance_key, session.last, id=sealed.id, st="CLAIMED")


def test_13_a_stranger_learns_nothing(world: World) -> None:
    sealed = wrap(world.server, SECRET, world.writer, world.reader, PATH)
    stranger = Identity("stranger")
    register(world.server, stranger)
    unknown = dataclasses.replace(sealed, id=to_base64url(bytes(16)))
    with connect(world.server, stranger.sig) as session:
        answers = []
        for asked in (sealed, unknown):
            for method, step, body in (
                ("GET", "status", None),
                ("POST", "revoke", {}),
                ("POST", "ack", {"cid": asked.id}),
            ):
                with pytest.raises(Refused) as refused:
                    session.call(method, f"/v1/wraps/{asked.id}/{step}", body)
                answers.append({**refused.value.problem, "instance": step})
            with pytest.raises(Refused) as refused:
                claim(stranger, asked).ask(session)
            answers.append({**refused.value.problem, "instance": "open"})
    assert {answer["status"] for answer in answers} == {404}
    assert answers[:4] == answers[4:]


def test_14_the_exporter_binds_a_proof_without_a_certificate(world: World) -> None:
    sealed = wrap(world.server, SECRET, world.writer, world.reader, PATH)
    with connect_by_exporter(world.server, world.reader.sig) as session:
        assert read_delivery(*claim(world.reader, sealed).ask(session)).data == SECRET


@pytest.mark.parametrize("how", ["another connection's cb", "no cb and no certificate", "another key's certificate"])
def test_15_a_proof_that_is_not_of_this_connection_is_refused(world: World, how: str) -> None:
    key = world.reader.sig
    if how == "another connection's cb":
        with connect_by_exporter(world.server, key) as other:
            foreign = to_base64url(other.channel.exporter)
        session, claims = connect_by_exporter(world.server, key), {"cb": foreign}
    elif how == "no cb and no certificate":
        session, claims = connect_bare(world.server, key), {}
    else:
        session, claims = connect(world.server, Identity("another").sig), {}
        session.key = key
    with session, pytest.raises(Refused) as refused:
        session.call("GET", f"/v1/identities/{world.reader.id}", **claims)
    assert (refused.value.status, refused.value.code) == (401, "channel_required")


def test_16_a_replayed_request_is_refused_with_a_fresh_nonce(world: World) -> None:
    path = f"/v1/identities/{world.reader.id}"
    with connect(world.server, world.reader.sig) as session:
        captured = session.proof("GET", path, b"")
        assert session.send("GET", path, b"", captured).status == 200
        with pytest.raises(Refused) as refused:
            session.read(session.send("GET", path, b"", captured))
        assert (refused.value.status, refused.value.code) == (401, "bad_nonce")
        assert len(session.nonce) == 54 and session.call("GET", path)


@pytest.mark.parametrize(
    "claims",
    [{"htm": "POST"}, {"htu": "https://example.com/v1/identities"}, {"bh": digest(b"other")}],
    ids=["method", "target", "body"],
)
def test_17_a_proof_of_another_request_is_refused(world: World, claims: dict) -> None:
    with connect(world.server, world.reader.sig) as session, pytest.raises(Refused) as refused:
        session.call("GET", f"/v1/identities/{world.reader.id}", **claims)
    assert (refused.value.status, refused.value.code) == (401, "bad_proof")


def test_18_opens_by_mutual_tls_alone(world: World) -> None:
    sealed = wrap(world.server, SECRET, world.writer, world.reader, PATH)
    own = dataclasses.replace(claim(world.reader, sealed), reply_key=world.reader.enc)
    with connect(world.server, world.reader.sig) as session:
        delivery = session.call_once("POST", f"/v1/wraps/{sealed.id}/open", {"cid": own.cid}, proven=False)
        assert read_delivery(delivery, own.expect(session)).data == SECRET


def test_19_the_writer_revokes_what_nobody_has_opened(world: World) -> None:
    sealed = wrap(world.server, SECRET, world.writer, world.reader, PATH)
    with connect(world.server, world.writer.sig) as session:
        answer = session.call("POST", f"/v1/wraps/{sealed.id}/revoke", {})
        read_receipt(answer["rcpt"], session.instance_key, session.last, id=sealed.id, st="REVOKED")
    with connect(world.server, world.reader.sig) as session, pytest.raises(Refused) as refused:
        claim(world.reader, sealed).ask(session)
    assert (refused.value.status, refused.value.problem["st"]) == (410, "REVOKED")


def test_20_the_status_shows_who_opened_and_that_it_arrived(world: World) -> None:
    sealed = wrap(world.server, SECRET, world.writer, world.reader, PATH)
    own = claim(world.reader, sealed)
    with connect(world.server, world.reader.sig) as session:
        own.ask(session)
        acknowledge(session, own)
        acknowledged = session.last.body_hash
    with connect(world.server, world.writer.sig) as session:
        status = session.call("GET", f"/v1/wraps/{sealed.id}/status")
        read_receipt(status["rcpt"], session.instance_key, session.last, id=sealed.id, st="OPENED")
    for name, sent in (("proof", own.sent[0]), ("aproof", acknowledged)):
        assert read_canonical(verify(status[name], "proof", world.reader.sig))["bh"] == sent


def test_21_an_operation_is_applied_once(world: World) -> None:
    with connect_bare(world.server) as session:
        args = {"path": "team-c", "verbs": ["wrap"], "who": world.writer.id}
        operation = world.server.admins[1].operation(session.instance, now(session), "grant.put", **args)
        assert session.call("POST", "/v1/sys/op", {"ops": [operation]}, proven=False) == {}
        # Whoever lost the answer sends the same bytes again and is answered as before.
        assert session.call("POST", "/v1/sys/op", {"ops": [operation]}, proven=False) == {}
        removal = {"path": "team-c", "who": world.writer.id}
        removed = world.server.admins[1].operation(session.instance, now(session), "grant.delete", **removal)
        assert session.call("POST", "/v1/sys/op", {"ops": [removed]}, proven=False) == {}
        assert session.call("POST", "/v1/sys/op", {"ops": [operation]}, proven=False) == {}
    with connect(world.server, world.server.admins[0].key) as session:
        grants = session.call("GET", "/v1/grants")["grants"]
    assert "team-c" not in [grant["path"] for grant in grants]


def test_22_an_admin_asks_why(world: World) -> None:
    admin = world.server.admins[0]
    question = {"path": "team-a/x", "verb": "wrap", "who": world.writer.id}
    with connect(world.server, admin.key) as session:
        assert session.call("POST", "/v1/explain", question)["allowed"] is True
        assert session.call("POST", "/v1/explain", question | {"verb": "destroy"})["allowed"] is False
        grants = session.call("GET", "/v1/grants")["grants"]
    assert {"path": "team-a", "verbs": ["wrap"], "who": world.writer.id} in grants


def test_23_seals_by_operation_and_unseals_with_an_init_certificate(world: World) -> None:
    server, (alice, bob) = world.server, world.server.admins
    before = wrap(server, SECRET, world.writer, world.reader, PATH)
    with connect(server, bob.key) as session:
        share = read_share(bob, session.call("GET", "/v1/sys/unseal"))
    assert operate(server, bob, "share.ack", ack=share.acknowledgement) == {}

    with connect_bare(server) as session:
        operation = alice.operation(session.instance, now(session), "seal")
        sealed = session.call("POST", "/v1/sys/seal", {"ops": [operation]}, proven=False)
        assert set(sealed) == {"epoch"}
    with connect(server, world.reader.sig) as session:
        assert (session.state, session.instance) == ("sealed", None)
        with pytest.raises(Refused) as refused:
            claim(world.reader, before).ask(session)
        assert (refused.value.status, refused.value.code) == (503, "sealed")

    with connect(server, bob.key) as session:
        transcript = unseal(session, bob, server.boot, share.commitment, server.fingerprint)
        assert transcript["admins"] == [bob.id]

    after = wrap(server, SECRET, world.writer, world.reader, PATH)
    with connect(server, world.reader.sig) as session:
        for wrapped in (before, after):
            assert read_delivery(*claim(world.reader, wrapped).ask(session)).data == SECRET
