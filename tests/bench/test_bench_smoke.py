"""The benchmarks still run: the table, the file, every module's import, and a tiny area."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def python(*words: str) -> str:
    """Run the interpreter as ``make bench`` does."""
    path = os.pathsep.join((str(ROOT / "scripts"), str(ROOT / "tests")))
    done = subprocess.run(
        [sys.executable, "-W", "error", *words], capture_output=True, text=True, timeout=60,
        check=False, env={**os.environ, "PYTHONPATH": path}, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_area_gives_a_table_and_a_file(tmp_path: Path) -> None:
    """The outbox area prints its figures and writes them with the machine they are from."""
    output = tmp_path / "bench.json"

    printed = python("-m", "bench", "outbox", "--output", str(output))

    kept = json.loads(output.read_text())
    assert kept["machine"]["cores"] == os.cpu_count()
    figures = {one["what"]: one for one in kept["figures"]}
    assert figures["append p50"]["unit"] == "ms"
    assert 0 < figures["append p50"]["value"] < 1000
    assert 100 < figures["size"]["value"] < 2000
    assert re.search(r"^outbox +append p50 +[0-9.]+ +ms", printed, re.MULTILINE)
    assert f"{len(figures)} figures, 0 budgets missed" in printed


def test_a_scrape_is_measured_beside_its_peer() -> None:
    """Both sides of the exposition area work on a small page."""
    ours = json.loads(python("-m", "bench.exposition", "live", "1000"))
    peer = json.loads(python("-m", "bench.exposition", "client", "1000"))

    assert 0 < ours["render"] < peer["render"]
    assert ours["bytes"] > 50_000


def test_missed_budgets_are_said() -> None:
    """A value beyond its limit is marked in the table, a fact is not."""
    code = """
from bench.common import at_least, at_most, fact, table
print(table([at_most("a", "x", 2, "s", 1), at_least("a", "y", 2, "s", 1), fact("a", "z", 3, "s")]))
"""
    lines = python("-c", code).splitlines()

    assert [("MISSED" in line, " met" in line) for line in lines[1:]] == [
        (True, False),
        (False, True),
        (False, False),
    ]


def test_the_production_configuration_is_the_one_of_make_run(tmp_path: Path) -> None:
    """Every check stays on, at its own interval, and the tick check goes."""
    code = """
import sys, tomllib
from pathlib import Path
import here_setup as here
from bench.agent import as_in_production
place = here.Place(Path(sys.argv[1]) / "state")
here.write_files(place)
text = (place.root / f"{here.HOST}.toml").read_text()
tree = tomllib.loads(as_in_production(text))
print(*sorted(tree["checks"]), sum("interval_seconds" in one for one in tree["checks"].values()))
print(*sorted(set(tomllib.loads(text)["checks"]) - set(tree["checks"])))
"""
    first, gone = python("-c", code, str(tmp_path)).splitlines()

    assert first == "disk drop latency link repository self service throughput uptime 0"
    assert gone == "tick"


def test_reports_beside_the_judge_are_measured(tmp_path: Path) -> None:
    """A small province is judged by a real collector while a few agents report."""
    code = """
import sys
from pathlib import Path
from bench import together
for one in together.measure(Path(sys.argv[1]) / "x", facilities=3, agents=6, calm_seconds=2.0):
    print(one.what, one.value, sep="=")
"""
    lines = python("-c", code, str(tmp_path)).splitlines()
    figures = {name: float(value) for name, _, value in (line.rpartition("=") for line in lines)}

    assert 0 < figures["ack p50, judge at rest"] <= figures["ack p99, judge at rest"]
    assert figures["ack p99, all judged anew"] > 0
    assert figures["the judge meanwhile"] > 0


def test_devices_are_asked_beside_their_peers(tmp_path: Path) -> None:
    """One of each kind answers, without failure, and every asker has its figure."""
    code = """
import sys
from pathlib import Path
from bench import snmp
mix = snmp.Mix(switches=1, printers=1, ups=1, seconds=3.0, turns=3, exporter=False)
for one in snmp.measure(Path(sys.argv[1]), mix):
    print(one.what, one.value, sep="=")
"""
    lines = python("-c", code, str(tmp_path)).splitlines()
    figures = {name: float(value) for name, _, value in (line.rpartition("=") for line in lines)}

    assert figures["polls failed"] == 0
    assert figures["CPU seconds an hour"] > 0
    assert figures["RSS"] > 10
    for asker in ("", "bulkwalk: "):
        assert figures[f"{asker}varbinds per CPU second"] > 0


def test_a_line_is_measured_beside_iperf3(tmp_path: Path) -> None:
    """Floor and capacity of a shaped line keep their budgets, and the peer's figures are there."""
    code = """
import sys
from pathlib import Path
from bench import lan
for one in lan.measure(Path(sys.argv[1]), megabits=(10,), losses=()):
    print(one.what, one.value, one.met, sep="=")
"""
    lines = [line.split("=") for line in python("-c", code, str(tmp_path)).splitlines()]
    met = {what: verdict for what, _, verdict in lines}

    assert {"iperf3, off the shaper", "iperf3, ping shift"} <= set(met)
    assert met["floor test, bytes"] == met["floor test, seconds"] == "True"
    assert "capacity test, ping shift" in met
    assert "floor test, off its pace" in met or "floor test, off its pace, told" in met
