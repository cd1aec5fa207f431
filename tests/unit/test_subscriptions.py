"""One accept allows one subscribe message: no order of events, merge or race makes it two."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.base import Stamped
from aftershow.model.instants import HOUR
from aftershow.model.templates import Template
from aftershow.model.viewers import MAX_ACCEPTS, Accept, Facts, Head
from aftershow.rules import claims, subscriptions
from aftershow.rules.choosing import Case, Standing, choose
from aftershow.rules.claims import Claim, Write
from aftershow.rules.segment import Event, Subscribed, Unreadable
from tests.unit.samples import SETTINGS, START, examples, granted, playbook, read, tracked
from tests.unit.test_claims import NOON, reminder, scene
from tests.unit.test_merging import having, of
from tests.unit.test_viewing import Stored

MAIL = {"subject": "s", "text": "t", "html": "h"}


def accepted(template: str, number: int, user: str = "mei", openid: str = "o-mei") -> Event:
    """An accept of a template."""
    context = {"externalIds": [{"type": "wechat_openid", "id": openid, "collection": "users", "encoding": "none"}]}
    return read(
        "track", START + number, f"accept-{number}", context, event="Message Subscription Accepted",
        properties={"template_id": template}, userId=user,
    )  # fmt: skip


def head_with(*accepts: Accept) -> Head:
    """A person with these accepts, and consent."""
    return Head(
        viewer="u1",
        traits={"wechat_openid": Stamped(value="o-mei", at=START, id="t")},
        consent={"marketing:all": {"u1": granted()}},
        accepts=subscriptions.united(accepts),
    )


def accept(number: int, template: str = "tpl", openid: str | None = "o-mei") -> Accept:
    """Accept number so-and-so."""
    return subscriptions.accept(template, START + number, f"m{number}", openid)


def test_the_event_names_one_template_or_several() -> None:
    name = "Message Subscription Accepted"
    assert tracked(name, template_id="a").meaning == Subscribed(("a",))
    assert tracked(name, template_ids=["b", "a", "b", 7, None]).meaning == Subscribed(("7", "a", "b"))
    nothing: tuple[dict[str, Any], ...] = ({}, {"template_ids": []}, {"template_id": ""}, {"template_ids": [None]})
    for wrong in nothing:
        with pytest.raises(Unreadable, match="template_id"):
            tracked(name, **wrong)


def test_each_accept_is_used_once_and_given_back_once() -> None:
    head = head_with(accept(1), accept(2), accept(3, "other"))
    assert len(subscriptions.free(head, "tpl")) == 2
    one = subscriptions.used_by(head, "r1", "tpl")
    assert subscriptions.used_by(one, "r1", "tpl") == one
    two = subscriptions.used_by(one, "r2", "tpl")
    assert (subscriptions.refuses(two, "wechat", "tpl"), subscriptions.refuses(two, "wechat")) == (True, False)
    assert not subscriptions.refuses(two, "email", "tpl")
    assert subscriptions.given_back(two, "r2") == one
    assert subscriptions.given_back(subscriptions.given_back(two, "r2"), "r2") == one


def test_an_accept_counts_for_the_account_that_gave_it() -> None:
    assert subscriptions.refuses(head_with(accept(1, openid="o-other")), "wechat", "tpl")
    assert not subscriptions.refuses(head_with(accept(1, openid=None)), "wechat", "tpl")


def test_without_an_accept_the_planner_passes_over_wechat() -> None:
    both = playbook(channels=("wechat", "email"))
    settings = SETTINGS.model_copy(update={"channels": ("wechat", "email")})
    with_email = {"email": Stamped(value="u1@example.com", at=START, id="t")}
    bare = head_with()
    bare = bare.model_copy(update={"traits": {**bare.traits, **with_email}})
    chosen = choose(Case(bare, both, "first", "t", settings))
    assert (chosen.channel, chosen.trace) == ("email", "email (passed over: wechat: no accept left)")
    willing = bare.model_copy(update={"accepts": (accept(1),)})
    assert choose(Case(willing, both, "first", "t", settings)).channel == "wechat"
    # Accepts of another template say nothing about this one.
    texts = {"zh-CN": {"wechat": {"template_id": "other", "fields": {"thing1": "x"}}, "email": MAIL}}
    standing = Standing(templates={"t": Template.model_validate({"name": "t", "texts": texts})})
    assert choose(Case(willing, both, "first", "t", settings, standing)).channel == "email"


def on_wechat(head: Head, number: int = 1, **more: Any) -> Claim | Write:
    """The decision on a reminder over WeChat."""
    row = reminder(number, channel="wechat")
    seen = scene(head=head, address="o-mei", subscribe_template="tpl", **more)
    return claims.decide(row, seen, f"w{number}", NOON)


def test_the_claim_takes_the_accept_and_a_refusal_gives_it_back() -> None:
    claim = on_wechat(head_with(accept(1)))
    assert isinstance(claim, Claim)
    assert subscriptions.refuses(claim.head, "wechat", "tpl")
    second = on_wechat(claim.head, 2)
    assert isinstance(second, Write)
    assert (second.reminder.outcome, second.reminder.reason) == ("skipped", "no_accept_left")
    freed = claims.freed(claim.head, claim.reminder, "throttled")
    assert not subscriptions.refuses(freed, "wechat", "tpl")
    assert freed.sends["marketing"] == ()
    # WeChat says that there was none.
    assert subscriptions.refuses(claims.freed(claim.head, claim.reminder, "no_accept_left"), "wechat", "tpl")


@examples(100)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 80)), max_size=60), st.randoms(use_true_random=False))
def test_any_order_and_grouping_ends_in_the_same_set(said: list[tuple[str, int]], chance: random.Random) -> None:
    every = [accept(number, template) for template, number in said]
    at_once = subscriptions.united(every)
    shuffled = [*every, *chance.sample(every, len(every) // 2)]
    chance.shuffle(shuffled)
    cut = chance.randint(0, len(shuffled))
    one, other = Facts(), Facts()
    for each in shuffled[:cut]:
        one = subscriptions.with_accepts(one, [each])
    for each in shuffled[cut:]:
        other = subscriptions.with_accepts(other, [each])
    assert subscriptions.united(one.accepts, other.accepts) == at_once
    assert len(at_once) == min(len(set(every)), MAX_ACCEPTS)


@examples(60)
@given(st.integers(1, 5), st.integers(0, 6), st.randoms(use_true_random=False))
def test_events_in_any_order_before_or_after_a_merge(one: int, other: int, chance: random.Random) -> None:
    """Two ids of one person: the accepts of both are the person's, whenever they turn out to be one."""
    history = [accepted("tpl", number) for number in range(one)]
    history += [accepted("tpl", 100 + number, "shop-7") for number in range(other)]
    history += [having("mei", "wechat_openid", "o-mei", START + HOUR), having("shop-7", "wechat_openid", "o-mei")]
    ends = set()
    for _ in range(3):
        shuffled = [*history, *chance.sample(history, len(history) // 3)]
        chance.shuffle(shuffled)
        stored = Stored()
        for event in shuffled:
            stored.take([event])
        person = of(stored, "mei")
        assert person == of(stored, "shop-7")
        assert len(subscriptions.free(person, "tpl")) == one + other
        ends.add(person.accepts)
    assert len(ends) == 1


@examples(100)
@given(
    st.lists(st.sampled_from(["accept", "claim", "decline", "merge"]), max_size=40), st.randoms(use_true_random=False)
)
def test_sends_never_exceed_accepts(steps: list[str], chance: random.Random) -> None:
    """Accepts, claims and refusals, with another head of the same person joined in between."""
    head, sent, accepts = head_with(), 0, 0
    for number, step in enumerate(steps):
        if step == "accept":
            head = subscriptions.with_accepts(head, [accept(number)])
            accepts += 1
        elif step == "merge":
            # The other head saw a part of the same history: nothing of it counts twice.
            seen = chance.sample(head.accepts, len(head.accepts) // 2)
            used = subscriptions.united_used(head.accepts_used, head.accepts_used)
            head = head.model_copy(update={"accepts": subscriptions.united(seen, head.accepts), "accepts_used": used})
        else:
            claim = on_wechat(head.model_copy(update={"sends": {}}), number)
            if isinstance(claim, Claim):
                gone = step == "claim"
                sent += gone
                head = claim.head if gone else claims.freed(claim.head, claim.reminder, "throttled")
        assert sent <= accepts
        assert len(subscriptions.free(head, "tpl")) == min(accepts, MAX_ACCEPTS) - sent
