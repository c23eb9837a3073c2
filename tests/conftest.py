"""What several files of tests share, and which tests belong to which part of the suite."""

import pytest

from bookkit.site import build

# Fixtures that need the built website; their tests belong to the part `site`.
OF_THE_SITE = {"site", "browser", "address", "bad_address"}


def pytest_collection_modifyitems(items):
    """Mark tests that need the website; the other markers stand beside their tests."""
    for item in items:
        if OF_THE_SITE & set(getattr(item, "fixturenames", ())):
            item.add_marker("site")


@pytest.fixture(scope="session")
def site():
    """The folder of the website, built once for all tests that look at it."""
    status, _, folder = build()
    if status:
        pytest.fail("the site does not build: tests/test_site.py says why", pytrace=False)
    return folder
