"""The page a puzzled person opens knows every code that person may have read."""

from pathlib import Path

from tramgac_agent.identity.outcome import ADVICE
from tramgac_collector.identity.codes import Code

PAGE = Path(__file__).parents[3] / "docs/identity.md"


def test_every_refusal_is_explained() -> None:
    """Each code of either end stands in the table of refusals."""
    text = PAGE.read_text(encoding="utf-8")
    assert [code for code in {*map(str, Code), *ADVICE} if f"`{code}`" not in text] == []


def test_every_answer_of_the_centre_has_advice_at_the_host() -> None:
    """A code the collector may send is never printed bare."""
    # `cloned` is the answer to a report, which the uplink explains.
    assert {str(code) for code in Code} - set(ADVICE) == {"cloned"}
