"""Files as people have them: encodings of the trade, shapes of CSV; what is broken is refused row by row."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.importing import files
from infra.local.importing.fields import CATALOGUE, KINDS, names_of, plain
from infra.local.importing.files import MAX_LINE_CHARACTERS, Row, Table, Unreadable, look, read
from infra.local.importing.mapping import BadMapping, Columns, check, guess, load, save
from tests.unit.samples import examples

TEXT = "会员编号,姓名,备注\n1,李雷,好\n2,韩梅梅,“引号”\n"


def opened(folder: Path, content: bytes, encoding: str | None = None) -> Table:
    """A file's headers, and all its rows."""
    file = folder / "list.csv"
    file.write_bytes(content)
    with read(file, look(file, encoding)) as table:
        return replace(table, rows=iter(list(table.rows)))


def rows(table: Table) -> list[list[str] | str]:
    return [row.reason or list(row.cells) for row in table.rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk"])
@pytest.mark.parametrize("packed", [False, True])
def test_an_encoding_is_found(tmp_path: Path, encoding: str, packed: bool) -> None:  # noqa: FBT001
    content = TEXT.encode(encoding)
    table = opened(tmp_path, gzip.compress(content) if packed else content)
    assert table.headers == ("会员编号", "姓名", "备注")
    assert rows(table) == [["1", "李雷", "好"], ["2", "韩梅梅", "“引号”"]]


def test_a_packed_file_is_the_same_file(tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv.gz"
    one.write_bytes(TEXT.encode())
    other.write_bytes(gzip.compress(TEXT.encode()))
    assert look(one).digest == look(other).digest


def test_a_word_that_is_utf8_by_chance_is_read_as_its_file_is(tmp_path: Path) -> None:
    # 联通 in GBK is valid UTF-8: what Notepad once got wrong.
    table = opened(tmp_path, "名称,说明\n联通,公司介绍\n联通,联通\n".encode("gbk"))
    assert rows(table)[1] == ["联通", "联通"]


@pytest.mark.parametrize(("most", "few"), [("utf-8", "gb18030"), ("gb18030", "utf-8")])
def test_a_row_in_another_encoding_is_refused_by_itself(tmp_path: Path, most: str, few: str) -> None:
    lines = [TEXT.encode(most), *("3,张三丰,中文\n".encode(most) for _ in range(3)), "4,王小明,来自别处\n".encode(few)]
    found = rows(opened(tmp_path, b"".join(lines)))
    assert [each for each in found if isinstance(each, list)][-1] == ["3", "张三丰", "中文"]
    assert "encoding" in found[-1] or "UTF-8" in found[-1]


def test_a_sign_of_four_bytes_is_chinese_too(tmp_path: Path) -> None:
    table = opened(tmp_path, "订单号,实付金额\nA1,¥12.00\nA2,¥1.00\nA3,€1.00\n".encode("gb18030"))
    assert rows(table) == [["A1", "¥12.00"], ["A2", "¥1.00"], ["A3", "€1.00"]]


def test_broken_bytes_are_refused_by_row(tmp_path: Path) -> None:
    found = rows(opened(tmp_path, TEXT.encode() + b"3,\xff\xfe,x\n4,b\x00c,x\n5,d,x\n"))
    assert found[2:] == ["not in the encoding of the file", "holds a NUL byte", ["5", "d", "x"]]


def test_what_is_no_known_encoding_is_not_guessed(tmp_path: Path) -> None:
    content = "id,name\n1,Jürgen Müller\n2,José\n".encode("cp1252")
    with pytest.raises(Unreadable, match="--encoding"):
        opened(tmp_path, content)
    assert rows(opened(tmp_path, content, "cp1252"))[0] == ["1", "Jürgen Müller"]
    with pytest.raises(Unreadable, match="no encoding"):
        opened(tmp_path, content, "klingon")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    text = delimiter.join(("id", '"name, full; or not"')) + "\r\n" + delimiter.join(("1", '"a,b;c"')) + "\r\n"
    table = opened(tmp_path, text.encode())
    assert table.headers == ("id", "name, full; or not")
    assert rows(table) == [["1", "a,b;c"]]


def test_a_line_sep_decides(tmp_path: Path) -> None:
    table = opened(tmp_path, "sep=;\r\nid;a,b,c,d\r\n1;2\r\n".encode("utf-8-sig"))
    assert (table.headers, rows(table)) == (("id", "a,b,c,d"), [["1", "2"]])


def test_quoted_line_ends_belong_to_their_row(tmp_path: Path) -> None:
    table = opened(tmp_path, b'id,note\n1,"two\nlines"\n2,"a ""quote"""\n')
    found = list(table.rows)
    assert [row.cells for row in found] == [["1", "two\nlines"], ["2", 'a "quote"']]
    assert [row.line for row in found] == [2, 4]


def test_a_quote_that_is_never_closed_costs_one_row(tmp_path: Path) -> None:
    lines = [b"id,note", b'1,"open', b"2,fine", b'3,"also" open', *(b"%d,fine" % number for number in range(4, 99))]
    found = list(opened(tmp_path, b"\n".join(lines)).rows)
    assert [row.line for row in found] == list(range(2, 100))
    assert [row.line for row in found if row.reason] == [2, 4]


def test_rows_of_another_width_are_refused_and_empty_ones_passed_over(tmp_path: Path) -> None:
    found = rows(opened(tmp_path, b"a,b,c,,\n1,2,3\n\n1,2\n1,2,3,4\n1,2,3,,\n,,\n"))
    assert found == [
        ["1", "2", "3"], "has 2 cells where the header has 3", "has 4 cells where the header has 3", ["1", "2", "3"],
    ]  # fmt: skip


def test_a_line_without_end_is_skipped_unread(tmp_path: Path) -> None:
    long = b"x" * (5 * MAX_LINE_CHARACTERS)
    found = rows(opened(tmp_path, b"a,b\n1,2\n" + long + b"\n3,4\n" + b'"' + long + b"\n5,6\n"))
    assert [each for each in found if isinstance(each, list)] == [["1", "2"], ["3", "4"], ["5", "6"]]
    assert all("longer than" in each for each in found if isinstance(each, str))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        (gzip.compress(bytes(5_000), mtime=0), "holds no text"),
        (gzip.compress(b"a,b\n1,2\n" * 9999, mtime=0)[:-20], "damaged gzip"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:6] + b"\0" * 40, "damaged gzip"),
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"\xd0\xcf\x11\xe0rest", "old Excel"),
        (b'[{"a": 1}]', "JSON list"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes, word: str) -> None:
    with pytest.raises(Unreadable, match=word):
        opened(tmp_path, content)


