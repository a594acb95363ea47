"""`scripts/bundle/make`: build one archive."""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bundle import prove, seal, table
from bundle.fill import PARTS, Facts, Filler
from bundle.own import ROOT, Source, pythons_of, source_of, version_of
from bundle.problem import BundleError
from bundle.targets import ARCHS, EXTRAS, PYTHONS, chosen
from bundle.wheels import Store, default_cache

_MIB = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything is optional: without arguments, the full bundle in dist/."""
    add = parser.add_argument
    add("--python", action="append", choices=PYTHONS, default=[], help="only for this Python")
    add("--arch", action="append", choices=ARCHS, default=[], help="only for this architecture")
    add("--only", action="append", default=[], metavar="TARGET", help="such as cp311-x86_64")
    add("--extra", action="append", choices=EXTRAS, default=[], help="only the agent, or only ...")
    add("--without", action="append", choices=sorted(PARTS), default=[], help="leave a part out")
    add("--out", type=Path, default=ROOT / "dist", help="folder to write into (dist)")
    add("--version", default="", help="call our own wheel so instead of pyproject's version")
    add("--source", type=Path, default=ROOT, help="another tree than this checkout")
    add("--cache", type=Path, default=default_cache(), help="where fetched wheels stay")
    add("--key", type=Path, help="private key made by scripts/bundle/keys; else a throwaway one")
    add("--folder", action="store_true", help="leave the unpacked folder beside the archive")
    add("--prove", action="store_true", help="run what this machine can, and write it down")


def main(args: argparse.Namespace) -> int:
    """Build, seal, tell the figures."""
    started = time.monotonic()
    source = source_of(args.source.resolve())
    if args.key and source.changed:
        raise BundleError("files differ from the commit; a release is signed from a clean checkout")
    key = seal.signing_key(args.key)
    facts = _facts(args, source)
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.out, prefix=".bundle-") as work:
        folder = Path(work) / f"tramgac-bundle-{facts.version}"
        Filler(source, folder, facts, Store(source.root, args.cache)).fill()
        rows = prove.proven(folder, facts) if args.prove else table.resolved(facts)
        (folder / table.FILE).write_text(table.text(facts, rows), encoding="utf-8")
        seal.seal(folder, key)
        file = args.out / f"{folder.name}.tar"
        seal.archive(folder, file, source.epoch)
        if args.folder:
            shutil.rmtree(args.out / folder.name, ignore_errors=True)
            folder.rename(args.out / folder.name)
    seal.sign_archive(file, key)
    _tell(args, facts, file, time.monotonic() - started)
    print(table.text(facts, rows))
    return 1 if any(row.state == table.FAILED for row in rows) else 0


def _facts(args: argparse.Namespace, source: Source) -> Facts:
    pythons = args.python or pythons_of(source)
    return Facts(
        version=version_of(source, args.version),
        commit=source.commit,
        changed=source.changed,
        targets=[str(target) for target in chosen(pythons, args.arch, args.only)],
        extras=args.extra or list(EXTRAS),
        parts=[part for part in PARTS if part not in args.without],
    )


def _tell(args: argparse.Namespace, facts: Facts, file: Path, seconds: float) -> None:
    print(f"{file}: {file.stat().st_size / _MIB:.1f} MiB in {seconds:.0f} s")
    if facts.changed:
        print("TEST BUNDLE: made of files that differ from the commit", file=sys.stderr)
    if not args.key:
        told = "TEST SIGNATURE: signed with a throwaway key that nobody should trust; use --key"
        print(told, file=sys.stderr)
