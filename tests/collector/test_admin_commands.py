"""`inventory`, `check-config` and `doctor` as a person at the centre runs them."""

import json
import re
import socket
from pathlib import Path

import pytest
from sqlalchemy import select

from tramgac_collector.__main__ import COMMANDS
from tramgac_collector.commands._telling import Tried, keep
from tramgac_collector.identity.ca import Authority
from tramgac_collector.notify.pipeline import Delivery
from tramgac_collector.rules.signing import make_key
from tramgac_collector.store.engine import open_engine, read_generation, reading, upgrade
from tramgac_collector.store.schema import audit, inventories
from tramgac_proto.commandline import run

INVENTORY = """
facilities:
  - {id: f, code: "1", sites: [{id: s, hosts: [{id: h}, {id: g, probed_by: h}]}]}
"""


def ports(count: int) -> list[int]:
    """Free ports, for a moment at least."""
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [door.getsockname()[1] for door in doors]
    for door in doors:
        door.close()
    return numbers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with free ports and an inventory beside it."""
    names = ("grpc", "enrollment", "throughput", "web", "metrics")
    doors = zip(names, ports(5), strict=True)
    listen = "\n".join(f'{name} = "127.0.0.1:{port}"' for name, port in doors)
    (tmp_path / "collector.toml").write_text(
        f'[collector]\nstate_dir = "{tmp_path}/state"\ninventory = "{tmp_path}/inventory.yml"\n'
        f"[listen]\n{listen}\n"
    )
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    return tmp_path


def command(folder: Path, *words: str) -> int:
    return run("tramgac-collector", COMMANDS, [*words, "--config", str(folder / "collector.toml")])


def store(folder: Path) -> str:
    return f"sqlite:///{folder}/state/store.db"


def test_checking_an_inventory(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is in it, or every problem; also for scripts."""
    assert command(folder, "inventory", "check") == 0
    assert "usable; 1 facilities, 2 hosts, 0 systems, 0 series" in capsys.readouterr().out
    (folder / "inventory.yml").write_text("facilities: [{id: f, code: 1}]")

    assert command(folder, "inventory", "check") == 78
    assert "inventory.yml: facilities[0].code: Expected" in capsys.readouterr().err
    assert command(folder, "inventory", "check", "--json") == 78

    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert len(answer["problems"]) == 1


