"""A facility's LAN on a page: findings in words, devices, the census, and what is not known."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.weblogin import NOW, Centre, centre
from sqlalchemy import insert

from tramgac_collector.inventory.versions import import_inventory
from tramgac_collector.store.schema import facts, incidents, judge_health

DASH = "\u2013"
PLACE = "bv-uong-bi/main"
INVENTORY = """
facilities:
  - id: bv-uong-bi
    name: {vi: Bệnh viện Uông Bí, en: Uong Bi Hospital}
    code: "22001"
    sites:
      - id: main
        name: Cơ sở chính
        hosts: [{id: his, name: Máy chủ HIS}]
        segments: [{id: kham, name: Khoa Khám}]
        devices:
          - {id: sw-1, kind: switch, name: Switch <kho>, address: 10.0.0.2, probed_by: his,
             snmp: {}, segment: kham, stations: 45}
          - {id: sw-2, kind: switch, address: 10.0.0.3, probed_by: his, snmp: {}, segment: kham}
          - {id: ups, kind: ups, address: 10.0.0.4, probed_by: his, snmp: {}}
          - {id: in, kind: printer, address: 10.0.0.5, probed_by: his, snmp: {}}
          - {id: nas, kind: nas}
  - {id: bv-ha-long, code: "22002", sites: [{id: main, hosts: [{id: pacs}]}]}
portals: [{id: bhyt, name: Cổng giám định, address: "bhyt.example:443"}]
"""


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Centre]:
    """Two accounts: of the hospital with devices, and of the other."""
    with centre(tmp_path) as one:
        (tmp_path / "lan.yml").write_text(INVENTORY)
        with one.engine.begin() as connection:
            import_inventory(connection, tmp_path / "lan.yml")
            row = {"turn_ms": NOW, "done_ms": NOW, "seconds": 0.1, "failures": 0}
            connection.execute(insert(judge_health).values(part="OutagesPart", **row))
        one.account("uong-bi", "bv-uong-bi")
        one.account("ha-long", "bv-ha-long")
        yield one


def know(room: Centre, name: str, subject: str, value: float, **more: Any) -> None:
    row = {"unit": "", "text": "", "collected_ms": NOW - 60_000, "received_ms": NOW,
           "expires_ms": NOW + 600_000, "origin": "agent:x/snmp", "quality": "measured",
           "written_ms": NOW}  # fmt: skip
    values = {**row, "name": name, "subject": f"{PLACE}/{subject}", "value": value, **more}
    with room.engine.begin() as connection:
        connection.execute(insert(facts).values(**values))


def page(room: Centre, account: str = "uong-bi", language: str = "vi") -> str:
    return room.browser(account).get(f"/{language}/facilities/bv-uong-bi/lan").text


def row(text: str, name: str) -> str:
    """The line of a table that names something, without its tags' content."""
    return next(one for one in text.split("<tr>") if name in one).partition("</tr>")[0]


def test_findings_are_said_in_words(room: Centre) -> None:
    """What, which ports, since when, likely cause and next step, in both languages."""
    detail = {"inside": [f"{PLACE}/sw-1/Gi1/0/3", f"{PLACE}/sw-1/<b>"], "since_ms": NOW - 7_200_000}
    values = {"node": f"{PLACE}/sw-1", "code": "port_half_duplex", "facility": "bv-uong-bi",
              "site": "main", "severity": "low", "opened_ms": NOW, "changed_ms": NOW,
              "detail": json.dumps(detail)}  # fmt: skip
    with room.engine.begin() as connection:
        connection.execute(insert(incidents).values(**values))
    vi, en = page(room), page(room, language="en")

    assert "bán song công" in vi
    assert "Đặt cả hai đầu về tự động" in vi
    assert "Nguyên nhân: có thể: một đầu đặt cứng" in vi
    assert "Set both ends to automatic" in en
    for text in (vi, en):
        assert "Gi1/0/3" in text
        assert "07:00:00</time>" in text
        assert "<b>" not in text
        assert "Switch &lt;kho&gt;" in text

    know(room, "net.port.half_duplex", "sw-1/Gi1/0/9", 1)
    know(room, "net.port.half_duplex", "sw-1/Gi1/0/3", 0)
    now = page(room)
    assert "Gi1/0/9" in now
    assert "Gi1/0/3" not in now

    for number in range(52):
        know(room, "net.port.half_duplex", f"sw-1/Te{number}", 1)
    assert ", +3</p>" in page(room)


def test_the_census_adds_up_a_segment_and_says_who_is_missing(room: Centre) -> None:
    """One of two switches has told; a count nobody told is a dash, never a zero."""
    for speed, ports in (("100", 6), ("1000", 30), ("10", 0)):
        know(room, "net.ports", f"sw-1/{speed}", ports)
    know(room, "net.ports.down", "sw-1", 12)
    know(room, "inv.stations", "sw-1", 33)
    line = row(page(room), "Khoa Khám")

    assert "1/2" in line
    assert "100: 6<" in line
    assert "1000: 30<" in line
    assert ">10: " not in line
    cells = [one.partition("</td>")[0] for one in line.split('<td class="number">')[1:]]
    assert cells == ["12", DASH, DASH, DASH, "33", DASH, "45"]


