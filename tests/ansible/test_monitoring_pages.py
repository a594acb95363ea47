"""Links to runbooks: alerts and dashboards that are installed have the centre's own address."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[2]
TOOLS = REPOSITORY / ".venv-ansible"
DASHBOARDS = REPOSITORY / "dashboards"
TASKS = REPOSITORY / "ansible/roles/monitoring/tasks"
STAND_IN = "http://tramgac.example"
_PLAY = """
- hosts: all
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: tramgac.monitoring.monitoring, tasks_from: boards.yml}
"""


def _boards(folder: Path, **given: str) -> dict[str, str]:
    """What stands in each dashboard that the role installs, by its name."""
    tree = folder / "collections/ansible_collections/tramgac"
    tree.mkdir(parents=True)
    (tree / "monitoring").symlink_to(REPOSITORY / "ansible")
    there = folder / "boards"
    given |= {"monitoring_dashboards_dir": str(folder), "monitoring_grafana_boards": str(there)}
    hosts = {"centre": {"ansible_python_interpreter": "{{ ansible_playbook_python }}", **given}}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    (folder / "play.yml").write_text(_PLAY)
    subprocess.run([str(REPOSITORY / "scripts/ansible-venv")], check=True, capture_output=True)
    environment = os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"), "ANSIBLE_LOCAL_TEMP": str(folder),
        "ANSIBLE_REMOTE_TEMP": str(folder), "LC_ALL": "C.UTF-8",
    }  # fmt: skip
    done = subprocess.run(
        [str(TOOLS / "bin/ansible-playbook"), "-i", "hosts.yml", "play.yml"], cwd=folder,
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name: path.read_text(encoding="utf-8") for path in there.rglob("*.json")}


def test_dashboards_lead_to_the_centres_own_pages(tmp_path: Path) -> None:
    """Nothing but the address differs from what ships."""
    own = "https://giamsat.example.vn"
    shipped = {path.name: path for path in (DASHBOARDS / "grafana").rglob("*-lan-*.json")}
    for language in ("vi", "en"):
        (tmp_path / "grafana" / language).mkdir(parents=True)
        name = f"tramgac-lan-{language}.json"
        shutil.copy(shipped[name], tmp_path / "grafana" / language)

    found = _boards(tmp_path, monitoring_page_url=f"{own}/")

    assert found.keys() == shipped.keys()
    for name, text in found.items():
        assert text == shipped[name].read_text(encoding="utf-8").replace(STAND_IN, own)
        assert f'"url": "{own}/runbooks/' in text
        json.loads(text)


def test_rules_are_changed_in_the_same_way() -> None:
    """One expression puts the address into rules, alerts and dashboards."""
    contents = set()
    for name in ("prometheus", "boards"):
        for task in yaml.safe_load((TASKS / f"{name}.yml").read_text(encoding="utf-8")):
            copied = task.get("ansible.builtin.copy", {})
            assert "src" not in copied
            contents |= {copied["content"]} if copied else set()

    (content,) = contents
    assert "replace(monitoring_stand_in, monitoring_pages)" in content
    alerts = (DASHBOARDS / "alerts/tramgac-hospitals.yml").read_text(encoding="utf-8")
    assert f"runbook_url: {STAND_IN}/runbooks/" in alerts
