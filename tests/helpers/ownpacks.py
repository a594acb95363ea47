"""A province's own pack, its keys, and a judge that follows its folder."""

from pathlib import Path

from helpers.judging import JudgedStore

from tramgac_collector.config import Config, RulesSection
from tramgac_collector.judge.process import Judge
from tramgac_collector.judge.rulebook import RulesPart
from tramgac_collector.rules.signing import make_key, read_signing_key, sign, signature_file

PACK = """
pack:
  id: bn.local
  version: 1.0.0
  title: {vi: quy định của tỉnh, en: rules of the province}
  legal_force: guidance
  text_status: seen_copy
rules:
  - id: bn.local.regulation
    cite: {doc: Decision of the department}
    text: {vi: có quy chế, en: there is a regulation}
    next: {vi: nộp quy chế, en: hand it in}
    needs: ["doc:security_regulation"]
    evidence: document
    fixtures:
      - {name: a, facts: {"doc:security_regulation": true}, expect: pass_observed}
      - {name: b, facts: {}, expect: unknown}
"""
RULE = "bn.local.regulation"


class Folder:
    """A folder of packs and one trusted key."""

    def __init__(self, home: Path) -> None:
        self.path = home / "packs"
        self.path.mkdir()
        self.key = home / "key.pem"
        self.public = make_key(self.key)
        self.section = RulesSection(folder=str(self.path), trusted_keys=(str(self.public),))

    def put(self, text: str = PACK, name: str = "bn.local", *, key: Path | None = None) -> Path:
        """Write a pack and sign it."""
        path = self.path / f"{name}.yml"
        path.write_text(text)
        signed = sign(path.read_bytes(), read_signing_key(key or self.key))
        signature_file(path).write_bytes(signed)
        return path

    def judge(self, centre: JudgedStore) -> Judge:
        """As after a start of the collector."""
        config = Config(rules=self.section)
        return Judge(centre.engine, config, now_ms=lambda: centre.now_ms, parts=(RulesPart(),))
