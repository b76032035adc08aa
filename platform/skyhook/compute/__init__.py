"""Runs functions: the local backend's worker processes, and the interface that every backend has.

Nothing is imported here, since a worker process imports this package in an environment that has
nothing but msgspec and what its function needs.
"""
