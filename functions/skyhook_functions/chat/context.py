"""Whether a prompt and its answer fit a model's context."""

from __future__ import annotations

from msgspec.structs import replace

from skyhook.function import FunctionError
from skyhook_functions.chat.messages import Sampling


def fit(sampling: Sampling, prompt_tokens: int, context_tokens: int) -> Sampling:
    """The sampling with as many tokens as may be made, where it lets them be cut. Raises CONTEXT_EXCEEDED."""
    if sampling.fits_context:
        left = max(1, context_tokens - prompt_tokens)
        sampling = replace(sampling, max_tokens=min(sampling.max_tokens, left))
    wanted = prompt_tokens + sampling.max_tokens
    if wanted > context_tokens:
        raise FunctionError(
            "CONTEXT_EXCEEDED",
            f"The prompt has {prompt_tokens} tokens and max_tokens is {sampling.max_tokens}, together "
            f"{wanted}: the model's context is {context_tokens}.",
        )
    return sampling
