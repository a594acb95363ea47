"""``rules keygen|sign|verify``: who vouches for a pack of a province's own."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tramgac_collector.config import load_config
from tramgac_collector.rules.pack import PackError
from tramgac_collector.rules.province import checked, own_files, read_own
from tramgac_collector.rules.signing import (
    make_key,
    name_of,
    read_keys,
    read_signing_key,
    sign,
    signature_file,
    signer_of,
)
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.privatefile import write_private


def add_arguments(actions: Any) -> list[argparse.ArgumentParser]:  # noqa: ANN401 - argparse has no public name for it
    """Declare the commands."""
    keygen = actions.add_parser("keygen", help="make a pair of keys to sign packs with")
    keygen.add_argument("file", type=Path, help="the private key; the public one is FILE.pub")
    signing = actions.add_parser("sign", help="sign a pack of your own")
    signing.add_argument("file", type=Path)
    signing.add_argument("--key", type=Path, required=True, help="private key, for you only")
    verify = actions.add_parser("verify", help="whether packs are signed and without fault")
    verify.add_argument(
        "files", nargs="*", type=Path, help="packs; those of [rules] folder if none"
    )
    verify.add_argument(
        "--key", action="append", help="public key, instead of [rules] trusted_keys"
    )
    return [keygen, signing, verify]


def _keygen(args: argparse.Namespace) -> tuple[str, bool]:
    public = make_key(args.file)
    (name,) = read_keys([str(public)])
    if args.json:
        told = {"private": str(args.file), "public": str(public), "key_sha256": name}
        return json.dumps(told), True
    return f"{args.file}: keep it off this machine\n{public}: goes into [rules] trusted_keys", True


def _sign(args: argparse.Namespace) -> tuple[str, bool]:
    key = read_signing_key(args.key)
    data = read_own(args.file)
    _, pack = checked(args.file, data)
    target = signature_file(args.file)
    try:
        write_private(target, sign(data, key), mode=0o644)
    except OSError as error:
        raise CommandFailed(f"{target}: cannot be written: {error.strerror}") from error
    told = {"pack": pack.pack.id, "version": pack.pack.version, "signature": str(target)}
    if args.json:
        return json.dumps({**told, "key_sha256": name_of(key.public_key())}), True
    return f"{pack.pack.id} {pack.pack.version}: signed, {target}", True


def _verify(args: argparse.Namespace) -> tuple[str, bool]:
    section = load_config(args.config).rules
    keys = read_keys(args.key or section.trusted_keys)
    files = args.files or (own_files(Path(section.folder)) if section.folder else [])
    told = []
    for file in files:
        try:
            data = read_own(file)
            signer = signer_of(file, data, keys)
            _, pack = checked(file, data)
        except PackError as error:
            told.append({"file": str(file), "ok": False, "text": str(error)})
            continue
        text = f"{file}: {pack.pack.id} {pack.pack.version}, signed by {signer}"
        told.append({"file": str(file), "ok": True, "text": text})
    good = all(one["ok"] for one in told)
    if args.json:
        return json.dumps({"ok": good, "files": told}, ensure_ascii=False), good
    return "\n".join(str(one["text"]) for one in told) or "no packs", good


ON_FILES: Mapping[str, Callable[[argparse.Namespace], tuple[str, bool]]] = {
    "keygen": _keygen,
    "sign": _sign,
    "verify": _verify,
}