def test_a_bomb_stops_at_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_INFLATED_BYTES", 10 * 1024**2)
    with pytest.raises(Unreadable, match="unpacks to more"):
        opened(tmp_path, gzip.compress(b"0" * 50 * 1024**2))


def test_objects_are_read_with_their_numbers_as_written(tmp_path: Path) -> None:
    lines = [
        json.dumps({"id": 1, "user": {"phone": None, "vip": True}, "tags": ["a", "b"]}),
        '{"id": 1.38E+10, "user": {"phone": 12345678901234567890}}',
        "{broken", "[1]", '{"other": "é"}',
    ]  # fmt: skip
    table = opened(tmp_path, "\n".join(lines).encode("utf-8-sig"))
    assert table.headers == ("id", "user.phone", "user.vip", "tags", "other")
    assert rows(table) == [
        ["1", "", "true", "a,b", ""], ["1.38E+10", "12345678901234567890", "", "", ""], "not JSON", "not a JSON object",
        ["", "", "", "", "é"],
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["utf-9", "rot13", "base64", "idna", "undefined"])
def test_what_makes_no_text_is_no_encoding(tmp_path: Path, name: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"id,name\n1,one\n")
    with pytest.raises(Unreadable, match="there is no encoding"):
        look(file, name)


@pytest.mark.parametrize("giant", ["x" * 300_000, "x" * MAX_LINE_CHARACTERS])
@pytest.mark.parametrize("before", ["", '1,"never closed\n'])
def test_a_giant_line_costs_no_row_after_it(tmp_path: Path, before: str, giant: str) -> None:
    table = opened(tmp_path, f"id,name\n{before}{giant}\n3,three\n4,four\n".encode())
    assert [row for row in rows(table) if isinstance(row, list)] == [["3", "three"], ["4", "four"]]


def test_half_an_emoji_and_a_deep_nest_cost_no_more_than_their_row(tmp_path: Path) -> None:
    deep = '{"a":' * 980 + "1" + "}" * 980
    table = opened(tmp_path, b'{"id": "1", "name": "\\ud83d"}\n' + deep.encode() + b'\n{"id": "2"}')
    assert rows(table) == [["1", "\N{REPLACEMENT CHARACTER}"], "nested more than 64 levels deep", ["2", ""]]


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('",;\n'), max_size=12)


