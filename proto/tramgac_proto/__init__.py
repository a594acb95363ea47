"""What agent and collector share: the wire, the catalogue, bounds, and how both read files."""

__version__ = "0.1.0"
