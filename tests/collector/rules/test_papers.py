"""The list of what people hand in: strict, complete, nothing too much."""

from pathlib import Path

import pytest

from tramgac_collector.inventory.strictyaml import MAX_BYTES
from tramgac_collector.rules.pack import PackError, parse_pack
from tramgac_collector.rules.papers import lint_papers, parse_papers, read_papers

ONE = """
papers:
  - id: "doc:policy"
    title: {vi: quy định, en: policy}
    given_by: IT
    until_replaced: true
  - id: "att:tried"
    title: {vi: đã thử, en: tried}
    given_by: DIR
    valid_days: 365
"""
PACK = """
pack:
  id: test
  version: 1.0.0
  title: {vi: a, en: b}
  legal_force: guidance
  text_status: secondary
rules:
  - id: test.rule
    cite: {doc: Law}
    text: {vi: a, en: b}
    next: {vi: c, en: d}
    needs: ["doc:policy"]
    refute: att:tried == false
    evidence: document
deadlines:
  - id: test.deadline
    cite: {doc: Law}
    text: {vi: a, en: b}
    next: {vi: c, en: d}
    on: 2026-12-31
    done_by: ["doc:policy"]
"""


def test_a_paper_has_a_title_a_giver_and_a_term() -> None:
    """What is listed can be asked of somebody."""
    papers = parse_papers(ONE, "papers")

    assert list(papers) == ["doc:policy", "att:tried"]
    assert papers["doc:policy"].until_replaced
    assert papers["att:tried"].valid_days == 365
    assert papers["att:tried"].given_by == "DIR"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    until_replaced: true\n", ""),
        ("valid_days: 365", "valid_days: 365\n    until_replaced: true"),
        ("valid_days: 365", "valid_days: 0"),
        ("given_by: IT", "given_by: anybody"),
        ('"doc:policy"', '"policy"'),
        ('"doc:policy"', '"doc:Policy No"'),
        ('"doc:policy"', '"att:tried"'),
        ("vi: quy định, ", ""),
        ("until_replaced: true", "until_replaced: true\n    secret: x"),
        ("papers:", "paper:"),
        ("papers:", "papers: !x"),
    ],
)
def test_anything_else_is_refused(old: str, new: str) -> None:
    """A list that leaves a question open is none."""
    with pytest.raises(PackError, match="papers: "):
        parse_papers(ONE.replace(old, new, 1), "papers")


def test_the_list_and_the_packs_match() -> None:
    """Used and not listed, listed and not used: both are told."""
    papers = parse_papers(ONE, "papers")
    pack = parse_pack(PACK, "test")
    other = parse_pack(PACK.replace("doc:policy", "doc:other"), "test")

    assert lint_papers([pack], papers) == []
    assert {one.place for one in lint_papers([other], papers)} == {"test.rule", "doc:policy"}
    assert {one.place for one in lint_papers([], papers)} == {"doc:policy", "att:tried"}


def test_a_title_is_translated() -> None:
    """Both languages, not one twice."""
    papers = parse_papers(ONE.replace("vi: quy định", "vi: policy"), "papers")

    found = lint_papers([parse_pack(PACK, "test")], papers)
    assert [one.place for one in found] == ["doc:policy"]


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """Missing, no text, too large: the file is in the message."""
    path = tmp_path / "papers.yml"
    with pytest.raises(PackError, match=r"papers\.yml"):
        read_papers(path)
    path.write_bytes(b"papers: \xff\n")
    with pytest.raises(PackError, match="not UTF-8"):
        read_papers(path)
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(PackError, match="larger than"):
        read_papers(path)
    path.write_text(ONE)
    assert len(read_papers(path)) == 2
