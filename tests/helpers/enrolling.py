"""A host that may enrol with a ``Centre``: its config, its state, its children."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from helpers.centre import Centre

from tramgac_agent.config import Config, load_config
from tramgac_agent.identity.enroll import Wish, enroll
from tramgac_agent.identity.files import Identity, IdentityFiles


@dataclass
class Host:
    """One agent's folder.

    Attributes:
        path: Its ``agent.toml``.
    """

    folder: Path
    path: Path

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return load_config(self.path)

    @property
    def files(self) -> IdentityFiles:
        """Where its identity lies."""
        return IdentityFiles(self.folder / "state")

    @property
    def identity(self) -> Identity:
        """Its identity.

        Raises:
            LookupError: It has none.
        """
        found = self.files.load()
        if found is None:
            raise LookupError("not enrolled")
        return found

    def enroll(self, token: str, **wish: object) -> str:
        """Enrol in this process, as ``his-1`` unless told otherwise."""
        path = self.folder / "token"
        path.write_text(token)
        values = {"host": "his-1", "token_file": str(path) if token else ""} | wish
        return enroll(self.config, Wish(**values))  # type: ignore[arg-type]

    def child(
        self, module: str, *arguments: str, token: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """Run one of the identity children as the uplink does."""
        command = [sys.executable, "-m", f"tramgac_agent.identity.{module}"]
        return subprocess.run(
            [*command, "--config", str(self.path), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PATH": "/usr/bin:/bin", "TRAMGAC_TOKEN": token},
        )


def make_host(folder: Path, centre: Centre) -> Host:
    """A host configured for the centre's two ports."""
    folder.mkdir()
    path = folder / "agent.toml"
    path.write_text(
        f"""[agent]
state_dir = "{folder / "state"}"
[collector]
address = "127.0.0.1:{centre.mtls_port}"
enrollment_address = "127.0.0.1:{centre.enrollment_port}"
"""
    )
    return Host(folder, path)
