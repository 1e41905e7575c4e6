"""The plugin's own tests reach no network."""

import pytest


@pytest.fixture(autouse=True)
def _offline(lev_no_network: None) -> None:
    """For every test here."""
