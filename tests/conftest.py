"""What holds for every test."""

from hypothesis import HealthCheck, settings

# Several tests share two cores: slow examples say nothing of the code.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
