"""What the inventory exports is what the agent's own configuration takes."""

import re
from pathlib import Path

import pytest

from tramgac_agent.checks.latency import LatencySettings
from tramgac_agent.checks.service import ServiceSettings
from tramgac_agent.checks.throughput import ThroughputSettings
from tramgac_agent.config import Config, load_config
from tramgac_agent.restic.settings import ProbeSettings
from tramgac_agent.sources.settings import read_source
from tramgac_collector.inventory import export
from tramgac_collector.inventory.load import parse_inventory

PAGE = (Path(__file__).parents[3] / "docs/inventory.md").read_text()
EXAMPLE = parse_inventory(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0], "example")


def agent_config(folder: Path, place: str) -> Config:
    """The configuration an agent has with the exported part in its conf.d."""
    (folder / "agent.toml").write_text('[collector]\naddress = "centre.example:8443"\n')
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "inventory.toml").write_text(export.agent_toml(EXAMPLE, place))
    return load_config(folder / "agent.toml")


def test_a_server_is_told_what_to_measure(tmp_path: Path) -> None:
    """Switch and servers to ping, systems to ask, on its own behalf and for others."""
    config = agent_config(tmp_path, "bv-da-khoa-tinh/his-01")

    latency, service = config.checks["latency"], config.checks["service"]
    assert isinstance(latency, LatencySettings)
    assert isinstance(service, ServiceSettings)
    assert [one.name for one in latency.targets] == ["lis-windows", "switch-loi"]
    assert [(one.system, one.method, one.subject) for one in service.systems] == [
        ("his", "systemd", ""),
        ("his", "https", ""),
        ("lis", "tcp", "lis"),
    ]
    assert service.systems[0].unit == "his-app.service"
    assert service.systems[1].expect_text == "Đăng nhập"
    assert "throughput" not in config.checks
    assert (config.responder.enabled, config.responder.listen) == (True, "0.0.0.0:8445")


def test_a_probe_is_told_its_role_and_its_paths(tmp_path: Path) -> None:
    """The lower of both ends' rates is what the path should carry."""
    config = agent_config(tmp_path, "bv-da-khoa-tinh/may-do-kham")

    throughput = config.checks["throughput"]
    assert isinstance(throughput, ThroughputSettings)
    assert config.agent.role == "probe"
    assert [(one.name, one.expect_mbps) for one in throughput.targets] == [("his-01", 100)]


def test_a_lonely_probe_gets_a_file_that_loads(tmp_path: Path) -> None:
    """Nothing to measure beside itself is not an error."""
    config = agent_config(tmp_path, "ttyt-son-dong/may-do")

    assert config.checks == {}


@pytest.mark.parametrize("destination", ["nas", "ngoai-vien"])
def test_a_restic_probe_is_told_its_series(tmp_path: Path, destination: str) -> None:
    """The probe's own file takes the exported part."""
    part = export.probe_toml(EXAMPLE, "bv-da-khoa-tinh/his-01", destination)
    file = tmp_path / "probe.toml"
    file.write_text(f'repository = "/srv/restic"\n\n{part}')

    settings = read_source(file).settings
    rules = settings.rules

    assert [one.id for one in settings.series] == [f"bv-da-khoa-tinh/his-01/csdl-his@{destination}"]
    assert rules[0].tags == ("his",)
    assert rules[0].keep_days == 14


def test_a_probe_is_told_what_to_prove(tmp_path: Path) -> None:
    """Checks, slices and drills come sooner than the inventory's ages run out."""
    part = export.probe_toml(EXAMPLE, "bv-da-khoa-tinh/his-01", "ngoai-vien")
    (tmp_path / "probe.toml").write_text(f'repository = "rest:https://x/"\n\n{part}')

    settings = read_source(tmp_path / "probe.toml").settings
    assert isinstance(settings, ProbeSettings)
    verify, drill = settings.verify, settings.series[0].drill

    assert verify is not None
    assert drill is not None
    assert (verify.metadata_days, verify.slices) == (6.8, 78)
    assert "\n# A `rest:` repository can prove" in part
    assert (drill.canary_days, drill.sample_days, drill.full_days) == (0.8, 26.3, 78.2)


@pytest.mark.parametrize(
    ("proof", "verify", "drill"),
    [
        ("{check: 0, data: 0, sample: 0}", False, False),
        ("{check: 0, data: 3660, sample: 0.1}", True, True),
        ("{check: 0.1, data: 0.1, full: 3660}", True, True),
    ],
)
def test_any_proof_makes_a_file_that_loads(
    tmp_path: Path, proof: str, *, verify: bool, drill: bool
) -> None:
    """The least and the most that may be declared; nothing where nothing is asked."""
    text = f"""
facilities:
  - id: f
    code: "1"
    sites: [{{id: s, hosts: [{{id: h}}]}}]
    datasets: [{{id: d, host: h, rpo_hours: 24, proof: {proof}, destinations: [{{id: nas}}]}}]
"""
    part = export.probe_toml(parse_inventory(text, "x"), "f/h", "nas")
    (tmp_path / "probe.toml").write_text(f'repository = "/srv/restic"\n\n{part}')

    settings = read_source(tmp_path / "probe.toml").settings
    assert isinstance(settings, ProbeSettings)

    assert (settings.verify is not None, settings.series[0].drill is not None) == (verify, drill)


def test_any_text_survives_the_way_into_toml(tmp_path: Path) -> None:
    """Quotes, backslashes and letters of any alphabet."""
    text = """
facilities:
  - id: f
    code: "1"
    sites: [{id: s, hosts: [{id: h}]}]
    systems:
      - {id: x, kind: other, host: h,
         probes: [{url: "http://h/?a=%22", expect_text: "\\"'\\\\ \\t Đ \\u007f 😀"}]}
"""
    inventory = parse_inventory(text, "x")
    (tmp_path / "agent.toml").write_text('[collector]\naddress = "c:1"\n')
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "x.toml").write_text(export.agent_toml(inventory, "f/h"))

    service = load_config(tmp_path / "agent.toml").checks["service"]

    assert isinstance(service, ServiceSettings)
    assert service.systems[0].expect_text == "\"'\\ \t Đ \x7f 😀"
