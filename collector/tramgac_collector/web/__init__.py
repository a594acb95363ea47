"""The plain page: which facilities and agents report, in Vietnamese and English."""
