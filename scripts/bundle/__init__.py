"""One signed archive with which hospitals without internet install and upgrade (docs/bundle.md)."""
