"""Where the pages may be shown, by which names, and through which proxy."""

from pathlib import Path

import pytest
from helpers.certs import Authority
from helpers.weblogin import PASSWORD, PUBLIC, Centre, centre, form_key_of
from werkzeug.test import TestResponse

from tramgac_collector.commands.check_config import check_doors
from tramgac_collector.config import CollectorSection, Config, ListenSection
from tramgac_collector.doctor import look
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.web.app import create_app
from tramgac_collector.web.settings import WebSection
from tramgac_proto.configfile import ConfigError

OPEN = "0.0.0.0:8480"
LOOPBACK = "127.0.0.1:8480"
HERE = "127.0.0.1"
URL = "https://tram.example.org"
NAME = "tram.example.org"
PROXY = WebSection(accounts=True, proxy="10.9.8.7", public_url=URL)


def refused(tmp_path: Path, listen: str, web: WebSection) -> str:
    """What start, `check-config` and `doctor` say alike."""
    state = CollectorSection(state_dir=str(tmp_path))
    config = Config(collector=state, listen=ListenSection(web=listen), web=web)
    with pytest.raises(ConfigError) as at_start:
        create_app(config)
    with pytest.raises(ConfigError) as checked:
        check_doors(config)
    finding = next(look(config))
    assert str(at_start.value) == str(checked.value) == finding.text
    assert not finding.ok
    return finding.text


def test_strangers_and_passwords_in_the_clear_are_refused_at_start(tmp_path: Path) -> None:
    """Beyond loopback: accounts, then TLS or a proxy, then a name; each with its key."""
    assert "set [web] accounts" in refused(tmp_path, OPEN, WebSection())
    assert "in the clear" in refused(tmp_path, OPEN, WebSection(accounts=True))
    assert "in the clear" in refused(tmp_path, OPEN, WebSection(accounts=True, public_url=URL))
    no_name = WebSection(accounts=True, proxy="10.9.8.7")
    assert "[web] public_url" in refused(tmp_path, OPEN, no_name)
    no_accounts = WebSection(proxy="10.9.8.7", public_url=URL)
    assert "[web] proxy" in refused(tmp_path, LOOPBACK, no_accounts)
    no_address = WebSection(accounts=True, proxy="nginx", public_url=URL)
    assert "is no address" in refused(tmp_path, LOOPBACK, no_address)


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """Half a pair, a missing file, a key of another certificate."""
    authority = Authority(tmp_path)
    one, other = authority.issue("localhost"), authority.issue("localhost")
    half = WebSection(accounts=True, tls_certificate=str(one.certificate))
    assert "both or neither" in refused(tmp_path, LOOPBACK, half)
    for key, text in ((tmp_path / "no.key", "no.key"), (other.key, "MISMATCH")):
        web = WebSection(accounts=True, tls_certificate=str(one.certificate), tls_key=str(key))
        assert text in refused(tmp_path, LOOPBACK, web)


def ask(room: Centre, path: str, peer: str = "10.9.8.7", **headers: str) -> TestResponse:
    """As a proxy does that people asked by HTTPS."""
    headers = {"X_Forwarded_Proto": "https", **headers}
    sent = {"Host": NAME, **{name.replace("_", "-"): text for name, text in headers.items()}}
    return room.app.test_client().get(path, headers=sent, environ_base={"REMOTE_ADDR": peer})


def test_behind_the_proxy_only_the_proxy_is_answered(tmp_path: Path) -> None:
    """By its address, by the name people use, by HTTPS; health is for everybody."""
    with centre(tmp_path, PROXY) as room:
        assert ask(room, "/vi/login").status_code == 200
        assert ask(room, "/vi/login", X_Forwarded_Proto="http").status_code == 403
        assert ask(room, "/vi/login", X_Forwarded_Proto="https, http").status_code == 403
        via = {"headers": {"Host": NAME}, "environ_base": {"REMOTE_ADDR": "10.9.8.7"}}
        assert room.app.test_client().get("/vi/login", **via).status_code == 403
        assert ask(room, "/vi/login", peer="10.9.8.8").status_code == 403
        assert ask(room, "/vi/login", peer="127.0.0.1").status_code == 403
        assert ask(room, "/vi/login", Host="127.0.0.1:8480").status_code == 400
        assert ask(room, "/vi/login", Host="evil.example").status_code == 400
        assert ask(room, "/-/healthy", peer="127.0.0.1", Host="localhost").status_code == 200


