"""Hashes as CSV."""

import io

import pytest

from edgeward.errors import UserError
from edgeward.lists.formats import HEAD_BYTES, BadRow, HashRow, ReadOptions, Row, WithdrawnSource
from edgeward.lists.formats.csv import describe, looks_like, rows
from edgeward.lists.formats.lines import MAX_LINE_BYTES

MD5 = "9e107d9d372bb6826bd81d3542a419d6"
SHA1 = "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"
PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"


def read(text: str | bytes, options: ReadOptions | None = None) -> list[Row]:
    body = text if isinstance(text, bytes) else text.encode()
    return [*rows(io.BytesIO(body), options or ReadOptions())]


def test_columns_come_in_any_order() -> None:
    """The header names them in any case; cells may be quoted, with commas and line ends; empty cells are left out."""
    text = 'reason,Value , TYPE\r\n"a, ""b""\nc",12,md5\n,13,\n'
    assert read(text) == [HashRow(3, "12", "md5", reason='a, "b"\nc'), HashRow(4, "13")]


def test_several_hashes_in_one_row() -> None:
    """Each column of hashes gives a row with the same source's id, tags and withdrawal. Only PDQ has the quality."""
    text = (
        "# exported\nID;MD5 Hash;SHA-1;pdq_hash;Quality;Category;Deleted;Size\n"
        f"a7;{MD5.upper()};;{PDQ};80;A1|new;no;123\nb8;;{SHA1};;;;yes;\nc9;;;;;;true;\n;;;;;;;\nd0;;;;;;;\n"
    )
    assert read(text) == [
        HashRow(3, MD5.upper(), "md5", source_id="a7", tags=("A1", "new")),
        HashRow(3, PDQ, "pdq", "80", source_id="a7", tags=("A1", "new")),
        HashRow(4, SHA1, "sha1", source_id="b8", withdrawn=True),
        WithdrawnSource(5, "c9"),
        BadRow(7, "there is no hash in it"),
    ]
    assert describe(text.encode(), ReadOptions()) == (
        "columns read: source_id from column 1 (ID), md5 from column 2 (MD5 Hash), sha1 from column 3 (SHA-1), pdq "
        "from column 4 (pdq_hash), quality from column 5 (Quality), tags from column 6 (Category), withdrawn from "
        "column 7 (Deleted); passed over: Size"
    )


def test_several_columns_of_tags() -> None:
    """By their names in the header all are read, and each tag once; if columns are given, only the given one."""
    text = f"md5,Category,Tags,label\n{MD5},A1,x; A1,\n"
    assert read(text) == [HashRow(2, MD5, "md5", tags=("A1", "x"))]
    assert "tags from column 2 (Category), tags from column 3 (Tags)" in describe(text.encode(), ReadOptions())
    assert read(text, ReadOptions(columns={"md5": "md5", "tags": "tags"})) == [HashRow(2, MD5, "md5", tags=("x", "A1"))]


def test_columns_that_are_given() -> None:
    """By name in any case, or by number, whatever the header suggests; the others are passed over."""
    columns = {"md5": "col3", "SHA-1": "second hash", "source_id": "No.", "tags": "kind", "withdrawn": "what"}
    text = f"No.,md5,x,Second Hash,Kind,What\n5,junk,{MD5},{SHA1},A1,Remove\n"
    assert read(text, ReadOptions(columns=columns)) == [
        HashRow(2, MD5, "md5", source_id="5", tags=("A1",), withdrawn=True),
        HashRow(2, SHA1, "sha1", source_id="5", tags=("A1",), withdrawn=True),
    ]


def test_without_a_header() -> None:
    """Columns of one length of hash are found; those of two types, by the column that names the type."""
    assert read(f"{MD5},a\n{MD5[::-1]},b\n") == [HashRow(1, MD5, "md5"), HashRow(2, MD5[::-1], "md5")]
    assert read(f"MD5;{MD5}\nSHA-1;{SHA1}\n") == [HashRow(1, MD5, "md5"), HashRow(2, SHA1, "sha1")]
    assert read(f"\t{MD5}\t\n\t{MD5[::-1]}\t\n") == [HashRow(1, MD5, "md5"), HashRow(2, MD5[::-1], "md5")]
    # Of 64 digits: sha256 or pdq, so that the type must be said.
    assert read(f"a\t{PDQ}\nb\t{PDQ}\n") == [HashRow(1, PDQ), HashRow(2, PDQ)]
    assert read(f"x,{SHA1}\n", ReadOptions(columns={"sha1": "COL2"})) == [HashRow(1, SHA1, "sha1")]
    named = ReadOptions(columns={"md5": "col1"}, has_header=False)
    assert read("name\n12\n", named) == [HashRow(1, "name", "md5"), HashRow(2, "12", "md5")]


def test_types_are_named_as_others_write_them() -> None:
    """Those that are not known stay as they are."""
    text = f"indicator,type\n{MD5},HASH_MD5\n{SHA1},SHA-1\n12,nonsense\n"
    assert read(text) == [HashRow(2, MD5, "md5"), HashRow(3, SHA1, "sha1"), HashRow(4, "12", "nonsense")]


def test_empty_cells_at_the_ends() -> None:
    """Columns without a name, first and last, count: tabs at the ends of a line are no space around it."""
    assert read(f"\tmd5\tid\t\nx\t{MD5}\t7\t\n\t{MD5}\t\t\n") == [
        HashRow(2, MD5, "md5", source_id="7"),
        HashRow(3, MD5, "md5"),
    ]


