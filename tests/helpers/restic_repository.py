"""A real restic repository in a folder, with a cheap key so that opening it takes 50 ms.

restic measures its key derivation at ``init`` to take half a second on this machine; tests
open repositories dozens of times. ``cheapen`` rewrites the key file with scrypt N = 1024
after restic's own format (restic: doc/design.rst, "Keys, Encryption and MAC").
"""

import atexit
import base64
import functools
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

PASSWORD = "a made-up password"
_CLAMP = bytes([255, 255, 255, 15, 252, 255, 255, 15, 252, 255, 255, 15, 252, 255, 255, 15])


def _seal(user_key: bytes, plain: bytes) -> bytes:
    """AES-256-CTR and Poly1305-AES: iv, ciphertext, tag."""
    key, mac_k, mac_r = user_key[:32], user_key[32:48], user_key[48:]
    iv = os.urandom(16)
    stream = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    sealed = stream.update(plain) + stream.finalize()
    # A single block is the keyed permutation that Poly1305-AES asks for, nothing more.
    block = Cipher(algorithms.AES(mac_k), modes.ECB()).encryptor()  # noqa: S305
    pad = block.update(iv) + block.finalize()
    masked = bytes(a & b for a, b in zip(mac_r, _CLAMP, strict=True))
    return iv + sealed + Poly1305.generate_tag(masked + pad, sealed)


def cheapen(repository: "Repository") -> None:
    """Replace the key by one that opens at once with the same password."""
    (old,) = (repository.path / "keys").iterdir()
    master = repository.restic("cat", "masterkey").stdout
    master = json.dumps(json.loads(master)).encode()
    salt = os.urandom(64)
    user_key = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=1024, r=8, p=1, dklen=64)
    entry: dict[str, Any] = json.loads(old.read_text()) | {
        "N": 1024,
        "r": 8,
        "p": 1,
        "salt": base64.b64encode(salt).decode(),
        "data": base64.b64encode(_seal(user_key, master)).decode(),
    }
    data = json.dumps(entry).encode()
    old.unlink()
    (repository.path / "keys" / hashlib.sha256(data).hexdigest()).write_bytes(data)


def multiply(repository: "Repository", identity: str, count: int) -> None:
    """Add ``count`` snapshots with the content of ``identity``, each an hour before the last.

    restic would take half a second of key derivation for each.
    """
    master = json.loads(repository.restic("cat", "masterkey").stdout)
    parts = (master["encrypt"], master["mac"]["k"], master["mac"]["r"])
    key = b"".join(map(base64.b64decode, parts))
    model: dict[str, Any] = json.loads(repository.restic("cat", "snapshot", identity).stdout)
    newest = datetime.now(timezone.utc)
    for number in range(1, count + 1):
        model["time"] = (newest - timedelta(hours=number)).isoformat()
        data = _seal(key, json.dumps(model).encode())
        (repository.path / "snapshots" / hashlib.sha256(data).hexdigest()).write_bytes(data)


@dataclass(frozen=True)
class Repository:
    """One repository, its password file and a cache beside it.

    Attributes:
        program: The restic that writes it.
    """

    path: Path
    password_file: Path
    program: str = "restic"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "RESTIC_REPOSITORY": str(self.path),
            "RESTIC_PASSWORD_FILE": str(self.password_file),
            "RESTIC_CACHE_DIR": str(self.path.parent / "cache"),
        }

    def locks(self) -> list[str]:
        """Names of the locks; a lock being written has another kind of name."""
        names = [path.name for path in (self.path / "locks").iterdir()]
        return [name for name in names if len(name) == 64 and "-" not in name]

    def restic(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run restic itself on it."""
        return subprocess.run(
            [self.program, *words],
            env=self.environment,
            check=check,
            capture_output=True,
            timeout=60,
        )

    def copy_to(self, folder: Path) -> "Repository":
        """An independent copy in ``folder``."""
        shutil.copytree(self.path, folder / "repository")
        shutil.copy(self.password_file, folder / "password")
        return Repository(folder / "repository", folder / "password")


@contextmanager
def exclusive_lock(repository: Repository) -> Iterator[subprocess.Popen[bytes]]:
    """Stop a ``restic check`` while it holds its lock, and let it end afterwards."""
    for _ in range(50):
        holder = subprocess.Popen(
            ["restic", "check"],
            env=repository.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # restic 0.14 holds the lock for at least 200 ms, and we may miss it once.
        while holder.poll() is None and not repository.locks():
            time.sleep(0.002)
        holder.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, holder.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if holder.poll() is None and repository.locks():
            break
        holder.kill()
        holder.wait()
    else:
        raise RuntimeError("restic check was never seen holding its lock")
    try:
        yield holder
    finally:
        holder.send_signal(signal.SIGCONT)
        holder.wait(20)


@functools.cache
def template() -> Repository:
    """An empty repository, made by restic once a test run; copy it, never write to it."""
    folder = Path(tempfile.mkdtemp(prefix="tramgac-restic-"))
    atexit.register(shutil.rmtree, folder)
    repository = Repository(folder / "repository", folder / "password")
    repository.password_file.write_text(PASSWORD)
    repository.restic("init")
    cheapen(repository)
    return repository
