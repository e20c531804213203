"""Hooks of the whole test run."""

from hypothesis import HealthCheck, settings

from tests.integration.session import (
    pytest_configure,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_unconfigure,
)

__all__ = ["pytest_configure", "pytest_sessionfinish", "pytest_terminal_summary", "pytest_unconfigure"]

# Speed is measured by benchmarks; a test that is slow on a busy machine has not failed.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
