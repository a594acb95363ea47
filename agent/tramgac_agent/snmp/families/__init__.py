"""The registry: one line a family, imported on first use."""

from typing import Any

from tramgac_agent.registry import find
from tramgac_agent.snmp.families.base import Family

FAMILIES: dict[str, str] = {
    "apc": "tramgac_agent.snmp.families.apc:ApcFamily",
    "host": "tramgac_agent.snmp.families.host:HostFamily",
    "printer": "tramgac_agent.snmp.families.printer:PrinterFamily",
    "switch": "tramgac_agent.snmp.families.switch:SwitchFamily",
    "ups": "tramgac_agent.snmp.families.ups:UpsFamily",
}


def load(kind: str) -> type[Family[Any]]:
    """Return the family registered under ``kind``.

    Raises:
        KeyError: No such family.
    """
    return find(FAMILIES[kind], Family)
