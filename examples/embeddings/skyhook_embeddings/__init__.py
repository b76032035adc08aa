"""The plugin embeddings: texts as vectors, and a search by meaning."""

from embeddings_functions import Embedder

from skyhook.plugin import Example, Meter, Operation, Plugin, Scope
from skyhook_embeddings.pages import TEXTS
from skyhook_embeddings.schema import TOKENS, USE, EmbeddingsMutation
from skyhook_embeddings.tables import Base

EMBED = Example(
    slug="embed",
    title="A text as a vector",
    description="384 numbers; texts that mean the same have vectors that are near each other.",
    document="mutation Embed($texts: [String!]!) { embeddingsEmbed(texts: $texts) { dimensions vectors } }",
    variables={"texts": ["The refund is paid within five days."]},
)

plugin = Plugin(
    name="embeddings",
    version="0.1.0",
    title="Embeddings",
    description="Texts as vectors, and a search by meaning.",
    mutation=EmbeddingsMutation,
    operations=(
        Operation("embeddingsEmbed", scope=USE, meters=(TOKENS,)),
        Operation("embeddingsAdd", scope=USE, meters=(TOKENS,)),
        Operation("embeddingsSearch", scope=USE, meters=(TOKENS,)),
    ),
    functions=(Embedder,),
    meters=(Meter(TOKENS, "Tokens of embedded texts", unit="token", price=20),),
    scopes=(Scope(USE, "Embed, keep and search texts"),),
    playground=(EMBED,),
    pages=(TEXTS,),
    tables=Base.metadata,
    migrations="skyhook_embeddings:migrations",
)
