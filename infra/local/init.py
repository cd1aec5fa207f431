"""`aftershow init`: what a shop has, proved as far as it can be, and a look at what would happen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from aftershow.adapters.file import FileChannel
from aftershow.adapters.mime import Letterhead
from aftershow.model.templates import Template
from aftershow.ports import keys
from aftershow.ports.channels import Channel
from aftershow.rules.content import NotRendered
from aftershow.rules.launching import Launched
from aftershow.services import launching
from aftershow.services.catalog import snippets
from aftershow.services.launching import Signature
from infra.local import answers, catalog, proving, runs, sample_message, stack
from infra.local.command import (
    ASKED_WRONGLY,
    DEFAULT_DATA,
    FOUND_SOMETHING_WRONG,
    ROOT,
    DataOption,
    JsonOption,
    check_writable,
    console,
    err,
    json_text,
    progress,
    put,
    refuse,
    refusing,
)
from infra.local.dry_run import DryRun, dry_run
from infra.local.dry_run_report import dry_run_json, print_dry_run
from infra.local.report import section
from infra.local.shops import OpenShop, of_run
from infra.local.words import plain, word

DEFAULT_CONFIG = ROOT / ".aftershow" / "samconfig.toml"
_TONES = {"proved": "green", "wrong": "bold red", "not proved": "yellow"}

# A question's words and the answer that stands, to an answer.
Prompt = Callable[[str, str], str]


def init(
    context: typer.Context,
    *,
    name: Annotated[str | None, typer.Option(help="Name of the shop, as viewers read it.")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone, like Asia/Shanghai.")] = None,
    currency: Annotated[str | None, typer.Option(help="Currency (ISO 4217), like CNY.")] = None,
    locale: Annotated[str | None, typer.Option(help="Language of messages (BCP 47), like zh-CN.")] = None,
    country: Annotated[str | None, typer.Option(help="Country of telephone numbers (ISO 3166), like CN.")] = None,
    sender: Annotated[str | None, typer.Option(help="E-mail address that messages come from.")] = None,
    postal_address: Annotated[str | None, typer.Option(help="Your postal address, for marketing messages.")] = None,
    channels: Annotated[
        str | None, typer.Option(help=f"Channels in use, the preferred first: {', '.join(answers.CHANNELS)}.")
    ] = None,
    email_provider: Annotated[str | None, typer.Option(help="Who sends e-mail: ses, or smtp.")] = None,
    sms_provider: Annotated[str | None, typer.Option(help="Who sends texts: aws, sns, aliyun, tencent.")] = None,
    name_of_stack: Annotated[str | None, typer.Option("--stack", help="Name of the stack to deploy.")] = None,
    region: Annotated[str | None, typer.Option(help="AWS region to deploy into.")] = None,
    test_to: Annotated[
        str | None,
        typer.Option(
            help="Send a test message to yourself: an e-mail address, a number like +8613812345678, ios:TOKEN, "
            "android:TOKEN, wechat:OPENID, wecom:CUSTOMER, webhook."
        ),
    ] = None,
    test_playbook: Annotated[str, typer.Option(help="Whose first message the test is.")] = "hot-replay",
    config: Annotated[
        Path, typer.Option(help="SAM configuration file; else .aftershow/samconfig.toml.", show_default=False)
    ] = DEFAULT_CONFIG,
    data: DataOption = DEFAULT_DATA,
    json_file: JsonOption = None,
) -> None:
    """Set up your shop: answer a few questions, see what is proved, try a message, look at what would happen.

    Each answer is an option too; where nobody can be asked, what is not given stays as it is. Answers go into a SAM
    configuration file and into the local state; running it again changes only what is answered differently. No
    credentials are written. Nothing is sent to viewers: every playbook stays off until it is approved.
    """
    check_writable(json_file)
    given = {
        "ShopName": name, "ShopZone": zone, "ShopCurrency": currency, "ShopLocale": locale, "ShopCountry": country,
        "Sender": sender, "PostalAddress": postal_address, "Channels": channels,
        "EmailProvider": email_provider, "SmsProvider": sms_provider,
    }  # fmt: skip
    with refusing(answers.ConfigError, stack.StackError, runs.CannotRun, catalog.CatalogError, OSError):
        before, deployment = answers.read(config), answers.deployment(config)
        parameters = answered(given, before, _prompt if sys.stdin.isatty() else None)
        to = _target(test_to)
        name_of_stack, region = name_of_stack or deployment["stack"], region or deployment["region"]
        account = proving.prove({**before, **parameters}, name_of_stack, region, context.obj)
        parameters |= _rate(account, before)
        answers.write(config, parameters, name_of_stack, region)
        with progress("Opening the state") as report:
            run = runs.settle(data, parameters, progress=report)
        try:
            shop = of_run(run, data)
            told: dict[str, Any] = {
                "config": str(config),
                "parameters": parameters,
                "changed": changes(before, parameters),
                "proofs": [{"what": one.what, "state": one.state, "words": one.words} for one in account.proofs],
                "test": None,
            }
            if to is not None:
                channel = _channel(to.channel, account, shop, region, context.obj)
                told["test"] = _test(shop, test_playbook, to, channel, data)
            _all_off(shop)
            dry = _last_show(shop)
            told["dry_run"] = dry_run_json(dry) if dry else None
            told["next"] = next_commands(config, name_of_stack, deployed=account.known)
            if json_file != "-":
                _tell(told, shop, dry)
        finally:
            run.close()
    if json_file is not None:
        put(json_file, json_text(told))
    if any(one.state == "wrong" for one in account.proofs):
        raise typer.Exit(FOUND_SOMETHING_WRONG)


def answered(given: Mapping[str, str | None], before: Mapping[str, str], prompt: Prompt | None) -> dict[str, str]:
    """An answer to every question: what was given, else what is asked now, else what stands. Raises typer.Exit."""
    defaults = answers.template_defaults()
    found: dict[str, str] = {}
    for question in answers.QUESTIONS:
        stands = before.get(question.parameter, defaults[question.parameter])
        said = given[question.parameter]
        if said is None and prompt is not None:
            found[question.parameter] = _ask(question, stands, prompt)
            continue
        if said is None and question.needed and not stands:
            refuse(f"{question.option} is needed where nobody can be asked: {question.words}", ASKED_WRONGLY)
        try:
            found[question.parameter] = question.check(stands if said is None else said)
        except ValueError as error:
            refuse(f"{question.option}: {error}", ASKED_WRONGLY)
    named = {one: given.get(name) or before.get(name, "") for one, (name, _) in answers.PROVIDERS.items()}
    try:
        return found | answers.providers(found["Channels"], named)
    except ValueError as error:
        refuse(f"--sms-provider, --email-provider: {error}", ASKED_WRONGLY)


def _ask(question: answers.Question, stands: str, prompt: Prompt) -> str:
    while True:
        try:
            return question.check(prompt(question.words, stands))
        except ValueError as error:
            err().print(f"  {error}", markup=False, highlight=False)


def _prompt(words: str, stands: str) -> str:
    return str(typer.prompt(words, default=stands, err=True))


def _target(test_to: str | None) -> sample_message.Target | None:
    if test_to is None:
        return None
    try:
        return sample_message.target(test_to)
    except ValueError as error:
        refuse(f"--test-to: {error}", ASKED_WRONGLY)


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What a run changed, in lines: parameter, what stood, what stands."""
    return [
        f"{parameter}: {before[parameter]} -> {value}" if parameter in before else f"{parameter}: {value}"
        for parameter, value in after.items()
        if before.get(parameter) != value
    ]


