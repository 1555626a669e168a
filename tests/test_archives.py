"""Archives are taken apart into their folder, wholly or not at all; hostile ones are refused and leave nothing."""

import errno
import gzip
import io
import itertools
import os
import re
import stat
import struct
import tarfile
import unicodedata
import warnings
import zipfile
import zlib

import pytest

from utils import files
from utils.files import archives, formats, names, space

FORMATS = {"tar": "w", "tar.gz": "w:gz", "tgz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz", "zip": None}
REEF = {"reef/turtle.txt": b"turtle" * 99, "reef/deep/fish.txt": b"", "a b/Schildkröte 海龟.jpg": bytes(range(256))}


def entry(name, size=0, **facts):
    info = tarfile.TarInfo(name)
    info.size = size
    for fact, value in facts.items():
        setattr(info, fact, value)
    return info


def tar_of(path, members, mode="w"):
    """Write names with their bytes, or entries of tarfile as they are."""
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else entry(name, len(content))
            archive.addfile(info, io.BytesIO(content))
    return path


def zip_of(path, members):
    """Write names with their bytes, or entries of zipfile as they are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of duplicate names
        for name, content in members:
            archive.writestr(name, content)
    return path


def archive_of(path, members):
    mode = FORMATS[path.name.partition(".")[2]]
    return zip_of(path, members) if mode is None else tar_of(path, members, mode)


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.lstat().st_mode for p in folder.rglob("*")}


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def assert_refused(archive, message, **options):
    """Extract; the error must name the archive, and the folders around must stay as they are."""
    above = archive.parent.parent
    before = tree(above)
    with pytest.raises(files.ArchiveError, match=message) as error:
        files.extract(archive, archive.parent / "out", progress=False, **options)
    assert str(archive) in str(error.value) and len(str(error.value)) < 1000
    assert tree(above) == before
    return str(error.value)


@pytest.fixture
def den(tmp_path):
    """A folder some way down, so that what climbs out of it is seen."""
    folder = tmp_path / "one" / "two"
    folder.mkdir(parents=True)
    (tmp_path / "one" / "evil.txt").write_text("was here before")
    return folder


# what is honest


@pytest.mark.parametrize("kind", FORMATS)
def test_an_archive_is_extracted_whole(tmp_path, kind):
    path = archive_of(tmp_path / f"reef.{kind}", REEF.items())
    assert files.extract(path, tmp_path / "deep" / "out") == 3
    assert content(tmp_path / "deep" / "out") == REEF
    assert {p.name for p in (tmp_path / "deep").iterdir()} == {"out"}


@pytest.mark.parametrize("kind", FORMATS)
def test_the_format_is_told_by_the_bytes_and_not_by_the_name(tmp_path, kind):
    path = archive_of(tmp_path / f"reef.{kind}", REEF.items()).rename(tmp_path / "reef.dat")
    assert files.extract(path, tmp_path / "out") == 3


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_members_can_be_chosen_by_name(tmp_path, kind):
    hostile = [*REEF.items(), ("../evil.txt", b"x")]
    path = archive_of(tmp_path / f"reef.{kind}", hostile)
    asked = []
    assert files.extract(path, tmp_path / "out", keep=lambda name: asked.append(name) or name.endswith("fish.txt")) == 1
    assert content(tmp_path / "out") == {"reef/deep/fish.txt": b""}
    assert asked == [name for name, _ in hostile]


def test_several_archives_can_share_a_folder(tmp_path):
    one = zip_of(tmp_path / "one.zip", [("voc/a.txt", b"a")])
    two = tar_of(tmp_path / "two.tar", [("voc/b.txt", b"b")])
    assert files.extract([one, two], tmp_path / "out") == 2
    assert content(tmp_path / "out") == {"voc/a.txt": b"a", "voc/b.txt": b"b"}
    with pytest.raises(files.ArchiveError, match=r"one\.zip.*comes twice"):
        files.extract([two, one, one], tmp_path / "again")


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_folders_are_kept_and_an_entry_for_the_folder_itself_is_none(tmp_path, kind):
    path = tmp_path / f"reef.{kind}"
    if kind == "zip":
        zip_of(path, [("./", b""), ("reef/empty/", b""), ("reef/", b""), ("./reef//a.txt", b"a")])
    else:
        folders = [(entry(name, type=tarfile.DIRTYPE, mode=0o000), b"") for name in ("./", "./reef/empty", "reef")]
        tar_of(path, [*folders, ("./reef//a.txt", b"a")])
    assert files.extract(path, tmp_path / "out") == 1
    assert set(tree(tmp_path / "out")) == {"reef", "reef/empty", "reef/a.txt"}


def test_an_empty_folder_may_be_there_a_full_one_not(tmp_path):
    path = zip_of(tmp_path / "reef.zip", REEF.items())
    (tmp_path / "out").mkdir()
    assert files.extract(path, tmp_path / "out") == 3
    with pytest.raises(FileExistsError, match="holds something already"):
        files.extract(path, tmp_path / "out")
    assert content(tmp_path / "out") == REEF
    with pytest.raises(FileExistsError, match="holds something already"):
        files.extract(path, path)


def test_no_such_archive_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.zip"):
        files.extract(tmp_path / "none.zip", tmp_path / "out")


# names that are refused

HOSTILE = {
    "parent": ("../evil.txt", "leaves its folder"),
    "parent further in": ("reef/../../evil.txt", "leaves its folder"),
    "parent that comes back": ("reef/../reef/a.txt", "leaves its folder"),
    "parent alone": ("..", "leaves its folder"),
    "parent with backslash": ("..\\evil.txt", "leaves its folder"),
    "parent with both slashes": ("reef\\../..\\evil.txt", "leaves its folder"),
    "absolute": ("/evil.txt", "is absolute"),
    "absolute with two slashes": ("//evil.txt", "is absolute"),
    "absolute with backslash": ("\\evil.txt", "is absolute"),
    "UNC": ("\\\\server\\share\\evil.txt", "is absolute"),
    "device path": ("\\\\?\\C:\\evil.txt", "is absolute"),
    "drive": ("C:\\evil.txt", "drive letter"),
    "drive with slash": ("c:/evil.txt", "drive letter"),
    "drive without slash": ("C:evil.txt", "drive letter"),
    "drive further in": ("reef/D:/evil.txt", "drive letter"),
    "stream": ("turtle.txt:evil", "a colon"),
    "stream with type": ("turtle.txt::$DATA", "a colon"),
    "stream of a folder": ("reef:$I30:$INDEX_ALLOCATION/a.txt", "a colon"),
    **{f"Windows device {name}": (name, "a device on Windows") for name in ("CON", "aux", "NUL.txt", "Com1", "lpt9.tar.gz")},
    "Windows device with digit above": ("COM¹.txt", "a device on Windows"),
    "Windows device for the console": ("CONOUT$", "a device on Windows"),
    "Windows device as folder": ("reef/prn/a.txt", "a device on Windows"),
    "Windows device with spaces": ("nul .txt", "a device on Windows"),
    "trailing dot": ("turtle.", "ends in a space or a dot"),
    "trailing space": ("turtle ", "ends in a space or a dot"),
    "trailing dot of a folder": ("reef./a.txt", "ends in a space or a dot"),
    "three dots": ("reef/.../a.txt", "ends in a space or a dot"),
    **{f"sign {sign}": (f"tur{sign}tle.txt", "which Windows forbids") for sign in '<>"|?*'},
    "new line": ("turtle\n.txt", "control characters"),
    "escape": ("\x1b[2Jturtle.txt", "control characters"),
    "delete": ("turtle\x7f.txt", "control characters"),
    "C1 control": ("turtle\x85.txt", "control characters"),
    "text turned round": ("turtle\u202egpj.exe", "control characters"),
    "isolate": ("turtle\u2066.txt", "control characters"),
    "zero width": ("tur\u200btle.txt", "control characters"),
    "byte order mark": ("\ufeffturtle.txt", "control characters"),
    "very long part": ("n" * 256, "more than 255 bytes"),
    "very long part in UTF-8": ("海" * 86, "more than 255 bytes"),
    "very long": ("reef/" * 250 + "a.txt", "longer than 1000 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_name_is_refused(den, kind, case):
    name, reason = HOSTILE[case]
    archive = archive_of(den / f"bad.{kind}", [("good.txt", b"first"), (name, b"evil")])
    said = assert_refused(archive, reason)
    assert "the member '" in said or 'the member "' in said
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]", said)


def test_a_name_in_latin_letters_of_old_systems_is_refused(den):
    info = entry("Schildkr\udcf6te.txt", 1)
    path = den / "old.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape") + b"x".ljust(512, b"\0") + bytes(1024))
    assert_refused(path, "not written in UTF-8")


def test_a_nul_in_a_zip_name_is_refused(den):
    path = zip_of(den / "nul.zip", [("turtleXtxt", b"x")])
    path.write_bytes(path.read_bytes().replace(b"turtleX", b"turtle\0"))
    assert_refused(path, "control characters")


def test_an_empty_name_is_refused(den):
    path = zip_of(den / "nameless.zip", [("n", b"x")])
    data = path.read_bytes()
    at, central = 0, data.index(b"PK\x01\x02")
    short = data[: at + 26] + b"\0\0" + data[at + 28 : 30] + data[31:central]
    entry_ = data[central : central + 28] + b"\0\0" + data[central + 30 : central + 46]
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry_), len(short), 0)
    path.write_bytes(short + entry_ + end)
    assert_refused(path, "is empty")


@pytest.mark.parametrize(
    "name", ["con fusion.txt", "console/auxiliary.txt", "com10.txt", "..a/b..c", "a~1", "क्‍ष.txt", "👩‍🔬.jpg"]
)
def test_a_name_that_only_looks_hostile_is_written(tmp_path, name):
    for kind in ("tar", "zip"):
        assert files.extract(archive_of(tmp_path / f"a.{kind}", [(name, b"x")]), tmp_path / kind) == 1
        assert content(tmp_path / kind) == {name: b"x"}


# members on top of each other

TWICE = {
    "same name": ["a.txt", "a.txt"],
    "same name said differently": ["reef/a.txt", "./reef//a.txt"],
    "same name with backslash": ["reef/a.txt", "reef\\a.txt"],
    "other case": ["Turtle.txt", "turtle.TXT"],
    "other case of a folder": ["Reef/a.txt", "reef/A.txt"],
    "other case beyond ASCII": ["ÉTOILE.txt", "étoile.txt"],
    "composed and decomposed": [unicodedata.normalize(form, "Schildkröte.txt") for form in ("NFC", "NFD")],
    "composed and decomposed folder": [unicodedata.normalize(form, "Kröte/a.txt") for form in ("NFD", "NFC")],
    "angstrom and a ring": ["\u212b.txt", "\u00c5.txt"],
    "file, then folder of that name": ["reef", "reef/a.txt"],
    "folder, then file of that name": ["reef/a.txt", "reef"],
    "file, then folder in other case": ["reef", "REEF/a.txt"],
}


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("case", TWICE)
def test_members_that_would_lie_on_each_other_are_refused(den, kind, case):
    assert_refused(
        archive_of(den / f"twice.{kind}", [(name, b"x") for name in TWICE[case]]),
        "comes twice|both a file and a folder",
    )


# kinds that are refused

SPECIAL = {
    "symlink out": [entry("link", type=tarfile.SYMTYPE, linkname="/etc/passwd")],
    "symlink up": [entry("link", type=tarfile.SYMTYPE, linkname="../evil.txt")],
    "symlink within": [entry("good.txt", 0), entry("link", type=tarfile.SYMTYPE, linkname="good.txt")],
    "symlink to a folder, then a file through it": [
        entry("link", type=tarfile.SYMTYPE, linkname=".."),
        entry("link/evil.txt", 0),
    ],
    "symlink to itself": [entry("link", type=tarfile.SYMTYPE, linkname="link")],
    "hardlink out": [entry("link", type=tarfile.LNKTYPE, linkname="/etc/passwd")],
    "hardlink up": [entry("link", type=tarfile.LNKTYPE, linkname="../evil.txt")],
    "hardlink, then a file over it": [entry("link", type=tarfile.LNKTYPE, linkname="../evil.txt"), entry("link", 0)],
    "character device": [entry("zero", type=tarfile.CHRTYPE, devmajor=1, devminor=5)],
    "block device": [entry("disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0)],
    "FIFO": [entry("pipe", type=tarfile.FIFOTYPE)],
    "unknown kind": [entry("odd", type=b"Z")],
}


@pytest.mark.parametrize("kind", ["tar", "tar.xz"])
@pytest.mark.parametrize("case", SPECIAL)
def test_what_is_no_file_or_folder_is_refused_in_tar(den, kind, case):
    archive = archive_of(den / f"odd.{kind}", [("first.txt", b"1"), *((info, b"") for info in SPECIAL[case])])
    assert_refused(archive, "is a symbolic link|is a hard link|is a device|is a FIFO|is of an unknown kind")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_what_is_no_file_or_folder_is_refused_in_zip(den, kind):
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    assert_refused(
        zip_of(den / "odd.zip", [("first.txt", b"1"), (info, b"/etc/passwd")]), "is a symbolic link|is a device, FIFO"
    )


def test_an_encrypted_zip_is_refused(den):
    path = zip_of(den / "secret.zip", [("a.txt", b"a")])
    data = bytearray(path.read_bytes())
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + flags] |= 1
    path.write_bytes(data)
    assert_refused(path, "refused, as the member 'a.txt' is encrypted")


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o1777, 0o6777, 0o000])
def test_permissions_and_owners_are_not_taken_over(tmp_path, kind, mode):
    if kind == "tar":
        path = tar_of(tmp_path / "suid.tar", [(entry("a.txt", 1, mode=mode, uid=0, gid=0, mtime=0), b"a")])
    else:
        info = zipfile.ZipInfo("a.txt")
        info.create_system, info.external_attr = 3, (stat.S_IFREG | mode) << 16
        path = zip_of(tmp_path / "suid.zip", [(info, b"a")])
    files.extract(path, tmp_path / "out")
    made = (tmp_path / "out" / "a.txt").stat()
    assert stat.S_IMODE(made.st_mode) == 0o644
    assert made.st_uid == os.geteuid() and made.st_mtime > 1e9


# bombs


def test_more_bytes_than_allowed_are_refused(den):
    members = [("a.txt", bytes(600)), ("b.txt", bytes(600))]
    for kind in ("tar", "zip"):
        assert_refused(archive_of(den / f"big.{kind}", members), "most_bytes=1000", most_bytes=1000)
        assert files.extract(den / f"big.{kind}", den / kind, most_bytes=1200) == 2


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz", "zip"])
def test_a_bomb_by_its_ratio_is_refused(den, kind, monkeypatch):
    monkeypatch.setattr(formats, "FREE", 2**20)
    assert_refused(archive_of(den / f"bomb.{kind}", [("zeros", bytes(2**22))]), "bomb")


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz"])
def test_a_bomb_that_must_be_read_to_pass_it_by_is_refused(den, kind, monkeypatch):
    monkeypatch.setattr(formats, "FREE", 2**20)
    path = archive_of(den / f"bomb.{kind}", [("zeros", bytes(2**22)), ("a.txt", b"a")])
    assert_refused(path, "bomb", keep=lambda name: name == "a.txt")


def test_a_bomb_that_fits_into_the_free_allowance_is_extracted(tmp_path):
    path = zip_of(tmp_path / "zeros.zip", [("zeros", bytes(2**22))])
    assert files.extract(path, tmp_path / "out") == 1


def test_a_sparse_file_that_grows_is_refused(den):
    """A GNU sparse entry of one kilobyte on disk that says it is a terabyte."""
    header = bytearray(entry("sparse", 0, type=tarfile.GNUTYPE_SPARSE).tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"%011o\0" % 2**32
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path = den / "sparse.tar"
    path.write_bytes(bytes(header) + bytes(1024))
    assert_refused(path, "bomb|damaged")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_a_header_that_would_fill_the_memory_is_refused(den, kind):
    path = den / "header.tar"
    path.write_bytes(entry("x", 2**33, type=kind).tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    assert_refused(path, "a header of 8589934592 bytes")


def test_headers_upon_headers_are_refused(den):
    path = den / "nested.tar"
    name = entry("x", 2, type=tarfile.GNUTYPE_LONGNAME).tobuf(tarfile.GNU_FORMAT) + b"y\0".ljust(512, b"\0")
    path.write_bytes(name * 3000 + bytes(1024))
    assert_refused(path, "damaged")


def negative(field):
    header = bytearray(field.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + b"\xfe\x00"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_negative_size_does_not_go_round_for_ever(den, kind):
    path = den / "negative.tar"
    path.write_bytes(entry("first").tobuf() + negative(entry("x", type=kind)) + bytes(1024))
    assert_refused(path, "declares a negative size" if kind == tarfile.REGTYPE else "a header of|damaged")


def many_in_tar(count):
    header = entry("0" * 7, mtime=0).tobuf(tarfile.USTAR_FORMAT)
    fixed = sum(header) - sum(header[:7]) - sum(header[148:156]) + 8 * 32
    for number in range(count):
        name = b"%07d" % number
        yield name + header[7:148] + b"%06o\0 " % (fixed + sum(name)) + header[156:]
    yield bytes(1024)


def many_in_zip(count):
    size = 0
    for number in range(count):
        yield struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, 7, 0) + b"%07d" % number
    for number in range(count):
        part = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 7, 0, 0, 0, 0, 0, 37 * number)
        size += 53
        yield part + b"%07d" % number
    count_, start = 0xFFFF, 37 * count
    yield struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
    yield struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1)
    yield struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count_, count_, 0xFFFFFFFF, 0xFFFFFFFF, 0)


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_100_000_files_are_refused_before_one_is_written(den, kind, monkeypatch):
    path = den / f"many.{kind}"
    data = b"".join(many_in_zip(100_000) if kind == "zip" else many_in_tar(100_000))
    path.write_bytes(gzip.compress(data, 1) if kind == "tar.gz" else data)
    monkeypatch.setattr(archives, "_write", lambda *_: pytest.fail("it must not begin to write"))
    assert_refused(path, f"100000 files and folders, more than most_files={archives.MOST_FILES}")


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_many_files_are_written_where_they_are_allowed(tmp_path, kind):
    path = tmp_path / f"many.{kind}"
    path.write_bytes(b"".join(many_in_zip(300) if kind == "zip" else many_in_tar(300)))
    assert files.extract(path, tmp_path / "out", most_files=300) == 300
    with pytest.raises(files.ArchiveError, match="most_files=299"):
        files.extract(path, tmp_path / "again", most_files=299)


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_members_without_end_are_not_even_listed(den, kind, monkeypatch):
    monkeypatch.setattr(formats, "MOST_MEMBERS", 100)
    path = den / f"many.{kind}"
    path.write_bytes(b"".join(many_in_zip(101) if kind == "zip" else many_in_tar(101)))
    assert_refused(path, "more than 100 members", keep=lambda name: name == "0000001")


# headers that lie, and damage


def lying_zip(path, central, local=None, crc=True):
    """One member of 1000 bytes whose headers say another size."""
    zip_of(path, [("a.txt", os.urandom(1000))])
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<L", data, at + 24, central)
    if local is not None:
        struct.pack_into("<L", data, 22, local)
    if not crc:
        raw = zlib.decompress(bytes(data[30 + 5 : at]), -15)[:central]
        struct.pack_into("<L", data, at + 16, zlib.crc32(raw))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("size", [0, 1, 999, 1001, 10**6])
def test_a_zip_that_lies_about_its_size_is_refused(den, size):
    assert_refused(lying_zip(den / "lie.zip", size, size), "'a.txt'.*(damaged|declares)")


def test_a_zip_that_lies_with_a_fitting_sum_writes_no_more_than_it_declares(tmp_path):
    path = lying_zip(tmp_path / "lie.zip", 10, crc=False)
    assert files.extract(path, tmp_path / "out") == 1
    assert (tmp_path / "out" / "a.txt").stat().st_size == 10


def test_more_bytes_than_declared_are_never_written(den, monkeypatch):
    path = zip_of(den / "more.zip", [("a.txt", b"short")])
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: io.BytesIO(bytes(10**7)))
    assert_refused(path, "more than the 5 bytes that it declares")


def test_a_zip_whose_two_names_differ_is_refused(den):
    path = zip_of(den / "names.zip", [("good.txt", b"x")])
    path.write_bytes(path.read_bytes().replace(b"good.txt", b"evil.txt", 1))
    assert_refused(path, "damaged")


def test_a_zip_with_overlapping_members_counts_all_it_would_write(den, monkeypatch):
    monkeypatch.setattr(formats, "FREE", 2**20)
    path = zip_of(den / "overlap.zip", [("a", bytes(2**19))])
    data = path.read_bytes()
    at, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    own = data[at:end] * 50
    path.write_bytes(data[:at] + own + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 50, 50, len(own), at, 0))
    assert_refused(path, "comes twice|bomb|Overlapped|damaged")


def test_a_tar_that_lies_about_its_size_is_refused(den):
    path = tar_of(den / "lie.tar", [("a.txt", b"x" * 100)])
    header = entry("a.txt", 10**6).tobuf(tarfile.GNU_FORMAT)
    path.write_bytes(header + path.read_bytes()[512:])
    assert_refused(path, "damaged|cut short")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, "one byte", "a member"])
def test_an_archive_that_is_cut_short_is_refused(den, kind, share):
    members = [(f"{number}.txt", os.urandom(3000)) for number in range(9)]
    path = archive_of(den / f"cut.{kind}", members)
    data = path.read_bytes()
    short = {"one byte": len(data) - 1, "a member": 5 * (512 + 3072)}.get(share) or int(len(data) * share)
    if kind == "tar" and share == "one byte":
        short = 9 * (512 + 3072) + 511  # of the mark at its end, not of what fills its last record
    path.write_bytes(data[:short])
    assert_refused(path, "damaged|cut short")


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "tar"])
def test_a_flipped_bit_in_a_compressed_archive_is_seen(den, kind):
    path = archive_of(den / f"bit.{kind}", [("a.txt", os.urandom(9000))])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert_refused(path, "damaged|cut short")


def test_a_damaged_header_within_a_tar_is_seen(den):
    path = tar_of(den / "header.tar", [("a.txt", b"a"), ("b.txt", b"b")])
    data = bytearray(path.read_bytes())
    data[1024 + 3] ^= 1
    path.write_bytes(data)
    assert_refused(path, "damaged or cut short at byte 1024")


JUNK = {
    "no byte": b"",
    "text": b"a turtle swims over the reef\n" * 99,
    "web page": b"<!DOCTYPE html><html><title>Quota exceeded</title></html>",
    "random bytes": bytes(range(256)) * 9,
    "picture": b"\xff\xd8\xff\xe0" + bytes(999),
    "zip without its end": b"PK\x03\x04" + bytes(999),
    "gzip of text": gzip.compress(b"only a table, no archive " * 99),
    "rar": b"Rar!\x1a\x07\x01\x00" + bytes(99),
    "7z": b"7z\xbc\xaf\x27\x1c" + bytes(99),
}


@pytest.mark.parametrize("case", JUNK)
def test_what_is_no_archive_is_refused(den, case):
    (den / "junk.zip").write_bytes(JUNK[case])
    assert_refused(den / "junk.zip", "archive")


@pytest.mark.parametrize("kind", FORMATS)
def test_an_archive_without_files_is_refused(den, kind):
    assert_refused(archive_of(den / f"empty.{kind}", []), "holds no file that is asked for")


def test_a_choice_that_takes_nothing_is_refused(den):
    path = zip_of(den / "reef.zip", REEF.items())
    assert_refused(path, "holds no file that is asked for", keep=lambda name: False)


# the disk


def test_the_space_is_asked_for_before_anything_is_written(den, monkeypatch):
    path = zip_of(den / "reef.zip", [("a.txt", os.urandom(5000))])
    monkeypatch.setattr(space, "SPARE", 2**60)
    monkeypatch.setattr(archives, "_copy", lambda *_: pytest.fail("it must not begin to write"))
    with pytest.raises(OSError, match="more are needed and .* are free; make room") as error:
        files.extract(path, den / "out")
    assert error.value.errno == errno.ENOSPC and set(tree(den)) == {"reef.zip"}


def test_a_disk_that_is_full_on_the_way_leaves_nothing(den, monkeypatch):
    path = zip_of(den / "reef.zip", REEF.items())
    calls = itertools.count()
    copy = archives._copy

    def full(*args):
        if next(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        copy(*args)

    monkeypatch.setattr(archives, "_copy", full)
    with pytest.raises(OSError, match="No space left"):
        files.extract(path, den / "out")
    assert set(tree(den)) == {"reef.zip"}


def test_an_interruption_leaves_nothing(den, monkeypatch):
    path = zip_of(den / "reef.zip", REEF.items())

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(archives, "_copy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.extract(path, den / "out")
    assert set(tree(den)) == {"reef.zip"}


# names by themselves


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a", "a"),
        ("./a", "a"),
        ("a//b/./c/", "a/b/c"),
        ("a\\b", "a/b"),
        ("/a", "/a"),
        ("./", ""),
        (".", ""),
        ("../a", "../a"),
    ],
)
def test_names_are_written_with_slashes_alone(name, plain):
    assert names.slashed(name) == plain
