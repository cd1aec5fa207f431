"""Pictures of templates: read from files beside them, bounded, and sent with the mail that shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from aftershow.model.messages import Email, Picture, Sms
from aftershow.rules.pictures import attached
from infra.local import catalog
from infra.local.pictures import MAX_PICTURE_BYTES

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
SHOWN = {"subject": "s", "text": "t", "html": '<p>hello</p><img src="cid:logo">'}


def write(folder: Path, pictures: object, email: object = None, **files: bytes) -> None:
    (folder / "pictures").mkdir()
    for name, data in files.items():
        (folder / "pictures" / name.replace("_", ".")).write_bytes(data)
    said = {"name": "welcome", "texts": {"en": {"email": email or SHOWN}}, "pictures": pictures}
    (folder / "welcome.yaml").write_text(yaml.safe_dump(said))


def test_a_mail_carries_the_pictures_that_it_shows(tmp_path: Path) -> None:
    write(tmp_path, {"logo": "logo.png", "unused": "unused.png"}, logo_png=PNG, unused_png=PNG)
    [template] = catalog.templates(tmp_path)
    mail = attached(Email("s", "t", SHOWN["html"]), template)
    assert isinstance(mail, Email)
    assert mail.pictures == (Picture("logo", "image/png", PNG),)
    assert attached(Email("s", "t", "none"), template) == Email("s", "t", "none")
    assert attached(Sms("cid:logo"), template) == Sms("cid:logo")
    # What is stored and read again is the same template, and its picture is part of what is approved.
    assert type(template).read(template.body()) == template


@pytest.mark.parametrize(
    ("pictures", "files", "says"),
    [
        ({"logo": "logo.png"}, {}, "there is no picture logo.png"),
        ({"logo": "../welcome.yaml"}, {}, "there is no picture ../welcome.yaml"),
        ({"logo": "logo.png"}, {"logo_png": PNG + bytes(2_000_000)}, f"2,000,208 bytes, at most {MAX_PICTURE_BYTES:,}"),
        ({"logo": "logo.png"}, {"logo_png": b"<svg/>"}, "logo.png is no picture that mail programs show"),
        (
            {"logo": "logo.png", "a": "a.png", "b": "b.png"},
            {"logo_png": PNG + bytes(60_000), "a_png": PNG + bytes(60_000), "b_png": PNG + bytes(60_000)},
            "180,624 bytes together",
        ),
        ({"other": "logo.png"}, {"logo_png": PNG}, "shows logo, which is not in pictures"),
        ({"lo go": "logo.png"}, {"logo_png": PNG}, "should match pattern"),
        (["logo.png"], {}, "names and files"),
    ],
)
def test_a_picture_that_can_not_be_sent_is_refused_where_it_is_written(
    tmp_path: Path, pictures: object, files: dict[str, bytes], says: str
) -> None:
    write(tmp_path, pictures, **files)
    with pytest.raises(catalog.CatalogError) as refused:
        catalog.templates(tmp_path)
    assert says in str(refused.value)
    assert str(refused.value).startswith("welcome.yaml: ")
