"""Link: recorded drivers, and a real veth cable in a network namespace."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers.netns import Cable, cable
from helpers.onecheck import observe, values
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_agent.checks.base import NotApplicable
from tramgac_agent.checks.link import LinkCheck, LinkSettings, samples_of
from tramgac_agent.host.netdev import parse_link
from tramgac_proto.configfile import convert

CASES = Path(__file__).parent / "cases" / "link"
# One life of an agent in a namespace: a few runs, a line of JSON for each.
LIFE = """
import json, sys
from pathlib import Path
from helpers.onecheck import observe, values
from tramgac_agent.checks.link import LinkCheck, LinkSettings

check = LinkCheck(LinkSettings(include=("cable",)))
for _ in range(2):
    (seen,) = observe(check, Path(sys.argv[1]))
    print(json.dumps({"event": seen.event, "values": values([seen], interface="cable")}))
"""


def check_of(net: Path, **tree: tuple[str, ...]) -> LinkCheck:
    check = LinkCheck(convert(tree, LinkSettings, "test"))
    check.net = net
    return check


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_what_a_driver_does_not_know_is_absent(case: str) -> None:
    """Recorded answers give exactly these series; a speed nobody knows is never 0."""
    lines = (CASES / case / "input.txt").read_text().split()
    link = parse_link(dict(line.split(":", 1) for line in lines))

    found = {
        " ".join(
            [sample.name.removeprefix("tramgac_network_"), *list(sample.labels.values())[1:]]
        ).strip(): sample.value
        for sample in samples_of("x", link)
    }

    assert found == json.loads((CASES / case / "expected.json").read_text())


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["carrier", "speed", "duplex"]), st.text(max_size=12)))
def test_known_says_whether_there_is_a_speed(attributes: dict[str, str]) -> None:
    """Whatever a driver answers, a speed is positive or absent, and known agrees."""
    found = {sample.name: sample.value for sample in samples_of("x", parse_link(attributes))}

    speed = found.get("tramgac_network_link_speed_bytes")
    assert speed is None or speed > 0
    assert found["tramgac_network_link_known"] == (speed is not None)
    if speed is None:
        assert "tramgac_network_link_full_duplex" not in found


def one_life(wire: Cable, folder: Path) -> list[dict[str, Any]]:
    tests = Path(__file__).parents[2]
    done = subprocess.run(
        wire.command(wire.near, ["python", "-c", LIFE, str(folder)]),
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tests)},
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_real_cable_tells_its_speed_and_its_loss(tmp_path: Path) -> None:
    """A veth negotiates 10 Gbit/s; unplugged while the agent was away, that is one event."""
    with cable() as wire:
        plugged = one_life(wire, tmp_path)
        subprocess.run(["ip", "-n", wire.far, "link", "set", "cable", "down"], check=True)
        unplugged = one_life(wire, tmp_path)
        subprocess.run(["ip", "-n", wire.near, "link", "set", "cable", "down"], check=True)
        switched_off = one_life(wire, tmp_path)

    assert [run["event"] for run in plugged] == [False, False]
    assert plugged[0]["values"]["network_link_known"] == 1
    assert plugged[0]["values"]["network_link_speed_bytes"] == 10_000 * 125_000
    assert plugged[0]["values"]["network_link_full_duplex"] == 1
    assert [run["event"] for run in unplugged] == [True, False]
    for run in (*unplugged, *switched_off):
        assert run["values"]["network_link_up"] == 0
        assert run["values"]["network_link_known"] == 0
        assert "network_link_speed_bytes" not in run["values"]
    assert not any(run["event"] for run in switched_off)
    changes = "network_carrier_changes_total"
    assert unplugged[0]["values"][changes] > plugged[0]["values"][changes]


def interface(net: Path, name: str, *folders: str, **files: str) -> Path:
    for folder in ("statistics", *folders):
        (net / name / folder).mkdir(parents=True)
    for file, text in {"type": "1", "carrier": "1", "speed": "1000", **files}.items():
        (net / name / file).write_text(text + "\n")
    return net / name


@pytest.fixture
def net(tmp_path: Path) -> Path:
    folder = tmp_path / "net"
    interface(folder, "eno1", "device")
    interface(folder, "eno1v0", "device/physfn")
    interface(folder, "bond0", "bonding")
    interface(folder, "can0", "device", type="280")
    for virtual in ("lo", "docker0", "br-lan", "veth12ab"):
        interface(folder, virtual)
    (folder / "bonding_masters").write_text("bond0\n")
    return folder


def names(check: LinkCheck, folder: Path) -> set[str]:
    return {sample.labels["interface"] for one in observe(check, folder) for sample in one.samples}


def test_only_cards_and_bonds_are_measured_unless_asked(net: Path, tmp_path: Path) -> None:
    """Bridges, veth, loopback and virtual functions are left out, and can be asked for."""
    assert names(check_of(net), tmp_path) == {"eno1", "bond0"}
    assert names(check_of(net, include=("br-*", "veth*")), tmp_path) == {
        *("eno1", "bond0", "br-lan", "veth12ab"),
    }
    assert names(check_of(net, include=("lo",), exclude=("eno*",)), tmp_path) == {"bond0", "lo"}


def test_a_host_without_cards_has_nothing_to_measure(net: Path, tmp_path: Path) -> None:
    """No failure is reported where there is nothing to measure."""
    with pytest.raises(NotApplicable):
        observe(check_of(net, exclude=("*",)), tmp_path)
    with pytest.raises(NotApplicable):
        observe(check_of(tmp_path / "absent"), tmp_path)


def test_a_slower_link_is_told_until_it_is_stored(net: Path, tmp_path: Path) -> None:
    """The event keeps its token across a crash, and a later change has another."""
    state = tmp_path / "state"
    state.mkdir()
    observe(check_of(net), state)
    (net / "eno1/speed").write_text("100\n")
    (lost,) = observe(check_of(net), state, stored=False)
    check = check_of(net)
    (told,) = observe(check, state)
    (quiet,) = observe(check, state)
    (net / "eno1/speed").write_text("1000\n")
    (back,) = observe(check, state)

    assert lost.event
    assert told.event
    assert lost.token == told.token
    assert values([told], interface="eno1")["network_link_speed_bytes"] == 100 * 125_000
    assert not quiet.event
    assert back.event
    assert back.token not in {"", told.token}


def test_a_broken_memory_costs_one_comparison_only(net: Path, tmp_path: Path) -> None:
    """A torn state file is a fresh start; an unwritable folder is remembered in memory."""
    (tmp_path / "links.json").write_bytes(b'{"epoch": "a", "gener')
    (seen,) = observe(check_of(net), tmp_path)
    check = check_of(net)
    missing = tmp_path / "missing"
    observe(check, missing)
    (net / "eno1/carrier").write_text("0\n")

    assert not seen.event
    assert observe(check, missing)[0].event
    assert not observe(check, missing)[0].event


def test_a_card_that_comes_back_slower_is_an_event(net: Path, tmp_path: Path) -> None:
    """What vanished meanwhile is remembered; what is new is no change."""
    check = check_of(net)
    observe(check, tmp_path)
    (net / "eno1").rename(net / "parked")
    (gone,) = observe(check_of(net, exclude=("parked",)), tmp_path)
    (net / "parked").rename(net / "eno1")
    (net / "eno1/speed").write_text("10\n")
    (back,) = observe(check_of(net), tmp_path)

    assert not gone.event
    assert back.event
