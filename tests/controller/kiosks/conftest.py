"""What is stored is tested on each database."""

import pytest
from sqlalchemy import Engine


@pytest.fixture
def engine(any_store: Engine) -> Engine:
    return any_store
