"""One module a command; the table is in ``__main__``."""
