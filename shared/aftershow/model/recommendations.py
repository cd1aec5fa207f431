"""What goes with what, as it was learnt offline: for each product (or show) its nearest, and what is popular."""

from __future__ import annotations

from pydantic import Field

from aftershow.model.base import Record

# More neighbours tell nothing new: a list of what is shown has ten places.
MAX_NEAR = 20
MAX_POPULAR = 100


class Near(Record):
    """One that is near, and how much, in thousandths: of the weight of all that was had with the first."""

    id: str
    permille: int = Field(ge=0)


class Neighbours(Record):
    """The nearest of one product or show, by the version that was learnt together."""

    version: str
    of: str
    near: tuple[Near, ...] = Field(max_length=MAX_NEAR)


class Popular(Record):
    """What is popular now, the most popular first: what is shown to whom nobody knows. Its version is the one in use;
    neighbours of another version are not looked at."""

    version: str = Field(pattern=r"^[a-z0-9.-]{1,32}$")
    learnt_from: str
    learnt_until: int
    baskets: int = Field(ge=1)
    products: tuple[Near, ...] = Field(default=(), max_length=MAX_POPULAR)
    shows: tuple[Near, ...] = Field(default=(), max_length=MAX_POPULAR)


class Recommendations(Record):
    """Everything that was learnt together: a file."""

    popular: Popular
    products: tuple[Neighbours, ...] = ()
    shows: tuple[Neighbours, ...] = ()
