"""What a person at the terminal can mend."""


class BundleError(Exception):
    """The bundle cannot be made, or is not what it says; the text names the thing and the way."""
