"""Tiny random checkpoints with a real tokenizer, shared by the tests of the chat functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from skyhook_functions.chat.local import ChatModel
from skyhook_functions.chat.messages import GenerateRequest, Message, Sampling, Tool

torch.set_num_threads(1)  # such small models only wait for a second thread

CONTEXT = 256
VOCABULARY = 400
CORPUS = [
    "The sky is blue and the hook is small. Streams join and leave between two steps of the batch.",
    "Grüße aus Köln: naïve café, 你好世界, 🌍🚀 emoji, déjà vu.",
    '<tool_call>{"name": "weather", "arguments": {"city": "Paris"}}</tool_call>',
]
TEMPLATE = """{%- if tools %}<|start|>tools
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|end|>
{% endif %}
{%- for message in messages %}<|start|>{{ message.role }}
{{ message.content }}
{%- for call in message.tool_calls or [] %}
<tool_call>{{ call.function | tojson }}</tool_call>
{%- endfor %}<|end|>
{% endfor %}
{%- if add_generation_prompt %}<|start|>assistant
{% endif %}"""

SHAPE = {"vocab_size": VOCABULARY, "bos_token_id": None, "eos_token_id": 1, "initializer_range": 0.5}
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
ARCHITECTURES: dict[str, PreTrainedConfig] = {
    "llama": LlamaConfig(**SHAPE, **SIZES, max_position_embeddings=CONTEXT),
    "qwen2": Qwen2Config(**SHAPE, **SIZES, num_key_value_heads=2, max_position_embeddings=CONTEXT),
    "mistral": MistralConfig(
        **SHAPE, **SIZES, num_key_value_heads=2, sliding_window=16, max_position_embeddings=CONTEXT
    ),
    "gpt2": GPT2Config(**SHAPE, n_embd=32, n_layer=2, n_head=4, n_positions=CONTEXT),
}


Ask: TypeAlias = Callable[..., GenerateRequest]


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer trained on the corpus."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|start|>", "<|end|>", "<tool_call>", "</tool_call>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(CORPUS, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|end|>")
    fast.chat_template = TEMPLATE
    return fast


@pytest.fixture(scope="session")
def checkpoints(
    tmp_path_factory: pytest.TempPathFactory, tokenizer: PreTrainedTokenizerFast
) -> dict[str, Path]:
    """The folder of a tiny checkpoint of each architecture."""
    folders: dict[str, Path] = {}
    for name, config in ARCHITECTURES.items():
        torch.manual_seed(1)
        folders[name] = tmp_path_factory.mktemp(name)
        AutoModelForCausalLM.from_config(config).save_pretrained(folders[name])
        tokenizer.save_pretrained(folders[name])
    return folders


@pytest.fixture(scope="session")
def llama(checkpoints: dict[str, Path]) -> Path:
    return checkpoints["llama"]


@pytest.fixture(scope="session")
def chat() -> ChatModel:
    model = ChatModel()
    model.load()
    return model


@pytest.fixture(scope="session")
def ask(llama: Path) -> Ask:
    """Makes a request of one user message, greedy unless told otherwise."""

    def make(
        text: str = "The sky",
        *,
        folder: Path = llama,
        tools: list[Tool] | None = None,
        cache_salt: str = "",
        max_tokens: int = 40,
        temperature: float = 0.0,
        top_p: float = 1.0,
        stop: list[str] | None = None,
        seed: int | None = None,
    ) -> GenerateRequest:
        sampling = Sampling(max_tokens, temperature, top_p, stop or [], seed)
        return GenerateRequest(str(folder), [Message("user", text)], tools or [], sampling, cache_salt)

    return make
