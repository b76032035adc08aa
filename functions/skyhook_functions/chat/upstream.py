from __future__ import annotations
from collections.abc import Iterator
from skyhook.function import function
from skyhook_functions.chat.messages import Completion, Delta, UpstreamRequest
@function(requirements=("openai>=3",))
class UpstreamChat:
    def generate(self, request: UpstreamRequest) -> Iterator[Delta]: ...
    def complete(self, request: UpstreamRequest) -> Completion: ...
