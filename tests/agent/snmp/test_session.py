"""One device asked: a real snmpd in three versions, and devices that misbehave."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from helpers.snmpd import AUTH, COMMUNITY, PRIVACY, WRONG, secret, snmpd, told_device
from helpers.snmpstub import COMMUNITY as STUB_COMMUNITY
from helpers.snmpstub import Stub

from tramgac_agent.snmp import session as session_module
from tramgac_agent.snmp.errors import SnmpFailed
from tramgac_agent.snmp.session import Engines, Session
from tramgac_agent.snmp.settings import Device
from tramgac_agent.snmp.values import Oid, Value, oid

pytestmark = pytest.mark.alone

UPTIME, NAME = oid("1.3.6.1.2.1.1.3.0"), oid("1.3.6.1.2.1.1.5.0")
DESCRIPTION, TYPE = oid("1.3.6.1.2.1.2.2.1.2"), oid("1.3.6.1.2.1.2.2.1.3")
R = TypeVar("R")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """One snmpd for all tests of this file."""
    folder = tmp_path_factory.mktemp("snmpd")
    with snmpd(folder) as port:
        yield folder, port


def ask(device: dict[str, Any], question: Callable[[Session], Awaitable[R]]) -> R:
    """Open a session, ask, and give back the answer."""

    async def work() -> R:
        engines = Engines()
        session = Session(msgspec.convert(device, Device), engines)
        try:
            await session.open()
            return await question(session)
        finally:
            engines.close()

    return asyncio.run(work())


def code(device: dict[str, Any]) -> str:
    """Why it cannot be asked."""
    with pytest.raises(SnmpFailed) as failed:
        ask(device, lambda session: session.get([UPTIME]))
    for word in (COMMUNITY, AUTH, PRIVACY, WRONG):
        assert word not in str(failed.value)
    return failed.value.code


def _v3(folder: Path, auth: str = AUTH, privacy: str = PRIVACY, **more: str) -> dict[str, str]:
    keys = {"auth_key_file": secret(folder, auth), "privacy_key_file": secret(folder, privacy)}
    return {"version": "3", "user": "keeper", "auth": "sha", "privacy": "aes", **keys, **more}


@pytest.mark.parametrize("version", ["1", "2c", "3"])
def test_a_table_is_read_as_other_tools_read_it(real: tuple[Path, int], version: str) -> None:
    """In every version the interfaces' names and types are those snmpbulkwalk prints."""
    folder, port = real
    device = told_device(folder, port, **(_v3(folder) if version == "3" else {"version": version}))
    columns = ask(device, lambda session: session.walk([DESCRIPTION, TYPE]))
    words = ["snmpbulkwalk", "-v2c", "-c", COMMUNITY, "-Onqe", f"127.0.0.1:{port}"]
    for column in (DESCRIPTION, TYPE):
        walked = [*words, ".".join(map(str, column))]
        lines = subprocess.run(walked, capture_output=True, check=True, text=True).stdout
        expected = [line.partition(" ")[2].strip('"') for line in lines.splitlines()]
        found = [
            one.decode() if isinstance(one, bytes) else one for one in columns[column].values()
        ]
        assert [str(one) for one in found] == expected
        assert expected


@pytest.mark.parametrize("version", ["1", "2c"])
def test_what_a_device_lacks_is_left_out(real: tuple[Path, int], version: str) -> None:
    """One unknown object does not cost the others, not even in version 1."""
    folder, port = real
    device = told_device(folder, port, version=version)
    found = ask(device, lambda session: session.get([UPTIME, (1, 3, 6, 1, 99, 0), NAME]))
    assert set(found) == {UPTIME, NAME}


def test_the_reason_that_can_be_known_is_given(real: tuple[Path, int]) -> None:
    """Wrong user, key and level have codes of their own; a wrong community is only silence."""
    folder, port = real
    v3 = _v3(folder)
    soon = {"timeout_seconds": 0.15}
    assert code(told_device(folder, port, **{**v3, "user": "nobody"})) == "unknown_user"
    assert code(told_device(folder, port, **_v3(folder, auth=WRONG))) == "wrong_digest"
    assert code(told_device(folder, port, **_v3(folder, privacy=WRONG), **soon)) in {
        "timeout",
        "wrong_privacy_key",
    }
    lower = {name: value for name, value in v3.items() if not name.startswith("privacy")}
    assert code(told_device(folder, port, **lower)) == "access_denied"
    wrong = {"community_file": secret(folder, WRONG), **soon}
    assert code(told_device(folder, port, **wrong)) == "timeout"


