"""Comments through the HTTP ingest: what they say is on the engagement, alarms are events, texts stay nowhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aftershow.model.engagements import Engagement, Kind
from aftershow.model.instants import MINUTE
from aftershow.model.lexicons import Lexicon, NamedWords
from aftershow.model.tasks import Task
from aftershow.ports import keys
from aftershow.ports.store import Put
from aftershow.services import tasks
from infra.local.host import LocalHost
from tests.functional.bad_input import batch_of, engagement, event, post, shop, written


@pytest.fixture
def host() -> Iterator[LocalHost]:
    opened = shop()
    yield opened
    opened.state.close()


def says(host: LocalHost, text: object, number: int = 1, user: str = "lan") -> Engagement:
    said = {**event("Live Comment Sent", user=user, text=text), "messageId": f"c{number}-{user}"}
    assert post(host, batch_of(written(said))).status == 200
    found = engagement(host, user)
    assert found is not None
    return found


def alarms(host: LocalHost) -> list[Task]:
    """Tasks of staff that alarm words opened, as they are due."""
    return [one for one in tasks.listed(host.store, is_open=True) if one.kind == "complaint"]


def test_interests_are_there_after_the_event_that_says_them(host: LocalHost) -> None:
    assert list(says(host, "有没有乌龙茶").interests) == ["tea"]
    assert list(says(host, "還有真絲圍巾嗎", 2).interests) == ["silk", "tea"]


def test_alarm_words_are_told_once_and_at_once_without_what_was_said(host: LocalHost) -> None:
    seen = says(host, "你们卖的是假货！我的手机 13812345678")
    assert list(seen.alarms) == ["counterfeit"]
    (told,) = alarms(host)
    assert (told.viewer, told.about) == (seen.viewer, f"{seen.about} (counterfeit)")
    assert told.due_at - told.opened_at == 30 * MINUTE
    assert not told.text
    says(host, "你们卖的是假货！我的手机 13812345678")
    says(host, "假货假货", 2)
    assert len(alarms(host)) == 1
    says(host, "这是诈骗", 3)
    assert {one.about for one in alarms(host)} == {f"{seen.about} (counterfeit)", f"{seen.about} (fraud)"}


def test_the_words_are_kept_nowhere_but_in_the_archive_of_raw_events(host: LocalHost) -> None:
    """Not in a table, a queue or the log."""
    says(host, "这个多少钱呀 秘密词")
    kept = [str(row) for table in host.template.tables for row in host.backend.scan(table.name)]
    waiting = [str(one) for queue in host.template.queues for one in host.queues.waiting(queue.id)]
    logged = [str(line) for line in host.log_lines]
    assert kept
    assert logged
    assert not [text for text in (*kept, *waiting, *logged) if "秘密词" in text]


def test_a_shop_without_a_lexicon_counts_comments_and_reads_none(host: LocalHost) -> None:
    item = host.store.get(keys.comment_lexicon())
    assert item is not None
    silent = Lexicon.read(item.body).model_copy(update={"topics": (), "alarms": (), "interests": (), "questions": ()})
    host.store.commit([Put(item.key, silent.body(), item.version)])
    assert says(host, "多少钱 假货").counts() == {Kind.COMMENTED: 1}


def test_a_word_that_is_pushed_counts_after_five_seconds(host: LocalHost) -> None:
    assert says(host, "有螺蛳粉吗").interests == {}
    item = host.store.get(keys.comment_lexicon())
    assert item is not None
    before = Lexicon.read(item.body)
    more = (*before.interests, NamedWords(name="rice-noodles", words=("螺蛳粉",)))
    host.store.commit([Put(item.key, before.model_copy(update={"interests": more}).body(), item.version)])
    host.advance(6_000)
    assert list(says(host, "有螺蛳粉吗", 2).interests) == ["rice-noodles"]


@pytest.mark.parametrize("text", ["😀" * 40, "\u200b\u200d\u2060\ufeff", "\ufe0f" * 20, "", None, 17, ["多少钱"]])
def test_a_comment_that_says_nothing_is_a_comment(host: LocalHost, text: object) -> None:
    assert says(host, text).counts() == {Kind.COMMENTED: 1}
