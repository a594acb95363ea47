"""Where things are: the source of data, the boards, the pages that say what to do."""

from pathlib import Path

from grafana_foundation_sdk.models.common import DataSourceRef

from tramgac_dashboards.model import Language

ROOT = Path(__file__).resolve().parents[1]
# People choose it at the top of a board; nothing is tied to one Prometheus.
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


# Where the pages of the alerts are; whoever installs the boards puts the centre's address.
RUNBOOKS = "http://tramgac.example/runbooks"


def uid(board: str, language: Language) -> str:
    """The name of a board's file, and its address."""
    return f"tramgac-{board}-{language}"


def board_url(board: str, language: Language) -> str:
    """Where Grafana shows a board."""
    return f"/d/{uid(board, language)}"


def runbook_url(alert: str, language: Language) -> str:
    """The page of an alert."""
    return f"{RUNBOOKS}/{language}/{alert}"
