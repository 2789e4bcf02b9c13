import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.tub import Record, Tub, TubError, find_tubs

BLUE_SKY = np.zeros((120, 160, 3), np.uint8) + np.array([10, 60, 230], np.uint8)  # RGB


def line(index: int, **more) -> dict:
    """One record as a catalog has it."""
    return {
        "_index": index,
        "_session_id": "26-11-22_0",
        "_timestamp_ms": 1795340170000 + 50 * index,
        "cam/image_array": f"{index}_cam_image_array_.jpg",
        "user/angle": 0.25,
        "user/mode": "user",
        "user/throttle": 0.2,
    } | more


def write_tub(folder: Path, *catalogs: list[dict], deleted: list[int] = (), images: bool = True) -> Path:
    (folder / "images").mkdir(parents=True)
    for number, records in enumerate(catalogs):
        text = "".join(json.dumps(record, sort_keys=True) + "\n" for record in records)
        (folder / f"catalog_{number}.catalog").write_text(text)
        for record in records if images else []:
            bgr = cv2.cvtColor(BLUE_SKY, cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(folder / "images" / record["cam/image_array"]), bgr)
    write_manifest(folder, [f"catalog_{number}.catalog" for number in range(len(catalogs))], list(deleted))
    return folder


def write_manifest(folder: Path, paths: list, deleted: list) -> None:
    last = {"paths": paths, "current_index": 99, "max_len": 1000, "deleted_indexes": deleted}
    four = [["cam/image_array", "user/angle"], ["image_array", "float"], {}, {"created_at": 1795340170.3}]
    (folder / "manifest.json").write_text("".join(json.dumps(one) + "\n" for one in [*four, last]))


@pytest.fixture
def tub(tmp_path: Path) -> Path:
    """Five records in two catalogs, the fourth deleted."""
    return write_tub(tmp_path / "tub", [line(0), line(1), line(2)], [line(3), line(4)], deleted=[3])


def assert_refused(path: Path, *words: str) -> None:
    """Opening it raises TubError with one line, a cause and a remedy, that has these words."""
    with pytest.raises(TubError) as caught:
        Tub(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "; " in message
    for word in words:
        assert word in message, message


def test_records_come_in_order_without_the_deleted(tub: Path) -> None:
    records = Tub(tub).records
    assert [record.index for record in records] == [0, 1, 2, 4]
    last = records[-1]
    assert (last.timestamp_ms, last.session_id, last.image) == (1795340170200, "26-11-22_0", "4_cam_image_array_.jpg")
    assert (last.angle, last.throttle, last.mode) == (0.25, 0.2, "user")


def test_what_donkeycar_writes_reads_back(tmp_path: Path, rng: np.random.Generator) -> None:
    from donkeycar.parts.tub_v2 import Tub as DonkeyTub

    inputs = ["cam/image_array", "user/angle", "user/throttle", "user/mode", "pilot/angle", "lidar"]
    types = ["image_array", "float", "float", "str", "float", "nparray"]
    frames = [cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (160, 120)) for _ in range(25)]
    angles = rng.uniform(-1, 1, 25).tolist()
    for start, end in ((0, 14), (14, 25)):  # two sessions
        donkey = DonkeyTub(str(tmp_path / "tub"), inputs, types, max_catalog_len=10)
        for frame, angle in zip(frames[start:end], angles[start:end], strict=True):
            donkey.write_record(
                {
                    "cam/image_array": frame,
                    "user/angle": angle,
                    "user/throttle": None if angle > 0 else 0.5,
                    "user/mode": "user",
                    "pilot/angle": 0.1,
                    "lidar": np.arange(3),
                }
            )
        donkey.delete_records([start, start + 9])
        donkey.close()
    donkey = DonkeyTub(str(tmp_path / "tub"), read_only=True)
    theirs = {record["_index"]: record for record in donkey}
    donkey.close()

    tub = Tub(tmp_path / "tub")
    assert len(list((tmp_path / "tub").glob("*.catalog"))) == 3
    assert [record.index for record in tub.records] == sorted(theirs) == sorted({*range(25)} - {0, 9, 14, 23})
    for record, frame in tub.images():
        their = theirs[record.index]
        assert (record.timestamp_ms, record.session_id) == (their["_timestamp_ms"], their["_session_id"])
        assert (record.angle, record.mode) == (angles[record.index], "user")
        assert record.throttle == their.get("user/throttle")
        assert frame.dtype == np.uint8
        assert np.abs(frame.astype(int) - frames[record.index]).mean() < 8  # JPEG loses a little
    assert len(list(tub.images())) == len(tub.records)
    assert len({record.session_id for record in tub.records}) == 2


