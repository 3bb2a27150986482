"""Fixtures for pytest: signet, one service for the run, and device, a phone for each test."""

import pytest

from . import serve


@pytest.fixture(scope="session")
def signet():
    """The service."""
    with serve() as running:
        yield running


@pytest.fixture
def device(signet):
    """A phone whose passkeys are those of this test alone."""
    phone = signet.device(profile="phone")
    yield phone
    phone.close()
