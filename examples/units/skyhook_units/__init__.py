"""The plugin units: converts quantities from one unit to another."""

from skyhook.plugin import Example, Meter, Operation, Plugin, Scope
from skyhook_units.schema import CONVERSIONS, USE, UnitsMutation

CONVERT = Example(
    slug="convert",
    title="Convert a quantity",
    description="From one unit to another, such as km/h to m/s.",
    document="""mutation Convert($value: Float!, $unit: String!, $to: String!) {
  unitsConvert(value: $value, unit: $unit, to: $to)
}""",
    variables={"value": 100.0, "unit": "km/h", "to": "m/s"},
)

plugin = Plugin(
    name="units",
    version="0.1.0",
    title="Units",
    description="Converts quantities between units of measurement.",
    mutation=UnitsMutation,
    operations=(Operation("unitsConvert", scope=USE, meters=(CONVERSIONS,)),),
    meters=(Meter(CONVERSIONS, "Conversions", unit="conversion", price=1_000),),
    scopes=(Scope(USE, "Convert units"),),
    playground=(CONVERT,),
)
