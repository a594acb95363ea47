"""What people hand in: documents and statements, each listed once with a title and a term."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from tramgac_collector.inventory import strictyaml
from tramgac_collector.inventory.strictyaml import StrictYamlError
from tramgac_collector.rules.expression import names_of
from tramgac_collector.rules.lint import Complaint
from tramgac_collector.rules.pack import Node, Pack, PackError, Text, read_pack_text
from tramgac_collector.rules.vocabulary import is_paper

FILE_NAME = "papers.yml"
"""Lies among the packs and is none."""

# Director, who looks after IT, reviewer of the health department, vendor, independent unit
Role = Literal["DIR", "IT", "SYT", "VEN", "IND"]
PaperId = Annotated[str, msgspec.Meta(pattern=r"^(doc|att):[a-z][a-z0-9_]*$", max_length=64)]


class Paper(Node, frozen=True, kw_only=True):
    """One document (``doc:``) or statement (``att:``).

    Attributes:
        given_by: Whose word it is.
        valid_days: For how many days it speaks, or
        until_replaced: until there is another one.
    """

    id: PaperId
    title: Text
    given_by: Role
    valid_days: Annotated[int, msgspec.Meta(ge=1, le=3660)] | None = None
    until_replaced: bool = False


class _File(Node, frozen=True, kw_only=True):
    papers: tuple[Paper, ...]


def read_papers(path: Path) -> Mapping[str, Paper]:
    """Read the list, by id.

    Raises:
        PackError: It is missing, too large, names a paper twice or one without a term.
    """
    return parse_papers(read_pack_text(path), str(path))


def parse_papers(text: str, where: str) -> Mapping[str, Paper]:
    """Check the list's shape, by id.

    Raises:
        PackError: It is not YAML, no such list, names a paper twice or one without a term.
    """
    try:
        listed = msgspec.convert(strictyaml.parse(text) or {}, _File, strict=False).papers
    except (StrictYamlError, msgspec.ValidationError) as error:
        raise PackError(f"{where}: {error}") from None
    found: dict[str, Paper] = {}
    for one in listed:
        if one.id in found:
            raise PackError(f"{where}: {one.id} stands here twice; keep one")
        if (one.valid_days is None) is not one.until_replaced:
            raise PackError(f"{where}: {one.id}: give valid_days or until_replaced, one of them")
        found[one.id] = one
    return found


def lint_papers(packs: Iterable[Pack], papers: Mapping[str, Paper]) -> list[Complaint]:
    """Papers that are used and not listed, and listed and not used.

    Args:
        packs: All of them; each has passed ``lint``.
        papers: The list.
    """
    asked: set[str] = set()
    found: list[Complaint] = []
    for pack in packs:
        for place, name in _asked(pack):
            if name not in papers and name not in asked:
                found.append(Complaint(place, f"`{name}` is not in {FILE_NAME}"))
            asked.add(name)
    for name, paper in papers.items():
        if name not in asked:
            found.append(Complaint(name, "no rule and no deadline asks for it"))
        if paper.title.vi.strip() == paper.title.en.strip():
            found.append(Complaint(name, "both languages say the same; translate it"))
    return found


def unlisted(pack: Pack, papers: Mapping[str, Paper]) -> list[tuple[str, str]]:
    """Papers a pack asks for that nobody can hand in, each with where it stands."""
    return [(place, name) for place, name in _asked(pack) if name not in papers]


def _asked(pack: Pack) -> Iterator[tuple[str, str]]:
    yield from ((pack.pack.id, name) for name in sorted(_papers_in(pack.pack.applies_if)))
    for rule in pack.rules:
        names = set(rule.needs)
        for text in (rule.applies_if, rule.where, rule.refute, rule.decide, rule.unknown_if):
            names |= names_of(text)
        yield from ((rule.id, name) for name in sorted(names) if is_paper(name))
    for deadline in pack.deadlines:
        names = _papers_in(deadline.applies_if) | set(deadline.done_by)
        yield from ((deadline.id, name) for name in sorted(names) if is_paper(name))


def _papers_in(text: str) -> set[str]:
    return set(filter(is_paper, names_of(text)))
