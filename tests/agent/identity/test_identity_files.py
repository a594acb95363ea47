"""The files and the fingerprint, without any network."""

import subprocess
import sys
from pathlib import Path

import pytest

from tramgac_agent.identity.files import Identity, IdentityFiles
from tramgac_agent.identity.fingerprint import machine_fingerprint
from tramgac_proto.privatefile import write_private
from tramgac_proto.v1 import enrollment_pb2

DAY_MS = 86_400_000
NOW_MS = 1_700_000_000_000


def issued(agent_id: str = "00000000-0000-4000-8000-000000000001") -> enrollment_pb2.Identity:
    return enrollment_pb2.Identity(
        certificate_pem=b"certificate",
        ca_bundle_pem=b"anchors",
        lease_public_key=bytes(32),
        agent_id=agent_id,
        facility="bvdk",
        site="main",
        host="his-1",
    )


@pytest.mark.parametrize(
    ("days", "verdict"),
    [(-3, "not_yet_valid"), (0, "ok"), (244, "ok"), (246, "renew_soon"), (366, "expired")],
)
def test_the_certificate_is_judged_by_this_clock(days: int, verdict: str) -> None:
    """Issued today for a year, 48 h backdated; renewal is due with 120 days left."""
    identity = Identity(
        b"", b"", b"", b"", "", "", "", "", NOW_MS - 2 * DAY_MS, NOW_MS + 365 * DAY_MS
    )
    assert identity.judge(NOW_MS + days * DAY_MS) == verdict


def test_what_was_stored_is_loaded(tmp_path: Path) -> None:
    """Every field survives, and a new key is in force only with its certificate."""
    files = IdentityFiles(tmp_path)
    assert files.load() is None
    files.save_key(b"key")
    assert files.load() is None
    files.store(issued(), (1, 2), adopt_new_key=True)
    found = files.load()
    assert found == Identity(
        b"key",
        b"certificate",
        b"anchors",
        bytes(32),
        issued().agent_id,
        "bvdk",
        "main",
        "his-1",
        1,
        2,
    )
    assert not files.new_key_path.exists()


def test_a_crash_while_keys_change_leaves_no_mixed_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If storing a new key's certificate dies half-way, there is no identity, and a retry works."""
    files = IdentityFiles(tmp_path)
    files.save_key(b"old key")
    files.store(issued(), (1, 2), adopt_new_key=True)
    files.save_key(b"new key")

    def full(path: Path, data: bytes, mode: int = 0o600) -> None:
        if path == files.meta_path:
            raise OSError(28, "No space left on device")
        write_private(path, data, mode)

    with monkeypatch.context() as patch:
        patch.setattr("tramgac_agent.identity.files.write_private", full)
        with pytest.raises(OSError, match="No space"):
            files.store(issued(), (1, 2), adopt_new_key=True)
    assert files.load() is None
    files.store(issued(), (1, 2), adopt_new_key=True)
    found = files.load()
    assert found is not None
    assert found.key_pem == b"new key"


def test_a_damaged_file_is_no_identity(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Torn metadata is said in the log; the agent goes on without an identity."""
    files = IdentityFiles(tmp_path)
    files.save_key(b"key")
    files.store(issued(), (1, 2), adopt_new_key=True)
    files.meta_path.write_text('{"agent_id": ')
    assert files.load() is None
    assert "enroll --force" in caplog.text


def test_the_resident_part_loads_no_cryptography() -> None:
    """Reading the identity must not cost the daemon the memory of a crypto library."""
    code = (
        "import sys, tramgac_agent.identity.files as f, pathlib\n"
        "f.IdentityFiles(pathlib.Path('/nonexistent')).load()\n"
        "assert not {'cryptography', 'ssl', 'grpc'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def machine(root: Path, machine_id: str, cards: dict[str, tuple[str, str, str]]) -> bytes:
    """A made-up machine; each card has bus, MAC and addr_assign_type."""
    (root / "etc").mkdir(parents=True)
    (root / "etc/machine-id").write_text(machine_id + "\n")
    for name, (bus, mac, assigned) in cards.items():
        folder = root / "sys/class/net" / name
        folder.mkdir(parents=True)
        (folder / "address").write_text(mac + "\n")
        (folder / "addr_assign_type").write_text(assigned + "\n")
        if bus:
            device = root / "sys/devices" / bus / name
            device.mkdir(parents=True)
            (folder / "device").symlink_to(device)
    return machine_fingerprint(root)


def test_the_fingerprint_follows_the_machine_not_its_plugs(tmp_path: Path) -> None:
    """Bridges, USB dongles and random addresses do not change it; another card or disk does."""
    board = {"eth0": ("pci0", "52:54:00:00:00:01", "0")}
    plain = machine(tmp_path / "a", "m1", board)
    plugged = board | {
        "br0": ("", "52:54:00:00:00:09", "3"),
        "usb0": ("usb1", "52:54:00:00:00:08", "0"),
        "vf0": ("pci0", "52:54:00:00:00:07", "1"),
    }
    assert machine(tmp_path / "b", "m1", plugged) == plain
    assert machine(tmp_path / "c", "m2", board) != plain
    moved = {"eth0": ("pci0", "52:54:00:00:00:02", "0")}
    assert machine(tmp_path / "d", "m1", moved) != plain
    assert len(plain) == 32


def test_a_machine_that_shows_nothing_has_no_fingerprint(tmp_path: Path) -> None:
    """Nothing readable gives empty bytes, which the centre never takes for the same machine."""
    assert machine_fingerprint(tmp_path) == b""
