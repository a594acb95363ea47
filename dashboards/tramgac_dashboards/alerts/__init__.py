"""Rules for Prometheus, their unit tests, and the texts of both: tables in, YAML out."""

from tramgac_dashboards.alerts.files import files, write

__all__ = ["files", "write"]
