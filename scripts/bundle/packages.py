"""`scripts/bundle/packages`: deb and rpm of the agent, each for one Python and architecture."""

import argparse
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from bundle import packaging as parts
from bundle import pins
from bundle.own import ROOT, Source, build_wheel, pythons_of, source_of, version_of
from bundle.problem import BundleError
from bundle.targets import ARCHS, PYTHONS, Target
from bundle.wheels import Store, default_cache, pip, sha256_of, tools

_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}
# By the systems that have this Python themselves; wheels need the C library of RHEL 9 or later.
_DEPENDS = {
    "deb": ["python{python}", "libc6 (>= 2.34)", "libstdc++6", "systemd"],
    "rpm": ["python{python}", "glibc >= 2.34", "libstdc++", "systemd"],
}
_DEADLINE = 300


@dataclass(frozen=True, slots=True)
class Recipe:
    """One package to build.

    Attributes:
        source: The tree it is made of.
        target: The machine it is for.
        version: Of the agent.
    """

    source: Source
    target: Target
    version: str

    @property
    def root(self) -> str:
        """Where the environment stands on the machine."""
        return f"/opt/tramgac/agent/versions/{self.version}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Without arguments: every Python, this architecture, both formats."""
    add = parser.add_argument
    add("--python", action="append", choices=PYTHONS, default=[], help="only for this Python")
    add("--arch", choices=ARCHS, default=os.uname().machine, help="this machine's if not given")
    add("--format", action="append", choices=sorted(_DEPENDS), default=[], help="deb or rpm only")
    add("--version", default="", help="call our own wheel so instead of pyproject's version")
    add("--source", type=Path, default=ROOT, help="another tree than this checkout")
    add("--out", type=Path, default=ROOT / "dist", help="folder to write into (dist)")
    add("--cache", type=Path, default=default_cache(), help="where fetched wheels stay")


def main(args: argparse.Namespace) -> int:
    """Build and name each."""
    source = source_of(args.source.resolve())
    args.out.mkdir(parents=True, exist_ok=True)
    for python in args.python or pythons_of(source):
        recipe = Recipe(source, Target(python, args.arch), version_of(source, args.version))
        with tempfile.TemporaryDirectory(prefix="tramgac-package-") as work:
            payload = Path(work) / "payload"
            _environment(recipe, payload, args.cache)
            _service(recipe, payload)
            _settle(payload, source.epoch)
            for kind in args.format or sorted(_DEPENDS):
                file = _pack(recipe, kind, payload, args)
                print(f"{sha256_of(file)}  {file}")
    return 0


def _environment(recipe: Recipe, payload: Path, cache: Path) -> None:
    """A virtual environment as `python3 -m venv` lays it out, for a Python that is not here."""
    target, root = recipe.target, payload / recipe.root[1:]
    (root / "bin").mkdir(parents=True)
    (root / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {target.python}\n"
    )
    (root / "bin" / f"python{target.python}").symlink_to(f"/usr/bin/python{target.python}")
    for name in ("python", "python3"):
        (root / "bin" / name).symlink_to(f"python{target.python}")
    program = root / "bin/tramgac-agent"
    program.write_text(parts.PROGRAM.format(root=recipe.root))
    program.chmod(0o755)
    _libraries(recipe, root / f"lib/python{target.python}/site-packages", cache)
    (root / ".complete").write_text(f"{recipe.version}\n")


def _libraries(recipe: Recipe, folder: Path, cache: Path) -> None:
    listed = pins.read(recipe.source.root / "requirements/agent.txt")
    wheels = Store(recipe.source.root, cache).fit(recipe.target, listed)
    with tempfile.TemporaryDirectory(prefix="tramgac-package-") as work:
        ours = build_wheel(recipe.source, recipe.version, Path(work))
        where = ["--python-version", recipe.target.python, "--implementation", "cp"]
        for platform in recipe.target.platforms:
            where += ["--platform", platform]
        # By name: a path would be written into the package (direct_url.json).
        lines = [pins.line_of(f"{one.name}=={one.version}", [one.sha256]) for one in wheels]
        lines.append(pins.line_of(f"tramgac=={recipe.version}", [sha256_of(ours)]))
        listed_here = Path(work) / "wanted.txt"
        listed_here.write_text("\n".join([*lines, ""]), encoding="utf-8")
        for wheel in wheels:
            shutil.copyfile(wheel.path, Path(work) / wheel.path.name)
        pip(
            "install", "--no-index", "--find-links", work, "--no-deps", "--no-compile",
            "--only-binary=:all:", "--require-hashes", *where, "-t", str(folder),
            "-r", str(listed_here),
        )  # fmt: skip
    # Its programs would start the Python of this machine.
    for path in sorted((folder / "bin").glob("*")):
        path.unlink()
    (folder / "bin").rmdir()


def _service(recipe: Recipe, payload: Path) -> None:
    (payload / "opt/tramgac/agent/current").symlink_to(f"versions/{recipe.version}")
    texts = {
        "usr/lib/systemd/system/tramgac-agent.service": parts.unit(recipe.source.root),
        "usr/lib/sysusers.d/tramgac-agent.conf": parts.SYSUSERS,
        "usr/lib/tmpfiles.d/tramgac-agent.conf": parts.TMPFILES,
        "etc/tramgac/agent.toml": parts.CONFIG,
    }
    for name, text in texts.items():
        (payload / name).parent.mkdir(parents=True, exist_ok=True)
        (payload / name).write_text(text, encoding="utf-8")
    (payload / "usr/bin").mkdir()
    (payload / "usr/bin/tramgac-agent").symlink_to("/opt/tramgac/agent/current/bin/tramgac-agent")


def _settle(payload: Path, epoch: int) -> None:
    """Same modes and times, whoever builds."""
    for path in sorted(payload.rglob("*"), reverse=True):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def _pack(recipe: Recipe, kind: str, payload: Path, args: argparse.Namespace) -> Path:
    work = payload.parent
    scripts = {"postinstall": parts.POSTINSTALL, "preremove": parts.PREREMOVE}
    for name, text in scripts.items():
        (work / name).write_text(text.format(root=recipe.root), encoding="utf-8")
    release = f"1+py{recipe.target.python.replace('.', '')}"
    described = {
        "name": "tramgac-agent",
        "arch": _ARCH[recipe.target.arch],
        "version": recipe.version,
        "version_schema": "none",
        "release": release,
        "maintainer": "Tram Gac",
        "description": "Measures a hospital's server and reports to the centre.",
        "license": "Apache-2.0",
        "section": "admin",
        "mtime": datetime.fromtimestamp(recipe.source.epoch, UTC).isoformat(),
        "depends": [one.format(python=recipe.target.python) for one in _DEPENDS[kind]],
        "contents": parts.contents(payload),
        "scripts": {name: str(work / name) for name in scripts},
        "rpm": {"buildhost": "tramgac"},
    }
    (work / "nfpm.yaml").write_text(yaml.safe_dump(described), encoding="utf-8")
    arch = _ARCH[recipe.target.arch] if kind == "deb" else recipe.target.arch
    file = args.out / f"tramgac-agent-{recipe.version}-{release}.{arch}.{kind}"
    nfpm = tools(recipe.source.root, args.cache) / "bin/nfpm"
    command = [str(nfpm), "package", "-f", str(work / "nfpm.yaml"), "-p", kind, "-t", str(file)]
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(recipe.source.epoch)}
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=_DEADLINE, check=False
    )
    if done.returncode:
        raise BundleError(f"nfpm: {done.stderr.strip()[-500:]}")
    return Path(file)
