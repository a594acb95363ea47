"""`token`, `agents` and `ca` as a person types them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.centre import Centre, running_centre
from helpers.enrolling import Host, make_host

from tramgac_agent.identity.outcome import Outcome
from tramgac_agent.identity.renew import renew
from tramgac_collector.__main__ import COMMANDS
from tramgac_proto import commandline


class Terminal:
    """Runs commands against one collector's configuration."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder.mkdir()
        self.state = folder / "state"
        self.state.mkdir()
        self._config = folder / "collector.toml"
        self._config.write_text(f'[collector]\nstate_dir = "{self.state}"\n')
        self._capsys = capsys

    def run(self, line: str) -> tuple[int, str]:
        self._capsys.readouterr()
        words = [*line.split(), "--config", str(self._config)]
        try:
            code = commandline.run("tramgac-collector", COMMANDS, words)
        except SystemExit as error:  # argparse
            code = int(str(error.code))
        captured = self._capsys.readouterr()
        return code, (captured.out + captured.err).strip()

    def good(self, line: str) -> str:
        code, text = self.run(line)
        assert code == 0, text
        return text


@pytest.fixture
def terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    terminal = Terminal(tmp_path / "collector", capsys)
    terminal.good("token list")  # brings the store up to date
    return terminal


@pytest.fixture
def centre(terminal: Terminal) -> Iterator[Centre]:
    with running_centre(terminal.state) as running:
        yield running


@pytest.fixture
def host(tmp_path: Path, centre: Centre) -> Host:
    return make_host(tmp_path / "host", centre)


CREATE = "token create --facility bvdk --site main"


def test_a_created_token_enrols_and_shows_as_used(terminal: Terminal, host: Host) -> None:
    """From `token create` to an agent in `agents list`, with the secret shown once."""
    token = terminal.good(CREATE)
    assert token.count(".") == 3
    host.enroll(token)
    (row,) = json.loads(terminal.good("token list --json"))
    assert (row["state"], row["used"], row["id"]) == ("used", 1, token.split(".")[1])
    assert token.split(".")[2] not in terminal.good("token list")
    (agent,) = json.loads(terminal.good("agents list --json"))
    assert (agent["agent_id"], agent["state"]) == (host.identity.agent_id, "active")
    assert "bvdk/main/his-1" in terminal.good("agents list")


@pytest.mark.parametrize(
    ("line", "code", "word"),
    [
        (CREATE.replace("bvdk", "BV_DK"), 1, "a-z"),
        (f"{CREATE} --uses 0", 1, "above zero"),
        (f"{CREATE} --ttl soon", 2, "72h"),
        ("agents deny nobody --reason x", 1, "0 agents"),
        ("agents approve 0123456789", 1, "nobody waits"),
        ("ca roll", 1, "prepare"),
    ],
)
def test_a_mistake_is_answered_with_what_to_type(
    terminal: Terminal, line: str, code: int, word: str
) -> None:
    """Wrong input ends with the right exit code and a hint, without a traceback."""
    done, text = terminal.run(line)
    assert (done, word in text) == (code, True), text
    assert "Traceback" not in text


def test_denying_and_allowing_by_place(terminal: Terminal, host: Host) -> None:
    """`agents deny` works on the next call; `agents allow` ends it."""
    host.enroll(terminal.good(CREATE))
    assert "denied" in terminal.good("agents deny bvdk/main/his-1 --reason stolen")
    assert "(stolen)" in terminal.good("agents list")
    with pytest.raises(Outcome, match="denied"):
        renew(host.config)
    terminal.good("agents allow bvdk/main/his-1")
    renew(host.config)


def test_approving_a_host_without_a_token(terminal: Terminal, host: Host, tmp_path: Path) -> None:
    """`ca export` gives the anchor, `--pending` the key, `approve` the place."""
    anchor = tmp_path / "ca.crt"
    anchor.write_text(terminal.good("ca export"))
    with pytest.raises(Outcome, match="pending"):
        host.enroll("", ca_file=str(anchor))
    (row,) = json.loads(terminal.good("agents list --pending --json"))
    assert (row["host"], row["approved"]) == ("his-1", False)
    assert row["fingerprint"] == host.files.fingerprint().hex()
    key = row["key"][:16]
    assert key in terminal.good("agents list --pending")
    terminal.good(f"agents approve {key} --facility bvdk --site main --role probe")
    host.enroll("", ca_file=str(anchor))
    assert host.identity.site == "main"


def test_rolling_the_ca_waits_for_the_agents(terminal: Terminal, host: Host) -> None:
    """The second step is refused while an agent has not learned the next anchor."""
    host.enroll(terminal.good(CREATE))
    terminal.good("ca prepare")
    assert "1 agents have yet to learn" in terminal.good("ca show")
    code, text = terminal.run("ca roll")
    assert (code, "bvdk/main/his-1" in text) == (1, True)
    renew(host.config)
    terminal.good("ca roll")
    renew(host.config)
