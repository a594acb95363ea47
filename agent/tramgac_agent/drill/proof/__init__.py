"""Proofs: what restored content is put through. One file each; a line here registers it."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from tramgac_agent.drill.proof.base import ProofResult, Task

PROOFS: dict[str, str] = {
    "dicom": "tramgac_agent.drill.proof.dicom",
    "hook": "tramgac_agent.drill.proof.hook",
    "mysql": "tramgac_agent.drill.proof.mysql",
    "postgres": "tramgac_agent.drill.proof.postgres",
    "sqlite": "tramgac_agent.drill.proof.sqlite",
}


def prove(name: str, restored: Path, task: Task) -> ProofResult:
    """Put what was restored below ``restored`` through the proof ``name``.

    Raises:
        KeyError: There is no such proof.
        DrillFailed: It could not be done, or there is nothing to do it with.
    """
    found: Callable[[Path, Task], ProofResult] = import_module(PROOFS[name]).prove
    return found(restored, task)


__all__ = ["PROOFS", "ProofResult", "Task", "prove"]