def _rate(account: proving.Account, before: Mapping[str, str]) -> dict[str, str]:
    """SES's rate, dealt to the queues; a lower one that was set stays."""
    stands = float(before.get("SendRatePerSecond", "14"))
    return {"SendRatePerSecond": str(account.rate)} if account.rate is not None and account.rate < stands else {}


def _channel(
    channel: str, account: proving.Account, shop: OpenShop, region: str, connect: stack.Connect | None
) -> Channel | None:
    """The real channel, where its credentials are proved."""
    if channel != "email" or shop.settings.provider_of(channel) != "ses":
        return account.channels.get(channel)
    if not account.can_send:
        return None
    from aftershow.adapters.ses import SesChannel

    return SesChannel((connect or stack.connected())("sesv2", region or None), _letterhead(shop))


def _letterhead(shop: OpenShop) -> Letterhead:
    return Letterhead(shop.settings.sender, shop.settings.shop_name, shop.signed_at)


def _test(shop: OpenShop, playbook: str, to: sample_message.Target, channel: Channel | None, data: Path) -> str:
    store = shop.ports.store
    found = next((one.playbook for one in launching.playbooks(store) if one.playbook.id == playbook), None)
    item = store.get(keys.template(found.steps[0].template)) if found else None
    if found is None or item is None:
        return f"not sent: there is no playbook {playbook}"
    show = next(iter(shop.ended_shows()), None)
    try:
        shared = snippets(shop.ports)
        message = sample_message.sample(found, Template.read(item.body), shared, shop.settings, show, to)
    except NotRendered as error:
        return f"not sent: {error}"
    files = FileChannel(data.with_name(f"{data.stem}-messages"), _letterhead(shop))
    return sample_message.send(message, channel, shop.settings.provider_of(to.channel), files)


