"""Open incidents on a page, and taking one on from there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from helpers.weblogin import INVENTORY, Centre, centre, form_key_of
from sqlalchemy import insert, select, update

from tramgac_collector.incidents.model import MOST_INSIDE
from tramgac_collector.inventory.versions import import_inventory
from tramgac_collector.store.engine import reading
from tramgac_collector.store.schema import acks, incidents, judge_health
from tramgac_collector.web.settings import WebSection


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Centre]:
    """Somebody on duty at each place, and somebody who only reads."""
    with centre(tmp_path) as one:
        one.account("so-y-te", duty=True)
        one.account("uong-bi", "bv-uong-bi", duty=True)
        one.account("uong-bi-doc", "bv-uong-bi")
        yield one


def happen(room: Centre, facility: str, **values: Any) -> int:
    row = {
        "node": f"{facility}/main" if facility else "provider:x",
        "code": "site_unreachable",
        "facility": facility,
        "site": "main" if facility else "",
        "severity": "high",
        "opened_ms": room.now_ms,
        "changed_ms": room.now_ms,
        "detail": json.dumps({}),
    }
    with room.engine.begin() as connection:
        done = connection.execute(insert(incidents).values(**{**row, **values}))
        return int(done.inserted_primary_key[0]) if done.inserted_primary_key else 0


def judge(room: Centre) -> None:
    """The judge did its turn just now."""
    row = {"turn_ms": room.now_ms, "done_ms": room.now_ms, "seconds": 0.1, "failures": 0}
    with room.engine.begin() as connection:
        connection.execute(insert(judge_health).values(part="OutagesPart", **row))


def press(client: FlaskClient, number: int) -> int:
    key = form_key_of(client.get("/vi/incidents").text)
    answer = client.post(f"/vi/incidents/{number}/take", data={"form_key": key})
    return answer.status_code


def taken(room: Centre) -> list[tuple[int, str, str]]:
    with reading(room.engine) as connection:
        return [
            (row.incident_id, row.recipient, row.how) for row in connection.execute(select(acks))
        ]


def test_each_sees_the_incidents_of_what_they_see(room: Centre) -> None:
    """A cause stands once, what it covers within it; others' incidents are nowhere."""
    cause = happen(room, "")
    here = happen(room, "bv-uong-bi", parent_id=cause)
    there = happen(room, "bv-ha-long")
    mine = room.browser("uong-bi").get("/vi/incidents").text
    whole = room.browser("so-y-te").get("/vi/incidents").text

    assert f'id="i{here}"' in mine
    assert "Mất liên lạc cơ sở: Bệnh viện Uông Bí" in mine
    assert f'id="i{cause}"' not in mine
    assert "Hạ Long" not in mine
    assert f'id="i{cause}"' in whole
    assert f'id="i{here}"' not in whole
    assert f'id="i{there}"' in whole


def test_the_button_takes_it_on_under_the_accounts_name(room: Centre) -> None:
    """Noted, shown and audited; an incident that is over takes nothing."""
    number = happen(room, "bv-uong-bi")
    client = room.browser("uong-bi")

    assert press(client, number) == 303
    assert taken(room) == [(number, "uong-bi", "page")]
    assert "Đã nhận xử lý: uong-bi" in client.get("/vi/incidents").text
    assert room.audited("incident_acked")[0][:2] == ("uong-bi", str(number))
    with room.engine.begin() as connection:
        connection.execute(update(incidents).values(closed_ms=room.now_ms))
    judge(room)
    assert "Không có sự cố nào" in client.get("/vi/incidents").text
    assert press(client, number) == 303
    assert len(taken(room)) == 1


def test_a_cut_of_the_province_is_shown_to_whom_it_hit(room: Centre) -> None:
    """It covers their sites, which have no incident of their own; others' names are not in it."""
    sites = ["bv-uong-bi/main", "bv-ha-long/main"]
    detail = {"inside": sites, "down": ["bv-ha-long/main/pacs"], "text": "bv-ha-long"}
    both = happen(room, "", detail=json.dumps(detail))
    other = happen(room, "", node="provider:y", detail=json.dumps({"inside": sites[1:]}))
    full = [f"bv-{number}/main" for number in range(MOST_INSIDE)]
    many = happen(
        room,
        "",
        node="centre",
        code="collector_uplink_suspected",
        detail=json.dumps({"inside": full}),
    )
    page = room.browser("uong-bi").get("/vi/incidents").text

    assert f'id="i{both}"' in page
    assert f'id="i{many}"' in page
    assert f'id="i{other}"' not in page
    assert "Hạ Long" not in page
    assert "bv-ha-long" not in page
    assert "bv-7" not in page
    assert "/take" not in page


