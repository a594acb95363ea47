"""Services: real sockets on loopback; recorded words of systemd."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from helpers.onecheck import observe, values
from helpers.peers import answering, fake_command, hung, page, peer
from helpers.services import check_of, http, reason, states

from tramgac_agent.checks import service
from tramgac_agent.checks.service import ServiceCheck, ServiceSettings
from tramgac_agent.probes import systemd
from tramgac_agent.runner import arrange
from tramgac_proto.compat import tomllib
from tramgac_proto.configfile import ConfigError, convert
from tramgac_proto.v1 import fleet_pb2

CASES = Path(__file__).parent / "cases" / "service"
PAGES = Path(__file__).parents[3] / "docs/checks"


@pytest.fixture(autouse=True)
def short_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "GAP_SECONDS", 0.01)


# --- TCP


def test_a_port_that_answers_is_up(tmp_path: Path) -> None:
    """A listening port is up, with the time its handshake took."""
    with peer(hung) as pacs:
        seen = observe(
            check_of({"system": "pacs", "kind": "tcp", "address": f"localhost:{pacs.port}"}),
            tmp_path,
        )
    got = values(seen, system="pacs", method="tcp")
    assert got["service_up"] == 1
    assert 0 < got["service_probe_seconds"] < 1


def test_a_closed_port_is_refused(tmp_path: Path) -> None:
    """Nobody listens: down, refused, and no time to an answer that never was."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    seen = observe(check_of({"kind": "tcp", "address": f"127.0.0.1:{port}"}), tmp_path)
    assert values(seen) == {"service_up": 0}
    assert states(seen)["his"].reason == "refused"


def test_three_tries_before_down(tmp_path: Path) -> None:
    """A system that answers only the third time is up and no event is told."""
    turns = iter([b"", b"garbage\r\n\r\n", page(b"ready")])
    with peer(answering(lambda _asked: next(turns))) as his:
        assert reason(http(his.port, tries=3), tmp_path) == "ok"


# --- systemd


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_units_are_judged(case: str) -> None:
    """What ``systemctl show`` printed leads to the reason and restarts of the case."""
    output = (CASES / case / "input.txt").read_text(encoding="utf-8")
    expected = json.loads((CASES / case / "expected.json").read_text(encoding="utf-8"))
    assert systemd.judge(systemd.parse_show(output))._asdict() == expected


def test_rising_restarts_are_a_crash_loop() -> None:
    """Three restarts within 15 minutes are a loop; the same three in a day are not."""
    watch = systemd.Restarts()
    assert [watch.looping(count, 60.0 * count) for count in range(5)] == [False] * 3 + [True] * 2
    assert watch.looping(4, 60.0 * 30) is False
    assert watch.looping(0, 60.0 * 31) is False
    slow = systemd.Restarts()
    assert not any(slow.looping(count, 3600.0 * count) for count in range(10))


def test_this_machine_and_its_systemd(tmp_path: Path) -> None:
    """A unit nobody has is unit_not_found under systemd, and no_systemd without it."""
    (first, *rest) = observe(
        check_of({"kind": "systemd", "unit": "tramgac-no-such-unit.service"}), tmp_path
    )
    if systemd.BOOTED.is_dir():
        assert states(rest)["his"].reason == "unit_not_found"
    else:
        assert (first.failure, first.stream, rest) == ("no_systemd", "his/systemd", [])


