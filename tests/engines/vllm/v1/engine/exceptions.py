"""What an engine ends in."""


class EngineDeadError(Exception):
    pass