def test_what_was_not_read_is_not_left_out_in_silence(room: Centre) -> None:
    """Of more than a thousand open ones the page does not claim to count the rest."""
    row = {"code": "agent_silent", "facility": "bv-uong-bi", "site": "main", "severity": "high",
           "opened_ms": room.now_ms, "changed_ms": room.now_ms, "detail": "{}"}  # fmt: skip
    rows = [{**row, "node": f"bv-uong-bi/main/h{number}"} for number in range(1_001)]
    with room.engine.begin() as connection:
        connection.execute(insert(incidents), rows)

    assert "does not name them all" in room.browser("uong-bi").get("/en/incidents").text


def test_no_incident_is_no_good_news_while_nobody_judges(room: Centre) -> None:
    """Until the first turn, and from a minute after the last one: said, and nothing else."""
    client, seen = room.browser("uong-bi"), []
    for wait_ms in (0, 30_000, 60_000):
        room.now_ms += wait_ms
        page = client.get("/en/incidents").text
        seen.append(("No incident is open" in page, "The judge at the centre" in page))
        if wait_ms == 0:
            judge(room)

    assert seen == [(False, True), (True, False), (False, True)]


def test_an_account_of_a_facility_that_is_gone_is_told(room: Centre) -> None:
    """Renamed in the inventory, nobody watches it under its old name: no quiet page."""
    judge(room)
    before = room.browser("uong-bi").get("/en/incidents").text
    path = room.config.state_dir / "renamed.yml"
    path.write_text(INVENTORY.replace("bv-uong-bi", "bvdk-uong-bi"))
    with room.engine.begin() as connection:
        import_inventory(connection, path)
    after = room.browser("uong-bi").get("/en/incidents").text

    assert "No incident is open" in before
    assert "No incident is open" not in after
    assert "is not in the inventory any more" in after


def test_who_may_not_is_refused_and_audited(room: Centre) -> None:
    """Another facility's, the province's, without duty, without a login."""
    here, there, above = happen(room, "bv-uong-bi"), happen(room, "bv-ha-long"), happen(room, "")
    client = room.browser("uong-bi")
    assert press(client, there) == press(client, above) == press(client, 10**6) == 404
    reader = room.browser("uong-bi-doc")
    assert "Tôi nhận xử lý" not in reader.get("/vi/incidents").text
    assert press(reader, here) == 403
    assert room.browser().post(f"/vi/incidents/{here}/take").status_code == 403

    assert taken(room) == []
    refused = [(row[0], row[1], row[2].partition(",")[0]) for row in room.audited("page_refused")]
    assert refused == [
        ("uong-bi", f"/vi/incidents/{there}/take", "foreign"),
        ("uong-bi", f"/vi/incidents/{above}/take", "foreign"),
        ("uong-bi-doc", f"/vi/incidents/{here}/take", "not_on_duty"),
        ("stranger", f"/vi/incidents/{here}/take", "no_login"),
    ]


def test_who_took_it_on_ahead_of_the_clock_is_not_shown(room: Centre) -> None:
    """A clock that was set back makes nobody work on it for a year."""
    number = happen(room, "bv-uong-bi")
    client = room.browser("uong-bi")
    assert press(client, number) == 303
    before = client.get("/en/incidents").text
    year = 365 * 86_400_000
    with room.engine.begin() as connection:
        connection.execute(
            update(acks).values(at_ms=acks.c.at_ms + year, expires_ms=acks.c.expires_ms + year)
        )
    after = client.get("/en/incidents").text

    assert before.count("uong-bi") == after.count("uong-bi") + 1


def test_without_accounts_nobody_takes_anything_on(tmp_path: Path) -> None:
    """There is no name to write down; the list is shown all the same."""
    with centre(tmp_path, WebSection()) as room:
        number = happen(room, "bv-uong-bi")
        client = room.browser()

        assert f'id="i{number}"' in client.get("/en/incidents").text
        assert "<form" not in client.get("/en/incidents").text
        assert client.post(f"/vi/incidents/{number}/take").status_code == 403
