"""What is shipped is used as it was shipped, or not at all."""

import shutil
from pathlib import Path

import pytest

from tramgac_collector.rules.library import FOLDER, Library
from tramgac_collector.rules.manifest import FILE, changed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped packs."""
    return Path(shutil.copytree(FOLDER, tmp_path / "packs"))


def test_the_shipped_packs_are_those_of_the_list() -> None:
    """Whoever changes a pack writes the list anew."""
    assert list(changed(FOLDER)) == []


def test_a_changed_byte_a_missing_and_a_strange_file_are_refused(folder: Path) -> None:
    """Each with file and fix; all the other packs are used."""
    whole = len(Library.read(folder).packs)
    (folder / "vn.anm.yml").write_bytes((folder / "vn.anm.yml").read_bytes() + b"\n")
    (folder / "vn.tt13.yml").unlink()
    (folder / "own.yml").write_text("pack: {}\n")
    library = Library.read(folder)
    told = {one.file: one.complaints[0].text for one in library.refused}

    assert "changed after it was shipped: install the package anew" in told["vn.anm.yml"]
    assert "is missing" in told["vn.tt13.yml"]
    assert "goes into [rules] folder, signed" in told["own.yml"]
    assert library.missing() == {"vn.anm", "vn.tt13", "own"}
    assert len(library.packs) == whole - 2


def test_without_its_list_or_with_other_papers_no_pack_is_used(folder: Path) -> None:
    """A list of papers that was changed could take a duty away; each pack is named as refused."""
    whole = {one.pack.id for one in Library.read(folder).packs}
    with (folder / "papers.yml").open("a") as file:
        file.write("\n")
    papers = Library.read(folder)
    (folder / FILE).unlink()
    listless = Library.read(folder)

    for library, why in ((papers, "papers.yml: it was changed"), (listless, "cannot be read")):
        assert library.packs == ()
        assert whole <= library.missing()
        assert all(why in one.complaints[0].text for one in library.refused)


def test_what_was_in_force_stays_while_its_file_is_spoilt(folder: Path) -> None:
    """The pack of before goes on, and is named as refused."""
    before = Library.read(folder)
    (folder / "vn.anm.yml").write_text("")
    after = Library.read(folder).keeping(before)

    assert {one.pack.id for one in after.packs} == {one.pack.id for one in before.packs}
    assert [one.file for one in after.refused] == ["vn.anm.yml"]
    assert after.missing() == frozenset()
