"""The website's own Sphinx extensions, one concern each; ``_config.yml`` lists them."""
