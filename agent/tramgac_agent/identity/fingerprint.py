"""Which machine is this? Enough to tell a copied disk from its original, no more.

Hashed are ``/etc/machine-id`` and the burnt-in MAC addresses of network cards that sit on
a bus other than USB. Both can be read by any user, so `sudo tramgac-agent enroll` and the
unprivileged service see the same machine; the DMI product UUID and the serial numbers are
for root only and are left out for that reason.

What it cannot tell: two copies of a virtual machine that kept machine-id *and* MAC, and
containers that share the host's machine-id and show no card. A replaced network card
makes a new machine of it.
"""

import hashlib
from pathlib import Path

_MACHINE_ID = Path("etc/machine-id")
_NET = Path("sys/class/net")
_PERMANENT = "0"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _burnt_in(card: Path) -> str:
    """The card's own MAC; empty for a virtual, random or borrowed one."""
    if not (card / "device").exists() or "usb" in str((card / "device").resolve()):
        return ""
    # A bond gives its members one address; each keeps its own here.
    own = _text(card / "bonding_slave" / "perm_hwaddr")
    if own:
        return own
    return _text(card / "address") if _text(card / "addr_assign_type") == _PERMANENT else ""


def machine_fingerprint(root: Path = Path("/")) -> bytes:
    """SHA-256, 32 bytes; empty if the machine shows nothing of its own.

    Args:
        root: Where ``etc`` and ``sys`` are; another folder in tests.
    """
    machine_id = _text(root / _MACHINE_ID)
    net = root / _NET
    cards = sorted(net.iterdir()) if net.is_dir() else []
    addresses = sorted(filter(None, map(_burnt_in, cards)))
    if not machine_id and not addresses:
        return b""
    parts = ["tramgac fingerprint v1", machine_id, *addresses]
    return hashlib.sha256("\n".join(parts).encode()).digest()
