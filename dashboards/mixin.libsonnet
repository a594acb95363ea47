// The committed files for those who work with jsonnet; nothing is made here, a test compares them.
{
  grafanaDashboards+:: {
    'tramgac-province-en.json': import 'grafana/en/tramgac-province-en.json',
    'tramgac-facility-en.json': import 'grafana/en/tramgac-facility-en.json',
    'tramgac-server-en.json': import 'grafana/en/tramgac-server-en.json',
    'tramgac-lan-en.json': import 'grafana/en/tramgac-lan-en.json',
    'tramgac-backups-en.json': import 'grafana/en/tramgac-backups-en.json',
    'tramgac-regulations-en.json': import 'grafana/en/tramgac-regulations-en.json',
    'tramgac-power-en.json': import 'grafana/en/tramgac-power-en.json',
    'tramgac-fleet-en.json': import 'grafana/en/tramgac-fleet-en.json',
    'tramgac-collector-en.json': import 'grafana/en/tramgac-collector-en.json',
    'tramgac-province-vi.json': import 'grafana/vi/tramgac-province-vi.json',
    'tramgac-facility-vi.json': import 'grafana/vi/tramgac-facility-vi.json',
    'tramgac-server-vi.json': import 'grafana/vi/tramgac-server-vi.json',
    'tramgac-lan-vi.json': import 'grafana/vi/tramgac-lan-vi.json',
    'tramgac-backups-vi.json': import 'grafana/vi/tramgac-backups-vi.json',
    'tramgac-regulations-vi.json': import 'grafana/vi/tramgac-regulations-vi.json',
    'tramgac-power-vi.json': import 'grafana/vi/tramgac-power-vi.json',
    'tramgac-fleet-vi.json': import 'grafana/vi/tramgac-fleet-vi.json',
    'tramgac-collector-vi.json': import 'grafana/vi/tramgac-collector-vi.json',
  },
  prometheusAlerts+:: {
    groups+:
      std.parseYaml(importstr 'alerts/tramgac-centre.yml').groups
      + std.parseYaml(importstr 'alerts/tramgac-hospitals.yml').groups,
  },
  prometheusRules+:: {
    groups+: std.parseYaml(importstr 'rules/tramgac.yml').groups,
  },
}
