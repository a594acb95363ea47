"""A product's tool is run within bounds, and nothing of it is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers.backup import gone, script, until

from tramgac_agent.restic.runner import Budget
from tramgac_agent.sources import command
from tramgac_agent.sources.base import SourceFailed, Visit


def visit(folder: Path, seconds: float = 30.0) -> Visit:
    return Visit(1, folder, {**os.environ, "SECRET": "x"}, Budget(seconds))


def test_a_tool_answers_with_both_streams_and_its_code(tmp_path: Path) -> None:
    """Output, errors and exit code come back apart; its input is empty."""
    tool = script(tmp_path / "tool", "cat; echo out; echo err >&2; exit 3")
    answer = command.run([str(tool)], visit(tmp_path))

    assert (answer.exit_code, answer.text, answer.errors) == (3, "out\n", "err")


def test_a_tool_sees_only_the_environment_that_is_named(tmp_path: Path) -> None:
    """Variables of the probe stay its own; messages are English; the tool gives way."""
    tool = script(tmp_path / "tool", 'echo "$SECRET/$NAMED/$LC_ALL/$(nice)"')

    assert command.run([str(tool)], visit(tmp_path), {"NAMED": "n"}).text == "/n/C.UTF-8/19\n"


def test_a_missing_or_unusable_tool_is_blind_tool(tmp_path: Path) -> None:
    """Neither a wrong name nor a broken interpreter says anything of the backups."""
    broken = tmp_path / "broken"
    broken.write_text("#!/nowhere/interpreter\n")
    broken.chmod(0o755)
    for name in (str(tmp_path / "absent"), "no-such-tool-here", str(broken)):
        with pytest.raises(SourceFailed) as failure:
            command.run([name], visit(tmp_path))
        assert failure.value.state == "blind_tool"


def test_a_tool_that_says_too_much_is_ended(tmp_path: Path) -> None:
    """Memory stays bounded whatever a tool prints; errors keep only their end."""
    loud = script(tmp_path / "loud", "yes")
    with pytest.raises(SourceFailed) as failure:
        command.run([str(loud)], visit(tmp_path))
    grumbling = script(tmp_path / "grumbling", "seq 1 100000 >&2")
    errors = command.run([str(grumbling)], visit(tmp_path)).errors

    assert failure.value.state == "blind_tool"
    assert len(errors) <= 8192
    assert errors.endswith("100000")


def test_a_hung_tool_is_ended_with_its_children(tmp_path: Path) -> None:
    """Also when it does not want to: the deadline of the visit holds."""
    pids = tmp_path / "pids"
    tool = script(
        tmp_path / "tool", f"trap '' TERM; sleep 300 & echo $$ $! >{pids}; wait; sleep 300"
    )
    with pytest.raises(SourceFailed) as failure:
        command.run([str(tool)], visit(tmp_path, 2.5))

    assert failure.value.state == "blind_timeout"
    until(lambda: all(gone(int(pid)) for pid in pids.read_text().split()))


def test_a_tool_that_only_reads_cannot_write_elsewhere(tmp_path: Path) -> None:
    """Not even as root: it may write in the state folder and throw output away."""
    state = tmp_path / "state"
    state.mkdir()
    kept = tmp_path / "kept"
    kept.write_text("x")
    tool = script(
        tmp_path / "tool",
        f"""echo >mine && echo mine; echo >/dev/null && echo null
        cat {kept}; rm {kept}; : >{kept}; mkdir {tmp_path}/new; mv mine {tmp_path}/moved""",
    )

    assert command.run([str(tool)], visit(state), read_only=True).text == "mine\nnull\nx"
    assert kept.read_text() == "x"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "state", "tool"]


def test_no_tool_starts_when_time_is_up(tmp_path: Path) -> None:
    """The time of a visit is shared by all its calls."""
    with pytest.raises(SourceFailed) as failure:
        command.run(["true"], visit(tmp_path, 0))

    assert failure.value.state == "blind_timeout"


def test_what_a_tool_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    """A daemon that holds the tool's output open costs no time, and goes."""
    pid = tmp_path / "pid"
    tool = script(tmp_path / "tool", f"sleep 300 & echo $! >{pid}; echo said")
    begun = time.monotonic()

    assert command.run([str(tool)], visit(tmp_path)).text == "said\n"
    assert time.monotonic() - begun < 20
    until(lambda: gone(int(pid.read_text())))


_PROBE = """
import os, sys
from pathlib import Path
from tramgac_agent.restic.runner import Budget
from tramgac_agent.sources import command
from tramgac_agent.sources.base import Visit
command.run([sys.argv[1]], Visit(1, Path(sys.argv[2]), os.environ, Budget(60)))
"""


def test_whoever_ends_the_probe_ends_the_tool(tmp_path: Path) -> None:
    """The tool is in a group of its own, yet does not outlive a probe told to end."""
    pid = tmp_path / "pid"
    tool = script(tmp_path / "tool", f"echo $$ >{pid}.new; mv {pid}.new {pid}; exec sleep 300")
    probe = subprocess.Popen([sys.executable, "-c", _PROBE, str(tool), str(tmp_path)])
    until(pid.is_file)
    probe.send_signal(signal.SIGTERM)

    assert probe.wait(20) == 128 + signal.SIGTERM
    until(lambda: gone(int(pid.read_text())))


def test_a_tool_runs_in_any_thread(tmp_path: Path) -> None:
    """Only the main thread may take signals; the others run tools all the same."""
    texts: list[str] = []
    thread = threading.Thread(
        target=lambda: texts.append(command.run(["echo", "hi"], visit(tmp_path)).text)
    )
    thread.start()
    thread.join(20)

    assert texts == ["hi\n"]
