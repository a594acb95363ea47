"""``[series.drill]`` of a probe file: which drills a series has, how often and how far."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from tramgac_agent.host.windows import check_hours, time_left

ProofName = Literal["none", "postgres", "sqlite", "mysql", "dicom", "hook"]
Days = Annotated[float, msgspec.Meta(ge=0, le=3650)]


class DrillSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table. A kind with 0 days is done by hand only.

    Attributes:
        canary: Path of a file in the protected tree that may be written; empty: no canary.
        canary_state: Folder where planted canaries are remembered; empty: the probe's own.
        sample_files: Files drawn for one sample.
        sample_max_bytes: Content read in one sample.
        scratch: Folder on a volume with room for the whole; empty: no full drill.
        proof_path: In the snapshot: a dump, a database file, or a folder for ``dicom``.
        proof_query: SQL that gives one number, which must be above 0.
        hook: Program and arguments; the folder is added as the last one.
        window: When scheduled drills may start, as ``22:00-05:00``; empty: at any time.
        deadline_seconds: For one drill.
    """

    canary: str = ""
    canary_state: str = ""
    canary_days: Days = 1
    sample_days: Days = 7
    full_days: Days = 90
    sample_files: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20
    sample_max_bytes: Annotated[int, msgspec.Meta(ge=1, le=2**50)] = 2**30
    scratch: str = ""
    proof: ProofName = "none"
    proof_path: str = ""
    proof_query: Annotated[str, msgspec.Meta(max_length=4000)] = ""
    hook: Annotated[tuple[str, ...], msgspec.Meta(max_length=50)] = ()
    window: Annotated[tuple[str, ...], msgspec.Meta(max_length=20)] = ()
    zone: str = "Asia/Ho_Chi_Minh"
    deadline_seconds: Annotated[float, msgspec.Meta(gt=0, le=7 * 86400)] = 6 * 3600.0

    def __post_init__(self) -> None:
        for key in ("canary", "canary_state", "scratch", "proof_path"):
            value = getattr(self, key)
            if value and not Path(value).is_absolute():
                raise ValueError(f"{key}: must be an absolute path")
        problem = self._proof_problem()
        if problem:
            raise ValueError(problem)
        check_hours(self.window, self.zone)

    def _proof_problem(self) -> str:
        if self.proof != "none" and not self.scratch:
            return f"proof: `{self.proof}` needs `scratch`, where it is restored to"
        if self.proof == "hook" and not self.hook:
            return "hook: is empty"
        if self.proof not in {"none", "hook"} and not self.proof_path:
            return f"proof_path: `{self.proof}` needs to know what to look at"
        return ""

    def is_open(self, now_ms: int) -> bool:
        """Whether a scheduled drill may start at ``now_ms``."""
        return time_left(self.window, self.zone, now_ms / 1000) > 0
