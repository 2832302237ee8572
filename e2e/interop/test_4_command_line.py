"""The two implementations read each other: what one wraps the other opens, through the real service."""

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from jwcrypto.jwk import JWK

from command_line import CommandLine
from forgery import flipped
from letterlock.administration import read_share, unseal
from letterlock.delivery import Opened, read_delivery
from letterlock.encoding import canonical
from letterlock.identity import Identity, new_signing_key
from letterlock.jose import public_jwk
from letterlock.session import read_receipt
from people import acknowledge, claim, connect, connect_bare, grant, now, register, wrap
from server import Server

PATH = "team-a/certificate"
CONTENT = os.urandom(100_000)
KINDS = ("P-256", "P-384", "Ed25519", "RSA")


@dataclasses.dataclass(frozen=True)
class World:
    """`writer` and `reader` are Python's; `one_key` is known to both sides, since its single key was imported."""

    server: Server
    cli: CommandLine
    admin: Path
    writer: Identity
    reader: Identity
    one_key: Identity
    imported: Path


@pytest.fixture(scope="module")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    cli = CommandLine(server, tmp_path_factory.mktemp("interop") / "home")
    key = new_signing_key()
    made = World(
        server=server,
        cli=cli,
        admin=cli.bring("alice", server.admins[0].key),
        writer=Identity("writer"),
        reader=Identity("reader"),
        one_key=Identity("one key", key, key),
        imported=cli.bring("shared", key),
    )
    for identity in (made.writer, made.reader, made.one_key):
        register(server, identity)
        grant(server, identity, "team-a", "wrap")
    yield made


def open_in_python(world: World, reader: Identity, identifier: str, writer: str) -> Opened:
    """Opens and acknowledges."""
    with connect(world.server, reader.sig) as session:
        own = claim(reader, Wrapped(identifier, writer))
        opened = read_delivery(*own.ask(session))
        answer = acknowledge(session, own)
        read_receipt(answer["rcpt"], session.instance_key, session.last, id=identifier, st="OPENED")
    return opened


@dataclasses.dataclass(frozen=True)
class Wrapped:
    """What a reader is told of a wrap."""

    id: str
    writer: str


def wrap_by_command(world: World, key: Path, reader: str, *options: str) -> str:
    source = world.cli.folder / "content.bin"
    source.write_bytes(CONTENT)
    wrapped = world.cli.run("wrap", "--to", reader, "--path", PATH, "--file", source, "--quiet", *options, key=key)
    return wrapped.decode().strip()


@pytest.mark.parametrize("kind", KINDS)
def test_1_each_opens_what_the_other_wraps(world: World, kind: str) -> None:
    cli = world.cli
    key, identity = cli.generate(kind)
    cli.run("identity", "register", "--name", f"cli {kind}", "--admin-key", world.admin, key=key)
    cli.run("grant", "put", "--who", identity, "--verbs", "wrap", "--path", "team-a", key=world.admin)

    identifier = wrap_by_command(world, key, world.reader.id, "--type", "application/octet-stream")
    opened = open_in_python(world, world.reader, identifier, identity)
    assert opened.data == CONTENT
    assert opened.metadata == {"name": "content.bin", "type": "application/octet-stream"}
    cli.run("open", "--", identifier, key=key, status=4)

    sealed = wrap(world.server, CONTENT, world.writer, Somebody(identity), PATH)
    out = cli.folder / f"{kind}.out"
    cli.run("open", "--out", out, "--", sealed.id, key=key)
    assert out.read_bytes() == CONTENT
    cli.run("open", "--out", cli.folder / "again", "--", sealed.id, key=key, status=5)


@dataclasses.dataclass(frozen=True)
class Somebody:
    """A reader of whom only the id is known."""

    id: str


@pytest.mark.parametrize("kind", ["P-384", "RSA"])
def test_2_every_kind_of_key_works_in_python_too(world: World, kind: str) -> None:
    key = JWK.generate(kty="RSA", size=2048) if kind == "RSA" else JWK.generate(kty="EC", crv=kind)
    identity = Identity(kind, key, key)
    register(world.server, identity)
    identifier = wrap_by_command(world, world.imported, identity.id)
    assert open_in_python(world, identity, identifier, world.one_key.id).data == CONTENT


