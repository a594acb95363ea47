"""The agent's command line as a part-time administrator meets it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.outboxes import open_box, point

from tramgac_agent.__main__ import COMMANDS
from tramgac_agent.identity import renew
from tramgac_agent.identity.files import IdentityFiles
from tramgac_agent.uplink.status import UplinkStatus, write_status
from tramgac_proto.commandline import run

COLLECTOR = '[collector]\naddress = "127.0.0.1:9"\n'


def command(folder: Path, *words: str, text: str = "") -> int:
    """Exit code of a command with a configuration of ``text``."""
    (folder / "agent.toml").write_text(f'{COLLECTOR}[agent]\nstate_dir = "{folder}"\n{text}')
    return run("tramgac-agent", COMMANDS, [*words, "--config", str(folder / "agent.toml")])


FAULTS = {
    "level": ('log_level = "loud"', "log_level"),
    "role": ('role = "king"', "role"),
    "listen": ('[responder]\nlisten = "8445"', "`8445` is not host:port"),
    "unknown key": ("[outbox]\nmax_age = 3", "unknown key `max_age` - at `$.outbox`"),
    "unknown key of a check": ("[checks.disk]\nexclude = []", "[checks.disk]: unknown key `excl"),
    "no such check": ("[checks.dsk]", "[checks.dsk]: no such check"),
}


@pytest.mark.parametrize(("text", "words"), FAULTS.values(), ids=FAULTS)
def test_a_fault_in_the_configuration_names_file_and_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    """What `run` could not use is not called usable."""
    assert command(tmp_path, "check-config", text=text) == 78
    said = capsys.readouterr().err
    assert str(tmp_path / "agent.toml") in said
    assert words in said


@pytest.mark.parametrize("address", ["collector", "collector:", ":8443", "a:0", "a:99999"])
def test_an_address_without_host_or_port_is_not_usable(tmp_path: Path, address: str) -> None:
    """Found before the agent runs, not by an outage."""
    (tmp_path / "agent.toml").write_text(f'[collector]\naddress = "{address}"\n')

    words = ["check-config", "--config", str(tmp_path / "agent.toml")]
    assert run("tramgac-agent", COMMANDS, words) == 78


def test_the_file_of_conf_d_is_named_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The wrong key may stand in any of them."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/10-site.toml").write_text("[outbox]\nmax_age = 3\n")

    assert command(tmp_path, "check-config") == 78
    assert "10-site.toml" in capsys.readouterr().err


def test_variables_that_contradict_each_other_are_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A section cannot be a text as well."""
    monkeypatch.setenv("TRAMGAC_AGENT_AGENT", "x")
    monkeypatch.setenv("TRAMGAC_AGENT_AGENT__ROLE", "probe")

    assert command(tmp_path, "check-config") == 78
    assert "TRAMGAC_AGENT_AGENT" in capsys.readouterr().err


def test_a_check_that_measured_nothing_does_not_say_ok(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No interface is wanted: that is neither good nor bad."""
    assert command(tmp_path, "check", "link", text='[checks.link]\nexclude = ["*"]') == 0
    assert "link: nothing to measure" in capsys.readouterr().out


def test_a_check_that_missed_one_subject_does_not_say_ok(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other subjects' values do not hide it."""
    targets = (
        '[checks.latency]\nprobes = 1\ntargets = [{name = "a", address = "a..b"},'
        ' {name = "b", address = "127.0.0.1", tcp_port = 9, method = "tcp"}]'
    )
    assert command(tmp_path, "check", "latency", text=targets) == 1
    assert capsys.readouterr().out.startswith("latency: FAILED in part")


def test_ctrl_c_ends_a_command_without_a_traceback(tmp_path: Path) -> None:
    """130, as a shell expects it."""
    (tmp_path / "agent.toml").write_text(
        f"{COLLECTOR}[checks.latency]\n"
        'targets = [{name = "a", address = "192.0.2.1", tcp_port = 9, method = "tcp"}]'
    )
    words = [sys.executable, "-m", "tramgac_agent", "check", "latency", "--config"]
    child = subprocess.Popen(
        [*words, str(tmp_path / "agent.toml")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 20
    threads = Path(f"/proc/{child.pid}/task")
    while len(list(threads.iterdir())) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=20)

    assert child.returncode == 130
    assert said == b""


def test_a_reader_that_has_enough_is_no_error_to_look_at(tmp_path: Path) -> None:
    """``| head`` closes the pipe early."""
    box = open_box(tmp_path)
    box.append("disk", [point(number) for number in range(2000)], valid_seconds=1)
    box.close()
    (tmp_path / "agent.toml").write_text(f'{COLLECTOR}[agent]\nstate_dir = "{tmp_path}"\n')
    words = [sys.executable, "-m", "tramgac_agent", "outbox", "export", "--config"]
    with subprocess.Popen(
        [*words, str(tmp_path / "agent.toml")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(10)
        child.stdout.close()

        assert child.stderr.read() == b""


def test_a_child_with_a_bad_configuration_says_so_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its line goes to the log of the agent that started it."""
    assert renew.main(["--config", str(tmp_path / "none.toml")]) == 78
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_of_another_user_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most often the fix is to be the agent's user."""

    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    assert command(tmp_path, "outbox", "status") == 1
    said = capsys.readouterr().err
    assert "outbox.db: Permission denied" in said
    assert "as the user of the service" in said
    assert said.count("\n") == 1


def found(folder: Path, capsys: pytest.CaptureFixture[str], status: UplinkStatus) -> dict[str, str]:
    """What the doctor says of each thing that is wrong."""
    write_status(folder, status)
    command(folder, "doctor", "--json")
    listed = json.loads(capsys.readouterr().out)
    return {one["what"]: one["text"] + one["fix"] for one in listed if not one["ok"]}


def test_the_doctor_finds_what_the_collector_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reporting goes well, and some of what was measured does not arrive."""
    now = time.time_ns() // 1_000_000
    status = UplinkStatus(state="ok", at_ms=now, outbox_state="ok", refusals={"subject_foreign": 3})

    assert "3 subject_foreign" in found(tmp_path, capsys, status)["refusals"]


def test_the_doctor_says_that_the_agent_was_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no reason code to look up."""
    now = time.time_ns() // 1_000_000

    said = found(tmp_path, capsys, UplinkStatus("stopped", at_ms=now))["uplink"]

    assert said.endswith("start `tramgac-agent run`")


def test_the_doctor_does_not_call_a_full_outbox_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Measurements are given up to make room."""
    now = time.time_ns() // 1_000_000

    assert "outbox" in found(tmp_path, capsys, UplinkStatus("ok", at_ms=now, outbox_state="full"))


def test_the_doctor_gives_the_reason_of_an_agent_that_waits_long(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who is refused asks every 15 minutes; that is not an agent that does not run."""
    then = time.time_ns() // 1_000_000 - 800_000

    said = found(tmp_path, capsys, UplinkStatus("refused", "denied", at_ms=then))["uplink"]

    assert "denied" in said
    assert "start `tramgac-agent run`" not in said


def test_the_doctor_tells_no_right_to_read_from_not_enrolled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's folder is no reason to enrol once more."""

    def refuse(_files: object) -> None:
        raise PermissionError(13, "Permission denied", "agent.crt")

    monkeypatch.setattr(IdentityFiles, "load", refuse)
    said = found(tmp_path, capsys, UplinkStatus())["identity"]

    assert "agent.crt: Permission denied" in said
    assert "enroll" not in said