@examples(100)
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8), st.sampled_from([",", ";", "\t"]))
def test_what_python_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, listed: list[list[str]], delimiter: str
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([["one", "two", "three"], *listed])
    table = opened(tmp_path_factory.mktemp("csv"), text.getvalue().encode())
    assert [list(row.cells) for row in table.rows] == [cells for cells in listed if any(cells)]


@examples(100)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    try:
        table = opened(tmp_path_factory.mktemp("any"), content)
    except Unreadable:
        return
    assert all(isinstance(row, Row) for row in table.rows)


HEADERS = ["会员编号", "手机号", "邮箱", "姓名", "备注"]


def test_columns_are_guessed_in_chinese_and_english() -> None:
    assert guess("members", HEADERS, [], "UTC").columns == {
        "user_id": "会员编号", "phone": "手机号", "email": "邮箱", "name": "姓名",
    }  # fmt: skip
    english = ["Order No.", "Customer ID", "orderDate", "Amount paid (CNY)", "Product Name", "QTY", "Unit_Price"]
    assert guess("orders", english, [], "UTC").columns == {
        "order_id": "Order No.", "user_id": "Customer ID", "ordered_at": "orderDate", "total": "Amount paid (CNY)",
        "product_name": "Product Name", "quantity": "QTY", "price": "Unit_Price",
    }  # fmt: skip


def test_our_own_names_come_first() -> None:
    assert guess("members", ["phone", "mobile", "user_id", "uid"], [], "UTC").columns == {
        "user_id": "user_id", "phone": "phone",
    }  # fmt: skip


def test_a_choice_is_refused_and_names_both() -> None:
    with pytest.raises(BadMapping, match="手机 or 手机号"):
        guess("members", ["会员编号", "手机", "手机号"], [], "UTC")


@pytest.mark.parametrize("kind", KINDS)
def test_every_header_means_one_field(kind: str) -> None:
    fields = CATALOGUE[kind]  # type: ignore[index]
    listed = [name for field in fields for name in names_of(field)]
    assert len(listed) == len(set(listed))
    for field in fields:
        assert plain(field.name) in names_of(field)


def test_a_mapping_is_saved_and_read_back(tmp_path: Path) -> None:
    sample = [["1", "13800138000", "", "", ""]]
    guessed = guess("members", HEADERS, sample, "Asia/Shanghai")
    file = tmp_path / "maps" / "m.yaml"
    save(guessed, file, HEADERS, "list.csv")
    assert "备注" in file.read_text(encoding="utf-8")
    assert load(file, "members", "UTC") == guessed


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("kind: orders\ncolumns: {}", "mapping of orders"),
        ("columns: {phone: nothing}", "no column 'nothing'"),
        ("columns: {shoe_size: 备注}", "no field shoe_size"),
        ("columns: {name: 姓名}", "user_id or anonymous_id"),
        ("columns: {user_id: 会员编号}\nzone: Mars/Base", "zone"),
        ("columns: {user_id: 会员编号}\ncurrency: XXQ", "currency"),
        ("columns: {user_id: 会员编号}\nconsent_channel: fax", "consent_channel"),
        ("columns: {user_id: 会员编号}\nnonsense: 1", "nonsense"),
        ("- 1", "not a mapping"),
        ("a: [", "not YAML"),
    ],
)
def test_a_wrong_mapping_is_refused_with_a_word(tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadMapping, match=word):
        check(load(file, "members", "UTC"), HEADERS)


def test_a_header_that_is_there_twice_is_refused_where_it_is_used() -> None:
    headers = ["user_id", "note", "note", "email", "email"]
    with pytest.raises(BadMapping, match=r"email.*twice, as columns 4 and 5"):
        check(Columns(kind="members", columns={"user_id": "user_id", "email": "email"}, zone="UTC"), headers)
    check(Columns(kind="members", columns={"user_id": "user_id"}, zone="UTC"), headers)
    for headers in (["user_id", "邮箱", "邮箱"], ["uid", "邮箱", "邮件", "邮箱"]):
        with pytest.raises(BadMapping, match=r"'邮箱'.*twice, as columns 2 and"):
            guess("members", headers, [], "UTC")


@examples(100)
@given(st.lists(st.text(max_size=12), max_size=8))
def test_any_headers_are_guessed_or_refused(headers: list[str]) -> None:
    try:
        mapping = guess("orders", headers, [], "UTC")
        check(mapping, headers)
    except BadMapping:
        return
    assert set(mapping.columns.values()) <= set(headers)
