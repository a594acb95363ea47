"""Makes every Grafana dashboard from one source in two languages; nothing of it runs at a site."""
