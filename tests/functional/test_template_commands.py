"""The template commands: what is wrong is named with its place, and a preview shows every channel."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from aftershow.model.templates import Template
from infra.local import catalog, templates
from infra.local.cli import app
from infra.local.template_checks import Shelf, findings
from infra.local.template_preview import darkened, without_pictures

CHANNELS = {"email", "sms", "push", "wechat", "wecom", "webhook"}
GOOD = """
name: t
texts:
  en:
    email:
      subject: "Hello {{ name }}"
      text: |
        {% render 'greeting' %}

        {{ show.title }}
    sms: {text: "Hello {{ link }} Reply STOP to opt out"}
"""


def shelf_with(folder: Path, text: str) -> Shelf:
    """A shelf with this one template on it."""
    (folder / "t.yaml").write_text(text, encoding="utf-8")
    template = Template.model_validate(yaml.safe_load(text))
    whole = templates.the_shelf()
    return Shelf(folder, [template], whole.shared, whole.tiers, {}, whole.rulebook, whole.lexicon, whole.settings)


def test_what_is_shipped_has_nothing_wrong() -> None:
    run = CliRunner().invoke(app, ["templates", "check"])
    assert (run.exit_code, run.output) == (0, f"{len(catalog.templates())} templates, 0 findings\n")


def test_the_list_says_which_playbook_sends_what() -> None:
    run = CliRunner().invoke(app, ["templates", "list", "--json", "-"])
    rows = {row["name"]: row for row in json.loads(run.stdout)}
    assert rows["hot-last-call"]["playbooks"] == ["hot-replay"]
    assert set(rows["hot-replay"]["channels"]) == CHANNELS


def test_a_good_template_has_no_findings(tmp_path: Path) -> None:
    assert findings(shelf_with(tmp_path, GOOD)) == []


@pytest.mark.parametrize(
    ("was", "instead", "found"),
    [
        ("{{ show.title }}", "{{ show.titel }}", "t.yaml:10: en email: text: unknown variable show.titel"),
        ("{{ show.title }}", "{{ sho }}", "t.yaml:10: en email: text: unknown variable sho"),
        ("{{ show.title }}", "{{ name | upcas }}", "t.yaml:10: en email: text: unknown filter upcas"),
        ("{{ show.title }}", "{% if name %}", "t.yaml:8: en email: text: expected tag endif"),
        ("'greeting'", "'greting'", "t.yaml:8: en email: text: there is no snippet greting"),
        ("Hello {{ name }}", "{{ name }}", "t.yaml:6: en email: the subject is empty (nothing is known of her)"),
        (" Reply STOP to opt out", "", "t.yaml:11: en sms: a marketing text message must say how to end them: "),
        ("Hello {{ link }}", "Hello {{ link }}" + " again" * 40, "t.yaml:11: en sms: 3 segments, at most 2"),
        ("{{ show.title }}\n", "{{ show.title }}\n      html: <!doctype html><p>no way out</p>\n",
         "t.yaml:6: en email: the page of a marketing e-mail has no unsubscribe link"),
        ("{{ show.title }}", "{% for a in (1..9999) %}x{% endfor %}", "t.yaml:6: en email: template t: "),
        ("    sms:", "    wechat: {template_id: x, fields: {number1: '{{ name }}'}}\n    sms:",
         "t.yaml:11: en wechat: "),
        ("    sms:", "    push: {title: a, text: b, picture: 'http://plain.example/x.png'}\n    sms:",
         "t.yaml:11: en push: picture is no https address"),
        ("    sms:", "  de:\n    sms:", "t.yaml: de email: is missing: another language of the template has this"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, was: str, instead: str, found: str) -> None:
    assert was in GOOD
    told = [str(one) for one in findings(shelf_with(tmp_path, GOOD.replace(was, instead, 1)))]
    assert any(line.startswith(found) for line in told), told


def test_a_language_that_other_templates_have_is_missed(tmp_path: Path) -> None:
    one = shelf_with(tmp_path, GOOD)
    more = Shelf(one.folder, [*one.templates, *catalog.templates()], *list(one.__dict__.values())[2:8])
    assert "t.yaml: zh-CN: is missing: other templates have this language" in map(str, findings(more, ["t"]))


def test_a_preview_shows_every_channel_in_every_language(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["templates", "preview", "hot-replay", "--out", str(tmp_path)])
    assert run.exit_code == 0, run.output
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for locale in ("en", "zh-CN"):
        for channel in CHANNELS - {"email"}:
            assert (tmp_path / f"{locale}-name-and-cart-{channel}.json").exists()
        assert (tmp_path / f"{locale}-long-email-dark.html").exists()
    for frame in re.findall(r'<iframe src="([^"]+)"', page):
        assert (tmp_path / frame).exists()
    sms = json.loads((tmp_path / "en-long-sms.json").read_text(encoding="utf-8"))
    # The sample shop is in China, where sign and way out are Chinese in an English text too.
    assert (sms["alphabet"], sms["segments"]) == ("UCS-2", 3)
    assert "Hohenstein" not in sms["text"], "a long name is cut"
    # Nothing is loaded from elsewhere.
    mail = (tmp_path / "en-name-and-cart-email.html").read_text(encoding="utf-8")
    assert all(source.startswith("data:") for source in re.findall(r'src="([^"]+)"', mail))


def test_a_preview_takes_one_language_and_channel(tmp_path: Path) -> None:
    asked = ["templates", "preview", "hot-replay", "--out", str(tmp_path), "--locale", "en", "--channel", "push"]
    run = CliRunner().invoke(app, asked)
    assert run.exit_code == 0, run.output
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"index.html", *(f"en-{who}-push.json" for who in ("name-and-cart", "nothing-known", "long"))}


@pytest.mark.parametrize("asked", [["no-such"], ["hot-replay", "--locale", "fr"], ["hot-replay", "--channel", "fax"]])
def test_what_is_not_there_is_asked_wrongly(tmp_path: Path, asked: list[str]) -> None:
    run = CliRunner().invoke(app, ["templates", "preview", *asked, "--out", str(tmp_path)])
    assert run.exit_code == 2


def test_a_real_viewer_gets_her_own_cart(tmp_path: Path) -> None:
    data = tmp_path / "local.db"
    runner = CliRunner()
    assert (
        runner.invoke(
            app, ["demo", "--viewers", "30", "--data", str(data), "--json", str(tmp_path / "d.json")]
        ).exit_code
        == 0
    )
    told = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    viewer = next(row["viewer"] for row in told["reminders"] if row["playbook"] == "hot-replay")
    out = tmp_path / "out"
    asked = ["templates", "preview", "hot-replay", "--out", str(out), "--data", str(data), "--viewer"]
    run = runner.invoke(app, [*asked, viewer])
    assert run.exit_code == 0, run.output
    mail = (out / f"zh-CN-{viewer}-email.txt").read_text(encoding="utf-8")
    assert "Synthetic show" in mail
    assert runner.invoke(app, [*asked, "nobody"]).exit_code == 2


def test_the_dark_and_the_plain_form_are_the_same_page() -> None:
    page = (
        '<style>:root{color-scheme:light dark} @media (prefers-color-scheme:dark){a{}}</style><img src="x" alt="tea">'
    )
    assert "@media all{a{}}" in darkened(page)
    assert 'src="data:,"' in without_pictures(page)
    assert 'alt="tea"' in without_pictures(page)
