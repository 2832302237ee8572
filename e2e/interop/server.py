"""Starts the shipped program with a memory store on a free loopback port, for the tests of this folder and of e2e/fuzz.

It must never end a process that it did not start.
"""

import json
import os
import re
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from letterlock.administration import Admin
from letterlock.channel import CertificateChannel
from letterlock.session import Session

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "packages/cli/bin/letterlock"
START_SECONDS = 90
STOP_SECONDS = 30


class Server:
    """A running server and its two admins."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="letterlock-interop-")
        self.folder = Path(self._folder.name)
        self.admins = (Admin("alice"), Admin("bob"))
        port = _free_port()
        self.origin = f"https://127.0.0.1:{port}"
        self._log_path = self.folder / "server.log"
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "server", "--config", self._write_config(port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # What a person's own settings say must not reach the test.
                env={name: value for name, value in os.environ.items() if not name.startswith("LETTERLOCK_")}
                | {"XDG_CONFIG_HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder)},
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    @property
    def fingerprint(self) -> str:
        """What the server printed at its start, for its clients to pin."""
        return self._printed("fingerprint")

    @property
    def boot(self) -> str:
        """What the server printed at its start, for its admins to compare."""
        return self._printed("boot")

    def _printed(self, name: str) -> str:
        found = re.search(rf"{name}\W+([A-Za-z0-9_-]{{43}})\b", self.log)
        if found is None:
            raise RuntimeError(f"the server printed no {name}:\n{self.log}")
        return found.group(1)

    @property
    def log(self) -> str:
        return self._log_path.read_text("utf-8", "replace")

    def stop(self) -> int:
        """SIGTERM drains. → exit code"""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._folder.cleanup()
        return self._process.returncode

    def _write_config(self, port: int) -> Path:
        paths = []
        for admin in self.admins:
            path = self.folder / f"{admin.name}.pem"
            path.write_bytes(admin.certificate())
            paths.append(str(path))
        config = {
            "trustDomain": "interop.test",
            "store": {"memory": {}},
            "listen": {"direct": f"127.0.0.1:{port}", "health": "none"},
            "init": {"certificates": paths},
        }
        # JSON is YAML.
        path = self.folder / "server.yaml"
        path.write_text(json.dumps(config), "utf-8")
        return path

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with Session(CertificateChannel(self.origin, None), None, None) as session:
                    if session.state == "unsealed":
                        return
            except OSError:
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{self.log}")
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
