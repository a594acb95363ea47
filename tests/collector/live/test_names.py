"""What things are called on the page: bounded, harmless, in step with what was told last."""

from collections.abc import Iterator

import pytest
from helpers.livestate import HIS, PACS, SETTLED, START, Declared, new_state, uptime
from prometheus_client.parser import text_string_to_metric_families

from tramgac_collector.inventory.infos import inventory_infos
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.live.kept import Kept, place
from tramgac_collector.live.names import Info
from tramgac_collector.live.state import LiveState
from tramgac_collector.model import Owner
from tramgac_proto.v1 import fleet_pb2

INVENTORY = """
providers: [{id: cloud}]
facilities:
  - id: bvdk
    code: "01001"
    name: {vi: Bệnh viện Đa khoa, en: General Hospital}
    sites:
      - id: main
        name: Cơ sở 1
        hosts: [{id: his-1}, {id: p-1, role: probe}, {id: old-1, probed_by: his-1}]
        devices: [{id: nas-1, kind: nas}, {id: sw-1, kind: switch, name: Tủ tầng 2}]
    systems:
      - {id: his, kind: his, host: his-1}
      - {id: emr, kind: emr, provider: cloud, probed_by: his-1}
"""


def infos(state: LiveState) -> set[tuple[str, ...]]:
    """Every line of a family ``*_info``: its name and labels, the empty ones left out."""
    return set(_lines(state))


def _lines(state: LiveState) -> Iterator[tuple[str, ...]]:
    for family in text_string_to_metric_families(state.render().decode()):
        for sample in family.samples:
            if sample.name.endswith("_info"):
                assert sample.value == 1
                said = sorted(f"{name}={text}" for name, text in sample.labels.items() if text)
                yield (sample.name.removeprefix("tramgac_"), *said)


def _both(name: str) -> tuple[str, str]:
    return f"name_en={name}", f"name_vi={name}"


def call(state: LiveState, owner: Owner, version: str, now_ms: int = START) -> None:
    state.seen(owner, now_ms, fleet_pb2.AgentStatus(version=version), 0, 0)


def test_everything_declared_is_named() -> None:
    """In both languages, by its id where it has no name; devices stand as hosts."""
    state = new_state()
    state.name("inventory", inventory_infos(parse_inventory(INVENTORY, "test")))

    roles = {"his-1": "server", "p-1": "probe", "old-1": "agentless", "nas-1": "storage"}
    here, hospital = "facility=bvdk", ("name_en=General Hospital", "name_vi=Bệnh viện Đa khoa")
    assert infos(state) == {
        ("facility_info", "code=01001", here, *hospital),
        ("site_info", here, *_both("Cơ sở 1"), "site=main"),
        ("host_info", here, "host=sw-1", *_both("Tủ tầng 2"), "role=switch", "site=main"),
        *(
            ("host_info", here, f"host={one}", *_both(one), f"role={role}", "site=main")
            for one, role in roles.items()
        ),
        ("system_info", here, "kind=his", *_both("his"), "system=his"),
        ("system_info", here, "kind=emr", *_both("emr"), "provider=cloud", "system=emr"),
    }


def test_a_new_inventory_leaves_no_old_name() -> None:
    """Renamed, removed and added at once, and what rules are called stays."""
    state = new_state()
    rule = tuple((name, "r") for name in ("rule", "pack", "force", "text_status", "cite"))
    titles = (("title_vi", "r"), ("title_en", "r"))
    state.name("rules", [Info("tramgac_rule_info", place(""), (*rule, *titles))])
    state.name("inventory", inventory_infos(parse_inventory(INVENTORY, "test")))
    before = infos(state)
    changed = INVENTORY.replace("id: bvdk", "id: bvc").replace("Cơ sở 1", "Cơ sở Đông")
    state.name("inventory", inventory_infos(parse_inventory(changed, "test")))

    after = infos(state)
    assert len(after) == len(before)
    assert not any("facility=bvdk" in line or "name_vi=Cơ sở 1" in line for line in after)
    assert {line[0] for line in after & before} == {"rule_info"}

    state.name("inventory", [])
    assert {line[0] for line in infos(state)} == {"rule_info"}


