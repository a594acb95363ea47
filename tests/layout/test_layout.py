"""The promises of the house: what lives where, how big it may grow, what stands beside it."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tramgac_agent.checks import CHECKS, load
from tramgac_agent.checks.base import CheckSettings
from tramgac_proto.catalogue import CATALOGUE

ROOT = Path(__file__).parents[2]
CHECKS_FOLDER = ROOT / "agent/tramgac_agent/checks"
PACKAGES = ("agent", "collector", "proto")


def tracked(*patterns: str) -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\n")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def sources() -> list[Path]:
    return [
        path
        for path in tracked(*(f"{package}/*.py" for package in PACKAGES))
        if "_pb2" not in path.name and "migrations" not in path.parts
    ]


def test_the_registry_lists_exactly_the_modules_in_the_folder() -> None:
    """A check file that nobody registered, or a line without a file, is noticed."""
    files = {path.stem for path in CHECKS_FOLDER.glob("*.py")} - {"__init__", "base"}

    assert files == set(CHECKS)
    assert list(CHECKS) == sorted(CHECKS)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_every_check_keeps_the_contract(name: str) -> None:
    """Name, times and strict settings are there; its test and its page stand beside it."""
    check = load(name)

    assert check.name == name
    assert check.interval_seconds > 0
    assert check.deadline_seconds > 0
    assert issubclass(check.settings_type, CheckSettings)
    assert check.settings_type.__struct_config__.forbid_unknown_fields
    assert (ROOT / f"tests/agent/checks/test_{name}.py").is_file()
    assert (ROOT / f"docs/checks/{name}.md").is_file()


def test_python_files_stay_small() -> None:
    """No file over 400 lines, tests and scripts included; most of the sources are far shorter."""
    written = [path for path in tracked("tests/*.py", "scripts/*.py") if "_pb2" not in path.name]
    lengths = {path: len(path.read_text().splitlines()) for path in (*sources(), *written)}
    long = {str(path): length for path, length in lengths.items() if length > 400}

    assert not long
    assert sorted(lengths[path] for path in sources())[len(sources()) // 2] < 150


def test_functions_stay_short() -> None:
    """At least 85 % of the functions within 30 lines, none over 60."""
    lengths = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                lengths.append((lines, f"{path.relative_to(ROOT)}:{node.name}"))

    assert [entry for entry in lengths if entry[0] > 60] == []
    assert sum(lines <= 30 for lines, _ in lengths) / len(lengths) >= 0.85


def test_the_top_level_is_what_was_agreed() -> None:
    """At most 18 names at the top, the fixed ones among them."""
    top = {path.relative_to(ROOT).parts[0] for path in tracked()}
    shown = {name for name in top if not name.startswith(".")}

    assert len(shown) <= 18
    assert {"agent", "collector", "proto", "tests", "pyproject.toml", "README.md"} <= shown


def test_the_readme_is_an_entrance_not_a_manual() -> None:
    """At most 120 lines, with the two commands."""
    text = (ROOT / "README.md").read_text()

    assert len(text.splitlines()) <= 120
    assert "make run" in text
    assert "make test" in text


FORBIDDEN = (
    r"files\.pythonhosted\.org|pypi\.org|registry\.npmjs\.org|deb\.debian\.org",
    # A machine's own folders, and what lies beside the checkout.
    r"(^|[^A-Za-z0-9_.-])(/(work|farm|root)/|\.{2}/(?!\.)share" + r"d\b)",
    r"\b(TODO|FIXME|XXX)\b|NotImplemented" + "Error",
    r"pytest\.(mark\.)?(skip|xfail)|importor" + "skip",
)
ALLOWED = {"tests/layout/test_layout.py"}
# What README shows; nothing else that is no text belongs here.
PICTURES, LARGEST_PICTURE = "docs/pictures/", 120_000


def test_nothing_unfinished_or_local_is_committed() -> None:
    """No registry hosts, machine paths, unfinished marks or skipped tests."""
    found = []
    for path in tracked():
        name = str(path.relative_to(ROOT))
        if name in ALLOWED or name.startswith("requirements/") or "_pb2" in name:
            continue
        if name.startswith(PICTURES) and path.stat().st_size <= LARGEST_PICTURE:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            found.append(f"{name}: binary")
            continue
        found += [
            f"{name}:{number}: {pattern}"
            for number, line in enumerate(text.splitlines(), 1)
            for pattern in FORBIDDEN
            if re.search(pattern, line)
        ]

    assert found == []


def test_requirement_files_are_hashed_and_name_no_host() -> None:
    """Offline installs can be verified, and no index address is baked in."""
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "http" not in text
        assert text.count("--hash=sha256:") >= text.count("==")


def test_the_catalogue_follows_the_naming_rules() -> None:
    """Counters end in _total, gauges do not, and every help text is one sentence."""
    for metric in CATALOGUE.values():
        assert metric.name.startswith("tramgac_")
        assert metric.name.endswith("_total") == (metric.type == "counter")
        assert metric.help
        assert not metric.help.endswith(".")
        assert not {"facility", "site", "host"} & set(metric.labels)


def test_every_relative_link_leads_somewhere() -> None:
    """A page that points to a page that is not there is a promise broken."""
    links = (
        (page, target)
        for page in tracked("*.md")
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text())
    )
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page, target in links
        if "://" not in target and not (page.parent / target).exists()
    ]

    assert broken == []
