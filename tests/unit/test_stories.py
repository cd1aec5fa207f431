"""What the planner wrote down of a choice is told in words of either language."""

from __future__ import annotations

import pytest

from infra.local.stories import choice
from infra.local.words import why

CHOICES = {
    "email": ("e-mail", "邮件"),
    "email (passed over: sms: no address)": ("e-mail, SMS: no address", "邮件、短信：没有联系方式"),
    "sms (expects 10 %, answered 0 of 2, costs 0.045 CNY; passed over: email: worth less, expects 8 %)": (
        "SMS, an answer is expected from 10 %, answered before: 0 of 2, costs: 0.045 CNY, e-mail: worth less, "
        "an answer is expected from 8 %",
        "短信、预计回应率 10%、过往回应：0 of 2、单价：0.045 CNY、邮件：性价比较低、预计回应率 8%",
    ),
}


@pytest.mark.parametrize("trace", CHOICES)
def test_a_choice_in_words(trace: str) -> None:
    reasons = tuple(choice(trace))
    assert (why(reasons, "en"), why(reasons, "zh-CN")) == CHOICES[trace]
