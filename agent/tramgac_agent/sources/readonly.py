"""Starts a program that can read everything its user may, and write only below one folder.

Some tools repair what they only should read: borg rewrites a repository's index when it
looks while another borg commits. Landlock (Linux 5.13, no rights needed) forbids it. Run as
a file, with the standard library alone: ``readonly.py FOLDER PROGRAM [ARGUMENTS]``. Where the
kernel has no Landlock the program runs all the same: a unit with ``ProtectSystem=strict``
gives the same protection.

Numbers after linux/landlock.h and the kernel's syscall table, which is one for all
architectures since 5.13.
"""

import ctypes
import os
import struct
import sys

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38
_WRITE_FILE = 1 << 1
# Remove or make anything: bits 4 to 12; moving between folders and truncating came later.
_CHANGE = sum(1 << bit for bit in range(4, 13))
_REFER, _REFER_SINCE = 1 << 13, 2
_TRUNCATE, _TRUNCATE_SINCE = 1 << 14, 3


def restrict(writable: str) -> bool:
    """Forbid this process and its children to write anywhere but below ``writable``.

    Devices such as ``/dev/null`` stay writable.

    Returns:
        False when the kernel cannot.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    if version < 1:
        return False
    rights = _WRITE_FILE | _CHANGE
    rights |= _REFER if version >= _REFER_SINCE else 0
    rights |= _TRUNCATE if version >= _TRUNCATE_SINCE else 0
    ruleset = libc.syscall(
        _CREATE_RULESET, struct.pack("=Q", rights), ctypes.c_size_t(8), ctypes.c_uint32(0)
    )
    allowed = ((writable, rights), ("/dev", rights & (_WRITE_FILE | _TRUNCATE)))
    return (
        ruleset >= 0
        and all(_allow(libc, ruleset, folder, what) for folder, what in allowed)
        and libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
        and libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)) == 0
    )


def _allow(libc: ctypes.CDLL, ruleset: int, folder: str, rights: int) -> bool:
    place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    rule = struct.pack("=Qi", rights, place)
    done = libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, ctypes.c_uint32(0))
    os.close(place)
    return bool(done == 0)


if __name__ == "__main__":
    restrict(sys.argv[1])
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - becoming the program is the point