def test_names_are_cut_and_harmless() -> None:
    """Neither a line break nor a mark of direction nor half an emoji leaves the label."""
    forged = 'x"} 1\ntramgac_agent_up{host="his"} 1\u202e\x00\ud800' + "ă" * 500
    state = new_state()
    labels = (("code", "1"), ("name_vi", forged), ("name_en", "back\\slash"))
    state.name("inventory", [Info("tramgac_facility_info", place("bvdk"), labels)])

    ((_, _, _, english, vietnamese),) = infos(state)
    assert english == "name_en=back\\slash"
    assert vietnamese.startswith('name_vi=x"} 1 tramgac_agent_up{host="his"} 1 ă')
    assert len(vietnamese.removeprefix("name_vi=")) == 120
    assert vietnamese.endswith("ă…")


def test_names_that_are_the_same_are_not_written_again() -> None:
    """A reload that changes one hospital has only that one packed anew."""
    state = new_state()
    two = INVENTORY + "  - {id: other, code: '2', sites: [{id: s}]}\n"
    state.name("inventory", inventory_infos(parse_inventory(two, "test")))
    state.render()
    page = state._page
    changed = two.replace("code: '2'", "code: '3'")
    state.name("inventory", inventory_infos(parse_inventory(changed, "test")))
    assert len(page._dirty) == 1


def test_an_agent_tells_its_version_and_a_silent_one_keeps_it() -> None:
    """It follows an upgrade, stays through silence, and goes with the agent."""
    state = LiveState(Declared(HIS, PACS), START)
    line = ("agent_info", "facility=bv-a", "host=his", "site=main")
    assert infos(state) == set()
    call(state, HIS, "1.4.0")
    uptime(state, HIS, 1.0)
    assert infos(state) == {(*line, "version=1.4.0")}
    call(state, HIS, "1.5.0")
    state.sweep(SETTLED)
    assert "tramgac_host_uptime_seconds" not in state.render().decode()
    assert infos(state) == {(*line, "version=1.5.0")}
    state.forget(HIS.agent_id)
    assert infos(state) == set()
    call(state, HIS, "1.5.0")
    assert infos(state) == {(*line, "version=1.5.0")}


def test_after_a_restart_the_version_is_known_before_the_first_call() -> None:
    """As the registry has it; one that never called told none."""
    state = new_state(HIS, PACS)
    state.known(HIS, START - 1, 0, "1.4.0")
    state.known(PACS, 0, 0, "")
    line = ("agent_info", "facility=bv-a", "host=his", "site=main", "version=1.4.0")
    assert infos(state) == {line}


@pytest.mark.parametrize("version", ["", "1.4.0\n", '1"', "1 4", "9" * 33, "9" * 10**6, "\u0661"])
def test_what_is_no_version_is_not_shown(version: str) -> None:
    """An agent in wrong hands cannot write what it likes, and the old one is not kept for it."""
    state = new_state()
    call(state, HIS, "1.4.0")
    call(state, HIS, version)
    assert infos(state) == set()
    call(state, HIS, "1.4.1")
    assert len(infos(state)) == 1


def test_what_a_part_keeps_is_replaced_as_a_whole() -> None:
    """New values are shown, what is no more is taken off, what is the same stays."""
    state = new_state()
    name, kept = "tramgac_storm_until_timestamp_seconds", Kept(state)
    kept.show({(name, place("bv-a"), ()): 1.0, (name, place("bv-b"), ()): 2.0})
    kept.show({(name, place("bv-b"), ()): 3.0})
    lines = [line for line in state.render().decode().splitlines() if line.startswith(name)]
    assert lines == [f'{name}{{facility="bv-b"}} 3.0']
