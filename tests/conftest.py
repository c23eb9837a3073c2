"""What several files of tests share, and which tests belong to which part of the suite."""

import jaxtyping
import pytest

from bookkit import annotations

annotations.execute()  # before anything imports the package

from bookkit.site import build  # noqa: E402

# Fixtures that need the built website; their tests belong to the part `site`.
OF_THE_SITE = {"site", "browser"}


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


@pytest.fixture(autouse=True)
def annotations_are_executed(request):
    """Check arguments and results against annotations, except where a test passes wrong ones.

    Those are the tests named test_bad_..., and those that are marked.
    """
    wrong = (request.node.name.startswith("test_bad_")
             or request.node.get_closest_marker("wrong_types") is not None)
    jaxtyping.config.update("jaxtyping_disable", wrong)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
