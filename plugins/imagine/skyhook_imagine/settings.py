"""What an operator can set."""

from typing import Annotated

from msgspec import Meta, Struct


class ImagineSettings(Struct, frozen=True):
    """Of the plugin."""

    blocked_words: Annotated[
        tuple[str, ...],
        Meta(
            description="Words and phrases that no prompt may have, whole and in any case.", max_length=1000
        ),
    ] = ()
    policy: Annotated[
        str,
        Meta(
            description="An object that is asked about each prompt in place of the blocked words, as "
            "package.module:name; it must be importable on every server.",
            pattern=r"^([A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*)?$",
        ),
    ] = ""
