"""``python -m tramgac_dashboards``: writes every board, rule and example anew."""

import sys
from collections.abc import Iterator
from pathlib import Path

from tramgac_dashboards import alerts, boards, grafana
from tramgac_dashboards.model import LANGUAGES
from tramgac_dashboards.places import ROOT, uid


def files() -> Iterator[tuple[Path, str]]:
    """Every generated board and what it should hold."""
    for name in boards.BOARDS:
        for language in LANGUAGES:
            path = ROOT / "grafana" / language / f"{uid(name, language)}.json"
            yield path, grafana.text(boards.load(name), language)


def main() -> int:
    """Write; what is no longer made is removed."""
    wanted = dict(files())
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in (ROOT / "grafana").rglob("*.json"):
        if path not in wanted:
            path.unlink()
    rules = alerts.write(ROOT)
    sys.stdout.write(f"{len(wanted)} boards and {rules} files of rules written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
