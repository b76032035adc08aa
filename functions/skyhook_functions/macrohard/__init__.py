"""Functions of the macrohard plugin: a browser, one for each task."""