def test_two_devices_may_share_a_user_and_not_its_key(real: tuple[Path, int]) -> None:
    """One with another pass phrase for the same name does not spoil the first."""
    folder, port = real
    good, bad = (
        msgspec.convert(told_device(folder, port, **_v3(folder, auth=key)), Device)
        for key in (AUTH, WRONG)
    )

    async def work() -> None:
        engines = Engines()
        first, second = Session(good, engines), Session(bad, engines)
        await first.open()
        await second.open()
        for _ in range(2):
            assert UPTIME in await first.get([UPTIME])
            with pytest.raises(SnmpFailed, match="wrong_digest"):
                await second.get([UPTIME])
        engines.close()

    asyncio.run(work())


def test_a_secret_others_can_read_is_refused(tmp_path: Path) -> None:
    """The error names the file and what to do, never the secret; so does a missing one."""
    device = told_device(tmp_path, 9)
    Path(device["community_file"]).chmod(0o644)
    assert code(device) == "bad_secret_file"
    assert code(told_device(tmp_path, 9, community_file="/nowhere")) == "bad_secret_file"
    assert code(told_device(tmp_path, 9, address="no.such.host.invalid")) == "unresolved"


TABLE: dict[Oid, Value] = {
    **{(*DESCRIPTION, n): f"port {n}".encode() for n in range(1, 60)},
    **{(*TYPE, n): 6 for n in range(1, 60)},
    UPTIME: 4711,
}


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[Callable[..., tuple[Stub, dict[str, Any]]]]:
    """Makes a device that misbehaves, and what the agent is told of it."""
    made: list[Stub] = []

    def make(manner: str = "well", **more: Any) -> tuple[Stub, dict[str, Any]]:
        one = Stub(TABLE, manner, more.pop("most", 1000))
        made.append(one)
        file = {"community_file": secret(tmp_path, STUB_COMMUNITY), "timeout_seconds": 0.1}
        return one, told_device(tmp_path, one.port, **file, **more)

    yield make
    for one in made:
        one.close()


def _walk(session: Session) -> Awaitable[dict[Oid, dict[Oid, Value]]]:
    return session.walk([DESCRIPTION, TYPE])


def test_no_device_fills_our_memory(stub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values are cut, and many columns together have an end as well."""
    one, device = stub()
    one.answers = {**TABLE, (*DESCRIPTION, 1): b"x" * 1000}
    assert ask(device, _walk)[DESCRIPTION][1,] == b"x" * 256
    monkeypatch.setattr(session_module, "MAX_CELLS", 100)
    with pytest.raises(SnmpFailed, match="too_many_rows"):
        ask(device, _walk)


def test_late_twins_of_an_answer_change_nothing(stub: Any) -> None:
    """A device whose answers come twice is read like any other."""
    _, device = stub("twice")
    columns = ask(device, _walk)
    assert len(columns[DESCRIPTION]) == 59
    assert columns[DESCRIPTION][59,] == b"port 59"


def test_a_device_that_chokes_is_asked_for_less(stub: Any) -> None:
    """Twelve variables at most: fewer rows at once from then on, and all of them come."""
    _, device = stub(most=12)

    async def work(session: Session) -> int:
        columns = await session.walk([DESCRIPTION, TYPE])
        assert len(columns[TYPE]) == 59
        return session.repetitions

    assert ask(device, work) == 5


def test_a_device_that_dies_while_asked_has_not_choked(stub: Any) -> None:
    """After a power cut in the middle of a table it is asked for as much as before."""
    one, device = stub()
    one.deaf = TYPE

    async def work(session: Session) -> int:
        with pytest.raises(SnmpFailed, match="timeout"):
            await session.walk([DESCRIPTION, TYPE])
        return session.repetitions

    assert ask({**device, "timeout_seconds": 0.05}, work) == 10


def test_an_old_device_speaks_version_1_only(stub: Any) -> None:
    """Silent in version 2c; in version 1 the table comes row by row."""
    _, device = stub("v1")
    with pytest.raises(SnmpFailed, match="timeout"):
        ask(device, _walk)
    assert len(ask({**device, "version": "1"}, _walk)[TYPE]) == 59


@pytest.mark.parametrize(
    ("manner", "expected"),
    [
        ("silent", "timeout"),
        ("truncated", "timeout"),
        ("garbage", "timeout"),
        ("backwards", "non_increasing"),
        ("endless", "too_many_rows"),
        ("empty", "malformed"),
        ("v1 empty", "malformed"),
    ],
)
def test_a_broken_device_is_given_up(
    stub: Any, manner: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them ends in a hang, an exception of another kind, or an endless table."""
    monkeypatch.setattr(session_module, "MAX_ROWS", 200)
    version, _, manner = manner.rpartition(" ")
    one, device = stub(manner)
    device["version"] = version.removeprefix("v") or "2c"
    with pytest.raises(SnmpFailed) as failed:
        ask({**device, "max_repetitions": 2}, _walk)
    assert failed.value.code == expected
    assert one.asked < 120
