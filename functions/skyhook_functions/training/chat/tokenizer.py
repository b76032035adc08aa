"""The tokenizer, the chat template, and the encoding of a conversation with the tokens to learn marked.

The tokenizer is a byte-level BPE made for copying: digits stand alone, and a word has the same tokens wherever
it stands. Only the most frequent words of the training data carry the space before them, to keep texts short.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from skyhook_functions.training.chat.conversation import Conversation, Message, Tool
from skyhook_functions.training.chat.data import conversation

VOCABULARY = 2048
CONTEXT = 1024
SPACED_WORDS = 450
PAD, SYSTEM, TOOLS, USER, ASSISTANT, TOOL, END = SPECIAL = (
    "<|pad|>", "<|system|>", "<|tools|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|end|>",
)  # fmt: skip
CALL, CALL_END = "<tool_call>", "</tool_call>"
JSON_JOINTS = (
    '": {"', '": "', '":"', '", "', '","', '"}}', '"}', '{"', '": ', '":', ', "', ',"', "}}",
)  # fmt: skip
TEMPLATE = """\
{%- if messages and messages[0].role == 'system' -%}
<|system|>{{ messages[0].content }}<|end|>
{%- set messages = messages[1:] -%}
{%- endif -%}
{%- if tools -%}
<|tools|>
{%- for tool in tools -%}
{%- set f = tool.function if tool.function is defined else tool -%}
{%- set p = f.parameters if f.parameters is defined and f.parameters else {} -%}
{%- if not loop.first %}{{ '\\n' }}{% endif -%}
{{ f.name }}(
{%- for name, schema in (p.properties if p.properties is defined else {}).items() -%}
{%- if not loop.first %}, {% endif -%}
{{ name }}{% if name not in (p.required if p.required is defined else []) %}?{% endif %}: {{ schema.type if schema.type is string else 'string' }}
{%- endfor -%}
) {{ f.description if f.description is defined else '' }}
{%- endfor -%}
<|end|>
{%- endif -%}
{%- for message in messages -%}
<|{{ message.role }}|>
{%- if message.tool_calls is defined and message.tool_calls -%}
{{ message.content or '' }}
{%- for call in message.tool_calls -%}
{%- set f = call.function if call.function is defined else call -%}
<tool_call>{"name": {{ f.name | tojson }}, "arguments": {{ f.arguments if f.arguments is string else f.arguments | tojson }}}</tool_call>
{%- endfor -%}
{%- elif message.content is string -%}
{{ message.content }}
{%- else -%}
{%- for part in message.content or [] -%}{{ part.text if part.text is defined else '' }}{%- endfor -%}
{%- endif -%}
<|end|>
{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}
"""


def tool_line(tool: Tool) -> str:
    """One tool as the template lists it: `name(parameter: type, optional?: type) description`."""
    function = tool["function"]
    schema: dict[str, Any] = function.get("parameters") or {}
    required = schema.get("required", [])
    listed = (
        f"{name}{'' if name in required else '?'}: {one['type']}"
        for name, one in schema.get("properties", {}).items()
    )
    return f"{function['name']}({', '.join(listed)}) {function.get('description', '')}"


def message_text(message: Message) -> str:
    """The content of a message as the template writes it."""
    text: str = message["content"]
    for call in message.get("tool_calls", ()):
        text += f"{CALL}{json.dumps(call['function'], ensure_ascii=False)}{CALL_END}"
    return text


def segments(example: Conversation) -> Iterator[tuple[str, bool]]:
    """The pieces of the rendered conversation, each with whether the model is to learn it."""
    messages = example.messages
    if messages[0]["role"] == "system":
        yield f"{SYSTEM}{messages[0]['content']}{END}", False
        messages = messages[1:]
    if example.tools:
        listing = "\n".join(tool_line(tool) for tool in example.tools)
        yield f"{TOOLS}{listing}{END}", False
    for message in messages:
        learned = message["role"] == "assistant"
        yield f"<|{message['role']}|>", False
        yield f"{message_text(message)}{END}", learned


def render(example: Conversation) -> str:
    """The rendered conversation; equal to what the chat template gives."""
    return "".join(text for text, _ in segments(example))


def encode(tokenizer: Tokenizer, example: Conversation) -> tuple[list[int], list[float]]:
    """Token ids of a conversation and the weight of each in the loss; cut to the context length.

    A token of an answer of n tokens weighs 1/sqrt(n), others nothing: else short answers, such as numbers, count too little.
    """
    ids: list[int] = []
    weights: list[float] = []
    for text, learn in segments(example):
        piece = tokenizer.encode(text, add_special_tokens=False).ids
        ids += piece
        weights += [len(piece) ** -0.5 if learn else 0.0] * len(piece)
    return ids[:CONTEXT], weights[:CONTEXT]


def split_pattern(words: list[str]) -> str:
    """Regular expression of the pieces that BPE may not merge across."""
    joints = "|".join(re.escape(joint) for joint in JSON_JOINTS)
    return rf"{joints}| (?:{'|'.join(words)})(?![\p{{L}}\p{{N}}_@])|\p{{L}}+|\p{{N}}|\s|[^\s\p{{L}}\p{{N}}]"


def train_tokenizer(seed: int, examples: int) -> Tokenizer:
    """A tokenizer for the first `examples` conversations of the training stream."""
    texts = ["".join(text for text, _ in segments(conversation(seed, index))) for index in range(examples)]
    texts = [re.sub(r"<\|\w+\|>|</?tool_call>", "\n", text) for text in texts]
    counts = Counter(
        match.group(1) for text in texts for match in re.finditer(r" ([A-Za-z]+)(?![\w@])", text)
    )
    words = [word for word, _ in counts.most_common(SPACED_WORDS)]
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(split_pattern(words)), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    tokenizer.decoder = decoders.ByteLevel()
    added = [AddedToken(text, special=True, normalized=False) for text in SPECIAL]
    trainer = BpeTrainer(
        vocab_size=VOCABULARY - 2,
        special_tokens=added,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in (CALL, CALL_END)])
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the tokenizer with its chat template in the format of transformers."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, model_max_length=CONTEXT, chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False, padding_side="left",
    )  # fmt: skip
    fast.save_pretrained(folder)
