"""A centre and an agent that may enrol with it."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.centre import Centre, running_centre

from tramgac_agent.identity.files import IdentityFiles


@dataclass
class Host:
    """One agent's config and state; each call is a real child process."""

    folder: Path
    config: Path

    @property
    def files(self) -> IdentityFiles:
        return IdentityFiles(self.folder / "state")

    def child(
        self, module: str, *arguments: str, token: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        environ = {"PATH": "/usr/bin:/bin", "TRAMGAC_TOKEN": token}
        command = [sys.executable, "-m", f"tramgac_agent.identity.{module}"]
        return subprocess.run(
            [*command, "--config", str(self.config), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environ,
        )

    def enroll(self, token: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.child("enroll", "--host", "his-1", *arguments, token=token)


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    state = tmp_path / "centre"
    state.mkdir()
    with running_centre(state) as running:
        yield running


def make_host(folder: Path, centre: Centre) -> Host:
    folder.mkdir()
    config = folder / "agent.toml"
    config.write_text(
        f"""[agent]
state_dir = "{folder / "state"}"
[collector]
address = "127.0.0.1:{centre.mtls_port}"
enrollment_address = "127.0.0.1:{centre.enrollment_port}"
"""
    )
    return Host(folder, config)


@pytest.fixture
def host(tmp_path: Path, centre: Centre) -> Host:
    return make_host(tmp_path / "host", centre)
