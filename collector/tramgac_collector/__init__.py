"""The collector: stores evidence once, turns it into facts and shows it to Prometheus."""
