"""The server, its document and its callers.

It must never outlive the tests.
"""

import dataclasses
import json
from collections.abc import Iterator

import pytest
import schemathesis

from callers import Caller
from letterlock.identity import Identity
from people import connect_bare, grant, register
from real_requests import RealRequests
from server import Server


@dataclasses.dataclass(frozen=True)
class World:
    server: Server
    operations: dict[str, schemathesis.APIOperation]
    callers: dict[str, Caller]
    real: dict[str, RealRequests]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    server = Server()
    admin = server.admins[0]
    owner = Identity("owner")
    identities = {"stranger": None, "identity": Identity("identity"), "admin": Identity("admin", admin.key, admin.key)}
    for identity in (owner, identities["identity"]):
        register(server, identity)
        grant(server, identity, "fuzz", "destroy", "list", "read", "wrap", "write")
    callers = {name: Caller(server, name, who, 2 + index) for index, (name, who) in enumerate(identities.items())}
    # The others ask for what is somebody else's.
    owners = {name: callers[name] if name == "identity" else Caller(server, "owner", owner, 99) for name in callers}
    with connect_bare(server) as session:
        # The one success that is ordinary JSON.
        document = json.loads(session.send("GET", "/v1/openapi.json", b"").body)
    schema = schemathesis.openapi.from_dict(document)
    found = [result.ok() for result in schema.get_all_operations()]
    yield World(
        server,
        {operation.definition.raw["operationId"]: operation for operation in found},
        callers,
        {name: RealRequests(server, caller, admin) for name, caller in owners.items()},
    )
    for caller in (*callers.values(), *owners.values()):
        caller.close()
    assert server.stop() == 0, "SIGTERM ends the server with 0"