def test_only_the_proxy_says_where_people_are(tmp_path: Path) -> None:
    """The last address it wrote counts; one that a person wrote before it does not."""
    with centre(tmp_path, PROXY) as room:
        ask(room, "/vi/", X_Forwarded_For="1.1.1.1, 203.0.113.9")
        ask(room, "/vi/", X_Forwarded_For="nonsense")
        places = [row[2].rpartition(" ")[2] for row in room.audited("page_refused")]
        assert places == ["203.0.113.9", "10.9.8.7"]
        ask(room, "/ack/forged", X_Forwarded_For="203.0.113.9")
        assert room.audited("link_refused")[0][2] == "GET from 203.0.113.9"
    with centre(tmp_path / "direct") as room:
        ask(room, "/vi/", Host=PUBLIC, X_Forwarded_For="203.0.113.9")
        assert room.audited("page_refused")[0][2].endswith("from 10.9.8.7")


def test_cookies_of_https_never_travel_in_the_clear(tmp_path: Path) -> None:
    """Secure, bound to the very host, and browsers told to stay with HTTPS."""
    with centre(tmp_path, PROXY) as room:
        room.account("lan")
        client = room.app.test_client()
        via = {
            "headers": {"Host": NAME, "X-Forwarded-Proto": "https"},
            "environ_base": {"REMOTE_ADDR": "10.9.8.7"},
        }
        key = form_key_of(client.get("/vi/login", base_url=URL, **via).text)
        form = {"form_key": key, "name": "lan", "password": PASSWORD}
        answer = client.post("/vi/login", data=form, base_url=URL, **via)

        cookie = answer.headers.getlist("Set-Cookie")[0]
        assert cookie.startswith("__Host-tramgac=")
        for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
            assert part in cookie
        assert "Domain" not in cookie
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        assert client.get("/vi/", base_url=URL, **via).status_code == 200


def test_whoever_stands_before_links_gets_nothing_else(tmp_path: Path) -> None:
    """A proxy that asks by the name of loopback shows no page without accounts."""
    notify = NotifySection(page_url=URL)
    with centre(tmp_path, WebSection(), notify) as room:
        for host in (NAME, "127.0.0.1:8480", "localhost"):
            for path in ("/", "/vi/", "/vi/agents", "/drills/1", "/vi/login", "/nowhere"):
                assert ask(room, path, HERE, Host=host).status_code == 404, (host, path)
            assert ask(room, "/ack/x.y", HERE, Host=host).status_code == 403
        assert ask(room, "/-/healthy", Host="127.0.0.1:8480").status_code == 200


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.9.8.7"])
def test_names_of_this_machine_are_for_this_machine(tmp_path: Path, peer: str) -> None:
    """From elsewhere nobody asks for `localhost`; by its own name the centre is asked by all."""
    with centre(tmp_path) as room:
        for host in ("localhost", "127.0.0.1:8480"):
            wanted = 400 if peer == "10.9.8.7" else 200
            assert ask(room, "/vi/login", peer, Host=host).status_code == wanted, host
            assert ask(room, "/-/healthy", peer, Host=host).status_code == 200
        assert ask(room, "/vi/login", peer, Host=PUBLIC).status_code == 200


def test_with_accounts_the_name_of_links_may_be_the_pages_own(tmp_path: Path) -> None:
    """Then its pages ask for a login; by another name of its own there are links alone."""
    with centre(tmp_path, PROXY, NotifySection(page_url=URL)) as room:
        assert ask(room, "/vi/").status_code == 303
        assert ask(room, "/ack/x.y").status_code == 403
    other = NotifySection(page_url="https://links.example.org")
    with centre(tmp_path / "other", PROXY, other) as room:
        assert ask(room, "/vi/login", Host="links.example.org").status_code == 404
        assert ask(room, "/ack/x.y", Host="links.example.org").status_code == 403


def test_doctor_says_what_keeps_people_out(tmp_path: Path) -> None:
    """No account yet, and a certificate that is about to end."""
    issued = Authority(tmp_path).issue("localhost", days=5)
    certificate, key = str(issued.certificate), str(issued.key)
    web = WebSection(accounts=True, tls_certificate=certificate, tls_key=key)
    with centre(tmp_path, web) as room:
        found = {one.what: one for one in look(room.config)}
        assert "accounts add" in found["accounts"].fix
        assert "renew it" in found["page certificate"].fix
        room.account("lan")
        assert {one.what: one for one in look(room.config)}["accounts"].ok


def test_doctor_names_accounts_of_facilities_that_are_gone(tmp_path: Path) -> None:
    """Their pages would stay empty, and look quiet."""
    with centre(tmp_path) as room:
        room.account("uong-bi", "bv-uong-bi")
        room.account("cam-pha", "bv-cam-pha")
        wrong = [one.text for one in look(room.config) if one.what == "accounts" and not one.ok]
        assert wrong == ["cam-pha sees bv-cam-pha: not in the inventory"]
