"""What a shop answers once: checked in clear words, kept as parameters of the template in a SAM configuration file.

The file is SAM's own format, so `sam deploy --config-file FILE` uses it as it is. What else stands in it is kept.
"""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError

from aftershow.model.channels import ADDRESSES
from infra.local.intrinsics import parse

INFRA = Path(__file__).resolve().parent.parent
# Channels that this version can send on.
CHANNELS = tuple(ADDRESSES)
# The parameter that names a channel's provider, and which providers there are, the usual one first.
PROVIDERS = {
    "email": ("EmailProvider", ("ses", "smtp")),
    "sms": ("SmsProvider", ("aws", "sns", "aliyun", "tencent")),
    "push": ("PushProvider", ("sns",)),
    "wechat": ("WechatProvider", ("wechat",)),
    "wecom": ("WecomProvider", ("wecom",)),
    "webhook": ("WebhookProvider", ("webhook",)),
}
# Who sends with the function's own rights.
WITHOUT_OPTIONS = ("ses",)
# What the template takes: parameters stand in descriptions, which are short.
MAX_NAME, MAX_SENDER, MAX_ADDRESS = 40, 64, 90


@dataclass(frozen=True, slots=True)
class Question:
    """One answer: the template's parameter, the words in which it is asked, and what makes it good.

    `check` returns the answer in its usual form, or raises ValueError with a word for whoever answered.
    """

    parameter: str
    option: str
    words: str
    check: Callable[[str], str]
    needed: bool = False


class ConfigError(Exception):
    """The configuration file can't be read: where and why."""


def name(text: str) -> str:
    """The shop's name: one line, 1 to 40 characters."""
    text = " ".join(text.split())
    if not text:
        raise ValueError("a shop needs a name: viewers read it in every message")
    if len(text) > MAX_NAME or not text.isprintable():
        raise ValueError(f"a name is one line of at most {MAX_NAME} characters")
    return text


def zone(text: str) -> str:
    """A zone of the tz database."""
    text = text.strip()
    known = zoneinfo.available_timezones()
    if text in known:
        return text
    by_lower = {one.lower(): one for one in known}
    if text.lower().replace(" ", "_") in by_lower:
        return by_lower[text.lower().replace(" ", "_")]
    near = _near(text, [one for one in known if "/" in one])
    raise ValueError(f"{text!r} is no time zone of the tz database, like Asia/Shanghai{near}")


def currency(text: str) -> str:
    """A currency's code of ISO 4217."""
    import iso4217

    code = text.strip().upper()
    if code == "RMB":
        raise ValueError("RMB is the money's name: its code in ISO 4217 is CNY")
    try:
        iso4217.Currency(code)
    except ValueError:
        raise ValueError(f"{text!r} is no currency of ISO 4217, like CNY, USD, EUR") from None
    return code


def locale(text: str) -> str:
    """A language tag of BCP 47: language, perhaps script, perhaps country."""
    from babel import Locale, parse_locale

    english = Locale("en")
    try:
        language, territory, script = parse_locale(text.strip().replace("_", "-"), sep="-")[:3]
    except ValueError:
        language, territory, script = "", None, None
    if (
        language not in english.languages
        or (territory is not None and territory not in english.territories)
        or (script is not None and script not in english.scripts)
    ):
        raise ValueError(f"{text!r} is no language tag (BCP 47), like zh-CN, en, de-DE")
    return "-".join(part for part in (language, script, territory) if part)


def country(text: str) -> str:
    """A country of ISO 3166, two letters."""
    from babel import Locale

    code = text.strip().upper()
    if code == "UK":
        raise ValueError("the United Kingdom's code in ISO 3166 is GB")
    # These two-letter codes of CLDR are no countries.
    if len(code) != 2 or code in {"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"}:  # noqa: PLR2004 (the standard's length)
        raise ValueError(f"{text!r} is no country of ISO 3166: two letters, like CN, US, DE")
    if code not in Locale("en").territories:
        raise ValueError(f"{text!r} is no country of ISO 3166, like CN, US, DE")
    return code


def sender(text: str) -> str:
    """An e-mail address."""
    text = text.strip()
    if "＠" in text:
        raise ValueError("the ＠ is a full-width one: type @")
    try:
        address = Address(addr_spec=text)
    except (ValueError, HeaderParseError, IndexError):
        raise ValueError(f"{text!r} is no e-mail address, like shop@your-domain.com") from None
    if len(text) > MAX_SENDER:
        raise ValueError(f"the sender has at most {MAX_SENDER} characters")
    domain = address.domain
    if not text.isascii() or "." not in domain.strip(".") or domain.startswith(".") or domain.endswith("."):
        raise ValueError(f"{text!r} is no e-mail address that mail can come from: a name, @, and a domain in ASCII")
    return text


def postal_address(text: str) -> str:
    """The sender's postal address in one line; empty where no law asks for one."""
    text = " ".join(text.split())
    if len(text) > MAX_ADDRESS or not text.isprintable():
        raise ValueError(f"an address is one line of at most {MAX_ADDRESS} characters")
    return text


