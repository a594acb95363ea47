"""The pins in `requirements/`: every target is served, and both programs share what they share."""

from pathlib import Path

import pytest
from bundle.pins import Pin, read
from bundle.problem import BundleError
from bundle.targets import ARCHS, PYTHONS, Target, parse, tags_of

PINNED = Path(__file__).parents[2] / "requirements"
TARGETS = [Target(python, arch) for python in PYTHONS for arch in ARCHS]


def wanted(name: str, target: Target) -> dict[str, Pin]:
    """Pins by package; two of one package would stop pip."""
    found = [pin for pin in read(PINNED / f"{name}.txt") if pin.wanted_on(target)]
    assert len({pin.name for pin in found}) == len(found)
    return {pin.name: pin for pin in found}


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_agent_and_collector_share_versions(target: Target) -> None:
    """What both need is the same release, so that both fit on one machine."""
    agent = wanted("agent", target)
    collector = wanted("collector", target) if "collector" in target.extras else {}

    assert {"grpcio", "cryptography", "msgspec"} <= set(agent)
    assert not {"colorama", "tzdata"} & set(agent)
    for name in set(agent) & set(collector):
        assert agent[name].version == collector[name].version, name


def test_a_target_has_its_own_tags_only() -> None:
    """Another Python, machine, C library or a debug build does not fit; the newest tag is best."""
    ranks = {str(tag): rank for tag, rank in tags_of(parse("cp311-aarch64")).items()}

    assert ranks["cp311-cp311-manylinux_2_34_aarch64"] < ranks["cp311-cp311-manylinux2014_aarch64"]
    assert ranks["cp311-cp311-manylinux2014_aarch64"] < ranks["cp310-abi3-manylinux2014_aarch64"]
    assert "py3-none-any" in ranks
    for foreign in (
        "cp312-cp312-manylinux2014_aarch64",
        "cp311-cp311-manylinux2014_x86_64",
        "cp311-cp311-manylinux_2_35_aarch64",
        "cp311-cp311-musllinux_1_2_aarch64",
        "cp311-cp311d-manylinux2014_aarch64",
    ):
        assert foreign not in ranks


@pytest.mark.parametrize("text", ["cp39-x86_64", "cp314-x86_64", "cp311-riscv64", "py311", "../x"])
def test_other_targets_are_refused(text: str) -> None:
    """With the name, and how one is written."""
    with pytest.raises(BundleError, match="cp311-x86_64"):
        parse(text)


@pytest.mark.parametrize("line", ["plain==1.0", "plain>=1.0 --hash=sha256:00", "-r other.txt"])
def test_a_line_without_version_or_hash_is_refused(tmp_path: Path, line: str) -> None:
    """Nothing comes into a bundle that was not pinned by its content."""
    (tmp_path / "agent.txt").write_text(f"{line}\n")

    with pytest.raises(BundleError, match=r"agent\.txt"):
        read(tmp_path / "agent.txt")
