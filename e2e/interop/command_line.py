"""The shipped command line as one person on a machine of their own.

It must never see this machine's settings, nor put a secret on the command line.
"""

import json
import os
import subprocess
from pathlib import Path

from jwcrypto.jwk import JWK

from server import PROGRAM, Server

SECONDS = 90


class CommandLine:
    def __init__(self, server: Server, folder: Path):
        self.folder = folder
        folder.mkdir(mode=0o700)
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("LETTERLOCK_", "XDG_"))
        } | {
            "HOME": str(folder),
            "LETTERLOCK_ADDRESS": server.origin,
            "LETTERLOCK_TRUST": server.fingerprint,
        }

    def run(self, *arguments: str | Path, key: Path | None = None, stdin: bytes = b"", status: int = 0) -> bytes:
        """→ standard output. `status`: the exit status that is expected"""
        environment = self._environment | ({"LETTERLOCK_KEY": str(key)} if key else {})
        done = subprocess.run(
            [PROGRAM, *arguments], input=stdin, capture_output=True, env=environment, cwd=self.folder, timeout=SECONDS
        )
        assert done.returncode == status, f"{arguments} ended with {done.returncode}: {done.stderr.decode()}"
        return done.stdout

    def json(self, *arguments: str | Path, key: Path | None = None) -> dict:
        return json.loads(self.run("--output", "json", *arguments, key=key))

    def generate(self, kind: str) -> tuple[Path, str]:
        """→ key file and id"""
        path = self.folder / f"{kind}.key"
        self.run("key", "generate", "--kind", kind, "--out", path)
        return path, self.run("key", "show", "--quiet", key=path).decode().strip()

    def bring(self, name: str, key: JWK) -> Path:
        """Imports a key that Python made."""
        foreign, path = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        foreign.touch(0o600)
        foreign.write_bytes(key.export_to_pem(private_key=True, password=None))
        self.run("key", "import", foreign, "--out", path)
        return path
