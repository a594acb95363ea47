"""The routing and the rules that ship, with the demonstration's own addresses in them."""

import re
from pathlib import Path
from typing import Any

import yaml

EXAMPLE = Path(__file__).resolve().parents[2] / "dashboards/examples/alertmanager.yml"
# Between two mails of one message; in the field five minutes. The day here is a short one.
_GROUP_INTERVAL = "1m"
_INTERVAL = re.compile(r"^(\s*(?:- )?interval:) .*$", re.MULTILINE)
# What whoever installs the rules is to replace.
PAGES = "http://tramgac.example/"


def routing(mail_port: int) -> str:
    """Alertmanager's configuration: the example's routes, inhibitions and words.

    Only the mail server is another one, the dead man's switch calls nobody, and what comes after
    a first mail comes sooner.
    """
    tree: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    tree["global"] = {
        "smtp_smarthost": f"127.0.0.1:{mail_port}",
        "smtp_from": tree["global"]["smtp_from"],
        "smtp_require_tls": False,
    }
    tree["route"]["group_interval"] = _GROUP_INTERVAL
    for receiver in tree["receivers"]:
        receiver.pop("webhook_configs", None)
    return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)


def rules_for(text: str, every: str, pages: str) -> str:
    """A file of rules.

    Args:
        text: As it ships.
        every: How often they are evaluated, as Prometheus writes a duration.
        pages: Address of the collector's pages, where the runbooks are.
    """
    return _INTERVAL.sub(rf"\1 {every}", text).replace(PAGES, f"{pages}/")
