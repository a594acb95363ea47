"""``python -m tramgac_collector.child FD MODULE ...``: run a module, end with the parent.

The parent holds the other end of a pipe and never writes to it. When the parent is gone,
however it went, the read returns and this process ends too.
"""

import os
import runpy
import signal
import sys
import threading
import time

_GRACE_SECONDS = 10.0


def _end_with_parent(descriptor: int) -> None:
    os.read(descriptor, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


def main() -> None:
    """Start the watch, then become the module named on the command line."""
    descriptor, module = int(sys.argv[1]), sys.argv[2]
    sys.argv = sys.argv[2:]
    threading.Thread(
        target=_end_with_parent, args=(descriptor,), name="lifeline", daemon=True
    ).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
