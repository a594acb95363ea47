"""`scripts/bundle/packages`: a deb and an rpm that put the agent where the playbooks put it."""

import os
import subprocess
from pathlib import Path

import pytest
from bundle import packaging
from bundle.wheels import tools
from helpers.standin import DAY, ROOT, Standin, run, standin

VERSION = "/opt/tramgac/agent/versions/0.1.0"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Standin:
    """A stand-in with our real unit and the real build tools, which are fetched from the index."""
    small = standin(tmp_path_factory.mktemp("standin"))
    for name in (
        "requirements/bundle.txt",
        "ansible/roles/agent/defaults/main.yml",
        "ansible/roles/agent/templates/tramgac-agent.service.j2",
    ):
        (small.tree / name).parent.mkdir(parents=True, exist_ok=True)
        (small.tree / name).write_bytes((ROOT / name).read_bytes())
    tools(small.tree, small.cache)
    return small


def build(tree: Standin, out: Path) -> list[Path]:
    where = ["--source", str(tree.tree), "--cache", str(tree.cache), "--out", str(out)]
    done = run("packages", "--python", "3.11", *where, "--arch", "x86_64", **tree.environment())
    assert done.returncode == 0, done.stderr
    return sorted(out.iterdir())


@pytest.fixture(scope="module")
def packages(tree: Standin, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return build(tree, tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def unpacked(packages: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["dpkg-deb", "--raw-extract", str(packages[0]), str(folder)], check=True)
    return folder


def test_the_same_sources_give_the_same_packages(
    tree: Standin, packages: list[Path], tmp_path: Path
) -> None:
    """Deb and rpm are the same, byte for byte, when made again."""
    again = build(tree, tmp_path)

    assert [path.name for path in packages] == [
        "tramgac-agent-0.1.0-1+py311.amd64.deb",
        "tramgac-agent-0.1.0-1+py311.x86_64.rpm",
    ]
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in packages]


def test_it_needs_exactly_its_python(unpacked: Path) -> None:
    """The dependency names the minor; the environment starts that Python and no other."""
    control = (unpacked / "DEBIAN/control").read_text()
    place = unpacked / VERSION[1:]

    assert "Depends: python3.11, " in control
    assert (place / "bin/python").readlink() == Path("python3.11")
    assert (place / "bin/python3.11").readlink() == Path("/usr/bin/python3.11")
    assert (place / "bin/tramgac-agent").read_text().startswith(f"#!{VERSION}/bin/python\n")
    names = {path.name for path in (place / "lib/python3.11/site-packages").iterdir()}
    assert {"tramgac_agent", "fast.py", "plain.py"} <= names
    assert "bin" not in names


def test_it_lies_as_the_playbooks_lay_it(unpacked: Path) -> None:
    """Version folder, link in force, command, unit, user, folders, one configuration file."""
    assert (unpacked / VERSION[1:] / ".complete").read_text() == "0.1.0\n"
    assert (unpacked / "opt/tramgac/agent/current").readlink() == Path("versions/0.1.0")
    command = (unpacked / "usr/bin/tramgac-agent").readlink()
    assert command == Path("/opt/tramgac/agent/current/bin/tramgac-agent")
    assert (unpacked / "DEBIAN/conffiles").read_text().split() == ["/etc/tramgac/agent.toml"]
    assert {path.name for path in (unpacked / "usr/lib").iterdir()} == {
        "systemd",
        "sysusers.d",
        "tmpfiles.d",
    }
    assert all(path.lstat().st_mtime == DAY for path in (unpacked / "usr/lib").rglob("*.conf"))


def test_the_unit_is_that_of_the_role(unpacked: Path) -> None:
    """One home for the unit: the template of the Ansible role, with the role's defaults."""
    text = (unpacked / "usr/lib/systemd/system/tramgac-agent.service").read_text()

    assert text == packaging.unit(ROOT)
    assert "{" not in text
    assert "ExecStart=/opt/tramgac/agent/current/bin/tramgac-agent run\n" in text
    assert "MemoryMax=128M\n" in text


@pytest.mark.parametrize("word", ["remove", "0", "upgrade", "1"])
def test_an_upgrade_does_not_disable_the_service(tmp_path: Path, word: str) -> None:
    """Dpkg and rpm say in their own way whether another version follows; what was compiled goes."""
    root = tmp_path / "version"
    (root / "lib/__pycache__").mkdir(parents=True)
    calls = tmp_path / "calls"
    fake = tmp_path / "bin/systemctl"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n')
    fake.chmod(0o755)
    script = packaging.PREREMOVE.format(root=root).replace("/run/systemd/system", str(tmp_path))
    env = {"PATH": f"{fake.parent}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", script, "preremove", word], env=env, check=True)

    said = calls.read_text() if calls.exists() else ""
    stopped = word in {"remove", "0"}
    assert said == ("disable --now tramgac-agent.service\n" if stopped else "")
    assert not (root / "lib/__pycache__").exists()


def test_the_configuration_it_brings_must_be_filled_in(unpacked: Path) -> None:
    """The agent refuses it, by the name of what is missing, until somebody says where to report."""
    file = unpacked / "etc/tramgac/agent.toml"
    command = [str(ROOT / ".venv/bin/tramgac-agent"), "check-config", "--config", str(file)]
    before = subprocess.run(command, capture_output=True, text=True, check=False)
    file.write_text(file.read_text().replace('""', '"monitor.example.vn:8443"'))
    after = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (before.returncode, after.returncode) == (78, 0), after.stderr
    assert "collector" in before.stderr
