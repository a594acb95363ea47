"""iperf3 as the engine: under the same leases, bounds and guard, and with clear codes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from helpers.leases import responder, token
from helpers.netns import FAR_ADDRESS, PAYLOAD_SHARE, Cable, cable

from tramgac_agent.throughput.verdict import judge
from tramgac_proto.throughput import iperf3
from tramgac_proto.throughput.iperf3 import Failed, parse
from tramgac_proto.throughput.session import Result

PACE = 10e6


@pytest.fixture(scope="module")
def joined() -> Iterator[Cable]:
    with cable() as one:
        yield one


@pytest.fixture(scope="module")
def far(joined: Cable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("far")
    with responder(folder, f"{FAR_ADDRESS}:18600", joined.prefix(joined.far)) as address:
        yield address


def run(joined: Cable, permit: bytes, path: str = os.environ["PATH"]) -> Result:
    words = [*joined.prefix(joined.near), sys.executable, "-m"]
    words += ["tramgac_proto.throughput.initiator", "--engine", "iperf3"]
    done = subprocess.run(
        words, input=permit, capture_output=True, check=True, timeout=30,
        env={**os.environ, "PATH": path},
    )  # fmt: skip
    return msgspec.json.decode(done.stdout, type=Result)


@pytest.mark.parametrize("direction", ["send", "receive"])
def test_a_floor_is_held_by_iperf3_as_well(joined: Cable, far: str, direction: str) -> None:
    """The receiver's figure counts, the pace is the lease's, the server is gone afterwards."""
    joined.shape(100)
    result = Result()
    for _ in range(5):
        permit = token(address=far, direction=direction, pace_bytes_per_second=PACE)
        result = run(joined, permit)
        if judge(result, PACE)[0] == "held":
            break

    assert judge(result, PACE) == ("held", "complete"), result
    assert result.engine == "iperf3"
    assert result.measured
    assert result.measured.bytes <= 4_200_000
    assert result.measured.rate == pytest.approx(PACE, rel=0.03)
    assert result.sent
    assert result.sent.retransmits >= 0
    assert result.watched


def test_a_slower_line_is_not_held(joined: Cable, far: str) -> None:
    """A line of 40 Mbit/s asked for 80: its own rate, or the guard's word, never a good one."""
    joined.shape(40)
    result = run(joined, token(address=far, pace_bytes_per_second=PACE))

    verdict, reason = judge(result, PACE)
    assert verdict in {"not_held", "refused", "aborted"}, (verdict, reason)
    if result.measured:
        assert result.measured.rate == pytest.approx(5e6 * PAYLOAD_SHARE, rel=0.1)


def test_without_the_program_there_is_a_clear_code(joined: Cable, far: str, tmp_path: Path) -> None:
    """Here or there: `no_iperf3`, and no other engine is taken instead."""
    assert run(joined, token(address=far), str(tmp_path)).code == "no_iperf3"

    empty = tmp_path / "bin"
    empty.mkdir()
    wrap = [*joined.prefix(joined.far), "/usr/bin/env", f"PATH={empty}"]
    with responder(tmp_path, f"{FAR_ADDRESS}:18610", wrap) as bare:
        assert run(joined, token(address=bare)).code == "no_iperf3"


def test_a_lease_is_needed_for_iperf3_too(joined: Cable, far: str) -> None:
    """A forged lease starts no server."""
    permit = bytearray(token(address=far))
    permit[-1] ^= 1

    assert run(joined, bytes(permit)).code == "forged"


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ({"error": "error - the server is busy running a test. try again later"}, "busy"),
        ({"error": "error - unable to connect to server: Connection refused"}, "unreachable"),
        ({"error": "error - something else", "end": {}}, "iperf3_error"),
        ({"end": {}}, "iperf3_error"),
        ({"end": {"sum_received": {"bytes": 0, "seconds": 1.0}}}, "iperf3_error"),
        ([], "iperf3_error"),
    ],
)  # fmt: skip
def test_the_error_field_counts_whatever_the_exit_code(output: object, code: str) -> None:
    """iperf3 3.12 says 0 after an error."""
    with pytest.raises(Failed) as failed:
        parse(json.dumps(output).encode())

    assert failed.value.code == code


def test_a_server_nobody_comes_to_is_ended() -> None:
    """Leaving the context ends the process."""
    with iperf3.server("127.0.0.1", 18620, 1e6) as process:
        assert process.poll() is None

    assert process.returncode is not None


@pytest.mark.parametrize("more", [["--bitrate", "0"], ["--bitrate", "40M", "--reverse"]])
def test_a_lent_server_is_no_generator(more: list[str]) -> None:
    """Who takes somebody's place at it gets no more than the lease's pace in any second."""
    pace = 1e6
    command = ["iperf3", "--client", "127.0.0.1", "--port", "18621", "--json", "--time", "4"]
    with iperf3.server("127.0.0.1", 18621, pace) as process:
        done = subprocess.run([*command, *more], capture_output=True, timeout=20, check=False)
        assert process.wait(5) is not None

    said = json.loads(done.stdout)
    assert "error" in said
    assert said["end"].get("sum_sent", {}).get("seconds", 0) < 2
