"""Reads the drop folder: backup runs and repository states left there by other users."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from tramgac_agent.backup.intake import Intake
from tramgac_agent.checks.base import Check, CheckSettings, Context, Observation


class DropSettings(CheckSettings, frozen=True, kw_only=True):
    """``[checks.drop]``.

    Attributes:
        folder: Empty: ``drop`` in the agent's state folder.
    """

    folder: str = ""


class DropCheck(Check[DropSettings]):
    """One observation a file; files go only when the outbox has them."""

    name: ClassVar[str] = "drop"
    interval_seconds: ClassVar[float] = 60.0
    deadline_seconds: ClassVar[float] = 20.0
    settings_type: ClassVar[type[CheckSettings]] = DropSettings

    def __init__(self, settings: DropSettings) -> None:
        super().__init__(settings)
        self._intake: Intake | None = None

    def run(self, context: Context) -> Iterable[Observation]:
        """Read what is there.

        Raises:
            CheckFailed: ``unreadable`` when the folder itself cannot be used.
        """
        folder = Path(self.settings.folder or context.agent.state_dir / "drop")
        self._intake = self._intake or Intake(folder)
        return self._intake.observations(context)

    def stored(self, observations: Sequence[Observation]) -> None:
        """Delete the files whose evidence is in the outbox now."""
        if self._intake is not None:
            self._intake.settle(observations)