def _all_off(shop: OpenShop) -> None:
    """What a demo approved by itself is no approval of a shop's own."""
    store = shop.ports.store
    for name, launch in launching.launches(store).items():
        if launch.stop is None and launch.approval is not None and launch.approval.by == catalog.STAND_IN:
            launching.stop(store, name, Signature("aftershow init", shop.signed_at(), shop.via))


def _last_show(shop: OpenShop) -> DryRun | None:
    ended = shop.ended_shows()
    if not ended:
        return None
    playbooks = [Launched(one.playbook) for one in launching.playbooks(shop.ports.store)]
    with progress("Looking at the last show") as report:
        return dry_run(shop.ports, ended[0], playbooks, report)


def next_commands(config: Path, name_of_stack: str, *, deployed: bool) -> list[str]:
    """The next three commands: into AWS where there are credentials, else on this machine."""
    if not deployed:
        return [
            "infra/aftershow up",
            "infra/aftershow playbooks approve hot-replay --by YOUR_NAME --share 5%",
            "infra/aftershow stop",
        ]
    file = config.relative_to(ROOT) if config.is_relative_to(ROOT) else config
    return [
        f"infra/aftershow build && sam deploy --config-file {file}",
        f"infra/aftershow playbooks push --stack {name_of_stack} --write-key-for web",
        f"infra/aftershow playbooks approve hot-replay --by YOUR_NAME --share 5% --stack {name_of_stack}",
    ]


def _tell(told: Mapping[str, Any], shop: OpenShop, dry: DryRun | None) -> None:
    locale = "zh-CN" if shop.settings.shop_locale.startswith("zh") else "en"
    out = console()
    changed = told["changed"] or [word("nothing_changed", locale)]
    out.print(section(f"{word('settings_in', locale)} {told['config']}", Text(plain_lines(changed))))
    proofs = Table.grid(padding=(0, 2))
    for one in told["proofs"]:
        state = Text(word(one["state"].replace(" ", "_"), locale), _TONES[one["state"]])
        proofs.add_row(Text(one["what"]), state, Text(plain(one["words"])))
    out.print(section(word("proofs", locale), proofs))
    if told["test"]:
        out.print(section(word("test_message", locale), Text(plain(told["test"]))))
    out.print()
    if dry is not None:
        titles = {one.playbook.id: one.playbook.title for one in launching.playbooks(shop.ports.store)}
        print_dry_run(dry, titles, shop.settings, locale, out)
    else:
        out.print(Text(word("no_show_yet", locale)))
    working = [one.playbook.id for one in launching.playbooks(shop.ports.store) if one.off is None]
    off = word("all_off", locale) if not working else f"{word('still_on', locale)} {', '.join(working)}"
    out.print(section(off, Text(plain_lines(told["next"]))))


def plain_lines(lines: list[str]) -> str:
    """Lines without control characters."""
    return "\n".join(plain(line) for line in lines)
