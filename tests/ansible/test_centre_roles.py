"""The roles of the centre: what they write, without a host to write it to."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from tramgac_collector.config import Config
from tramgac_collector.inventory.load import parse_inventory
from tramgac_proto.configfile import convert

COLLECTION = Path(__file__).parents[2] / "ansible"
ROLES = COLLECTION / "roles"


def defaults(role: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
    return loaded


def rendered(role: str, name: str, **values: object) -> str:
    """A template as Ansible renders it, with the role's defaults."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLES / role / "templates"),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - the files are no HTML
    )
    environment.filters["regex_replace"] = lambda value, old, new: re.sub(old, new, value)
    environment.filters["to_json"] = json.dumps
    return environment.get_template(name).render(defaults(role) | values)


def unit(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text(rendered("collector", f"{name}.j2"))
    return path


@pytest.mark.parametrize("role", ["collector", "monitoring"])
def test_every_variable_is_explained_with_its_default(role: str) -> None:
    """What a person can set is what the documentation lists, default and all."""
    specs = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text())
    options = specs["argument_specs"]["main"]["options"]

    assert {name: one["default"] for name, one in options.items()} == defaults(role)
    assert all(one["description"] and one["type"] for one in options.values())
    assert all(name.startswith(f"{role}_") for name in options)


def test_the_configuration_written_is_one_the_collector_takes() -> None:
    """Texts of any kind stay texts; what is left out is left out."""
    sections = {
        "collector": {"names": ["10.20.0.5", "tramgac.example"], "log_level": "info"},
        "listen": defaults("collector")["collector_listen"],
        "store": {},
        "notify": {"urls": ["mailtos://a:b%22@m.example?to=x"], "fallback_minutes": 2.5},
        "retention": {"points_days": 7},
    }

    text = rendered("collector", "collector.toml.j2", collector_sections=sections)

    config = convert(tomllib.loads(text), Config, "test")
    assert config.collector.names == ("10.20.0.5", "tramgac.example")
    assert config.notify.urls == ("mailtos://a:b%22@m.example?to=x",)
    assert config.retention.points_days == 7
    assert "[store]" not in text


@pytest.mark.parametrize("name", ["tramgac-collector.service", "tramgac-collector-backup.service"])
def test_the_units_of_the_centre_give_little_away(tmp_path: Path, name: str) -> None:
    """Exposure below 4, by systemd's own measure."""
    path = unit(tmp_path, name)

    words = ["systemd-analyze", "security", "--offline=yes", "--threshold=40", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-500:] + done.stderr


