"""How the core's parts and plugins become one schema, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import strawberry

from skyhook.graphql.connections import Connection
from skyhook.graphql.export import breaking_changes, export_schema
from skyhook.graphql.scalars import BigInt
from skyhook.graphql.schema import Collision, Fields, SchemaError, Undocumented, compose
from skyhook.plugins.manifest import Plugin

from .example import CORE, Number


def root(name: str, kind: Any = str, description: str | None = "A field.", value: Any = None) -> type:
    """A root type with one field."""

    def resolve() -> Any:
        return value

    resolve.__annotations__["return"] = kind
    field = strawberry.field(resolver=resolve, description=description)
    return strawberry.type(type("Root", (), {name: field, "__annotations__": {}}))


def plugin(name: str = "demo", **roots: Any) -> Plugin:
    return Plugin(name=name, version="1", title=name.title(), **roots)


def thing(name: str = "Thing", description: str | None = "A thing.") -> type:
    return strawberry.type(type(name, (), {"__annotations__": {"value": BigInt}}), description=description)


async def test_fields_of_the_core_and_of_plugins_are_one_schema() -> None:
    chat = plugin("chat", query=root("chat_models", value="m"), mutation=root("chat_send"))
    money = plugin("money", query=root("money_balance", value="1"))
    schema = compose([CORE], [chat, money])
    result = await schema.execute("{ chatModels moneyBalance hello }")
    assert result.data == {"chatModels": "m", "moneyBalance": "1", "hello": "Hello, you!"}
    assert {"record", "chatSend"} == set(schema._schema.mutation_type.fields)  # type: ignore[union-attr]


def test_a_schema_without_any_part_has_node() -> None:
    schema = compose([], [])
    assert set(schema._schema.query_type.fields) == {"node", "nodes"}  # type: ignore[union-attr]
    assert schema._schema.mutation_type is None


def test_a_plugins_field_must_begin_with_its_name() -> None:
    with pytest.raises(SchemaError, match=r"plugin 'demo': its query field 'other' must begin") as caught:
        compose([], [plugin(query=root("other"))])
    assert caught.value.plugin == "demo"
    with pytest.raises(SchemaError, match="'demolish' must begin with the plugin's name"):
        compose([], [plugin(query=root("demolish"))])
    compose([], [plugin(query=root("demo")), plugin("demo2", query=root("demo2_x"))])


def test_two_plugins_with_one_field_collide() -> None:
    with pytest.raises(Collision, match="plugin 'de': its query field 'deMo' is already that of plugin 'de'"):
        compose([], [plugin("de", query=root("de_mo")), plugin("de", query=root("de_mo"))])


def test_a_plugin_with_a_field_of_the_core_collides() -> None:
    with pytest.raises(Collision, match="is already that of core part 'test'") as caught:
        compose([CORE], [plugin("hello", query=root("hello"))])
    assert caught.value.plugin == "hello"


async def test_two_fields_may_have_one_python_name() -> None:
    def query(name: str) -> type:
        class Query:
            @strawberry.field(name=name, description="Says its name.")
            def models(self) -> str:
                return name

        return strawberry.type(Query)

    plugins = [plugin("one", query=query("oneModels")), plugin("two", query=query("twoModels"))]
    result = await compose([], plugins).execute("{ oneModels twoModels }")
    assert result.data == {"oneModels": "oneModels", "twoModels": "twoModels"}


def test_a_field_without_a_resolver_is_refused() -> None:
    query = strawberry.type(type("Query", (), {"__annotations__": {"demo_x": str}}))
    with pytest.raises(SchemaError, match="its query field 'demoX' has no resolver"):
        compose([], [plugin(query=query)])


def test_two_types_of_one_name_collide() -> None:
    parts = [plugin(name, query=root(f"{name}_x", thing())) for name in ("one", "two")]
    with pytest.raises(Collision, match="plugin 'two': its type 'Thing' is already that of plugin 'one'"):
        compose([], parts)
    with pytest.raises(Collision, match="its type 'Record' is already that of core part 'test'"):
        compose([CORE], [plugin(query=root("demo_x", thing("Record")))])


def test_one_type_may_be_used_by_several_parts() -> None:
    shared = thing()
    compose([CORE], [plugin(name, query=root(f"{name}_x", shared)) for name in ("one", "two")])
    compose([CORE], [plugin(query=root("demo_number", Number))])


def test_two_connections_over_types_of_their_own_do_not_collide() -> None:
    def page(kind: Any) -> Any:
        class Query:
            @strawberry.field(name=f"{kind.__name__.lower()}List", description="A page.")
            def page(
                self,
                first: int | None = None,
                after: str | None = None,
                last: int | None = None,
                before: str | None = None,
            ) -> Any:
                return None

        Query.page.type_annotation = None
        Query.page.type = Connection[kind]
        return strawberry.type(Query)

    parts = [plugin("one", query=page(thing("One"))), plugin("two", query=page(thing("Two")))]
    exported = export_schema(compose([], parts))
    assert "): OneConnection!" in exported
    assert "): TwoConnection!" in exported


@pytest.mark.parametrize("kind", ["query", "mutation", "subscription"])
def test_every_field_of_a_plugin_has_a_description(kind: str) -> None:
    roots: dict[str, Any] = {kind: root("demo_x", description=None)}
    with pytest.raises(Undocumented, match=f"its {kind} field 'demoX' has no description"):
        compose([], [plugin(**roots)])


def test_every_type_of_a_plugin_has_a_description() -> None:
    with pytest.raises(Undocumented, match="plugin 'demo': its type 'Thing' has no description"):
        compose([], [plugin(query=root("demo_x", thing(description=None)))])


@pytest.mark.parametrize("broken", [object, root("demo_x", object), root("demo_x", "Nowhere")])
def test_a_broken_plugin_is_named_and_can_be_left_out(broken: Any) -> None:
    plugins = [plugin("good", query=root("good_x")), plugin(query=broken)]
    with pytest.raises(SchemaError, match="plugin 'demo'") as caught:
        compose([CORE], plugins)
    assert caught.value.plugin == "demo"
    compose([CORE], [one for one in plugins if one.name != caught.value.plugin])


def test_a_fault_of_the_core_names_no_plugin() -> None:
    with pytest.raises(Collision, match="core part 'again'") as caught:
        compose([CORE, Fields("again", query=root("hello"))], [])
    assert caught.value.plugin is None


def test_a_connection_needs_its_four_arguments() -> None:
    with pytest.raises(SchemaError, match=r"Query.demoX lacks the arguments first, after, last, before"):
        compose([], [plugin(query=root("demo_x", Connection[thing()]))])  # type: ignore[misc]


def test_a_connection_has_no_default_size() -> None:
    @strawberry.type
    class Query:
        @strawberry.field(description="A page.")
        def demo_x(
            self,
            first: int = 10,
            after: str | None = None,
            last: int | None = None,
            before: str | None = None,
        ) -> Connection[Number]:
            raise NotImplementedError

    with pytest.raises(SchemaError, match="has a default for 'first'"):
        compose([], [plugin(query=Query)])


def test_a_plain_list_may_not_lead_to_a_connection() -> None:
    with pytest.raises(
        SchemaError, match=r"Query.demoX is a plain list whose items lead to .* NumberConnection"
    ):
        compose([], [plugin(query=root("demo_x", list[Number]))])


def test_the_exported_schema_is_sorted_and_stable() -> None:
    one = export_schema(compose([CORE], [plugin("a", query=root("a_x")), plugin("b", query=root("b_x"))]))
    two = export_schema(compose([CORE], [plugin("b", query=root("b_x")), plugin("a", query=root("a_x"))]))
    assert one == two
    assert one.index("aX: String!") < one.index("bX: String!") < one.index("hello(")
    assert "scalar BigInt" in one
    assert one.endswith("}\n")


def test_breaking_changes_are_listed_and_others_are_not() -> None:
    old = export_schema(compose([CORE], []))
    assert breaking_changes(old, old) == []
    more = export_schema(compose([CORE], [plugin(query=root("demo_x"))]))
    assert breaking_changes(old, more) == []
    (change,) = breaking_changes(more, old)
    assert "demoX" in change
