"""The collector's own backup: store and keys in one encrypted file."""
