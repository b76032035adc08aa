"""The plugin's GraphQL field, and the errors that it answers with."""

import math
import re
from typing import Annotated

import pint
import strawberry
from msgspec import Struct

from skyhook.plugin import Asked, Call, Info, SkyhookError

CONVERSIONS = "units.conversions"
USE = "units:use"
REGISTRY = pint.UnitRegistry(cache_folder=None)
DIGITS = 12  # that are told; what comes after them may be what binary arithmetic left
# Names with small powers between * and /, and no numbers: pint would compute whatever else stands there.
UNIT = re.compile(r"[^\W\d]{1,40}(\^-?[1-9])?([*/][^\W\d]{1,40}(\^-?[1-9])?){0,5}")

Unit = Annotated[str, strawberry.argument(description="Such as km/h, degC or kg*m/s^2.")]
Value = Annotated[float, strawberry.argument(description="How much of it.")]


class Converted(Struct):
    """A quantity in the unit that was asked for."""

    value: float


class UnitUnknown(SkyhookError):
    """There is no such unit."""

    code = "UNITS_UNKNOWN"


class UnitsIncompatible(SkyhookError):
    """The two units do not measure the same."""

    code = "UNITS_INCOMPATIBLE"


def convert(value: float, unit: str, to: str) -> float:
    """The value in another unit. Raises UnitUnknown, or UnitsIncompatible."""
    source, target = _unit(unit, "unit"), _unit(to, "to")
    try:
        converted = REGISTRY.Quantity(value, source).to(target).magnitude
    except pint.DimensionalityError as error:
        raise UnitsIncompatible(f"{unit} cannot be converted to {to}.", field="to") from error
    if not math.isfinite(converted):
        raise UnitsIncompatible(f"{value} {unit} is too much to be told in {to}.", field="to")
    return float(f"{converted:.{DIGITS}g}")


def _unit(text: str, field: str) -> pint.Unit:
    if UNIT.fullmatch(text):
        try:
            return REGISTRY.Unit(text)
        except (pint.UndefinedUnitError, pint.DefinitionSyntaxError, ValueError):
            pass
    raise UnitUnknown(f"There is no unit {text!r}: write such as km/h, degC or kg*m/s^2.", field=field)


@strawberry.type
class UnitsMutation:
    """A mutation, since it is charged."""

    @strawberry.mutation(description="Converts a quantity to another unit.")
    async def units_convert(self, info: Info, value: Value, unit: Unit, to: Unit) -> float:
        """Charges a conversion that succeeded."""
        context = info.context

        async def body(call: Call) -> Converted:
            converted = convert(value, unit, to)
            call.quantities[CONVERSIONS] = 1
            return Converted(converted)

        asked = Asked(
            caller=context.caller,
            operation="unitsConvert",
            arguments=(value, unit, to),
            at_most={CONVERSIONS: 1},
            idempotency_key=context.next_idempotency_key(None),
        )
        answer = await context.services.operations.run(asked, Converted, body)
        context.credit.add(answer.held, answer.charged)
        return answer.result.value
