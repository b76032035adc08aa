"""Conformance: whether a plugin keeps the contract, told check by check (`skyhook plugins check`)."""
