"""``make dashboards-render``: draws the dashboards with Grafana's own parts on real answers."""
