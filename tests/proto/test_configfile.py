"""Which files make up a configuration."""

from pathlib import Path

from tramgac_proto.configfile import origin, read_tree


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_two_programs_of_one_machine_do_not_read_each_others_keys(tmp_path: Path) -> None:
    """A folder of its own takes the place of the shared one, for the program that has it."""
    agent = written(tmp_path / "agent.toml", "")
    collector = written(tmp_path / "collector.toml", "")
    written(tmp_path / "conf.d" / "inventory.toml", "[checks.disk]\nevery = 60\n")
    assert "checks" in read_tree(collector, "X_", {})

    written(tmp_path / "collector.d" / "store.toml", "[store]\nurl = 'x'\n")

    assert read_tree(collector, "X_", {}) == {"store": {"url": "x"}}
    assert read_tree(agent, "X_", {}) == {"checks": {"disk": {"every": 60}}}
    assert "collector.d/store.toml" in origin(collector, "X_", {})


def test_an_empty_folder_of_its_own_means_no_other_file(tmp_path: Path) -> None:
    """So the roles need only make the folder."""
    collector = written(tmp_path / "collector.toml", "")
    written(tmp_path / "conf.d" / "inventory.toml", "[checks.disk]\nevery = 60\n")
    (tmp_path / "collector.d").mkdir()

    assert read_tree(collector, "X_", {}) == {}
    assert origin(collector, "X_", {}) == str(collector)
