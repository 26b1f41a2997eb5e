"""Keys, a trust store and reports as the verbs make them."""

from tests.cli.conftest import lab, received, tool
from tests.cli.test_audit_verb import bundle, ready

__all__ = ["bundle", "lab", "ready", "received", "tool"]  # fixtures
