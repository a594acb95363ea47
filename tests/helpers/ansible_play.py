"""Playbooks run as a sysadmin runs them: a bundle of this checkout, hosts of `nspawn`."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.nspawn import Network

REPOSITORY = Path(__file__).parents[2]
_ANSIBLE = REPOSITORY / ".venv-ansible"
_BUNDLE = REPOSITORY / "scripts/bundle"
_ROW = re.compile(r"^(\S+)\s+: (ok=.*)$", re.MULTILINE)
_CONFIG = """
[defaults]
inventory = {folder}/hosts.json
roles_path = {folder}
private_key_file = {network.key}
interpreter_python = /usr/bin/python3
forks = 12
retry_files_enabled = false
local_tmp = {folder}/tmp
log_path = {folder}/log
[ssh_connection]
pipelining = true
ssh_args = {ssh}
"""


@dataclass(frozen=True)
class Bundle:
    """An unpacked bundle, and the public key it is signed with."""

    folder: Path
    key: Path


def bundle(folder: Path, version: str = "", source: Path | None = None) -> Bundle:
    """Build one for Python 3.11 on x86-64 and unpack it; seconds, once wheels are fetched."""
    words = ["make", "--python=3.11", "--arch=x86_64", "--without=sbom", "--folder"]
    words += [f"--out={folder}", *([f"--version={version}"] if version else [])]
    words += [f"--source={source}"] if source else []
    done = subprocess.run(
        [str(_BUNDLE / words[0]), *words[1:]],
        capture_output=True,
        text=True,
        check=False,
        # A tree outside git has no day of its own.
        env={**os.environ, "SOURCE_DATE_EPOCH": "1790000000"} if source else None,
    )
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    unpacked = [path for path in folder.iterdir() if path.is_dir()]
    return Bundle(unpacked[0], folder / "tramgac-bundle.pub")


@dataclass(frozen=True)
class Played:
    """What a run of a playbook said."""

    code: int
    text: str
    hosts: dict[str, dict[str, int]]

    def sums(self, what: str) -> dict[str, int]:
        """One column of the recap, without the rows of zero."""
        return {host: row[what] for host, row in self.hosts.items() if row[what]}

    def clean(self) -> "Played":
        """Itself, when nothing failed.

        Raises:
            AssertionError: Something did; the whole output is the message.
        """
        if self.code or self.sums("failed") or self.sums("unreachable"):
            raise AssertionError(self.text)
        return self


@dataclass
class Control:
    """The control host: its inventory and how it calls ansible-playbook."""

    folder: Path
    network: Network
    variables: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    # Not below `folder`: the kernel allows the path of a socket 108 characters.
    sockets: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="tga-")))

    def __post_init__(self) -> None:
        """Set up ansible-core."""
        subprocess.run([str(REPOSITORY / "scripts/ansible-venv")], check=True, capture_output=True)
        self.folder.mkdir(parents=True, exist_ok=True)

    def use(self, bundle_: Bundle) -> None:
        """Install from this bundle from now on, by the collection that came with it."""
        galaxy = (str(_ANSIBLE / "bin/ansible-galaxy"), "collection", "install", "--offline")
        subprocess.run(
            [*galaxy, "--force", "-p", str(self.folder / "collections"),
             str(bundle_.folder / "collection")],
            check=True, capture_output=True, env=self._environment(),
        )  # fmt: skip
        self.variables |= {
            "tramgac_bundle_dir": str(bundle_.folder),
            "tramgac_bundle_key": str(bundle_.key),
        }

    def play(
        self, book: str, *words: str, limit: Sequence[str] = (), **variables: object
    ) -> Played:
        """Run ``playbooks/BOOK.yml``; ``variables`` are given as extra variables."""
        self._write()
        given = [f"--limit={','.join(limit)}"] if limit else []
        given += ["--extra-vars", json.dumps(variables)] if variables else []
        command = [str(_ANSIBLE / "bin/ansible-playbook"), f"tramgac.monitoring.{book}"]
        done = subprocess.run(
            self.network.inside(*command, *given, *words),
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
            stdin=subprocess.DEVNULL,
            env=self._environment(),
        )
        text = done.stdout + done.stderr
        rows = {host: _numbers(row) for host, row in _ROW.findall(text)}
        return Played(done.returncode, text, rows)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{_ANSIBLE / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"),
        }

    def _write(self) -> None:
        ssh = [*self.network.options, "-o", "ControlMaster=auto", "-o", "ControlPersist=60s"]
        text = _CONFIG.format(folder=self.folder, network=self.network, ssh=" ".join(ssh))
        text += f"control_path_dir = {self.sockets}\ncontrol_path = %(directory)s/%%C\n"
        (self.folder / "ansible.cfg").write_text(text)
        tree = {"vars": {"ansible_user": "root", **self.variables}, "children": {}}
        children: dict[str, Any] = {
            group: {"hosts": {name: self._placed(values) for name, values in hosts.items()}}
            for group, hosts in self.groups.items()
        }
        (self.folder / "hosts.json").write_text(
            json.dumps({"all": {**tree, "children": children}}, indent=1)
        )

    def _placed(self, values: dict[str, Any]) -> dict[str, Any]:
        machine = values.get("machine", "")
        rest = {key: value for key, value in values.items() if key != "machine"}
        return {"ansible_host": self.network.hosts[machine].address, **rest}

    def close(self) -> None:
        """End the shared connections."""
        for socket in self.sockets.glob("*"):
            words = [shutil.which("ssh") or "ssh", "-O", "exit", "-S", str(socket), "any"]
            subprocess.run(words, check=False, capture_output=True)
        shutil.rmtree(self.sockets)


def _numbers(row: str) -> dict[str, int]:
    pairs = (word.split("=") for word in row.split())
    return {name: int(number) for name, number in pairs}
