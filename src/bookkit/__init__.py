"""The machinery that makes, checks and hands out the book *Infinite Width*.

Readers never need it: chapters import `infinite_width`, which never imports this package. Every
``make`` target is a short entry of it; ``python -m bookkit`` lists the commands, and each is a
module of its name.

What the commands share: `chapters` says where things are, `runner` runs notebooks, `cards` reads
what claims, exercises and numbers left in their outputs, `comparison` says whether a fresh run
agrees with the stored one, `first_cell` is the one source of the cell that installs the package,
`site` builds the website, serves it and opens it in a browser, `environments` makes Pythons with
other versions than ours. `sphinx` has the extensions of the website, `editions` makes the Colab,
student and instructor notebooks, `course` and `prerequisite_graph` are behind the plans for
teachers.
"""