numbers = st.none() | st.floats(-1, 1) | st.integers(-1, 1)


@st.composite
def tubs(draw: st.DrawFn) -> tuple[list[list[dict]], list[int]]:
    """The catalogs of a tub and its deleted indexes. Catalogs may be empty; so may the tub."""
    indexes = draw(st.lists(st.integers(0, 10**6), unique=True, max_size=30))
    records = []
    for index in indexes:
        values = {
            "_session_id": draw(st.sampled_from(["26-11-22_0", "26-11-22_1"])),
            "_timestamp_ms": draw(st.integers(0, 2 * 10**12)),
            "user/angle": draw(numbers),
            "user/throttle": draw(numbers),
            "user/mode": draw(st.none() | st.sampled_from(["user", "local", "local_angle"])),
            "imu/acl_x": draw(st.floats()),  # a column not known here; JSON as Python writes it may have NaN
            "note": draw(st.text(max_size=5)),
        }
        kept = {name: value for name, value in values.items() if value is not None}  # donkeycar omits None
        records.append({"_index": index, "cam/image_array": f"{index}_.jpg"} | kept)
    cuts = sorted(draw(st.lists(st.integers(0, len(records)), max_size=3)))
    catalogs = [records[a:b] for a, b in zip([0, *cuts], [*cuts, len(records)], strict=True)]
    deleted = draw(st.lists(st.sampled_from(indexes), max_size=10)) if indexes else []
    return catalogs, [*deleted, 10**7]  # one that is not there


@given(tubs(), st.lists(st.sampled_from([b"", b"\0\0\0", b" ", b"\r", b"\n", b"\0\n\0"]), min_size=1))
@settings(max_examples=60, deadline=None)
def test_any_tub_reads_back(tub: tuple[list[list[dict]], list[int]], padding: list[bytes]) -> None:
    catalogs, deleted = tub
    with tempfile.TemporaryDirectory() as name:
        folder = write_tub(Path(name) / "tub", *catalogs, deleted=deleted, images=False)
        place = 0
        for number, records in enumerate(catalogs):
            content = b""
            for record in records:
                before, after = padding[place % len(padding)], padding[(place + 1) % len(padding)]
                content += before + json.dumps(record).encode() + after + b"\n"
                place += 1
            (folder / f"catalog_{number}.catalog").write_bytes(content + padding[0])
        read = Tub(folder).records
    written = sorted((one for records in catalogs for one in records), key=lambda one: one["_index"])
    assert [record.model_dump(by_alias=True, exclude_none=True) for record in read] == [
        {name: value for name, value in one.items() if name not in ("imu/acl_x", "note")}
        for one in written
        if one["_index"] not in deleted
    ]


WHOLE = b"".join(json.dumps(line(index)).encode() + b"\n" for index in range(3))


@given(st.integers(0, len(WHOLE)))
@settings(max_examples=60, deadline=None)
def test_a_catalog_cut_anywhere_is_read_to_a_whole_line_or_named_with_its_line(length: int) -> None:
    content = WHOLE[:length]
    rest = content.rpartition(b"\n")[2]
    with tempfile.TemporaryDirectory() as name:
        folder = write_tub(Path(name) / "tub", [])
        (folder / "catalog_0.catalog").write_bytes(content)
        if not rest or rest.endswith(b"}"):
            assert len(Tub(folder).records) == content.count(b"{")
        else:
            number = content.count(b"\n") + 1
            assert_refused(folder, f"catalog_0.catalog: line {number} is cut short", "remove that line")


