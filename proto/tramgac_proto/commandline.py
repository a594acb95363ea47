"""One command, one module: ``add_arguments(parser)`` and ``main(args) -> exit code``."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from tramgac_proto import __version__
from tramgac_proto.configfile import EXIT_CONFIG, EXIT_FAILED, EXIT_USAGE, ConfigError

_EXIT_INTERRUPTED = 130  # as a shell says it of SIGINT


class CommandFailed(Exception):  # noqa: N818 - an outcome, printed without a traceback
    """The command could not do its work; the text is for the person at the terminal."""

    exit_code = EXIT_FAILED


class UsageFailed(CommandFailed):
    """Arguments that are each well and do not go together."""

    exit_code = EXIT_USAGE


@dataclass(frozen=True, slots=True)
class Command:
    """A line of a command table.

    Attributes:
        module: Dotted path, imported only when the command is chosen.
        help: One line for ``--help``.
    """

    module: str
    help: str


def _overview(prog: str, commands: dict[str, Command]) -> str:
    width = max(map(len, commands))
    lines = [f"usage: {prog} COMMAND [...]", "", "commands:"]
    lines += [f"  {name:<{width}}  {command.help}" for name, command in commands.items()]
    return "\n".join([*lines, "", f"`{prog} COMMAND --help` tells more; `--version` the version."])


def run(prog: str, commands: dict[str, Command], argv: Sequence[str] | None = None) -> int:
    """Pick the command named first in ``argv`` and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in {"-h", "--help"}:
        print(_overview(prog, commands))  # noqa: T201 - the terminal is the purpose
        return 0 if words else EXIT_USAGE
    if words[0] == "--version":
        print(f"{prog} {__version__}")  # noqa: T201
        return 0
    if words[0] not in commands:
        print(f"{prog}: no command `{words[0]}`; see --help", file=sys.stderr)  # noqa: T201
        return EXIT_USAGE
    command = commands[words[0]]
    module = import_module(command.module)
    parser = argparse.ArgumentParser(prog=f"{prog} {words[0]}", description=command.help)
    module.add_arguments(parser)
    return _guarded(prog, lambda: module.main(parser.parse_args(words[1:])))


def _guarded(prog: str, main: Callable[[], int]) -> int:
    """Turn what a person can mend into one line; anything else is a bug and keeps its traceback."""
    text = ""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # `| head` has enough. What is left must not be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_FAILED
    except ConfigError as error:
        code, text = EXIT_CONFIG, f"configuration: {error}"
    except CommandFailed as error:
        code, text = error.exit_code, str(error)
    except PermissionError as error:
        fix = "run it as the user of the service, or with sudo"
        code, text = EXIT_FAILED, f"{error.filename}: {error.strerror}; {fix}"
    except KeyboardInterrupt:
        code = _EXIT_INTERRUPTED
    if text:
        print(f"{prog}: {text}", file=sys.stderr)  # noqa: T201
    return code
