"""The contract's requests and answers in vLLM's terms; nothing here imports vLLM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skyhook.function import FunctionError
from skyhook_functions.chat.messages import Sampling
from skyhook_functions.chat.stream import Tokens

if TYPE_CHECKING:
    from vllm import RequestOutput

FINISH_REASONS = {None: None, "stop": "stop", "length": "length"}


def sampling_parameters(sampling: Sampling, eos: frozenset[int]) -> dict[str, Any]:
    """The arguments of vLLM's `SamplingParams`.

    vLLM makes no text: stop strings, special tokens and tool calls are read from the tokens by the same code
    as for every engine.
    """
    return {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        # vLLM takes -1 for none.
        "seed": None if sampling.seed is None else sampling.seed % 2**63,
        "stop_token_ids": sorted(eos),
        "detokenize": False,
    }


def tokens_of(output: RequestOutput) -> Tokens:
    """What an output adds to the answer. Raises ENGINE_STOPPED where the engine gave the request up."""
    (one,) = output.outputs
    if one.finish_reason not in FINISH_REASONS:
        raise stopped()
    return Tokens(list(one.token_ids), FINISH_REASONS[one.finish_reason], output.num_cached_tokens or 0)


def stopped() -> FunctionError:
    """The engine ended before the answer did."""
    return FunctionError("ENGINE_STOPPED", "vLLM's engine ended during the call. Try again.", retryable=True)