def channels(text: str) -> str:
    """Channels in use, the preferred first."""
    listed = list(dict.fromkeys(word.strip().lower() for word in text.replace("，", ",").split(",") if word.strip()))
    if not listed:
        raise ValueError(f"which channels? There are {', '.join(CHANNELS)}")
    for one in listed:
        if one not in CHANNELS:
            raise ValueError(f"{one!r} is no channel: there are {', '.join(CHANNELS)}")
    return ",".join(listed)


def providers(channels: str, said: Mapping[str, str]) -> dict[str, str]:
    """The parameters that follow from the channels in use and from the providers that were said (channel to name; empty
    where nothing was said). Raises ValueError."""
    used = channels.split(",")
    found: dict[str, str] = {}
    for channel, (parameter, known) in PROVIDERS.items():
        name = said.get(channel, "")
        if name and name != "none" and name not in known:
            raise ValueError(f"{name!r} is no provider of {channel}: there are {', '.join(known)}")
        chosen = name if name not in ("", "none") else known[0] if channel != "sms" else ""
        if channel in used and not chosen:
            raise ValueError(f"who sends your text messages? There are {', '.join(known)}")
        found[parameter] = chosen if channel in used or channel == "email" else "none"
    with_options = any(one not in ("none", *WITHOUT_OPTIONS) for one in found.values())
    return {**found, "ChannelSecret": "on" if with_options else "off", "FileChannel": "on" if "file" in used else "off"}


def _near(text: str, known: list[str]) -> str:
    """What was perhaps meant: a city alone is the usual answer."""
    cities = {one.rpartition("/")[2].lower(): one for one in sorted(known)}
    wanted = text.lower().replace(" ", "_").rpartition("/")[2]
    found = difflib.get_close_matches(wanted, cities, n=1) or difflib.get_close_matches(text, known, n=1)
    return f"; did you mean {cities.get(found[0], found[0])}?" if found else ""


QUESTIONS = (
    Question("ShopName", "--name", "Name of the shop, as viewers read it (店铺名称)", name, needed=True),
    Question("ShopZone", "--zone", "Time zone (时区)", zone),
    Question("ShopCurrency", "--currency", "Currency (币种)", currency),
    Question("ShopLocale", "--locale", "Language of messages (信息语言)", locale),
    Question("ShopCountry", "--country", "Country of telephone numbers (国家)", country),
    Question("Sender", "--sender", "E-mail address that messages come from (发件邮箱)", sender, needed=True),
    Question(
        "PostalAddress", "--postal-address", "Your postal address, for marketing messages (通信地址)", postal_address
    ),
    Question("Channels", "--channels", "Channels, the preferred first (渠道)", channels),
)


def template_defaults() -> dict[str, str]:
    """What the template has where nothing was answered; not for what only the shop can know."""
    declared = parse((INFRA.parent / "template.yaml").read_text(encoding="utf-8"))["Parameters"]
    return {one.parameter: "" if one.needed else str(declared[one.parameter]["Default"]) for one in QUESTIONS}


def read(file: Path) -> dict[str, str]:
    """The parameters that a configuration file has. Raises ConfigError."""
    return {str(key): str(value) for key, value in _overrides(_document(file)).items()}


def deployment(file: Path) -> dict[str, str]:
    """Stack and region that a configuration file names. Raises ConfigError."""
    document = _document(file)
    default = document.get("default", {})
    found = {
        "stack": default.get("global", {}).get("parameters", {}).get("stack_name", "aftershow"),
        "region": default.get("deploy", {}).get("parameters", {}).get("region", ""),
    }
    return {key: str(value) for key, value in found.items()}


def write(file: Path, parameters: Mapping[str, str], stack: str, region: str) -> bool:
    """Bring answers into a configuration file; what else stands there stays. A new file begins as the project's own.
    Returns whether anything changed. Raises ConfigError, OSError."""
    document = _document(file)
    before = tomlkit.dumps(document) if file.exists() else ""
    _table(document, "default", "global", "parameters")["stack_name"] = stack
    deploy = _table(document, "default", "deploy", "parameters")
    if region:
        deploy["region"] = region
    kept = {**_overrides(document), **parameters}
    if kept != dict(deploy.get("parameter_overrides", {})):
        deploy.pop("parameter_overrides", None)
        table = tomlkit.table()
        table.update(kept)
        table.add(tomlkit.nl())
        deploy["parameter_overrides"] = table
    text = tomlkit.dumps(document)
    if text == before:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)
    return True


def _document(file: Path) -> Any:
    origin = file if file.exists() else INFRA / "samconfig.toml"
    try:
        return tomlkit.parse(origin.read_text(encoding="utf-8"))
    except (ParseError, UnicodeDecodeError) as error:
        raise ConfigError(f"{origin}: not TOML: {error}") from error
    except OSError as error:
        raise ConfigError(f"{origin} can't be read: {error.strerror}") from error


def _overrides(document: Any) -> dict[str, Any]:
    found = document.get("default", {}).get("deploy", {}).get("parameters", {}).get("parameter_overrides", {})
    if not isinstance(found, Mapping):
        raise ConfigError(
            "parameter_overrides is a text there, as sam deploy --guided writes it: choose another --config, or make "
            "it a table [default.deploy.parameters.parameter_overrides]"
        )
    return dict(found)


def _table(document: Any, *path: str) -> Any:
    for part in path:
        document = document.setdefault(part, tomlkit.table())
    return document
