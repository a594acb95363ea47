"""The bill of materials: CycloneDX 1.6 JSON, out of the wheels in the bundle themselves."""

import email.parser
import uuid
import zipfile
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import Any

import msgspec

from bundle.problem import BundleError
from bundle.wheels import named, sha256_of

FILE = "sbom.cdx.json"
_MOST_BYTES = 4 << 20
_OURS = "tramgac"


def metadata_of(wheel: Path) -> Message:
    """The METADATA of a wheel.

    Raises:
        BundleError: It has none, or an absurdly large one.
    """
    with zipfile.ZipFile(wheel) as archive:
        for one in archive.infolist():
            folder, _, name = one.filename.partition("/")
            if folder.endswith(".dist-info") and name == "METADATA" and one.file_size < _MOST_BYTES:
                return email.parser.BytesParser().parsebytes(archive.read(one))
    raise BundleError(f"{wheel.name}: has no METADATA")


def licence_of(about: Message) -> str:
    """An SPDX expression where the package states one, else its own words; "unknown" else."""
    if stated := about.get("License-Expression"):
        return str(stated)
    classified = [
        str(line).rpartition(" :: ")[2]
        for line in about.get_all("Classifier", [])
        if str(line).startswith("License :: ")
    ]
    free = str(about.get("License", "")).strip().splitlines()
    return " OR ".join(classified) or (free[0][:200] if free else "unknown")


def _component(wheels: list[Path]) -> dict[str, Any]:
    name, version, _ = named(wheels[0])
    about = metadata_of(wheels[0])
    licence = licence_of(about)
    expression = about.get("License-Expression")
    return {
        "type": "application" if name == _OURS else "library",
        "bom-ref": f"pkg:pypi/{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "licenses": [{"expression": licence} if expression else {"license": {"name": licence}}],
        # One package may come as several files, one for each kind of machine.
        "components": [
            {
                "type": "file",
                "bom-ref": f"file:{wheel.name}",
                "name": wheel.name,
                "hashes": [{"alg": "SHA-256", "content": sha256_of(wheel)}],
            }
            for wheel in wheels
        ],
    }


def document(folder: Path, epoch: int) -> dict[str, Any]:
    """The whole document for the wheels of a bundle."""
    by_package: dict[tuple[str, str], list[Path]] = {}
    for wheel in sorted((folder / "wheels").glob("*.whl")):
        by_package.setdefault(named(wheel)[:2], []).append(wheel)
    parts = [_component(wheels) for _, wheels in sorted(by_package.items())]
    content = msgspec.json.encode(parts)
    ours = [part for part in parts if part["name"] == _OURS]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # Named after the content, so that the same bundle has the same number.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content.hex())}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {key: ours[0][key] for key in ("type", "bom-ref", "name", "version")},
        },
        "components": [part for part in parts if part["name"] != _OURS],
    }


def write(folder: Path, epoch: int) -> None:
    """Write it into the bundle."""
    data = msgspec.json.format(msgspec.json.encode(document(folder, epoch)), indent=1)
    (folder / FILE).write_bytes(data + b"\n")
