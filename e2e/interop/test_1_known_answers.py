"""The known answer at the end of section 5: before anything is sent, the derivations agree."""

from letterlock.encoding import canonical, derive, digest, from_base64url, read_canonical, to_base64url
from letterlock.envelope import commitment, pad, payload_key

FILE_KEY = bytes(range(32))
HEADER = (
    b'{"enc":"inline","exp":1790086400,"iat":1790000000,"id":"AAECAwQFBgcICQoLDA0ODw",'
    b'"kc":"c5ZON8qm3hWr4CpAfsldgXOgg-Pa5RFvY4IPx2upg0E","kind":"once","mode":"e2e","path":"team-a/db/password",'
    b'"rcp":["k:RUNJ5CLwUpcZHq0T4h09tSDlq-9SBV5JZLgvshP1k6E"],"v":1,"ver":1,"win":60,'
    b'"wrt":"UOch5JwBPwDGLPWfIWNUKp2N8CRk7-thXTEFGw_dwyY"}'
)


def test_the_header_is_canonical() -> None:
    assert canonical(read_canonical(HEADER)) == HEADER


def test_header_hash() -> None:
    assert digest(HEADER) == "csNnPiqSgJ5mHQlVkyCMDbTbzr1a37cve1z-Oc8IBtM"


def test_key_commitment() -> None:
    header = read_canonical(HEADER)
    assert commitment(FILE_KEY, header["id"]) == header["kc"]


def test_payload_key() -> None:
    assert to_base64url(payload_key(FILE_KEY, digest(HEADER))) == "VScmblFGJMhK13kPZTQ9QxQc4466NPjkkiWoFl_f0JA"


def test_padding() -> None:
    assert digest(pad(b"hunter2")) == "LAxIMRMxacW9aU6bAP0BkW9AnctaHQMQ31G99DI4YH4"


def test_the_derivation_is_rfc_5869() -> None:
    assert derive(FILE_KEY, from_base64url("AAECAwQFBgcICQoLDA0ODw"), "commit") != derive(FILE_KEY, b"", "commit")
