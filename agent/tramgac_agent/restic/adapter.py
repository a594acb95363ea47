"""resticpy, and everything odd about it.

It keeps its settings in module globals, takes neither environment nor time limit, and tells
the exit code only inside the text of its exception. Nothing of that leaves this file. The
repository and its secrets go by environment (``RESTIC_REPOSITORY``, ``RESTIC_PASSWORD_FILE``),
which resticpy's child inherits; its ``repository`` and ``password_file`` stay unset so that
argv carries neither.
"""

import os
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tramgac_agent.restic.failure import ResticFailed
from tramgac_agent.restic.runner import Budget
from tramgac_agent.restic.wrapper import DEADLINE_PASSED, DEADLINE_VARIABLE, NOT_FOUND

T = TypeVar("T")

# Module globals: one call at a time in the whole process.
_LOCK = threading.Lock()
_EXIT_CODE = re.compile(r"\ARestic failed with exit code (-?\d+): ")


class ResticPy:
    """Version, snapshots and stats of one repository; only for a short-lived process.

    Args:
        binary: The wrapper's shim.
        environment: Set in this very process, since resticpy has no other way.
        budget: Time for all calls together.
    """

    def __init__(self, binary: Path, environment: Mapping[str, str], budget: Budget) -> None:
        self._binary = binary
        self._environment = dict(environment)
        self._budget = budget

    def version(self) -> str:
        """Version of restic, e.g. ``0.14.0``."""
        import restic  # noqa: PLC0415 - must never load where only the file is imported

        return str(self._call(restic.version)["restic_version"])

    def snapshots(self) -> list[dict[str, Any]]:
        """All snapshots, ungrouped; ``--latest`` means something else in every version."""
        import restic  # noqa: PLC0415 - as above

        found = self._call(restic.snapshots)
        if found is None:  # an empty repository in some versions
            return []
        if not isinstance(found, list):
            raise ResticFailed(0, "snapshots: not a list")
        return [one for one in found if isinstance(one, dict)]

    def stored_bytes(self) -> int | None:
        """Bytes the whole repository takes; costly, ask once a day.

        0.19.0 mixes progress lines into this answer; that makes it unknown, not zero.
        """
        import restic  # noqa: PLC0415 - as above

        size = self._call(lambda: restic.stats(mode="raw-data")).get("total_size")
        return size if isinstance(size, int) and size >= 0 else None

    def _call(self, call: Callable[[], T]) -> T:
        import restic  # noqa: PLC0415 - as above
        import restic.errors  # noqa: PLC0415 - as above

        left = self._budget.left
        if left <= 0:
            raise ResticFailed(DEADLINE_PASSED, "")
        with _LOCK:
            os.environ.update(self._environment)
            os.environ[DEADLINE_VARIABLE] = f"{left:.3f}"
            restic.binary_path = str(self._binary)
            restic.repository = restic.password_file = None
            try:
                return call()
            except restic.errors.NoResticBinaryEror as error:
                raise ResticFailed(NOT_FOUND, str(error)) from error
            except restic.errors.ResticFailedError as error:
                found = _EXIT_CODE.match(str(error))
                raise ResticFailed(int(found[1]) if found else 0, str(error)) from error
            except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
                # Its parsers assume that restic answered as expected.
                raise ResticFailed(0, "unusable output") from error
