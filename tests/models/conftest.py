from pathlib import Path

import pytest

from tests.models.stores import Owner, owner


@pytest.fixture
def mine(tmp_path: Path) -> Owner:
    """Who owns the store of a test, with the key that is trusted."""
    return owner(tmp_path / "workstation")