@given(st.sampled_from(["manifest.json", "catalog_0.catalog"]), st.integers(0, 400), st.binary(min_size=1, max_size=9))
@settings(max_examples=150, deadline=None)
def test_damage_is_read_over_or_told_in_one_line(file: str, place: int, damage: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = write_tub(Path(name) / "tub", [line(0), line(1)])
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(content[:place] + damage + content[place + len(damage) :])
        told = ""
        try:
            Tub(folder)
        except TubError as error:
            told = str(error)
        assert "\n" not in told


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_bytes_that_are_no_manifest_are_told_in_one_line(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = write_tub(Path(name) / "tub", [line(0)])
        (folder / "manifest.json").write_bytes(content)
        assert_refused(folder, "manifest.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"user/angle": "left"}, ["user/angle", "number"]),
        ({"user/angle": float("nan")}, ["user/angle", "finite"]),
        ({"user/throttle": float("inf")}, ["user/throttle", "finite"]),
        ({"user/angle": [0, 1]}, ["user/angle"]),
        ({"user/angle": True}, ["user/angle"]),
        ({"_index": "4"}, ["_index", "integer"]),
        ({"_timestamp_ms": None}, ["_timestamp_ms"]),
        ({"user/mode": 3}, ["user/mode"]),
        ({"cam/image_array": [[0]]}, ["cam/image_array"]),
        ({"cam/image_array": "../../secret.jpg"}, ["'../../secret.jpg' is refused"]),
        ({"cam/image_array": "/etc/passwd"}, ["'/etc/passwd' is refused"]),
        ({"cam/image_array": "a/b.jpg"}, ["'a/b.jpg' is refused"]),
        ({"cam/image_array": ".."}, ["'..' is refused"]),
        ({"cam/image_array": "a\0.jpg"}, ["refused"]),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_line(tub: Path, change: dict, words: list[str]) -> None:
    records = [line(3), line(4) | change]
    (tub / "catalog_1.catalog").write_text("\n".join(map(json.dumps, records)))
    assert_refused(tub, "catalog_1.catalog: line 2 is wrong: ", "remove that line", *words)


@pytest.mark.parametrize("key", ["_index", "_timestamp_ms"])
def test_a_record_needs_index_and_time(tub: Path, key: str) -> None:
    record = line(4)
    del record[key]
    (tub / "catalog_1.catalog").write_text(json.dumps(record))
    assert_refused(tub, f"catalog_1.catalog: line 1 is wrong: {key}: Field required")


def test_a_record_needs_nothing_else(tub: Path) -> None:
    (tub / "catalog_1.catalog").write_text('{"_index": 7, "_timestamp_ms": 12.5}\n')
    record = Tub(tub).records[-1]
    assert (record.index, record.timestamp_ms, record.session_id) == (7, 12.5, "")
    assert (record.angle, record.throttle, record.mode, record.image) == (None, None, None, None)


def test_a_line_that_is_no_record(tub: Path) -> None:
    (tub / "catalog_1.catalog").write_text("[1, 2]\n" + json.dumps(line(4)))
    assert_refused(tub, "catalog_1.catalog: line 1 is wrong")


@pytest.mark.parametrize("name", ["../catalog_0.catalog", "/etc/passwd", "images/x", "..", "a\0"])
def test_a_catalog_outside_the_tub_is_refused(tub: Path, name: str) -> None:
    write_manifest(tub, [name], [])
    assert_refused(tub, "manifest.json: line 5 is wrong: paths: 0: ", "is refused")


@pytest.mark.parametrize(
    ("paths", "deleted", "word"),
    [("catalog_0.catalog", [], "paths"), ([3], [], "paths: 0"), ([], ["3"], "deleted_indexes: 0"), ([], 3, "deleted")],
)
def test_a_manifest_of_wrong_types(tub: Path, paths, deleted, word: str) -> None:
    write_manifest(tub, paths, deleted)
    assert_refused(tub, "manifest.json: line 5 is wrong", word)


def test_a_manifest_without_deleted_indexes_has_none(tub: Path) -> None:
    (tub / "manifest.json").write_text('[]\n[]\n{}\n{}\n{"paths": ["catalog_1.catalog"]}')
    assert [record.index for record in Tub(tub).records] == [3, 4]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["has 0 of the 5 lines"]),
        ("hello\n", ["has 1 of the 5 lines"]),
        ('{"paths": []}', ["has 1 of the 5 lines"]),
        (json.dumps({"name": "m", "files": {"a": 1, "b": 2}}, indent=2), ["line 5", "is not JSON"]),
        ('[]\n[]\n{}\n{}\n{"paths": ["catal', ["line 5 is cut short"]),
        ("[]\n[]\n{}\n{}\n" + "[" * 5000, ["line 5"]),
    ],
)
def test_a_manifest_that_is_not_one(tub: Path, content: str, words: list[str]) -> None:
    (tub / "manifest.json").write_text(content)
    assert_refused(tub, "manifest.json", "copy the tub from the car again", *words)


def test_a_catalog_missing_is_named(tub: Path) -> None:
    (tub / "catalog_0.catalog").unlink()
    assert_refused(tub, "cannot read", "catalog_0.catalog: No such file", "copy the tub")


def test_an_images_folder_missing_is_named(tmp_path: Path) -> None:
    folder = write_tub(tmp_path / "tub", [])
    (folder / "images").rmdir()
    assert_refused(folder, f"{folder} has no folder images", "copy the tub")


@pytest.mark.parametrize("file", ["meta.json", "record_12.json"])
def test_a_tub_of_version_1_names_the_script_that_converts_it(tmp_path: Path, file: str) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / file).write_text("{}")
    assert_refused(old, "is a Tub v1", "convert_to_tub_v2", f"--tub={old}")
    assert find_tubs(old) == find_tubs(tmp_path) == [old]


