"""The packs that are shipped."""

from pathlib import Path

import tramgac_collector
from tramgac_collector.rules.papers import FILE_NAME

FOLDER = Path(tramgac_collector.__file__).parent / "packs"
PACKS = sorted(path for path in FOLDER.glob("*.yml") if path.name != FILE_NAME)
