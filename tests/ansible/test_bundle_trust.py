"""The playbooks' own look at a bundle: nothing of it is used unless all of it was signed."""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

REPOSITORY = Path(__file__).parents[2]
TOOLS = REPOSITORY / ".venv-ansible"
RULES = "dashboards/rules/tramgac.yml"
_PLAY = """
- hosts: all
  connection: local
  gather_facts: false
  serial: 1
  tasks:
    - block:
        - ansible.builtin.include_role: {name: tramgac.monitoring.common, tasks_from: bundle.yml}
        - ansible.builtin.set_fact: {told: "version {{ common_bundle_version }}"}
      rescue:
        - ansible.builtin.set_fact: {told: "{{ ansible_failed_result.msg }}"}
    - ansible.builtin.debug: {msg: "told {{ inventory_hostname }}: {{ told }}"}
"""


def make(folder: Path, key: Ed25519PrivateKey) -> None:
    """A bundle of two files, sealed."""
    for name in ("wheels/tramgac-9.9.9-py3-none-any.whl", RULES):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(name)
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n"
        for path in found
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))
    (folder / "SHA256SUMS.sig").write_bytes(key.sign("".join(lines).encode()))


def _untouched(_folder: Path) -> None: ...


def _changed(folder: Path) -> None:
    (folder / RULES).write_text("groups: []\n")


def _added(folder: Path) -> None:
    (folder / RULES).with_name("silence.yml").write_text("groups: []\n")


def _resigned(folder: Path) -> None:
    sums = (folder / "SHA256SUMS").read_bytes()
    (folder / "SHA256SUMS.sig").write_bytes(Ed25519PrivateKey.generate().sign(sums))


def _keyed(folder: Path) -> None:
    (folder / "tramgac-bundle.pub").write_text("put here by whoever checked it by hand")


CASES: dict[str, tuple[Callable[[Path], None], str]] = {
    "untouched": (_untouched, "version 9.9.9"),
    "keyed": (_keyed, "version 9.9.9"),
    "changed": (_changed, "is damaged, copy it again"),
    "added": (_added, "holds what nobody signed: dashboards/rules/silence.yml"),
    "resigned": (_resigned, "is not signed with"),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What one run of Ansible says of every bundle."""
    subprocess.run([str(REPOSITORY / "scripts/ansible-venv")], check=True, capture_output=True)
    folder = tmp_path_factory.mktemp("bundles")
    key = Ed25519PrivateKey.generate()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "key").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))
    for name, (deed, _) in CASES.items():
        make(folder / name, key)
        deed(folder / name)
    hosts = {name: {"tramgac_bundle_dir": str(folder / name)} for name in CASES}
    shared = {"tramgac_bundle_key": str(folder / "key")}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": shared}}))
    (folder / "play.yml").write_text(_PLAY)
    done = subprocess.run(
        [str(TOOLS / "bin/ansible-playbook"), "-i", "hosts.yml", "play.yml"],
        cwd=folder,
        env={
            "PATH": f"{TOOLS / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(TOOLS / "collections"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    lines = [line for line in done.stdout.splitlines() if '"msg": "told ' in line]
    found = dict(json.loads(line.split(":", 1)[1])[5:].split(": ", 1) for line in lines)
    assert set(found) == set(CASES), done.stdout + done.stderr
    return found


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_bundle_is_used_whole_and_signed_or_not_at_all(told: dict[str, str], name: str) -> None:
    """Another signature, a changed file and a file too many are each refused by name."""
    assert CASES[name][1] in told[name]