@pytest.fixture
def booted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that runs systemd, and a folder whose ``systemctl`` is found first."""
    monkeypatch.setattr(systemd, "BOOTED", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def test_a_unit_is_asked_by_name(booted: Path) -> None:
    """The unit reaches systemctl as one word after ``--``; its answer becomes the series."""
    case = CASES / "active-after-restarts" / "input.txt"
    fake_command(booted, "systemctl", f'echo "$@" > {booted}/asked; cat {case}')
    seen = observe(check_of({"kind": "systemd", "unit": "his@1.service"}), booted)
    assert values(seen) == {"service_up": 1, "service_restarts": 4}
    assert (booted / "asked").read_text().endswith("-- his@1.service\n")


def test_a_looping_unit_is_down(booted: Path) -> None:
    """A unit that is active at each look but was restarted three times meanwhile is down."""
    count = booted / "count"
    count.write_text("0")
    state = "LoadState=loaded\\nActiveState=active\\nSubState=running\\nNRestarts=%s\\n"
    fake_command(booted, "systemctl", f"printf '{state}' $(cat {count})")
    check = check_of({"kind": "systemd", "unit": "his.service"})
    assert states(observe(check, booted))["his"].reason == "ok"
    count.write_text("3")
    assert states(observe(check, booted))["his"].reason == "crash_loop"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exec sleep 60", "systemd_timeout"),
        ("echo 'Failed to connect to bus' >&2; exit 1", "systemd_unreachable"),
        ("echo nonsense", "systemd_unreadable"),
    ],
)
def test_a_systemd_that_does_not_answer(booted: Path, script: str, code: str) -> None:
    """A bus that is stuck or gone says nothing of the unit: a failure, not down."""
    fake_command(booted, "systemctl", script)
    unit = {"kind": "systemd", "unit": "his.service", "timeout_seconds": 0.3}
    (seen,) = observe(check_of(unit), booted)
    assert (seen.failure, seen.samples) == (code, ())


# --- Events


def test_changes_are_events_across_restarts(tmp_path: Path) -> None:
    """Up, down, another reason, up: one event each, not repeated, kept over a restart."""
    answers = {"now": page(b"HIS")}
    with peer(answering(lambda _asked: answers["now"])) as his:
        system = http(his.port, subject="his-cloud")

        def events(check: ServiceCheck) -> list[str]:
            seen = observe(check, tmp_path)
            assert {one.subject for one in seen} == {"his-cloud"}
            return [
                one.detail.reason
                for one in seen
                if one.event and isinstance(one.detail, fleet_pb2.ServiceState)
            ]

        check = check_of(system)
        assert events(check) == []
        answers["now"] = page(b"", "503 Service Unavailable")
        assert events(check) == ["status_503"]
        assert events(check) == []
        answers["now"] = page(b"", "500 Internal Server Error")
        check = check_of(system)
        assert events(check) == ["status_500"]
        answers["now"] = page(b"HIS")
        assert events(check) == ["ok"]
        assert events(check) == []


def test_an_event_that_was_not_stored_is_told_again(tmp_path: Path) -> None:
    """An agent killed before the outbox has the event tells it again, with the same token."""
    with peer(answering(page(b"HIS"))) as his:
        system = http(his.port)
        observe(check_of(system), tmp_path)
    lost = observe(check_of(system), tmp_path, stored=False)
    again = observe(check_of(system), tmp_path)
    tokens = [[one.token for one in seen if one.event] for seen in (lost, again)]
    assert tokens[0] == tokens[1]
    assert tokens[0][0].startswith(".his.http-")


def test_a_quiet_run_is_one_record(tmp_path: Path) -> None:
    """While nothing changes, all systems share one plain record; what is down also says why."""
    with peer(answering(page(b"HIS"))) as his:
        good = [http(his.port, system=name) for name in ("his", "lis", "pacs")]
        check = check_of(*good, {"system": "emr", "kind": "tcp", "address": "127.0.0.1:1"})
        observe(check, tmp_path)
        seen = arrange(observe(check, tmp_path))
    assert [(one.stream, bool(one.detail)) for one in seen] == [("emr/tcp", True), ("", False)]
    assert len([s for s in seen[1].samples if s.name == "tramgac_service_up"]) == 4


# --- Settings


@pytest.mark.parametrize(
    ("system", "says"),
    [
        ({"kind": "tcp", "address": "his"}, "host:port"),
        ({"kind": "tcp", "address": "his:0"}, "host:port"),
        ({"kind": "tcp", "address": "his:1", "url": "http://x"}, "no other"),
        ({"kind": "tcp", "address": "his:1", "expect_text": "x"}, "kind http"),
        ({"kind": "systemd", "unit": "a.service", "verify": False}, "kind http"),
        ({"kind": "systemd", "unit": "-rf"}, "regex"),
        ({"kind": "systemd"}, "needs `unit`"),
        ({"kind": "http", "url": "ftp://his/"}, "http://"),
        ({"kind": "http", "url": "http://user:secret@his/"}, "password"),
        ({"kind": "http", "url": "http://his/\r\nX: y"}, "printable"),
        ({"kind": "http", "url": "http://his:99999/"}, "out of range"),
        ({"kind": "http", "url": "http://his/", "timeout_seconds": 30.0}, "deadline"),
        ({"kind": "http", "url": "http://his/", "text": "x"}, "unknown key"),
    ],
)
def test_bad_settings_are_refused(system: dict[str, Any], says: str) -> None:
    """What cannot work is refused when the file is read, with the reason."""
    with pytest.raises(ConfigError, match=says):
        convert({"systems": [{"system": "his", **system}]}, ServiceSettings, "agent.toml")


def test_a_system_is_declared_once_a_method() -> None:
    """The same system by two methods is wanted; twice by one would overwrite itself."""
    tcp = {"system": "his", "kind": "tcp", "address": "his:443"}
    unit = {"system": "his", "kind": "systemd", "unit": "his.service"}
    both = convert({"systems": [tcp, unit]}, ServiceSettings, "agent.toml")
    assert [one.method for one in both.systems] == ["tcp", "systemd"]
    with pytest.raises(ConfigError, match="declared twice"):
        convert({"systems": [tcp, tcp]}, ServiceSettings, "agent.toml")


def test_the_documented_example_loads() -> None:
    """The TOML in the page is a configuration the check takes."""
    example = (PAGES / "service.md").read_text(encoding="utf-8").split("```toml")[1].split("```")[0]
    section = tomllib.loads(example)["checks"]["service"]
    kinds = [one.kind for one in convert(section, ServiceSettings, "page").systems]
    assert kinds == ["http", "systemd", "tcp", "tcp"]


def test_our_own_fault_with_one_system_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody expected is said of that system alone; it is neither up nor down."""

    def odd(system: service.System, _deadline: object) -> service.Finding:
        if system.system == "odd":
            raise ZeroDivisionError
        return service.Finding("ok", 0.1)

    monkeypatch.setattr(service, "probe_tcp", odd)
    systems = [
        {"system": name, "kind": "tcp", "address": "127.0.0.1:1"} for name in ("odd", "good")
    ]
    check = ServiceCheck(convert({"systems": systems}, ServiceSettings, "test"))
    seen = observe(check, tmp_path)
    assert [one.failure for one in seen if one.failure] == ["internal_error"]
    assert not values(seen, system="odd")
    assert values(seen, system="good")["service_up"] == 1
