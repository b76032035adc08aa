"""What an operator can set."""

from typing import Annotated

from msgspec import Meta, Struct


class MacrohardSettings(Struct, frozen=True):
    """Of the plugin."""

    allow_private: Annotated[
        bool,
        Meta(
            title="Allow private addresses",
            description="Whether browsers may go to addresses of this machine and of private networks. "
            "Link-local addresses, where clouds keep their metadata, are refused all the same.",
        ),
    ] = False
