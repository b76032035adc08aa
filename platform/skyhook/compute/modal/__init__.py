"""The backend on Modal: the app that is deployed there, what runs in its containers, and calls of it.

Nothing is imported here: `modal` is an optional dependency, and a container has nothing but what its
function needs.
"""
