"""The databases of the controller's tests."""

from tests.controller.conftest import postgresql_server

__all__ = ["postgresql_server"]
