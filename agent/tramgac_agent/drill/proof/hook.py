"""An own command: whatever the hospital knows to ask of its data."""

from pathlib import Path

from tramgac_agent.drill.proof.base import ProofResult, Task, number, run
from tramgac_agent.drill.tally import DrillFailed

_NOT_STARTED = (126, 127)


def prove(restored: Path, task: Task) -> ProofResult:
    """Run ``hook`` with the restored folder as its last argument; exit code 0 is a pass.

    A number on the last line it prints is the count.

    Raises:
        DrillFailed: ``deadline`` or ``proof_tool_missing``.
    """
    environment = {f"TRAMGAC_DRILL_{key}": value for key, value in task.facts.items()}
    environment["TRAMGAC_DRILL_FOLDER"] = str(restored)
    code, said, _ = run([*task.settings.hook, str(restored)], task, environment=environment)
    if code in _NOT_STARTED:
        raise DrillFailed("proof_tool_missing", conclusive=False)
    return ProofResult(number(said), "" if code == 0 else "proof_failed")
