"""The Colab, student and instructor notebooks, made from the pages that Sphinx has resolved.

`extension` is what Sphinx calls: it takes a page apart with `plain_markdown` (blocks) and
`markdown_lines` (what stands in a line), puts it together with the chapter's code in `notebooks`,
and lets the website's buttons lead there. `origin` knows the commit that an edition installs,
`binder` writes what Binder needs, `rules` says what must not be seen in an edition.
"""
