"""``tramgac-collector``: the command table."""

import sys

from tramgac_proto.commandline import Command, run
from tramgac_proto.configfile import EXIT_CONFIG

COMMANDS = {
    "serve": Command(
        "tramgac_collector.commands.serve", "receive, store and show until told to stop"
    ),
    "token": Command("tramgac_collector.commands.token", "make and list enrolment tokens"),
    "agents": Command("tramgac_collector.commands.agents", "list, approve and deny agents"),
    "ca": Command("tramgac_collector.commands.ca", "show, export and exchange the CA"),
    "inventory": Command(
        "tramgac_collector.commands.inventory", "check, import, export the inventory"
    ),
    "check-config": Command(
        "tramgac_collector.commands.check_config", "say whether the config is usable"
    ),
    "db": Command("tramgac_collector.commands.db", "bring the store's schema up to date"),
    "rules": Command(
        "tramgac_collector.commands.rules", "rules, gaps, deadlines; judge now or as of a day"
    ),
    "attest": Command(
        "tramgac_collector.commands.attest", "enter documents and statements, or take them back"
    ),
    "backups": Command(
        "tramgac_collector.commands.backups", "judge every backup; list and print restore drills"
    ),
    "incidents": Command(
        "tramgac_collector.commands.incidents", "list, acknowledge and hand over incidents"
    ),
    "lan": Command("tramgac_collector.commands.lan", "speed tests: the plan, and who tested when"),
    "maintenance": Command("tramgac_collector.commands.maintenance", "plan work without alarms"),
    "accounts": Command("tramgac_collector.commands.accounts", "who may look at the pages"),
    "oncall": Command("tramgac_collector.commands.oncall", "who is told, if something happens now"),
    "notify": Command("tramgac_collector.commands.notify", "try every channel; list what was told"),
    "report": Command(
        "tramgac_collector.commands.report", "give out a report of some days; list, print again"
    ),
    "backup": Command("tramgac_collector.commands.backup", "save store and CA key, encrypted"),
    "restore": Command("tramgac_collector.commands.restore", "bring back what `backup` saved"),
    "doctor": Command(
        "tramgac_collector.commands.doctor", "find out what keeps the centre from working"
    ),
}


def main() -> int:
    """Entry point of the console script."""
    if sys.version_info < (3, 11):  # the agent, in the same wheel, runs on 3.10
        found = sys.version.partition(" ")[0]
        text = f"tramgac-collector: needs Python 3.11 or newer; {sys.executable} is {found}"
        print(text, file=sys.stderr)  # noqa: T201 - the terminal is the purpose
        return EXIT_CONFIG
    return run("tramgac-collector", COMMANDS)


if __name__ == "__main__":
    sys.exit(main())
