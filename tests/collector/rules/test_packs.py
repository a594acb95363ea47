"""Every pack that is shipped: it passes lint, and each of its cases ends as it says."""

import re
from pathlib import Path

import pytest
from helpers.shipped import FOLDER, PACKS

from tramgac_collector.rules.fixtures import run
from tramgac_collector.rules.lint import lint
from tramgac_collector.rules.pack import read_pack
from tramgac_collector.rules.papers import FILE_NAME, lint_papers, read_papers


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.stem)
def test_a_pack_is_named_as_its_file_and_passes_lint(path: Path) -> None:
    """Nothing the lint refuses is shipped."""
    pack = read_pack(path)

    assert pack.pack.id == path.stem
    assert lint(pack) == []


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.stem)
def test_every_case_of_a_pack_ends_as_it_says(path: Path) -> None:
    """The same engine judges the cases and the hospitals."""
    assert list(run(read_pack(path))) == []


def test_no_two_packs_share_a_rule() -> None:
    """An id is used once and never again."""
    ids = [rule.id for path in PACKS for rule in read_pack(path).rules]

    assert len(ids) == len(set(ids))


def test_every_paper_a_pack_asks_for_is_listed_and_every_listed_one_asked_for() -> None:
    """Nobody is asked for a paper without a title, or hands one in for nothing."""
    packs = [read_pack(path) for path in PACKS]

    assert lint_papers(packs, read_papers(FOLDER / FILE_NAME)) == []


def test_rules_point_only_to_rules_that_exist() -> None:
    """A map is a link, and a link leads somewhere."""
    rules = [rule for path in PACKS for rule in read_pack(path).rules]
    known = {rule.id for rule in rules}

    relations = {"equal", "subset", "superset", "intersects"}
    broken = [
        (rule.id, link)
        for rule in rules
        for link in rule.maps_to
        if link.get("rule") not in known - {rule.id} or link.get("rel") not in relations
    ]

    assert broken == []


def test_the_page_on_packs_names_each_of_them() -> None:
    """What is shipped is described, and nothing else."""
    page = (Path(__file__).parents[3] / "docs/regulations/README.md").read_text()
    table = page.split("## The packs", 1)[1].split("## The marks", 1)[0]
    named = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([a-z0-9.]+)`", line.split("|")[1])
    }

    assert named == {path.stem for path in PACKS}


@pytest.mark.parametrize("dead", ["164/2018", "31/2021/TT-BYT", "TT-NHNN", "117/2020"])
def test_documents_that_bind_nobody_here_are_not_cited(dead: str) -> None:
    """Decrees that do not exist, rules for banks: often pasted, never law for a hospital."""
    cited = [rule.id for path in PACKS for rule in read_pack(path).rules if dead in str(rule.cite)]

    assert cited == []


@pytest.mark.parametrize("ended", ["46/2018", "85/2016", "11930", "12/2022/TT-BTTTT", "53/2014"])
def test_documents_that_have_ended_stand_in_the_historic_pack_only(ended: str) -> None:
    """Nobody is shown a gap against a text that is no longer in force."""
    packs = [read_pack(path) for path in PACKS]
    cited = {pack.pack.id for pack in packs for rule in pack.rules if ended in str(rule.cite)}

    assert cited <= {"legacy"}


def test_only_texts_somebody_read_can_carry_a_number() -> None:
    """A locked row has neither threshold nor verdict, whatever its pack says."""
    locked = [
        (rule.refute, rule.decide, rule.params)
        for path in PACKS
        for pack in [read_pack(path)]
        for rule in pack.rules
        if pack.text_status(rule) == "memory"
    ]

    assert locked
    assert set(map(str, locked)) == {str(("", "", {}))}
