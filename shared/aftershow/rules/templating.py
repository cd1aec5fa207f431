"""Templating: Liquid with snippets and with bounds, so that no template runs for ever, and what a template uses.

python-liquid bounds loops, output and nesting. What it leaves open is bounded here: loops one after the other and
snippets that render each other (work), what one filter takes and gives, whole numbers, and the clock: `now`, `today`
and the filter `date` are not there, since a message rendered again must be the same.

Importing it costs 190 ms: modules that every cold start loads import this one inside a function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from typing import Any

from liquid import BoundTemplate, Environment, Markup, RenderContext, Undefined
from liquid.exceptions import LiquidError, ResourceLimitError, TemplateNotFoundError
from liquid.loader import BaseLoader, TemplateSource
from liquid.span import Span
from liquid.utils import ReadOnlyChainMap

from aftershow.model.templates import MAX_SOURCE_CHARACTERS, Snippets

# Rows that a message shows are four at most; this is for whoever counts to something.
MAX_LOOPS = 1_000
# Mail clients cut a page off beyond 102 KB.
MAX_OUTPUT_BYTES = 256 * 1024
# Characters of Liquid that are walked over, again for each turn of a loop: about a second at worst.
MAX_WORK = 1_000_000
# What a filter takes and gives, in characters: `replace` multiplies its arguments.
MAX_FILTERED = 4_000
MAX_INTEGER_BITS = 63
# Parsed parts and snippets that a warm function keeps: some templates, channels and locales.
MAX_PARSED = 256
_NOT_FILTERS = ("date", "base64_encode", "base64_decode", "base64_url_safe_encode", "base64_url_safe_decode")
_NOT_TAGS = ("include", "tablerow")
_WORK = " work"
_PLACE = re.compile(r"\{(\w+)\}")

NotLiquid = LiquidError


class TooMuch(ResourceLimitError):
    """A template that does more than a message needs."""


@dataclass(slots=True)
class _Work:
    done: int = 0

    def add(self, amount: int) -> None:
        self.done += amount
        if self.done > MAX_WORK:
            raise TooMuch("more loops and snippets than a message needs", token=None)


class _Context(RenderContext):
    """Counts the work over loops and snippets, and knows no clock."""

    def __init__(self, template: BoundTemplate, **more: Any) -> None:
        super().__init__(template, **more)
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        super().raise_for_loop_limit(length)
        self._work(length, self.template)

    def copy(self, namespace: Mapping[str, object], *more: Any, **named: Any) -> RenderContext:
        self._work(1, named.get("template") or self.template)
        return super().copy(namespace, *more, **named)

    def _work(self, times: int, template: BoundTemplate) -> None:
        work = self.globals.get(_WORK)
        if isinstance(work, _Work):
            work.add(times * (1 + getattr(template, "characters", 0)))


class _Template(BoundTemplate):
    context_class = _Context
    characters = 0


class _Environment(Environment):
    template_class = _Template
    loop_iteration_limit = MAX_LOOPS
    output_stream_limit = MAX_OUTPUT_BYTES
    local_namespace_limit = MAX_OUTPUT_BYTES

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for name in _NOT_TAGS:
            del self.tags[name]
        self.filters = {name: _bounded(each) for name, each in self.filters.items() if name not in _NOT_FILTERS}
        self.filters["fill"] = fill

    def from_string(self, source: str, *more: Any, **named: Any) -> BoundTemplate:
        if len(source) > MAX_SOURCE_CHARACTERS:
            raise TooMuch(f"longer than {MAX_SOURCE_CHARACTERS} characters", token=None)
        template = super().from_string(source, *more, **named)
        template.characters = len(source)  # type: ignore[attr-defined]
        return template


class _Loader(BaseLoader):
    """Snippets of the catalog, by name: the one for the kind of text, else the one for all. No file, no address."""

    def __init__(self, sources: Mapping[str, str], kind: str) -> None:
        self._sources, self._kind = sources, kind
        self._parsed: dict[str, BoundTemplate] = {}

    def get_source(self, env: Environment, template_name: str, **_more: Any) -> TemplateSource:  # noqa: ARG002
        """A snippet's source."""
        for name in (f"{template_name}.{self._kind}", template_name):
            if name in self._sources:
                return TemplateSource(self._sources[name], name, None)
        raise TemplateNotFoundError(template_name)

    def load(self, env: Environment, name: str, **more: Any) -> BoundTemplate:
        """A snippet, parsed once."""
        if name not in self._parsed:
            self._parsed[name] = super().load(env, name, **more)
        return self._parsed[name]


