"""Provisioning of Grafana: only keys that it documents, and files that are there.

The keys are those of Grafana's pages "Provision Grafana" and "Configure the Prometheus data
source", as of version 12. No Grafana has read these files here.
"""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from tramgac_dashboards.model import LANGUAGES
from tramgac_dashboards.places import ROOT

_SOURCES = ROOT / "provisioning/datasources/tramgac.yml"
_BOARDS = ROOT / "provisioning/dashboards/tramgac.yml"
# Each key with the type of its value.
_SOURCE_KEYS: Mapping[str, type] = {
    "name": str, "uid": str, "type": str, "access": str, "orgId": int, "url": str,
    "user": str, "database": str, "basicAuth": bool, "basicAuthUser": str,
    "withCredentials": bool, "isDefault": bool, "jsonData": dict, "secureJsonData": dict,
    "version": int, "editable": bool,
}  # fmt: skip
_JSON_KEYS: Mapping[str, type] = {
    "httpMethod": str, "manageAlerts": bool, "allowAsRecordingRulesTarget": bool,
    "timeInterval": str, "queryTimeout": str, "defaultEditor": str, "disableMetricsLookup": bool,
    "customQueryParameters": str, "prometheusType": str, "prometheusVersion": str,
    "cacheLevel": str, "incrementalQuerying": bool, "incrementalQueryOverlapWindow": str,
    "exemplarTraceIdDestinations": list,
}  # fmt: skip
_PROVIDER_KEYS: Mapping[str, type] = {
    "name": str, "orgId": int, "type": str, "folder": str, "folderUid": str,
    "disableDeletion": bool, "allowUiUpdates": bool, "updateIntervalSeconds": int, "options": dict,
}  # fmt: skip
_OPTION_KEYS: Mapping[str, type] = {"path": str, "foldersFromFilesStructure": bool}
_TOP = {"apiVersion", "prune", "datasources", "deleteDatasources", "providers"}


def _tree(path: Any) -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert tree["apiVersion"] == 1
    assert tree.keys() <= _TOP
    return tree


def _check(given: Mapping[str, object], keys: Mapping[str, type]) -> None:
    assert given.keys() <= keys.keys()
    assert [key for key, value in given.items() if type(value) is not keys[key]] == []


def test_there_is_one_prometheus_wherever_it_is() -> None:
    """Its address comes from the environment, and nobody changes it by hand."""
    (source,) = _tree(_SOURCES)["datasources"]
    _check(source, _SOURCE_KEYS)
    _check(source["jsonData"], _JSON_KEYS)
    assert source["type"] == "prometheus"
    assert source["access"] == "proxy"
    assert source["url"] == "$TRAMGAC_PROMETHEUS_URL"
    assert source["editable"] is False
    scraped = yaml.safe_load((ROOT / "examples/prometheus.yml").read_text(encoding="utf-8"))
    assert source["jsonData"]["timeInterval"] == scraped["global"]["scrape_interval"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_its_folder(language: str) -> None:
    """Boards change by their files alone, and stay when a file is lost for a while."""
    providers = {one["name"]: one for one in _tree(_BOARDS)["providers"]}
    assert len(providers) == len(LANGUAGES)
    provider = providers[f"tramgac-{language}"]
    _check(provider, _PROVIDER_KEYS)
    _check(provider["options"], _OPTION_KEYS)
    assert provider["type"] == "file"
    assert provider["disableDeletion"] is True
    assert provider["allowUiUpdates"] is False
    path = provider["options"]["path"].replace("$TRAMGAC_BOARDS", str(ROOT / "grafana"))
    assert path == str(ROOT / "grafana" / language)
    assert len({one["folder"] for one in providers.values()}) == len(LANGUAGES)
