"""Planning work from the host itself: command, drop file, outbox record, and its end."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.backup import drop_folder
from helpers.dropping import NOW, new_check, put

from tramgac_agent import drop
from tramgac_agent.__main__ import COMMANDS
from tramgac_agent.checks.base import AgentView, LeaseDesk
from tramgac_agent.clock import SYSTEM_CLOCK
from tramgac_agent.maintenance import merged, taken
from tramgac_agent.outbox import Outbox, OutboxLimits
from tramgac_agent.runner import Runner
from tramgac_proto.commandline import run
from tramgac_proto.v1 import fleet_pb2

PLAN: dict[str, Any] = {
    "kind": "maintenance",
    "version": 1,
    "plan_id": "p1",
    "entered_unix_ms": NOW,
    "from_unix_ms": NOW,
    "until_unix_ms": NOW + 3_600_000,
    "reason": "New disk",
}


class Host:
    """A host on which commands are typed and the drop check runs."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        drop_folder(folder)
        self.error = ""
        self.config = folder / "agent.toml"
        self.config.write_text(
            f'[collector]\naddress = "127.0.0.1:9"\n'
            f'[agent]\nstate_dir = "{folder}"\n[checks.drop]\n'
        )

    def type(self, *words: str) -> tuple[int, str]:
        """Exit code and what was printed."""
        line = ["maintenance", *words, "--config", str(self.config)]
        code = run("tramgac-agent", COMMANDS, line)
        out, self.error = self._capsys.readouterr()
        return code, out

    def status(self) -> list[dict[str, Any]]:
        code, out = self.type("status", "--json")
        assert code == 0, self.error
        found: list[dict[str, Any]] = json.loads(out)
        return found

    def check(self) -> list[fleet_pb2.Maintenance]:
        """One run of the check; every plan that the outbox then has."""
        path = self.folder / "outbox.db"
        outbox = Outbox.open(path, limits=OutboxLimits(), clock=SYSTEM_CLOCK)
        try:
            Runner([new_check()], outbox, AgentView(self.folder, "", LeaseDesk())).run("drop")
            told = [one.message.observation for one in outbox.read(0)]
        finally:
            outbox.close()
        return [one.maintenance for one in told if one.HasField("maintenance")]


@pytest.fixture
def host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path, capsys)


def test_a_plan_goes_through_folder_and_outbox_and_status_says_where_it_is(host: Host) -> None:
    """Who typed it can see whether the agent has it and whether it was sent."""
    assert host.type("2h", "--reason", "New disk")[0] == 0
    (one,) = host.status()
    assert (one["state"], one["way"]) == ("on", "waits for the agent")

    (told,) = host.check()
    assert (told.reason, told.until_unix_ms - told.from_unix_ms) == ("New disk", 7_200_000)
    assert (told.plan_id, told.ended_unix_ms) == (one["plan_id"], 0)
    assert host.status()[0]["way"] == "waits to be sent"

    (host.folder / "outbox.db").unlink()
    assert host.status()[0]["way"] == "sent"


def test_status_says_that_sent_is_not_yet_agreed_to(host: Host) -> None:
    """Only the centre knows whether a plan counts; without one there is nothing to say."""
    assert "refuse" not in host.type("status")[1]
    host.type("2h", "--reason", "New disk")
    assert "the centre may refuse a plan" in host.type("status")[1]


@pytest.mark.parametrize("taken_first", [True, False])
def test_an_end_repeats_the_plan(host: Host, *, taken_first: bool) -> None:
    """Before or after the agent took the plan: the centre needs no order of the two."""
    host.type("90m", "--reason", "New disk")
    if taken_first:
        host.check()
    assert host.type("end")[0] == 0
    first, last = sorted(host.check(), key=lambda one: one.ended_unix_ms)

    assert (first.plan_id, first.until_unix_ms) == (last.plan_id, last.until_unix_ms)
    assert last.ended_unix_ms >= first.from_unix_ms > first.ended_unix_ms
    assert [one["state"] for one in host.status()] == ["ended"]
    assert host.type("end")[0] == 1


def test_a_plan_for_later_is_to_come(host: Host) -> None:
    """``--at`` is this host's time, at most a week ahead."""
    soon = time.strftime("%Y-%m-%dT%H:%M", time.localtime(time.time() + 2 * 86_400))
    assert host.type("1h", "--at", soon, "--reason", "x")[0] == 0
    assert host.status()[0]["state"] == "to come"


@pytest.mark.parametrize(
    "words",
    [
        ("25h", "--reason", "x"),
        ("0h", "--reason", "x"),
        ("2", "--reason", "x"),
        ("2h",),
        ("2h", "--reason", "two\nlines"),
        ("2h", "--reason", "x" * 201),
        ("2h", "--reason", "x", "--at", "2020-01-01T00:00"),
        ("2h", "--reason", "x", "--at", "soon"),
        ("end",),
    ],
)
def test_what_makes_no_plan_is_refused(host: Host, words: tuple[str, ...]) -> None:
    """Nothing is written, and a sentence says why."""
    assert host.type(*words)[0] == 1
    assert host.error
    assert list((host.folder / "drop").iterdir()) == []


def test_without_the_drop_check_nothing_is_promised(host: Host) -> None:
    """An agent that would never read the plan is no way to plan."""
    host.config.write_text(host.config.read_text() + "enabled = false\n")

    assert host.type("2h", "--reason", "x")[0] == 1
    assert "checks.drop" in host.error


@pytest.mark.parametrize(
    "change",
    [
        {"until_unix_ms": NOW + 24 * 3_600_000 + 1},
        {"until_unix_ms": NOW},
        {"from_unix_ms": NOW - 3_600_000},
        {"from_unix_ms": NOW + 8 * 86_400_000, "until_unix_ms": NOW + 8 * 86_400_000 + 1},
        {"entered_unix_ms": NOW + 3_600_000},
        {"ended_unix_ms": NOW - 1},
        {"reason": ""},
        {"reason": "a\tb"},
        {"user": "lan"},
    ],
)
def test_a_hand_written_plan_is_held_to_its_bounds(change: dict[str, Any]) -> None:
    """Too long, backdated, too far ahead or with more in it than asked for: not taken."""
    drop.parse(json.dumps(PLAN).encode(), NOW)
    with pytest.raises(drop.Refused):
        drop.parse(json.dumps({**PLAN, **change}).encode(), NOW)


def test_a_damaged_note_costs_nothing_but_itself(host: Host) -> None:
    """The agent goes on; the plan is told to the centre all the same."""
    (host.folder / "maintenance.json").write_text("{")
    put(host.folder, PLAN)

    assert [one.plan_id for one in host.check()] == ["p1"]
    assert [one.plan_id for one in taken(host.folder)] == ["p1"]


def test_an_end_outlasts_its_plan_in_any_order() -> None:
    """A plan that is read after its end does not open it again."""
    plan = drop.parse(json.dumps(PLAN).encode(), NOW)
    end = drop.parse(json.dumps({**PLAN, "ended_unix_ms": NOW}).encode(), NOW)
    assert isinstance(plan, drop.Maintenance)
    assert isinstance(end, drop.Maintenance)

    assert merged([plan, end]) == merged([end, plan]) == [end]
