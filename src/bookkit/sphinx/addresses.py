"""The addresses of the repository and of the website, as the build is told.

``REPOSITORY_URL`` and ``SITE_URL`` in the environment take the place of what ``_config.yml``
says, in the buttons and in all texts, so that a fork's workflow publishes a site whose links
lead to the fork. A host other than GitHub gets the buttons that work there.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlparse

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

from bookkit.repository import GITHUB, normal, rewritten, website

KNOWN = ("github.com", "gitlab.com", "bitbucket.org")


def told(config: Config) -> tuple[str, str]:
    """The addresses of the repository and of the website for this build.

    Raises:
        ConfigError: What the environment says is no address, or there is no website.
    """
    url, site = config.html_theme_options["repository_url"], config.html_baseurl
    try:
        new = normal(os.environ.get("REPOSITORY_URL") or url)
    except ValueError as error:
        raise ConfigError(f"REPOSITORY_URL: {error}") from None
    own = site if new == url else website(new)
    found = os.environ.get("SITE_URL") or own
    if not found:
        raise ConfigError(f"{new} is not on GitHub: SITE_URL has to say where the website is")
    return new, found.rstrip("/") + "/"


def set_addresses(app: Sphinx, config: Config) -> None:
    """Set the addresses before anything reads them."""
    theme = config.html_theme_options
    config.addresses_before = theme["repository_url"], config.html_baseurl
    config.addresses_now = told(config)
    theme["repository_url"], config.html_baseurl = config.addresses_now
    config.ogp_site_url = config.html_baseurl
    host = urlparse(theme["repository_url"]).netloc
    if not theme["repository_url"].startswith(GITHUB):
        theme["launch_buttons"].pop("colab_url", None)
    if host not in KNOWN:
        theme["repository_provider"] = "gitlab"  # chooses an icon and the form of links
    if host not in KNOWN[:2]:
        theme["use_issues_button"] = False


def rewrite(app: Sphinx, docname: str, source: list[str]) -> None:
    """Name the addresses of this build in a page's text."""
    source[0] = rewritten(source[0], app.config.addresses_before, app.config.addresses_now)


def setup(app: Sphinx) -> dict[str, Any]:
    """Set the addresses as soon as the configuration is read, and rewrite each page."""
    app.add_config_value("addresses_before", None, "env")
    app.add_config_value("addresses_now", None, "env")
    app.connect("config-inited", set_addresses, priority=100)
    app.connect("source-read", rewrite)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
