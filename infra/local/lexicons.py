"""A lexicon's words in traditional characters too, as they are written in Taiwan and in Hong Kong.

Done when a lexicon is read from its file, so that functions need no converter (OpenCC weighs 7 MB).
"""

from __future__ import annotations

from functools import lru_cache

from aftershow.model.lexicons import Lexicon, NamedWords, TopicWords

# OpenCC's own names: characters alone, Taiwan's with their usual words, Hong Kong's.
_WAYS = ("s2t", "s2twp", "s2hk")


def with_traditional(lexicon: Lexicon) -> Lexicon:
    """The lexicon with each word in every form that it is written in."""
    return lexicon.model_copy(
        update={
            "topics": tuple(_topic(one) for one in lexicon.topics),
            "alarms": tuple(_named(one) for one in lexicon.alarms),
            "interests": tuple(_named(one) for one in lexicon.interests),
            **{
                name: _forms(getattr(lexicon, name))
                for name in ("questions", "urgent", "praise", "complaint", "abuse", "harmless")
            },
        }
    )


def _topic(one: TopicWords) -> TopicWords:
    return one.model_copy(update={"words": _forms(one.words)})


def _named(one: NamedWords) -> NamedWords:
    return one.model_copy(update={"words": _forms(one.words)})


@lru_cache(maxsize=256)
def _forms(words: tuple[str, ...]) -> tuple[str, ...]:
    import opencc  # 20 ms, and only where a catalog is pushed

    converters = [opencc.OpenCC(way) for way in _WAYS]
    return tuple(dict.fromkeys(form for word in words for form in (word, *(one.convert(word) for one in converters))))