def test_importing_an_inventory(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each version is kept; running processes are told, and only of real changes."""
    assert command(folder, "inventory", "import", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "changed": True}
    assert command(folder, "inventory", "import", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "changed": False}
    (folder / "inventory.yml").write_text(INVENTORY + "# a word\n")
    assert command(folder, "inventory", "import") == 0
    assert "now in force as version 2" in capsys.readouterr().out
    (folder / "inventory.yml").write_text("facilities: 3")
    assert command(folder, "inventory", "import") == 78

    engine = open_engine(store(folder))
    with reading(engine) as connection:
        assert read_generation(connection) == 2
        assert connection.scalars(select(inventories.c.document)).all() == [
            *(INVENTORY, INVENTORY + "# a word\n")
        ]
        assert connection.scalars(select(audit.c.action)).all() == ["inventory_imported"] * 2
    engine.dispose()


def test_exporting_from_an_inventory(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output; what is not there is a failure with a reason."""
    assert command(folder, "inventory", "export", "--agent", "f/h") == 0
    assert capsys.readouterr().out.startswith("# From the inventory")
    assert command(folder, "inventory", "export", "--ansible") == 0
    assert "tramgac_host: h" in capsys.readouterr().out
    assert command(folder, "inventory", "export", "--agent", "f/x") == 1
    assert "no host `f/x`" in capsys.readouterr().err
    assert command(folder, "inventory", "export", "--ansible", "--destination", "nas") == 1


def test_checking_a_configuration(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Keys, addresses and the inventory; a fault names the file."""
    assert command(folder, "check-config") == 0
    assert "usable; grpc 127.0.0.1:" in capsys.readouterr().out
    for wrong, words in (
        ("web = 3", "Expected `str`"),
        ('web = "0.0.0.0:80"', "[listen] web: `0.0.0.0:80` is open to the network"),
        ('web = "127.0.0.1:1"\ngrpc = "8443"', "[listen] grpc: `8443` is not host:port"),
        ('webb = "127.0.0.1:1"', "unknown key `webb`"),
        ('grpc = "[::]:1"\nenrollment = "[::]:1"', "[listen] grpc and enrollment: both are"),
        ('[collector]\nlog_level = "loud"', "Invalid enum value 'loud'"),
        ('[collector]\nnames = ["bệnh-viện"]', "[collector] names: host names are ASCII"),
        ('[store]\nurl = "a secret"', "[store] url: write sqlite:////PATH or postgresql://"),
        ('[store]\nurl = "mysql://u:secret@h/d"', "[store] url: write sqlite:////PATH or"),
    ):
        (folder / "collector.toml").write_text(f"[listen]\n{wrong}\n")

        assert command(folder, "check-config") == 78
        said = capsys.readouterr().err
        assert words in said
        assert "secret" not in said
        assert str(folder / "collector.toml") in said


def test_checking_looks_at_own_packs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is not there, a key that is none; the start does not wait for either."""
    whole, packs, key = (folder / "collector.toml").read_text(), folder / "packs", folder / "k.pub"
    rules = f'[rules]\nfolder = "{packs}"\ntrusted_keys = ["{key}"]\n'
    (folder / "collector.toml").write_text(whole + rules)
    key.write_text("no key")
    assert command(folder, "check-config") == 78
    assert "no Ed25519 public key" in capsys.readouterr().err
    key.unlink()
    make_key(folder / "k")
    assert command(folder, "check-config") == 78
    assert "[rules] folder:" in capsys.readouterr().err
    packs.mkdir()
    assert command(folder, "check-config") == 0
    assert f"0 packs in {packs}" in capsys.readouterr().out


def test_serve_refuses_what_check_config_refuses(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is started, instead of children that die again and again."""
    (folder / "collector.toml").write_text('[listen]\ngrpc = "8443"\n')
    assert command(folder, "serve") == 78
    assert "[listen] grpc: `8443` is not host:port" in capsys.readouterr().err


def test_a_store_that_is_away_is_said_in_a_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, and no password."""
    with (folder / "collector.toml").open("a") as file:
        file.write('[store]\nurl = "postgresql://u:secret@127.0.0.1:1/d"\n')
    for words in (
        ["agents", "list"],
        ["token", "list"],
        ["db", "upgrade"],
        ["inventory", "import"],
    ):
        assert command(folder, *words) == 1
        said = capsys.readouterr().err
        assert said.startswith("tramgac-collector: the store does not answer: ")
        assert said.count("\n") == 1
        assert "secret" not in said


def test_whoever_comes_first_the_state_is_private(folder: Path) -> None:
    """Folder and store are the collector's alone, though a person's command made them."""
    assert command(folder, "agents", "list") == 0
    assert (folder / "state").stat().st_mode & 0o777 == 0o700
    assert (folder / "state" / "store.db").stat().st_mode & 0o777 == 0o600


def findings(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, str]]:
    """Exit code, and what each thing's line says."""
    code = command(folder, "doctor", "--json")
    found = json.loads(capsys.readouterr().out)
    assert all(one["ok"] or one["fix"] for one in found)
    return code, {one["what"]: f"{one['ok']} {one['text']}; {one['fix']}" for one in found}


def test_the_doctor_says_what_is_missing_on_a_new_machine(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each problem with a way out, and nothing is made by looking."""
    code, found = findings(folder, capsys)

    assert code == 1
    assert found["store"].startswith("False no store in")
    assert found["CA certificate"].startswith("False")
    assert found["port grpc"].endswith("is free; no collector runs; ")
    assert found["inventory"].startswith("True")
    assert not (folder / "state").exists()


def test_the_doctor_looks_on_past_an_address_that_is_none(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip in one line hides nothing of the rest."""
    file = folder / "collector.toml"
    (folder / "state").mkdir()
    upgrade(store(folder))
    file.write_text(re.sub(r'metrics = ".*"', 'metrics = "127.0.0.1"', file.read_text()))
    code, found = findings(folder, capsys)

    assert code == 1
    assert "[listen] metrics" in found["config"]
    assert found["messages"].startswith("True")


def tried(url: str) -> None:
    """A message was taken by the only channel there is."""
    engine = open_engine(url)
    with engine.begin() as connection:
        keep(connection, "test", [Tried("default", "url-1", Delivery(ok=True, proof="yes"))], 1)
    engine.dispose()


def test_the_doctor_finds_a_healthy_centre_well(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Store, keys and inventory are in order; then the file is changed and the port taken."""
    assert command(folder, "inventory", "import") == 0
    Authority.create(folder / "state")
    capsys.readouterr()
    assert "give [notify]" in findings(folder, capsys)[1]["people to tell"]
    with (folder / "collector.toml").open("a") as config:
        config.write('[notify]\nurls = ["json://127.0.0.1:1/x"]\n')
    assert "notify test" in findings(folder, capsys)[1]["people to tell"]
    tried(store(folder))
    code, found = findings(folder, capsys)
    assert {what: text for what, text in found.items() if not text.startswith("True")} == {}
    assert code == 0
    (folder / "inventory.yml").write_text(INVENTORY + "# changed\n")
    port = re.search(r'grpc = "127\.0\.0\.1:(\d+)"', (folder / "collector.toml").read_text())
    assert port is not None

    with socket.create_server(("127.0.0.1", int(port[1]))):
        code, found = findings(folder, capsys)

    assert code == 1
    assert "inventory import" in found["inventory"]
    assert found["port grpc"].startswith("False")
    assert command(folder, "doctor") == 1
    assert "\nproblem  inventory: " in capsys.readouterr().out


def test_the_doctor_notices_an_old_schema(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store of an older version is told from one that does not answer."""
    (folder / "state").mkdir()
    upgrade(store(folder))
    engine = open_engine(store(folder))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'older'")
    engine.dispose()
    assert "False schema is at older" in findings(folder, capsys)[1]["store"]
    (folder / "state/store.db").write_bytes(b"no database" * 100)

    assert "False file is not a database" in findings(folder, capsys)[1]["store"]


def test_no_command_needs_more_than_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` of every command of this page works."""
    for name in ("inventory", "check-config", "doctor", "serve"):
        with pytest.raises(SystemExit) as end:
            run("tramgac-collector", COMMANDS, [name, "--help"])
        assert end.value.code == 0
        assert "--config" in capsys.readouterr().out or name == "inventory"
