"""Inventories of made-up hospitals, all alike."""


def hospitals(
    count: int,
    hosts: int = 1,
    *,
    systems: str = "",
    datasets: bool = False,
    provider: bool = False,
    lines_to: str = "",
) -> str:
    """An inventory of ``bv-1`` to ``bv-N``, each with the site ``main`` and hosts ``h1`` to ``hN``.

    Args:
        count: How many.
        hosts: At each.
        systems: Where ``his`` runs: ``own`` on h1, asked by the last host; ``cloud`` at a provider.
        datasets: Whether ``bv-N/h1/db@nas`` is declared, RPO 26 h.
        provider: Whether the provider ``cloud`` is declared.
        lines_to: Numbers of those on the carrier's line ``ring``, like ``1 2 3``.
    """
    lines = ["providers: [{id: cloud}]"] if provider or lines_to or systems == "cloud" else []
    if lines_to:
        sites = ", ".join(f"bv-{number}/main" for number in lines_to.split())
        lines.append(f"links: [{{id: ring, carrier: cloud, sites: [{sites}]}}]")
    lines.append("facilities:")
    machines = ", ".join(f"{{id: h{number}}}" for number in range(1, hosts + 1))
    where = {
        "own": f"host: h1, probed_by: h{hosts}",
        "cloud": "provider: cloud, probed_by: h1",
    }.get(systems)
    for number in range(1, count + 1):
        lines.append(f'- {{id: bv-{number}, code: "{number}",')
        lines.append(f"   sites: [{{id: main, hosts: [{machines}]}}],")
        if where:
            probe = 'probes: [{url: "http://his.example/"}]'
            lines.append(f"   systems: [{{id: his, kind: his, {where}, {probe}}}],")
        if datasets:
            base = "id: db, host: h1, rpo_hours: 26, proof: {check: 0, data: 0, sample: 0}"
            lines.append(f"   datasets: [{{{base}, destinations: [{{id: nas, kind: nas}}]}}],")
        lines.append("  }")
    return "\n".join(lines)
