"""`scripts/bundle/make`: what is inside, whoever makes it and whenever."""

import json
import os
import re
import tarfile
import zipfile
from pathlib import Path

import pytest
from helpers.standin import DAY, Standin, add_source, add_wheel, pin, run, sha256, standin

NAME = "tramgac-bundle-0.1.0"
BOTH = ("--only", "cp310-aarch64", "--only", "cp313-x86_64")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Standin:
    return standin(tmp_path_factory.mktemp("standin"))


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key to sign with."""
    file = tmp_path_factory.mktemp("keys") / "key"
    assert run("keys", str(file)).returncode == 0
    return file


@pytest.fixture(scope="module")
def made(small: Standin, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for two kinds of machines, also unpacked."""
    out = tmp_path_factory.mktemp("made") / "out"
    done = small.make(out, *BOTH, "--folder", "--key", str(key))
    assert done.returncode == 0, done.stderr
    return out / NAME


def hashes_in(requirements: Path) -> set[str]:
    return set(re.findall(r"--hash=sha256:([0-9a-f]{64})", requirements.read_text()))


def test_the_same_sources_give_the_same_bytes(
    small: Standin, made: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user, folder, umask, zone and cache make the very same archive and signature."""
    monkeypatch.chdir(tmp_path)
    old = os.umask(0o077)
    try:
        other = {"TZ": "Asia/Ho_Chi_Minh", "LC_ALL": "C", "USER": "other", "HOME": str(tmp_path)}
        fresh = ("--cache", str(tmp_path / "cache"), "--key", str(key))
        done = small.make(tmp_path / "again", *BOTH, *fresh, **other)
    finally:
        os.umask(old)

    assert done.returncode == 0, done.stderr
    for suffix in ("", ".sha256", ".sig"):
        file = f"{NAME}.tar{suffix}"
        assert (tmp_path / "again" / file).read_bytes() == (made.parent / file).read_bytes(), file


def test_the_archive_tells_nothing_about_its_maker(made: Path) -> None:
    """Sorted, dated with the commit, owned by nobody, ordinary files only, all in one folder."""
    with tarfile.open(made.parent / f"{NAME}.tar") as tar:
        members = tar.getmembers()
    names = [one.name for one in members]

    assert names == sorted(names, key=lambda name: name.split("/", 1)[-1] if "/" in name else "")
    assert {(one.mtime, one.uid, one.gid, one.uname, one.gname) for one in members} == {
        (DAY, 0, 0, "", "")
    }
    assert {(one.isdir(), one.isreg(), one.mode) for one in members} == {
        (True, False, 0o755),
        (False, True, 0o644),
    }
    assert {name.split("/")[0] for name in names} == {NAME}


def test_every_target_gets_the_wheel_that_fits_it(made: Path) -> None:
    """One file for each kind of machine, shared where it can be, none for machines left out."""
    fast = {path.name for path in (made / "wheels").glob("fast-*")}

    assert fast == {
        "fast-2.0-cp310-cp310-manylinux_2_28_aarch64.whl",
        "fast-2.0-cp312-abi3-manylinux_2_17_x86_64.whl",
    }
    assert len(list((made / "wheels").glob("plain-*"))) == 1
    assert len(list((made / "wheels").glob("old-*"))) == 1


def test_requirements_name_what_is_there_and_nothing_else(made: Path) -> None:
    """Each hash is that of a bundled wheel, ours among them, and every wheel is named."""
    files = {sha256(path) for path in (made / "wheels").glob("*.whl")}
    named = {path.stem: hashes_in(path) for path in (made / "requirements").glob("*.txt")}

    assert set(named) == {"agent", "collector", "installer"}
    assert set().union(*named.values()) == files
    agent = (made / "requirements/agent.txt").read_text()
    assert agent.startswith("tramgac[agent]==0.1.0 ")
    assert "old==1.0 ; python_full_version < '3.11'" in agent


def test_a_package_published_as_source_is_built(made: Path) -> None:
    """Its wheel is in the bundle, and its requirement has the hash of that wheel."""
    built = made / "wheels/oncalendar-1.0-py3-none-any.whl"

    assert sha256(built) in hashes_in(made / "requirements/collector.txt")


def test_the_parts_are_there_and_their_tools_are_not(made: Path) -> None:
    """Collection, dashboards, packs, bill of materials, notes; no generator of dashboards."""
    for name in (
        "collection/galaxy.yml",
        "dashboards/grafana/vi/one.json",
        "packs/one.yml",
        "sbom.cdx.json",
        "INSTALL.md",
        "TARGETS.md",
        "LICENSE",
    ):
        assert (made / name).is_file(), name
    assert not (made / "dashboards/tramgac_dashboards").exists()


def test_the_bill_of_materials_lists_every_file(made: Path) -> None:
    """CycloneDX 1.6: each package with its licence, each wheel with its hash, ours on top."""
    bill = json.loads((made / "sbom.cdx.json").read_text())
    parts = {part["name"]: part for part in bill["components"]}
    files = {
        file["name"]: file["hashes"][0]["content"]
        for part in bill["components"]
        for file in part["components"]
    }

    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    assert bill["metadata"]["component"]["name"] == "tramgac"
    others = [path for path in (made / "wheels").glob("*.whl") if "tramgac" not in path.name]
    assert files == {path.name: sha256(path) for path in others}
    assert parts["fast"]["licenses"] == [{"expression": "MIT"}]
    assert parts["plain"]["licenses"] == [{"license": {"name": "BSD"}}]
    assert parts["fast"]["purl"] == "pkg:pypi/fast@2.0"
    assert parts["oncalendar"]["licenses"] == [{"license": {"name": "unknown"}}]


def test_another_version_of_ours_can_be_made(small: Standin, tmp_path: Path) -> None:
    """`--version` is what wheel, program and requirements say; parts can be left out."""
    options = ("--only", "cp311-x86_64", "--without", "sbom", "--extra", "agent", "--folder")
    done = small.make(tmp_path / "out", *options, "--version", "0.2.0")
    folder = tmp_path / "out/tramgac-bundle-0.2.0"

    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(folder / "wheels/tramgac-0.2.0-py3-none-any.whl") as wheel:
        assert '"0.2.0"' in wheel.read("tramgac_proto/__init__.py").decode()
        assert "tramgac_agent/runbooks/en/One.md" in wheel.namelist()
    assert (folder / "requirements/agent.txt").read_text().startswith("tramgac[agent]==0.2.0 ")
    assert not (folder / "requirements/collector.txt").exists()
    assert not (folder / "sbom.cdx.json").exists()
    fast = [path.name for path in (folder / "wheels").glob("fast-*")]
    assert fast == ["fast-2.0-cp311-cp311-manylinux_2_17_x86_64.whl"]
    assert "TEST SIGNATURE" in done.stderr
    assert small.make(tmp_path / "out", "--version", "two").returncode == 1


@pytest.mark.parametrize(
    ("stem", "wanted"),
    [("only_windows-1.0-cp311-cp311-win_amd64", "only-windows"), ("", "only-source")],
)
def test_what_has_no_wheel_fails_by_name(tmp_path: Path, stem: str, wanted: str) -> None:
    """A package nobody can install stops the bundle; nothing half-made is left."""
    small = standin(tmp_path)
    file = add_wheel(small.index, stem) if stem else add_source(small.index, "only_source")
    with (small.tree / "requirements/agent.txt").open("a") as pins:
        pins.write(pin(f"{wanted}==1.0", file))
    done = small.make(tmp_path / "out", "--only", "cp311-x86_64")

    assert done.returncode == 1
    assert wanted in done.stderr.replace("_", "-")
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_wheel_that_was_changed_is_refused(tmp_path: Path) -> None:
    """A file with the right name and other bytes does not come in, from an index or a cache."""
    small = standin(tmp_path)
    only = ("--only", "cp311-x86_64")
    assert small.make(tmp_path / "out", *only).returncode == 0
    for path in [*small.cache.glob("cp*/plain-*"), *small.index.glob("plain-*")]:
        path.write_bytes(path.read_bytes() + b"\n")
    done = small.make(tmp_path / "out", *only)

    assert done.returncode == 1
    assert "plain" in done.stderr
