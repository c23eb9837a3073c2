"""What several files of tests share, and which tests belong to which part of the suite."""

import os

import jaxtyping
import pytest

from bookkit import annotations

annotations.execute()  # before anything imports the package

from bookkit import site as website  # noqa: E402

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
    status, _, folder = website.build()
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


@pytest.fixture(scope="module")
def browser():
    """A headless browser, closed with the module: its loop must not run under other tests."""
    executable = website.chromium()
    if executable is None:
        message = website.NO_CHROMIUM
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    with website.browser(executable) as running:
        yield running


@pytest.fixture(scope="module")
def address(site):
    """Where the website is served."""
    with website.serve(site) as where:
        yield where
