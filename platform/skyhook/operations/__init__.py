"""The way of a call: caller, admission, run, settlement, answer."""