def backup(folder: Path, *, keep: int, works: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the script with a collector that writes, or fails as one without room would."""
    program = folder / "tramgac-collector"
    program.write_text(
        '#!/bin/sh\n[ "$4" = --to ] && echo new > "$5"\n' if works else "#!/bin/sh\nexit 1\n"
    )
    program.chmod(0o755)
    text = (ROLES / "collector/files/tramgac-collector-backup").read_text()
    script = folder / "script"
    script.write_text(text.replace("/usr/local/bin/tramgac-collector", str(program)))
    return subprocess.run(
        ["sh", str(script), str(folder / "to"), str(keep)],
        env={"PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "to").iterdir())


def test_old_backups_go_only_after_a_new_one(tmp_path: Path) -> None:
    """The newest stay, other files are not touched, and a failure deletes nothing."""
    (tmp_path / "to").mkdir()
    old = [f"tramgac-2026010{day}T010000Z.bak" for day in range(1, 6)]
    for name in (*old, "letter.bak"):
        (tmp_path / "to" / name).touch()

    assert backup(tmp_path, keep=2, works=False).returncode != 0
    assert kept(tmp_path) == ["letter.bak", *old]

    assert backup(tmp_path, keep=2).returncode == 0
    assert kept(tmp_path)[:2] == ["letter.bak", old[-1]]
    assert len(kept(tmp_path)) == 3


def test_prometheus_takes_what_is_written_for_it(tmp_path: Path) -> None:
    """Rules are named one by one, and no rule at all is seen by promtool."""
    rules = tmp_path / "etc/prometheus/tramgac/rules"
    rules.mkdir(parents=True)
    (rules / "r.yml").write_text("groups: []\n")

    text = written(["/any/dashboards/rules/r.yml"]).replace(
        "/etc/prometheus", str(tmp_path / "etc/prometheus")
    )
    path = tmp_path / "prometheus.yml"
    path.write_text(text)

    check = [shutil.which("promtool") or "promtool", "check", "config", str(path)]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0
    (rules / "r.yml").unlink()
    assert subprocess.run(check, capture_output=True, check=False).returncode != 0


def written(files: list[str]) -> str:
    """The role's prometheus.yml for these rules."""
    return rendered("monitoring", "prometheus.yml.j2", monitoring_rule_files=files)


def test_the_doors_without_a_password_stay_on_loopback() -> None:
    """Prometheus, Alertmanager, metrics and pages know nobody, so nobody else may reach them."""
    monitoring = defaults("monitoring")
    own = defaults("collector")["collector_listen"]
    listens = [monitoring["monitoring_prometheus_listen"], own["metrics"], own["web"]]
    listens.append(monitoring["monitoring_alertmanager_listen"])

    assert all(one.startswith("127.0.0.1:") for one in listens)
    for name in ("prometheus", "alertmanager"):
        text = rendered("monitoring", f"{name}.conf.j2")
        assert f"--web.listen-address={monitoring[f'monitoring_{name}_listen']}" in text
        assert text.count("ExecStart=") == 2


def plays(book: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load(
        (COLLECTION / f"playbooks/{book}.yml").read_text()
    )
    return loaded


def test_the_collector_is_upgraded_before_any_agent() -> None:
    """An agent newer than its collector may send what that does not know."""
    assert [play["hosts"].partition(":")[0] for play in plays("upgrade")] == [
        "collector",
        *("servers",) * 3,
        "localhost",
        "servers",
    ]
    tasks = (ROLES / "collector/tasks/main.yml").read_text()
    assert tasks.index("before_upgrade.yml") < tasks.index("files.yml") < tasks.index("switch.yml")


def test_secrets_are_on_no_command_line_and_in_no_diff() -> None:
    """The passphrase reaches the unit as a credential; files with secrets are not shown."""
    service = rendered("collector", "tramgac-collector-backup.service.j2")
    assert "LoadCredential=passphrase:" in service
    tasks = yaml.safe_load((ROLES / "collector/tasks/backup.yml").read_text())
    (passphrase,) = [one for one in tasks[1]["block"] if one["name"] == "Passphrase"]
    assert passphrase["no_log"] is True
    assert passphrase["diff"] is False


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a page that are in this language; commands are in none."""
    text = (COLLECTION.parent / "docs" / page).read_text()
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [body for named, body in found if named == language]


@pytest.mark.parametrize("page", ["install.md", "install.vi.md"])
def test_the_files_of_the_installation_page_can_be_used(page: str) -> None:
    """What is copied from it is an inventory of the province, and one of Ansible that fits it."""
    province, hosts = blocks(page, "yaml")

    declared = {
        (placed.facility.id, placed.site.id, placed.host.id)
        for placed in parse_inventory(province, page).placed_hosts()
    }

    groups = yaml.safe_load(hosts)["all"]["children"]
    servers = groups["servers"]["hosts"].values()
    keys = ("tramgac_facility", "tramgac_site", "tramgac_host")
    assert {tuple(one[key] for key in keys) for one in servers} == declared
    assert set(groups["collector"]["hosts"]["trung-tam"]) - {"ansible_host"} <= set(
        defaults("collector")
    )
    assert set(groups["canary"]["hosts"]) <= set(groups["servers"]["hosts"])


def test_both_languages_give_the_same_commands() -> None:
    """A command that one page lacks is a step that somebody misses."""
    commands = blocks("install.md", "")

    assert blocks("install.vi.md", "") == commands
    assert len(commands) == 6