def _bounded(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def bounded(*given: Any, **named: Any) -> Any:
        for value in given:
            _check(value)
        found = original(*given, **named)
        _check(found)
        return found

    return bounded


def _check(value: Any) -> None:
    if isinstance(value, str):
        too_much = len(value) > MAX_FILTERED
    elif isinstance(value, int):
        too_much = value.bit_length() > MAX_INTEGER_BITS
    else:
        too_much = isinstance(value, Sized) and not isinstance(value, Undefined) and len(value) > MAX_LOOPS
    if too_much:
        raise TooMuch("a filter's text, list or number is too large", token=None)


def fill(text: object, **named: object) -> str:
    """The filter that puts values into the words of a locale: "{count} more points" | fill: count: 3."""
    found = _PLACE.sub(lambda place: str(named[place[1]]) if place[1] in named else place[0], str(text))
    _check(found)
    return found


def safe(html: str) -> str:
    """HTML that was rendered already: it is not escaped again."""
    return Markup(html)


@dataclass(frozen=True, slots=True)
class Use:
    """What a text uses: `names` of values, those of its snippets included; its `own` paths ("cart.first.name") and
    filters, each with the line of its first use, counted from 0."""

    names: frozenset[str] = frozenset()
    own: Mapping[str, int] = field(default_factory=dict)
    filters: Mapping[str, int] = field(default_factory=dict)


class Liquid:
    """Texts with a catalog's snippets; `html`: values are escaped."""

    def __init__(self, sources: Mapping[str, str], *, html: bool) -> None:
        self._env = _Environment(loader=_Loader(sources, "html" if html else "text"), autoescape=html)
        self._parsed = lru_cache(maxsize=MAX_PARSED)(self._env.from_string)
        self._used = lru_cache(maxsize=MAX_PARSED)(self._analysed)

    def render(self, source: str, values: Mapping[str, Any]) -> str:
        """The text with the values; an unknown one is empty. Raises NotLiquid."""
        try:
            return self._parsed(source).render({_WORK: _Work(), **values})
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise LiquidError(type(error).__name__, token=None) from error

    @property
    def parsed(self) -> int:
        """How many texts were parsed, beside the snippets in them."""
        return self._parsed.cache_info().misses

    def use(self, source: str) -> Use:
        """What the text and the snippets in it use. Raises NotLiquid."""
        return self._used(source)

    def _analysed(self, source: str) -> Use:
        analysis = self._parsed(source).analyze()
        paths = [(str(one), one.span) for found in analysis.globals.values() for one in found]
        filters = [(name, span) for name, found in analysis.filters.items() for span in found]

        def first(spans: list[tuple[str, Span]]) -> dict[str, int]:
            own = [(name, source.count("\n", 0, span.index)) for name, span in spans if not span.template_name]
            return dict(sorted(own, key=lambda one: -one[1]))

        return Use(frozenset(analysis.globals), first(paths), first(filters))


# What a template may filter with.
FILTERS = frozenset(_Environment().filters)


@lru_cache(maxsize=8)
def liquid(snippets: str, *, html: bool) -> Liquid:
    """Liquid with the snippets of a stored text (see aftershow.model.templates.Snippets.body)."""
    return Liquid(Snippets.read(snippets).sources, html=html)
