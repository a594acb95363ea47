"""A small tree and small wheels that `scripts/bundle` takes for ours and for those of others."""

import base64
import hashlib
import io
import os
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).parents[2]
DAY = 1_790_000_000

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "tramgac"
version = "0.1.0"
requires-python = ">=3.10"
readme = "README.md"
dependencies = ["fast"]

[project.optional-dependencies]
agent = ["plain"]
collector = ["oncalendar"]

[project.scripts]
tramgac-agent = "tramgac_agent:main"
tramgac-collector = "tramgac_agent:main"

[tool.hatch.build.targets.wheel]
packages = ["agent/tramgac_agent", "proto/tramgac_proto"]

[tool.hatch.build.targets.wheel.force-include]
"docs/runbooks" = "tramgac_agent/runbooks"
"""
# Succeeds only where loopback is the only network there is.
AGENT = """\
import json
import pathlib
import sys

import fast
import plain
import tramgac_proto


def main():
    if sys.argv[1] == "--version":
        print(pathlib.Path(sys.argv[0]).name, tramgac_proto.__version__)
        return 0
    lines = pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]
    links = {line.split(":")[0].strip() for line in lines}
    print(json.dumps({"success": links <= {"lo"}, "failure": "there is a network"}))
    return 0
"""
BACKEND = """\
import zipfile


def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "NAME-1.0-TAG.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as archive:
        for path, text in (
            ("NAME.py", ""),
            ("NAME-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: NAME\\nVersion: 1.0"),
            ("NAME-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: TAG"),
            ("NAME-1.0.dist-info/RECORD", ""),
        ):
            archive.writestr(zipfile.ZipInfo(path), text)
    return name
"""


def sha256(path: Path) -> str:
    """In hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def add_wheel(folder: Path, stem: str, licence: str = "License-Expression: MIT") -> Path:
    """A wheel whose one module can be imported; the tags are believed, not true."""
    name, version, *_ = stem.split("-")
    about = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{licence}\n"
    tags = "-".join(stem.split("-")[2:])
    kind = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n"
    files = {
        f"{name}.py": f"TAGS = {tags!r}\n",
        f"{name}-{version}.dist-info/METADATA": about,
        f"{name}-{version}.dist-info/WHEEL": kind,
    }
    return _zip(folder / f"{stem}.whl", {path: text.encode() for path, text in files.items()})


def _zip(path: Path, files: dict[str, bytes]) -> Path:
    info = next(iter(name for name in files if ".dist-info/" in name)).split("/")[0]
    lines = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}\n")
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD"), "".join(lines) + f"{info}/RECORD,,\n")
    return path


def add_pip(folder: Path) -> Path:
    """The pip of this environment, made a wheel again."""
    found = distribution("pip")
    files = {
        str(file): Path(str(found.locate_file(file))).read_bytes()
        for file in found.files or ()
        if file.parts[0] in {"pip", f"pip-{found.version}.dist-info"} and file.suffix != ".pyc"
        if file.name not in {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
    }
    return _zip(folder / f"pip-{found.version}-py3-none-any.whl", files)


def add_source(folder: Path, name: str, tag: str = "py3-none-any") -> Path:
    """A source archive, the only form in which this package is published."""
    path = folder / f"{name}-1.0.tar.gz"
    backend = BACKEND.replace("NAME", name).replace("TAG", tag)
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        "backend.py": backend,
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
        'backend-path = ["."]\n',
    }
    with tarfile.open(path, "w:gz") as tar:
        for file, text in files.items():
            entry = tarfile.TarInfo(f"{name}-1.0/{file}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return path


def pin(what: str, *files: Path) -> str:
    """A line of a requirements file."""
    return " \\\n    ".join([what, *(f"--hash=sha256:{sha256(file)}" for file in files)]) + "\n"


@dataclass(frozen=True, slots=True)
class Standin:
    """A tree to bundle, and the folder that pip takes for the whole world."""

    tree: Path
    index: Path

    def make(self, out: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run `scripts/bundle/make` on the tree."""
        where = ["--source", str(self.tree), "--out", str(out), "--cache", str(self.cache)]
        return run("make", *where, *options, **{**self.environment(), **env})

    @property
    def cache(self) -> Path:
        """Where it keeps its wheels, unless another `--cache` is among the options."""
        return self.index.with_name("cache")

    def environment(self) -> dict[str, str]:
        """No index but ours; no day but ours."""
        return {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.index),
            "PIP_NO_CACHE_DIR": "1",
            "SOURCE_DATE_EPOCH": str(DAY),
        }


def run(command: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """One of the scripts, as a person runs it."""
    return subprocess.run(
        [str(ROOT / "scripts/bundle" / command), *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def standin(folder: Path) -> Standin:
    """Tree and wheels: one for every machine, one for a kind, one with the stable ABI, a source."""
    tree, index = folder / "tree", folder / "index"
    index.mkdir(parents=True)
    plain = add_wheel(index, "plain-1.0-py3-none-any", "Classifier: License :: OSI Approved :: BSD")
    stems = [
        f"fast-2.0-{python}-{platform}_{arch}"
        for python in ("cp310-cp310", "cp311-cp311", "cp312-abi3")
        for platform, arch in (("manylinux_2_17", "x86_64"), ("manylinux_2_28", "aarch64"))
    ]
    # Fits nobody we serve: too new a C library, another kernel.
    stems += ["fast-2.0-cp311-cp311-manylinux_2_40_x86_64", "fast-2.0-cp311-cp311-win_amd64"]
    fast = [add_wheel(index, stem) for stem in stems]
    source = add_source(index, "oncalendar")
    old = add_wheel(index, "old-1.0-py3-none-any")
    core = pin("fast==2.0", *fast) + pin("plain==1.0", plain)
    texts = {
        "pyproject.toml": PYPROJECT,
        "README.md": "# Stand-in\n",
        "LICENSE": "Stand-in\n",
        "agent/tramgac_agent/__init__.py": AGENT,
        "proto/tramgac_proto/__init__.py": '__version__ = "0.1.0"\n',
        "collector/tramgac_collector/packs/one.yml": "pack: one\n",
        "docs/runbooks/en/One.md": "# One\n",
        "ansible/galaxy.yml": "namespace: tramgac\n",
        "dashboards/grafana/vi/one.json": "{}\n",
        "dashboards/tramgac_dashboards/kit.py": "",
        "requirements/agent.txt": core + pin("old==1.0 ; python_full_version < '3.11'", old),
        "requirements/collector.txt": core + pin("oncalendar==1.0", source),
        "requirements/installer.txt": pin(f"pip=={distribution('pip').version}", add_pip(index)),
        "requirements/bundle.txt": pin("plain==1.0", plain),
    }
    for name, text in texts.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    return Standin(tree, index)
