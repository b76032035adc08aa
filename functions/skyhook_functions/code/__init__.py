"""Functions of the plugin `code`: programs run in a sandbox."""
