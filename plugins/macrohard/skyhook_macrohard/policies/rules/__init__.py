"""The plugin's own rules: they solve plain goals without a model, and say so where a goal is beyond them."""

from skyhook_macrohard.policies.rules.deciding import RulesPolicy

__all__ = ["RulesPolicy"]
