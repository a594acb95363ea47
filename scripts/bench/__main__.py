"""``make bench`` and ``make soak``: every figure beside its budget and its peer."""

import argparse
import os
import platform
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import (
    agent,
    exposition,
    ingest,
    lan,
    outbox,
    restic,
    rules,
    snmp,
    store,
    storm,
    together,
)
from bench.common import Figure, table, write_json

_ROOT = Path(__file__).resolve().parents[2]

Area = Callable[[Path], list[Figure]]


def areas(*, full: bool) -> dict[str, Area]:
    """What is measured, in order; ``full`` takes the sizes of the soak."""
    window = 1_800.0 if full else 120.0
    found: dict[str, Area] = {
        "outbox": partial(outbox.measure, reports=5_000 if full else 500),
        "restic": restic.measure,
        "lan": lan.measure,
        "snmp": lambda folder: snmp.measure(folder, snmp.Mix() if full else snmp.SHORT),
        "store": store.measure,
        "rules": rules.measure,
        "metrics": lambda _: exposition.measure(full=full),
        "ingest": partial(ingest.measure, agents=400, seconds=30.0 if full else 8.0),
        "together": together.measure,
        "agent": partial(agent.measure, seconds=window, growth=full),
    }
    if full:
        found["ingest-1400"] = partial(ingest.measure, agents=1_400, seconds=30.0)
        found["storm"] = storm.measure
    return found


def machine() -> dict[str, object]:
    """What the figures were taken on."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def _measure(name: str, area: Area, scratch: Path) -> tuple[list[Figure], bool]:
    """Figures of one area; a fault of one area does not take the others with it."""
    began = time.monotonic()
    sys.stderr.write(f"{name} ...\n")
    try:
        with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=scratch) as folder:
            figures = area(Path(folder))
    except Exception:  # noqa: BLE001 - told below, and the run ends with code 1
        sys.stderr.write(f"{name}: failed\n{traceback.format_exc()}")
        return [], False
    sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    return figures, True


def main() -> int:
    """Measure, print the table, keep it as JSON; 1 when an area could not be measured."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("areas", nargs="*", help="only these")
    parser.add_argument("--full", action="store_true", help="the sizes of the soak")
    parser.add_argument("--output", type=Path, default=_ROOT / ".run" / "bench.json")
    args = parser.parse_args()
    chosen = areas(full=args.full)
    if unknown := set(args.areas) - set(chosen):
        parser.error(f"no such area: {', '.join(sorted(unknown))}; there are {', '.join(chosen)}")
    # So that everything that was started ends as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    facts = machine()
    figures, complete = [], True
    for name in args.areas or chosen:
        found, good = _measure(name, chosen[name], args.output.parent)
        figures += found
        complete = complete and good
    facts["load_after"] = os.getloadavg()[0]
    sys.stdout.write(f"{table(figures)}\n{facts}\n")
    missed = [one for one in figures if one.met is False]
    sys.stdout.write(f"{len(figures)} figures, {len(missed)} budgets missed\n")
    write_json(figures, facts, args.output)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
