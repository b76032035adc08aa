"""The key-value cache of a batch of streams of different lengths, and the attention mask that fits it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.cache_utils import Cache, DynamicCache
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import causal_mask_function

ATTENTION = "skyhook_batch"
"""The attention implementation that a model must be loaded with."""

LayerStates: TypeAlias = tuple[Tensor, Tensor]
"""Keys and values of one stream in one layer, each [tokens, heads, dimension]."""

SMALLEST_COLUMNS = 64
KEPT_WHEN_IDLE = 64 * 2**20


class BatchCache(Cache):  # type: ignore[misc]  # transformers is not typed
    """One buffer [rows, columns, heads, dimension] for the keys of each layer, and one for its values.

    A stream owns a row, and its token at position p lies in column p. So streams join, leave and grow
    without a copy of the others, and any mask that a model defines over positions holds over columns.
    Each forward pass works on the rows and columns that `open_window` chose.
    """

    def __init__(self, probe: DynamicCache) -> None:
        """`probe` is the cache that a forward pass of the model filled: it shows the shapes of its layers."""
        super().__init__(layers=list(probe.layers))
        self._keys = [_empty_buffer(layer.keys) for layer in probe.layers]
        self._values = [_empty_buffer(layer.values) for layer in probe.layers]
        self.token_bytes: int = sum(b[0, 0].nbytes for b in _ones(self._keys + self._values))
        """What one token of one stream takes, in bytes."""

    @property
    def rows(self) -> int:
        """Rows that there is room for."""
        return int(self._keys[0].shape[0])

    @property
    def columns(self) -> int:
        """Columns that there is room for in each row."""
        return int(self._keys[0].shape[1])

    @property
    def nbytes(self) -> int:
        """Size of the buffers in bytes."""
        return self.rows * self.columns * self.token_bytes

    def reserve(self, rows: int, columns: int, most_columns: int) -> None:
        """Makes room for the first `rows` rows and `columns` columns; all others are lost.

        Sizes are powers of two, so that growing costs little; columns beyond `most_columns` only if needed.
        """
        new_rows = 1 << (rows - 1).bit_length()
        new_columns = max(columns, min(most_columns, max(SMALLEST_COLUMNS, 1 << (columns - 1).bit_length())))
        kept = (slice(0, min(rows, self.rows)), slice(0, min(columns, self.columns)))
        for buffers in (self._keys, self._values):
            for index, buffer in enumerate(buffers):
                # Zeros and not empty: a masked column must still be a finite number.
                larger = buffer.new_zeros(new_rows, new_columns, *buffer.shape[2:])
                larger[kept] = buffer[kept]
                buffers[index] = larger

    def release(self, *, everything: bool = False) -> None:
        """Gives large buffers back while no stream is in the batch."""
        if everything or self.nbytes > KEPT_WHEN_IDLE:
            self._keys = [buffer.new_zeros(0, 0, *buffer.shape[2:]) for buffer in self._keys]
            self._values = [buffer.new_zeros(0, 0, *buffer.shape[2:]) for buffer in self._values]

    def open_window(self, first: int, starts: Tensor, queries: int, columns: int) -> None:
        """Chooses what the next forward pass reads and writes.

        It has one row of `queries` tokens for each of `starts` ([rows], the position of the row's first
        new token), from buffer row `first` on, and attends to the first `columns` columns.
        """
        count = starts.shape[0]
        self._window = (slice(first, first + count), slice(0, columns))
        self._window_columns = columns
        self._queries = queries
        self._starts = starts
        cells = torch.arange(first, first + count) * self.columns + starts
        if queries > 1:
            cells = (cells[:, None] + torch.arange(queries)).flatten()
        self._cells = cells

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Writes new states ([rows, heads, queries, dimension]); returns the window's ([.., columns, ..])."""
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        keys.flatten(0, 1).index_copy_(0, self._cells, key_states.transpose(1, 2).flatten(0, 1))
        values.flatten(0, 1).index_copy_(0, self._cells, value_states.transpose(1, 2).flatten(0, 1))
        return keys[self._window].transpose(1, 2), values[self._window].transpose(1, 2)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Columns before the window's newest tokens."""
        return self._window_columns - self._queries

    def get_query_offset(self, layer_idx: int = 0) -> Tensor:
        """Position of each row's first query, [rows]."""
        return self._starts

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """Columns of the mask and the position of the first."""
        return self._window_columns, 0

    @property
    def is_sliding(self) -> list[bool]:
        """No layer drops old tokens; sliding windows are a matter of the mask."""
        return [False] * len(self._keys)

    def move(self, source: int, target: int, length: int) -> None:
        """Copies the first `length` columns of a row over another row."""
        for buffer in self._keys + self._values:
            buffer[target, :length] = buffer[source, :length]

    def swap(self, one: int, one_length: int, other: int, other_length: int) -> None:
        """Exchanges two rows of the given lengths."""
        kept = self.read(one, one_length)
        self.move(other, one, other_length)
        self.write(other, kept, one_length)

    def read(self, row: int, length: int) -> list[LayerStates]:
        """A copy of a row's first `length` columns."""
        return [
            (keys[row, :length].clone(), values[row, :length].clone())
            for keys, values in zip(self._keys, self._values, strict=True)
        ]

    def write(self, row: int, states: list[LayerStates], length: int) -> None:
        """Puts the first `length` tokens of `states` into a row."""
        for index, (keys, values) in enumerate(states):
            self._keys[index][row, :length] = keys[:length]
            self._values[index][row, :length] = values[:length]


def _empty_buffer(states: Tensor) -> Tensor:
    _, heads, _, dimension = states.shape
    return states.new_zeros(0, 0, heads, dimension)


def _ones(buffers: list[Tensor]) -> list[Tensor]:
    return [buffer.new_zeros(1, 1, *buffer.shape[2:]) for buffer in buffers]


def _batch_mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    q_offset: int | Tensor = 0,
    mask_function: Callable[..., Tensor] = causal_mask_function,
    dtype: torch.dtype = torch.float32,
    **kwargs: Any,
) -> Tensor | None:
    """The additive mask [batch, 1, queries, columns] where each row's queries start at a position of its own.

    `q_offset` is a tensor [batch] when it comes from a BatchCache. None stands for the plain causal mask.
    """
    plain = mask_function is causal_mask_function
    if plain and (q_length == kv_length or (q_length == 1 and batch_size == 1)):
        return None
    starts = torch.as_tensor(q_offset).expand(batch_size)
    queries = starts[:, None, None, None] + torch.arange(q_length)[None, None, :, None]
    columns = torch.arange(kv_length)[None, None, None, :]
    rows = torch.arange(batch_size)[:, None, None, None]
    visible = mask_function(rows, torch.zeros_like(rows), queries, columns)
    return torch.zeros(visible.shape, dtype=dtype).masked_fill_(~visible, float("-inf"))


AttentionInterface.register(ATTENTION, sdpa_attention_forward)
AttentionMaskInterface.register(ATTENTION, _batch_mask)
