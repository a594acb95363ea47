"""``tramgac-agent``: the command table."""

import sys

from tramgac_agent.lean_start import hidden

with hidden("typing_extensions"):
    from tramgac_proto.commandline import Command, run

COMMANDS = {
    "run": Command("tramgac_agent.commands.run", "measure and report until told to stop"),
    "enroll": Command(
        "tramgac_agent.commands.enroll", "get this host's identity from the collector"
    ),
    "check": Command("tramgac_agent.commands.check", "run one check by hand and print what it saw"),
    "check-config": Command(
        "tramgac_agent.commands.check_config", "say whether the config is usable"
    ),
    "outbox": Command("tramgac_agent.commands.outbox", "show or export what waits to be sent"),
    "doctor": Command("tramgac_agent.commands.doctor", "find out why nothing arrives"),
    "backup-run": Command(
        "tramgac_agent.commands.backup_run", "run a backup command and record it"
    ),
    "maintenance": Command(
        "tramgac_agent.commands.maintenance", "plan work on this host without alarms"
    ),
    "drill": Command("tramgac_agent.commands.drill", "restore from a backup to prove it"),
}


def main() -> int:
    """Entry point of the console script."""
    return run("tramgac-agent", COMMANDS)


if __name__ == "__main__":
    sys.exit(main())
