"""Which targets were run and which only resolved: a table from what really happened."""

from dataclasses import dataclass

from bundle.fill import Facts
from bundle.targets import parse

FILE = "TARGETS.md"
RAN, RESOLVED, FAILED = "run", "resolved only", "FAILED"


@dataclass(frozen=True, slots=True)
class Row:
    """One target and one thing installed on it."""

    target: str
    extra: str
    state: str
    detail: str = ""


def wanted(facts: Facts) -> list[tuple[str, str]]:
    """Target and extra of every row the table has."""
    return [
        (text, extra)
        for text in facts.targets
        for extra in parse(text).extras
        if extra in facts.extras
    ]


def resolved(facts: Facts) -> list[Row]:
    """Nothing was run."""
    return [Row(target, extra, RESOLVED) for target, extra in wanted(facts)]


def text(facts: Facts, rows: list[Row]) -> str:
    """The page."""
    lines = [
        f"# Targets of tramgac {facts.version}",
        "",
        "`run`: installed from this bundle alone, without any network, and started. `resolved",
        "only`: every wheel is here by name, tag and hash; nobody started them.",
        "",
        "| target | part | state | detail |",
        "| --- | --- | --- | --- |",
        *(f"| {row.target} | {row.extra} | {row.state} | {row.detail} |" for row in rows),
        "",
    ]
    return "\n".join(lines)