def test_3_the_command_resumes_nothing_of_another_claim(world: World) -> None:
    """One identity on both sides: Python opens first, the command is told when."""
    sealed = wrap(world.server, CONTENT, world.writer, world.one_key, PATH)
    assert open_in_python(world, world.one_key, sealed.id, world.writer.id).data == CONTENT
    world.cli.run("open", "--out", world.cli.folder / "late", "--", sealed.id, key=world.imported, status=5)
    found = world.cli.json("lookup", "--", sealed.id, key=world.imported)
    assert "OPENED" in json.dumps(found) and world.one_key.id in json.dumps(found)


def test_4_python_stores_by_mutual_tls_what_the_command_sealed_offline(world: World) -> None:
    cli, keyset, envelope = world.cli, world.cli.folder / "reader.keyset", world.cli.folder / "envelope.json"
    keyset.write_bytes(cli.run("identity", "show", "--keyset", "--", world.reader.id, key=world.imported))
    wrap_by_command(
        world, world.imported, world.reader.id, "--offline", "--keyset", str(keyset), "--out", str(envelope)
    )
    with connect(world.server, world.one_key.sig) as session:
        answer = session.read(session.send("POST", "/v1/wraps", envelope.read_bytes()))
        identifier = read_receipt(answer["rcpt"], session.instance_key, None, st="STORED")["id"]
    assert open_in_python(world, world.reader, identifier, world.one_key.id).data == CONTENT


@pytest.mark.parametrize("tampered", [False, True], ids=["genuine", "tampered"])
def test_5_the_command_decrypts_what_python_was_answered(world: World, tampered: bool) -> None:
    sealed = wrap(world.server, CONTENT, world.writer, world.one_key, PATH)
    body = {"cid": claim(world.one_key, sealed).cid}
    with connect(world.server, world.one_key.sig) as session:
        answer = session.call_once("POST", f"/v1/wraps/{sealed.id}/open", body, proven=False)
    if tampered:
        answer["payload"] = flipped(answer["payload"], 3)
    answer_file, body_file = world.cli.folder / "answer.json", world.cli.folder / "body.json"
    answer_file.write_bytes(canonical(answer))
    body_file.write_bytes(canonical(body))
    arguments = ("decrypt", "--answer", answer_file, "--body", body_file, "--", sealed.id)
    shown = world.cli.run(*arguments, key=world.imported, status=8 if tampered else 0)
    assert shown == (b"" if tampered else CONTENT)


def test_6_the_command_verifies_a_receipt_that_python_was_given(world: World) -> None:
    sealed = wrap(world.server, CONTENT, world.writer, world.reader, PATH)
    with connect(world.server, world.writer.sig) as session:
        receipt = session.call("GET", f"/v1/wraps/{sealed.id}/status")["rcpt"]
        instance_key = public_jwk(session.instance_key)
    for token, status in ((receipt, 0), (flipped(receipt, 2), 8)):
        file = {"receipt": token, "instanceKey": instance_key}
        world.cli.run("receipt", "-", stdin=json.dumps(file).encode(), status=status)


def test_7_each_unseals_what_the_other_sealed(world: World) -> None:
    server, cli, bob = world.server, world.cli, world.server.admins[1]
    cli.run("share", "check", key=world.admin)
    with connect(server, bob.key) as session:
        share = read_share(bob, session.call("GET", "/v1/sys/unseal"))

    cli.run("seal", key=world.admin)
    with connect(server, bob.key) as session:
        assert session.state == "sealed"
        unseal(session, bob, server.boot, share.commitment, server.fingerprint)
    with connect_bare(server) as session:
        assert session.state == "unsealed"
        operation = bob.operation(session.instance, now(session), "seal")
        session.call_once("POST", "/v1/sys/seal", {"ops": [operation]}, proven=False)
    cli.run("status", status=6)
    cli.run("unseal", "--boot", server.boot, key=world.admin)
    with connect_bare(server) as session:
        assert session.state == "unsealed"

    sealed = wrap(server, CONTENT, world.writer, world.reader, PATH)
    assert open_in_python(world, world.reader, sealed.id, world.writer.id).data == CONTENT