def test_an_empty_folder_is_no_tub(tmp_path: Path) -> None:
    assert_refused(tmp_path, "has no manifest.json", "no donkeycar tub")


def test_a_time_that_an_index_has_twice_decides_their_order(tub: Path) -> None:
    (tub / "catalog_1.catalog").write_text("\n".join(json.dumps(line(1, _timestamp_ms=t)) for t in (9e12, 5)))
    assert [record.timestamp_ms for record in Tub(tub).records[1:4]] == [5, 1795340170050, 9e12]


def test_images_are_rgb_in_the_size_they_have(tub: Path) -> None:
    opened = Tub(tub)
    frame = opened.image(opened.records[0])
    assert (frame.shape, frame.dtype) == ((120, 160, 3), np.uint8)
    assert np.abs(frame.astype(int) - BLUE_SKY).max() < 6
    cv2.imwrite(str(tub / "images" / opened.records[1].image), np.full((48, 64), 77, np.uint8))  # small, and grey
    grey = opened.image(opened.records[1])
    assert grey.shape == (48, 64, 3)
    assert np.abs(grey.astype(int) - 77).max() <= 2


JPEG = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8))[1].tobytes()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        JPEG[:20],
        JPEG[: len(JPEG) // 2],
        JPEG[:-2],
        JPEG[: len(JPEG) // 2] + bytes(len(JPEG)),  # what a power cut leaves
    ],
)
def test_a_broken_image_is_told_and_skipped(tub: Path, content: bytes) -> None:
    opened = Tub(tub)
    broken = opened.records[1]
    (tub / "images" / broken.image).write_bytes(content)
    with pytest.raises(TubError, match=f"{broken.image} is broken; delete record 1"):
        opened.image(broken)
    assert [record.index for record, _ in opened.images()] == [0, 2, 4]


def test_a_picture_of_absurd_size_is_broken(tub: Path) -> None:
    opened = Tub(tub)
    header = bytearray(cv2.imencode(".png", BLUE_SKY)[1].tobytes())
    header[16:24] = (60000).to_bytes(4, "big") * 2  # width and height
    (tub / "images" / opened.records[1].image).write_bytes(header)
    with pytest.raises(TubError, match="is broken"):
        opened.image(opened.records[1])


def test_a_missing_image_is_told_and_skipped(tub: Path) -> None:
    opened = Tub(tub)
    (tub / "images" / opened.records[0].image).unlink()
    with pytest.raises(TubError, match=r"cannot read .*0_cam_image_array_\.jpg: No such file or directory; "):
        opened.image(opened.records[0])
    assert [record.index for record, _ in opened.images()] == [1, 2, 4]


def test_a_record_without_image_is_told_and_skipped(tub: Path) -> None:
    (tub / "catalog_1.catalog").write_text('{"_index": 7, "_timestamp_ms": 12}\n')
    opened = Tub(tub)
    with pytest.raises(TubError, match="record 7 has no cam/image_array; "):
        opened.image(opened.records[-1])
    assert [record.index for record, _ in opened.images()] == [0, 1, 2]


def test_not_one_image_readable_is_an_error(tub: Path) -> None:
    for file in (tub / "images").iterdir():
        file.unlink()
    with pytest.raises(TubError, match="none of its 4 images can be read; "):
        list(Tub(tub).images())


def test_a_tub_without_records_has_no_images(tmp_path: Path) -> None:
    tub = Tub(write_tub(tmp_path / "tub", [line(0)], deleted=[0]))
    assert tub.records == ()
    assert list(tub.images()) == []


def test_a_record_does_not_change(tub: Path) -> None:
    record = Tub(tub).records[0]
    with pytest.raises(ValueError, match="frozen"):
        record.angle = 1.0
    assert record == Record.model_validate(line(0))


def test_a_tub_is_found_and_so_are_those_of_a_folder(tmp_path: Path) -> None:
    tubs = [write_tub(tmp_path / "drives" / name, [line(0)]) for name in ("b", "a", "c")]
    (tmp_path / "drives" / "notes").mkdir()
    (tmp_path / "drives" / "manifest.txt").write_text("")
    assert find_tubs(tubs[0]) == [tubs[0]]
    assert find_tubs(tmp_path / "drives") == sorted(tubs)


def test_where_no_tub_is_found_one_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TubError, match=r"holds no donkeycar tub; name a tub \(the folder with manifest.json\)"):
        find_tubs(tmp_path)
    for path in (tmp_path / "file", tmp_path / "nowhere"):
        with pytest.raises(TubError, match="is no folder; name a tub"):
            find_tubs(path)
