"""What should exist: the only source of facilities, hosts, systems and datasets."""
