"""Real systemd hosts on a network of their own: Debian in systemd-nspawn, with no way out.

Nothing of the machine's own network is touched, and nothing stays: mounts live in the namespace of
each host's process, names carry the process id of the test, and what a killed test left is swept.
"""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from fcntl import LOCK_EX, flock
from pathlib import Path
from uuid import uuid4

from helpers.backup import until

BRIDGE_ADDRESS = "10.98.0.1"
_PREFIX = "tga"
_TOOLS = Path(__file__).parents[2] / ".tools"
# No pip, no venv package, no sudo: the least that a target of the playbooks has.
_PACKAGES = "systemd,systemd-sysv,dbus,openssh-server,python3,iproute2,ca-certificates"
_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
# Where every host has it; who is started with it believes another time.
CLOCK_LIBRARY = f"/usr/local/lib/{_FAKETIME.name}"
# The overlay is mounted in a mount namespace that ends with the host; the group of processes is
# its own, for two systemds in one would share their units.
_START = """
set -e
for group in {groups}; do mkdir $group; echo $$ > $group/cgroup.procs; done
mount -t overlay overlay -o lowerdir={root},upperdir={disk}/upper,workdir={disk}/work {disk}/root
exec {nspawn}
"""


def _done(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def debian_root() -> Path:
    """A bootable Debian 12, made once and kept in ``.tools``; about 40 s and 270 MB."""
    root = _TOOLS / "debian-bookworm"
    _TOOLS.mkdir(exist_ok=True)
    with (_TOOLS / "debian-bookworm.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if root.exists():
            return root
        with tempfile.TemporaryDirectory(dir=_TOOLS) as folder:
            made = Path(folder) / "root"
            _done(
                *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}"),
                *("bookworm", str(made)),
            )
            (made / "etc/machine-id").write_text("")
            # Users were made by the packages; no first boot need look for them again.
            for folder_of in ("etc", "var"):
                (made / folder_of / ".updated").touch()
            made.rename(root)
    return root


def debs(folder: Path, *names: str) -> Path:
    """Fetch packages that hosts lack, with all that these need, into a new folder."""
    (folder / "partial").mkdir(parents=True)
    status = debian_root() / "var/lib/dpkg/status"
    _done(
        *("apt-get", "--quiet", "--yes", "--download-only", "--no-install-recommends"),
        *("-o", f"Dir::State::status={status}", "-o", f"Dir::Cache::archives={folder}"),
        *("-o", "Debug::NoLocking=1", "install", *names),
    )
    (folder / "partial").rmdir()
    return folder


@dataclass(frozen=True)
class Wanted:
    """A host to be started.

    ``small`` gives folders a file system of their own with that size (``{"/opt": "60M"}``);
    ``clock`` is what ssh sessions believe the time to be off by (``"+2h"``, as faketime reads it):
    containers share the clock of the machine.
    """

    name: str
    small: dict[str, str] = field(default_factory=dict)
    clock: str = ""


@dataclass(frozen=True)
class Host:
    """A host that runs."""

    name: str
    address: str
    leader: int
    process: subprocess.Popen[bytes]

    def run(
        self, *words: str, check: bool = True, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """``words`` as root inside the host.

        Raises:
            AssertionError: It failed, and ``check`` was set; what it wrote is the message.
        """
        inside = ("nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net")
        done = subprocess.run(
            [*inside, "--pid", "--", *words],
            input=given,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if check and done.returncode:
            raise AssertionError(f"{self.name}: {shlex.join(words)}: {done.stdout}{done.stderr}")
        return done

    def shell(self, script: str) -> str:
        """What a shell inside the host wrote."""
        return self.run("sh", "-c", script).stdout

    def stop(self) -> None:
        """Pull the plug."""
        _pull(self.process)


@dataclass
class Network:
    """A bridge in a namespace of its own; the control host lives there too."""

    space: str
    folder: Path
    hosts: dict[str, Host] = field(default_factory=dict)

    @property
    def key(self) -> Path:
        """The private key that every host lets in as root."""
        return self.folder / "key"

    def inside(self, *words: str) -> list[str]:
        """``words`` to be run where the bridge is."""
        return [shutil.which("ip") or "ip", "netns", "exec", self.space, *words]

    def ssh(self, name: str, script: str) -> str:
        """What a script wrote that came over ssh, as a playbook's tasks do."""
        words = (*("ssh", "-i", str(self.key), *self.options), f"root@{self.hosts[name].address}")
        done = subprocess.run(
            self.inside(*words, script), capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode:
            raise AssertionError(f"{name}: {done.stderr}")
        return done.stdout

    @property
    def options(self) -> list[str]:
        """Options of ssh: hosts are known by the keys of their common root."""
        known = self.folder / "known_hosts"
        return ["-o", f"UserKnownHostsFile={known}", "-o", "GlobalKnownHostsFile=/dev/null"]


def _sweep() -> None:
    """Remove namespaces and groups whose test is gone."""
    places = (Path("/run/netns"), *_trees())
    for space in {path.name for place in places for path in place.glob(f"{_PREFIX}*")}:
        owner = space.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not _runs(int(owner)):
            _forget(space)


def _runs(process: int) -> bool:
    """Also false for one that ended and that nobody asked how."""
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    except OSError:
        return False


def _trees() -> list[Path]:
    """Where systemd keeps its groups of processes: in the one tree, or in two in the older form."""
    top = Path("/sys/fs/cgroup")
    if (top / "cgroup.procs").exists():
        return [top]
    return [top / name for name in ("systemd", "unified") if (top / name).exists()]


def _forget(space: str) -> None:
    """Remove a host's namespace and groups; its last processes may still be ending."""
    subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)
    with suppress(TimeoutError):
        until(lambda: all(_emptied(tree / space) for tree in _trees()), seconds=10)
    with suppress(FileNotFoundError):
        Path(f"/run/systemd/nspawn/propagate/{space}").rmdir()


def _emptied(tree: Path) -> bool:
    """End what is left in a host's group (a test killed hard leaves it running), then the group."""
    for folder, _, _ in os.walk(tree, topdown=False):
        with suppress(OSError):
            for left in (Path(folder) / "cgroup.procs").read_text().split():
                os.kill(int(left), signal.SIGKILL)
            Path(folder).rmdir()
    return not tree.exists()


def _lay(joined: Network, addresses: Iterable[str]) -> None:
    _done("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(joined.key))
    host_key = (debian_root() / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
    known = "".join(f"{address} {host_key}" for address in addresses)
    (joined.folder / "known_hosts").write_text(known)
    here = ("ip", "-n", joined.space)
    _done("ip", "netns", "add", joined.space)
    _done(*here, "link", "add", "bridge", "type", "bridge")
    _done(*here, "addr", "add", f"{BRIDGE_ADDRESS}/24", "dev", "bridge")
    for device in ("lo", "bridge"):
        _done(*here, "link", "set", device, "up")


def _plug(joined: Network, space: str, port: str, address: str) -> None:
    """Give a new namespace a cable to the bridge."""
    _done("ip", "netns", "add", space)
    _done(
        *("ip", "-n", joined.space, "link", "add", port, "type", "veth"),
        *("peer", "name", "host0", "netns", space),
    )
    _done("ip", "-n", joined.space, "link", "set", port, "master", "bridge", "up")
    _done("ip", "-n", space, "addr", "add", f"{address}/24", "dev", "host0")
    for device in ("lo", "host0"):
        _done("ip", "-n", space, "link", "set", device, "up")


def _furnish(disk: Path, wanted: Wanted, key: str, names: str) -> None:
    """What differs from host to host, written over the common root."""
    upper = disk / "upper"
    for path in ("upper/etc/ssh/sshd_config.d", "upper/root/.ssh", "work", "root"):
        (disk / path).mkdir(parents=True)
    (upper / "root").chmod(0o700)
    (upper / "etc/hostname").write_text(wanted.name + "\n")
    (upper / "etc/hosts").write_text(f"127.0.0.1 localhost\n{names}")
    (upper / "root/.ssh/authorized_keys").write_text(key)
    library = upper / CLOCK_LIBRARY.removeprefix("/")
    library.parent.mkdir(parents=True)
    shutil.copy(_FAKETIME, library)
    if wanted.clock:
        (upper / "etc/ssh/sshd_config.d/clock.conf").write_text(
            f"SetEnv LD_PRELOAD={CLOCK_LIBRARY} FAKETIME={wanted.clock}\n"
        )


def _boot(disk: Path, wanted: Wanted, space: str) -> subprocess.Popen[bytes]:
    """Start the host's systemd; ends with this process whatever happens."""
    words = [
        *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe"),
        *(f"--network-namespace-path=/run/netns/{space}", f"--directory={disk}/root"),
        *(f"--machine={space}", f"--hostname={wanted.name}", f"--uuid={uuid4()}"),
        *(f"--tmpfs={path}:size={size}" for path, size in wanted.small.items()),
    ]
    script = _START.format(
        groups=" ".join(str(tree / space) for tree in _trees()),
        root=debian_root(),
        disk=disk,
        nspawn=shlex.join(words),
    )
    with (disk / "console").open("wb") as console:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
        )


def _leader(process: subprocess.Popen[bytes]) -> int:
    """The first process inside the host, or 0 while there is none."""
    if process.poll() is not None:
        return 0
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    named = [pid for pid in children if Path(f"/proc/{pid}/comm").read_text() == "systemd\n"]
    return int(named[0]) if named else 0


def _awaited(wanted: Wanted, address: str, process: subprocess.Popen[bytes], log: Path) -> Host:
    until(lambda: _leader(process) or process.poll() is not None, seconds=60)
    if not _leader(process):
        raise AssertionError(f"{wanted.name} ended: {log.read_text(errors='replace')}")
    host = Host(wanted.name, address, _leader(process), process)
    looks: list[str] = []

    def settled() -> bool:
        looks.append(host.run("systemctl", "is-system-running", check=False).stdout.strip())
        return looks[-1] in {"running", "degraded"}

    until(settled, seconds=60)
    state = looks[-1]
    if state != "running":
        failed = host.run("systemctl", "--failed", check=False).stdout
        failed += host.shell("journalctl -b -p warning")
        raise AssertionError(f"{wanted.name} is {state}: {failed}")
    return host


@contextmanager
def hosts(folder: Path, *wanted: Wanted) -> Iterator[Network]:
    """Start hosts together; all of them run when this yields, none when it ends."""
    _sweep()
    joined = Network(f"{_PREFIX}{os.getpid()}-0", folder)
    places = {each.name: f"10.98.0.{number}" for number, each in enumerate(wanted, 10)}
    names = "".join(f"{address} {name}\n" for name, address in places.items())
    with ExitStack() as stack:
        stack.callback(_forget, joined.space)
        _lay(joined, places.values())
        key = joined.key.with_suffix(".pub").read_text()
        started = {}
        for number, each in enumerate(wanted, 1):
            space = f"{_PREFIX}{os.getpid()}-{number}"
            stack.callback(_forget, space)
            _plug(joined, space, f"port{number}", places[each.name])
            _furnish(folder / each.name, each, key, names)
            started[each.name] = _boot(folder / each.name, each, space)
            stack.callback(_pull, started[each.name])
        for each in wanted:
            console = folder / each.name / "console"
            joined.hosts[each.name] = _awaited(each, places[each.name], started[each.name], console)
        yield joined


def _pull(process: subprocess.Popen[bytes]) -> None:
    """End a host at once: without its first process the rest of it is killed by the kernel."""
    if process.poll() is None and (leader := _leader(process)):
        os.kill(leader, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
    process.kill()
    process.wait(timeout=20)