def test_a_speed_no_port_has_any_more_is_not_counted(room: Centre) -> None:
    """A port that moved is one port, and what was told long ago does not make the rest old."""
    know(room, "net.ports", "sw-1/1000", 30)
    know(
        room, "net.ports", "sw-1/10000", 1, collected_ms=NOW - 9_000_000, expires_ms=NOW - 8_000_000
    )
    line = row(page(room, language="en"), "Khoa Khám")

    assert "1000: 30<" in line
    assert "10000: " not in line
    assert "expired" not in line


def test_devices_show_what_is_known_of_them(room: Centre) -> None:
    """Answering, silent, asleep, never told, never asked; what expired is marked."""
    know(room, "net.dev", "sw-1", 1, expires_ms=NOW - 1)
    know(room, "net.dev", "ups", 0)
    know(room, "print.asleep", "in", 1)
    text = page(room, language="en")

    assert "expired" in row(text, "Switch &lt;kho&gt;")
    assert "Not known" in row(text, ">sw-2 ")
    assert "Does not answer" in row(text, ">ups ")
    assert "Asleep or off" in row(text, ">in ")
    assert "Not asked by SNMP" in row(text, ">nas ")


def test_a_runtime_nobody_believes_is_called_doubtful(room: Centre) -> None:
    """As long as the agent does not say that it can be trusted."""
    know(room, "ups.runtime", "ups", 6000)
    assert "Runtime (doubtful) 100 min" in page(room, language="en")
    know(room, "ups.runtime.trusted", "ups", 1)
    assert "Runtime 100 min" in page(room, language="en")


def test_tests_and_paths_are_listed_with_their_age(room: Centre) -> None:
    """Rate with verdict, round trip and loss, by the names people know."""
    know(room, "net.path.test", "his/pacs:send:floor", 10_000_000, text="held")
    know(room, "net.path.rtt", "his/gateway:icmp", 0.0023)
    know(room, "net.path.loss", "his/centre:icmp", 0.02)
    text = page(room)

    for part in ("80 Mbit/s", "chiều gửi, mức tối thiểu", "<td>đạt</td>"):
        assert part in row(text, "→ pacs<")
    assert "Máy chủ HIS → gateway<" in text
    assert "2.3 ms" in row(text, "gateway<")
    assert "mất gói 2%" in row(text, "centre<")
    assert "sent, floor" in page(room, language="en")


def test_nothing_found_is_not_said_to_be_well(room: Centre) -> None:
    """The page says how far its silence reaches; another's page does not exist."""
    assert "Điều chưa biết không phải là tốt" in page(room)
    assert room.browser("ha-long").get("/vi/facilities/bv-uong-bi/lan").status_code == 404
    assert room.browser("").get("/vi/facilities/bv-uong-bi/lan").status_code in {302, 303}


def down(room: Centre, *sites: str) -> None:
    """A portal that these sites do not reach, as the judge has it: nobody's own."""
    values = {"node": "portal:bhyt", "code": "path_down", "facility": "", "site": "",
              "severity": "high", "cause": "far_end", "opened_ms": NOW, "changed_ms": NOW,
              "detail": json.dumps({"inside": sites, "since_ms": NOW})}  # fmt: skip
    with room.engine.begin() as connection:
        connection.execute(insert(incidents).values(**values))


def test_a_portal_that_is_down_is_shown_where_it_is_missed(room: Centre) -> None:
    """It is no facility's own incident; who else misses it is not told."""
    down(room, "bv-ha-long/main")
    assert "Cổng giám định" not in page(room)

    down(room, PLACE, "bv-ha-long/main")
    text = page(room)
    assert "Cổng giám định" in text
    assert "chính nơi đó" in text
    assert "bv-ha-long" not in text


def test_no_findings_mean_nothing_while_nobody_looks(room: Centre) -> None:
    """The page says that the judge is silent, and not that nothing is open."""
    room.now_ms = NOW + 3_600_000
    text = page(room, language="en")

    assert "The judge at the centre does not work" in text
    assert "No finding is open" not in text


def test_what_does_not_fit_is_counted(room: Centre, tmp_path: Path) -> None:
    """Of more devices than a page shows those that do not answer come first."""
    more = "".join(f"          - {{id: d-{n}, kind: nas}}\n" for n in range(400))
    last = "          - {id: last, kind: nas}\n"
    (tmp_path / "many.yml").write_text(
        INVENTORY.replace("          - {id: nas", more + last + "          - {id: nas")
    )
    with room.engine.begin() as connection:
        import_inventory(connection, tmp_path / "many.yml")
    know(room, "net.dev", "last", 0)
    text = page(room, language="en")

    assert "Does not answer" in row(text, ">last ")
    assert "+106<" in text
