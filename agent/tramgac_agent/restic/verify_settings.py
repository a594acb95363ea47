"""``[verify]`` of a probe file: when and how much of a repository is checked."""

from typing import Annotated

import msgspec

from tramgac_agent.host.windows import check_hours, time_left

# restic divides packs by the first byte of their id.
MAX_SLICES = 256


class VerifySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Integrity checks of one repository.

    Attributes:
        window: Times of day, ``HH:MM-HH:MM``; empty: any time.
        zone: Of ``window``.
        metadata_days: How old a check of the structure may become.
        slices: Into how many slices the data is divided; 0: data is never read.
        slice_hours: At most one slice in that time.
        deadline_seconds: For one check.
        stop_margin_seconds: A check ends this long before its window does.
        probe_immutability: Ask a REST server weekly whether it would delete.
    """

    window: Annotated[tuple[str, ...], msgspec.Meta(max_length=12)] = ("22:00-05:00",)
    zone: str = "Asia/Ho_Chi_Minh"
    metadata_days: Annotated[float, msgspec.Meta(gt=0, le=366)] = 7.0
    slices: Annotated[int, msgspec.Meta(ge=0, le=MAX_SLICES)] = 30
    slice_hours: Annotated[float, msgspec.Meta(ge=0, le=8784)] = 20.0
    deadline_seconds: Annotated[float, msgspec.Meta(gt=0, le=86400)] = 3 * 3600.0
    stop_margin_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 60.0
    probe_immutability: bool = False

    def __post_init__(self) -> None:
        check_hours(self.window, self.zone)

    def seconds_left(self, unix_seconds: float) -> float:
        """Time for a check that begins now; 0 outside every window, infinite without one."""
        left = time_left(self.window, self.zone, unix_seconds)
        return max(0.0, left - self.stop_margin_seconds)