def test_words_for_withdrawn() -> None:
    """An unknown one is refused: nobody knows what it would do. It is not repeated at length."""
    found = read(f"md5,action\n{MD5},ADD\n{MD5},Delete\n{MD5},{'maybe' * 100}\n")
    assert found[:2] == [HashRow(2, MD5, "md5"), HashRow(3, MD5, "md5", withdrawn=True)]
    assert isinstance(found[2], BadRow) and len(found[2].why) < 120 and "does not say" in found[2].why


def test_values_with_spaces_and_formulas() -> None:
    """Spaces in a hash do not count. A formula is no hash, and is not repeated."""
    spaced = " ".join(MD5[at : at + 8] for at in range(0, 32, 8))
    found = read(f"md5,id\n{spaced},1\n=cmd|' /C calc'!A0,2\n")
    assert found == [HashRow(2, MD5, "md5", source_id="1"), BadRow(3, "a formula in place of a hash (md5)")]


def test_a_row_of_another_length_is_bad() -> None:
    """It is reported, an empty line is skipped, and the rows after it are read."""
    found = read("type,value\nmd5,12,3\n\nmd5,13\n")
    assert found == [BadRow(2, "3 columns where the header has 2"), HashRow(4, "13", "md5")]


def test_lines_that_cannot_be_read() -> None:
    """They are reported with their numbers, and the rows around them are read."""
    body = b"type,value\nmd5,12\nmd5,\xff\n" + b"x" * (MAX_LINE_BYTES + 1) + b"\nmd5,13"
    assert read(body) == [
        HashRow(2, "12", "md5"),
        BadRow(3, "not UTF-8 text: byte 0xff in column 5"),
        BadRow(4, f"the line is longer than {MAX_LINE_BYTES} bytes"),
        HashRow(5, "13", "md5"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('type,value\nmd5,12\nmd5,"13\nmd5,14\n', 3),
        ('type,value\nmd5,"12"x\nmd5,14\n', 2),
        ('type,value\nmd5,"12\n' + "md5,14\n" * 30_000, 2),
    ],
)
def test_a_quote_that_is_not_closed_ends_the_reading(text: str, line: int) -> None:
    """The error names the line where the row begins: what follows can't be told apart, and must not get lost."""
    with pytest.raises(UserError, match=f"line {line}: not CSV"):
        read(text)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("type,color\n1,2\n", ReadOptions(), "no column of hashes is found: the columns are: type, color; .*--map"),
        ("value,hash\n", ReadOptions(), "columns 1 and 2 are both value by their names"),
        (f"{MD5},{MD5}\n", ReadOptions(), "columns 1 and 2 both hold hashes of one length"),
        ("md5" + "," * 500, ReadOptions(), "there are 501 columns in the first row: at most 500"),
        ("1,2\n", ReadOptions(has_header=False), "there is no header"),
        ("a,b\n", ReadOptions(columns={"md5": "c"}), "no column is named 'c': the columns are: a, b"),
        ("a,b\n", ReadOptions(columns={"md5": "col3"}), "there is no column col3: the file has 2"),
        ("a,b\n", ReadOptions(columns={"md5": "col0"}), "there is no column col0"),
        ("a,A\n", ReadOptions(columns={"md5": " A"}), ""),
        ("a-,A\n", ReadOptions(columns={"md5": "_a"}), "2 columns are named '_a': give the number, such as col1"),
        (f"{MD5},b\n", ReadOptions(columns={"md5": "c"}), "the file has no header: give numbers"),
        ("a,b\n", ReadOptions(columns={"nonsense": "a"}), "a column can't be 'nonsense': it must be one of sha256"),
        ("a,b\n", ReadOptions(columns={"type": "a"}), "no column of hashes"),
        ("a,b\n", ReadOptions(delimiter=",,"), "the separator must be one character"),
        ("a,b\n", ReadOptions(delimiter='"'), "the separator must be one character"),
    ],
)
def test_columns_that_are_not_clear(text: str, options: ReadOptions, message: str) -> None:
    """The error says which columns there are, and what to give."""
    if not message:
        assert read(text, options) == []
        return
    with pytest.raises(UserError, match=message):
        read(text, options)
    with pytest.raises(UserError, match=message):
        describe(text.encode(), options)


def test_a_beginning_without_a_row() -> None:
    """A first line, or comments, of more than the head are an error: nothing gets lost in silence. No row is none."""
    for head in (b"md5," + b"x" * HEAD_BYTES + b"\n", b"# comment\n" * 10_000):
        with pytest.raises(UserError, match=f"no whole row in the first {HEAD_BYTES} bytes"):
            read(head + f"md5\n{MD5}\n".encode())
    assert read("# comment\n\n") == read("") == []


def test_long_names_are_cut() -> None:
    """A message holds no whole line."""
    with pytest.raises(UserError) as raised:
        read("x" * 5000 + "," + "y" * 5000 + "\n")
    assert len(str(raised.value)) < 300


def test_a_separator_that_is_given() -> None:
    """Any one character; it is not found out then."""
    assert read(f"md5:id,x\n{MD5}:a,b\n", ReadOptions(delimiter=":")) == [HashRow(2, MD5, "md5")]


@pytest.mark.parametrize("text", ["md5\n12\n", f"hash,algorithm\n{MD5},md5\n", f"{MD5};x\n", f"a|sha1|b\n1|{SHA1}|2\n"])
def test_it_is_recognised(text: str) -> None:
    """By the names in the header, or by hashes in columns."""
    assert looks_like(text.encode())


@pytest.mark.parametrize(
    "text", ["", MD5, f"md5:{MD5}", f"md5 {MD5}", "Dear Sir, Madam\n", "a,b\n1,2\n", '{"value": 1}']
)
def test_other_text_is_not(text: str) -> None:
    """Bare hashes are plain text; words with commas are no columns of hashes."""
    assert not looks_like(text.encode())
