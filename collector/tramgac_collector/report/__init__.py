"""The two-week report: figures as known at a moment, frozen, printed in either language."""
