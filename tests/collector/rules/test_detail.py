"""What is kept beside a result stays small, however large a facility is."""

import json

from tramgac_collector.rules.detail import MAX_BYTES, Beside, detail_of
from tramgac_collector.rules.engine import Judged, Row
from tramgac_collector.rules.evaluate import Evidence, Finding, Result
from tramgac_collector.rules.pack import parse_pack
from tramgac_collector.rules.status import Status

PACK = """
pack:
  {id: t, version: 1.0.0, title: {vi: a, en: b}, legal_force: guidance, text_status: seen_copy}
rules:
  - {id: t.r, cite: {doc: d}, text: {vi: a, en: b}, next: {vi: a, en: b}, evidence: measured}
"""


def test_a_detail_is_bounded_and_says_how_much_it_leaves_out() -> None:
    """The worst subjects first; the text of a paper is cut."""
    pack = parse_pack(PACK, "test")
    used = {f"name.{n}": Evidence("ă" * 500, 1, 2) for n in range(50)}
    found = [Finding(f"host-{n}", Status.PASS_OBSERVED, used=used) for n in range(300)]
    bad = Finding("worst", Status.FAIL, refuted=True, used={"x": Evidence(1.0, 1, 2)})
    result = Result("t.r", "f", Status.FAIL, "refuted", (*found, bad))
    row = Row(pack, pack.rules[0], frozenset(), aging=False)

    text = detail_of(Judged(row, result), Status.UNKNOWN, Beside())
    told = json.loads(text)

    assert len(text.encode()) <= MAX_BYTES
    assert told["findings"][0]["subject"] == "worst"
    assert told["more"] + len(told["findings"]) == 301
    assert told["raw"] == "fail"
