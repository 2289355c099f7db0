"""`pytest hil` collects the stories of the suite; `relance-hil run` gives it a bench."""

from hil.stories.as_tests import (
    pytest_addoption,
    pytest_collect_file,
    pytest_collection_modifyitems,
    pytest_unconfigure,
)

__all__ = ["pytest_addoption", "pytest_collect_file", "pytest_collection_modifyitems", "pytest_unconfigure"]
