"""The machinery that makes, checks and hands out the book *Infinite Width*.

Readers never need it: chapters import `infinite_width`, which never imports this package. Every
``make`` target is a short entry of it, ``python -m bookkit COMMAND``.

What the commands share: `chapters` says where things are, `runner` runs notebooks, `cards` reads
what claims, exercises and numbers left in their outputs, `rules` holds notebooks to the rules of
style, `comparison` says whether a fresh run agrees with the stored one, `site` builds the
website, serves it and opens it in a browser. `sphinx` has the extensions of the website,
`editions` makes the Colab, student and instructor notebooks.
"""
