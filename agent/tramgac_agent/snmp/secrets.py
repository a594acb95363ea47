"""Communities and pass phrases: from files, never from the configuration itself."""

import os
import stat
from pathlib import Path

from tramgac_agent.snmp.errors import SnmpFailed

_MOST_BYTES = 1024


def read_secret(path: str) -> str:
    """The first line of a file that only its owner, or root and our group, may read.

    Raises:
        SnmpFailed: ``bad_secret_file``; the text names the file and what to do.
    """
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SnmpFailed("bad_secret_file", f"{path}: {error.strerror}") from error
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise SnmpFailed("bad_secret_file", f"{path}: others may read it; chmod 640 or stricter")
    secret = data.split(b"\n", 1)[0].strip()
    if not secret or len(data) > _MOST_BYTES:
        raise SnmpFailed("bad_secret_file", f"{path}: one line with the secret, nothing else")
    try:
        return secret.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SnmpFailed("bad_secret_file", f"{path}: not UTF-8") from error
