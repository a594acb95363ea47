"""A bundle on its way: who signed it, whether it was changed, whether it runs by itself."""

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.standin import Standin, run, standin

HERE = f"cp3{sys.version_info.minor}-{platform.machine()}"
ELSEWHERE = f"cp313-{'aarch64' if platform.machine() == 'x86_64' else 'x86_64'}"
FOLDER = "tramgac-bundle-0.1.0"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Standin:
    return standin(tmp_path_factory.mktemp("standin"))


@pytest.fixture(scope="module")
def made(small: Standin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with archive, signature and public key, and the unpacked bundle."""
    out = tmp_path_factory.mktemp("made")
    options = ("--only", HERE, "--only", ELSEWHERE, "--extra", "agent", "--folder", "--prove")
    done = small.make(out, *options)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def openssl(key: Path, file: Path, signature: Path) -> bool:
    """What a control host does, that has nothing of ours."""
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(key)]
    command += ["-in", str(file), "-sigfile", str(signature)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def sums_hold(folder: Path) -> bool:
    command = ["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def sums_are_signed(out: Path, key: Path) -> bool:
    folder = out / FOLDER
    return openssl(key, folder / "SHA256SUMS", folder / "SHA256SUMS.sig")


def test_openssl_and_sha256sum_vouch_for_it(made: Path) -> None:
    """Archive and checksums verify with tools that every Linux has; every file is listed."""
    key = made / "tramgac-bundle.pub"
    archive = made / f"{FOLDER}.tar"
    listed = (made / FOLDER / "SHA256SUMS").read_text().splitlines()
    files = [path for path in (made / FOLDER).rglob("*") if path.is_file()]

    assert openssl(key, archive, made / f"{archive.name}.sig")
    assert sums_are_signed(made, key)
    assert sums_hold(made / FOLDER)
    assert len(listed) == len(files) - 2
    digest = subprocess.run(
        ["sha256sum", "-c", f"{archive.name}.sha256"], cwd=made, capture_output=True, check=False
    )
    assert digest.returncode == 0


def test_another_key_does_not_vouch(made: Path, tmp_path: Path) -> None:
    """A bundle signed by somebody else is not taken for ours; the key is not in the bundle."""
    assert run("keys", str(tmp_path / "other")).returncode == 0

    assert not sums_are_signed(made, tmp_path / "other.pub")
    assert not list((made / FOLDER).rglob("*.pub"))


CHANGES: dict[str, Callable[[Path], object]] = {
    "wheels/plain-1.0-py3-none-any.whl": lambda path: path.write_bytes(b"other"),
    "requirements/agent.txt": lambda path: path.write_text(path.read_text().replace("a", "b")),
    "TARGETS.md": lambda path: path.unlink(),
    "wheels/more-1.0-py3-none-any.whl": lambda path: path.write_bytes(b"more"),
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_a_changed_bundle_is_refused_by_name(copy: Path, name: str) -> None:
    """One file other, gone, or too many: nothing of it is run."""
    CHANGES[name](copy / FOLDER / name)
    done = run("prove", str(copy / FOLDER))

    assert done.returncode == 1
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_changed_sums_are_no_longer_signed(copy: Path) -> None:
    """Who writes fitting checksums cannot sign them."""
    sums = copy / FOLDER / "SHA256SUMS"
    sums.write_text(sums.read_text().replace("0", "1", 1))

    assert not sums_are_signed(copy, copy / "tramgac-bundle.pub")


def test_the_table_says_what_was_run(made: Path) -> None:
    """This machine's kind was installed and started with the network cut; the other was not."""
    rows = [
        line for line in (made / FOLDER / "TARGETS.md").read_text().splitlines() if "| cp" in line
    ]
    states = {row.split(" | ")[0].strip("| "): row.split(" | ")[2] for row in rows}

    assert states == {HERE: "run", ELSEWHERE: "resolved only"}


@pytest.mark.parametrize(
    ("good", "broken", "told"),
    [
        ("print(pathlib.Path(sys.argv[0]).name, tramgac_proto.__version__)", "pass", "says"),
        ("links <= {'lo'}", "links == set()", "there is a network"),
    ],
)
def test_what_does_not_start_is_never_called_run(
    small: Standin, tmp_path: Path, good: str, broken: str, told: str
) -> None:
    """A program without its version, a failed check: FAILED, and exit code 1."""
    tree = Path(shutil.copytree(small.tree, tmp_path / "tree"))
    program = tree / "agent/tramgac_agent/__init__.py"
    text = program.read_text().replace('"lo"', "'lo'")
    assert good in text
    program.write_text(text.replace(good, broken))
    broken_one = Standin(tree, small.index)
    done = broken_one.make(tmp_path / "out", "--only", HERE, "--extra", "agent", "--prove")

    assert done.returncode == 1
    assert "| FAILED |" in done.stdout
    assert told in done.stdout


def test_a_key_that_others_can_read_signs_nothing(small: Standin, tmp_path: Path) -> None:
    """Mode, kind and absence of the key are told before anything is built."""
    assert run("keys", str(tmp_path / "key")).returncode == 0
    (tmp_path / "key").chmod(0o644)
    for file, told in (
        ("key", "chmod 600"),
        ("key.pub", "rivate key"),
        ("absent", "cannot be read"),
    ):
        (tmp_path / "key.pub").chmod(0o600)
        done = small.make(tmp_path / "out", "--only", HERE, "--key", str(tmp_path / file))
        assert done.returncode == 1
        assert told in done.stderr
    assert not (tmp_path / "out").exists()


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    """The private key is for its owner only, and a second run leaves it."""
    assert run("keys", str(tmp_path / "key")).returncode == 0
    before = (tmp_path / "key").read_bytes()

    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert run("keys", str(tmp_path / "key")).returncode == 1
    assert (tmp_path / "key").read_bytes() == before


def test_a_release_is_not_made_of_changed_files(small: Standin, tmp_path: Path) -> None:
    """A real key does not sign what no commit holds; without a key it is called a test bundle."""
    tree = Path(shutil.copytree(small.tree, tmp_path / "tree"))
    git = ["git", "-C", str(tree), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    (tree / "README.md").write_text("changed\n")
    assert run("keys", str(tmp_path / "key")).returncode == 0
    changed = Standin(tree, small.index)
    signed = changed.make(tmp_path / "out", "--only", HERE, "--key", str(tmp_path / "key"))
    free = changed.make(tmp_path / "out", "--only", HERE, "--extra", "agent")

    assert (signed.returncode, free.returncode) == (1, 0)
    assert "differ from the commit" in signed.stderr
    assert "TEST BUNDLE" in free.stderr
