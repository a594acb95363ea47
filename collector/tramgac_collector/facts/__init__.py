"""Facts: what verdicts and rules read, and nothing else."""
