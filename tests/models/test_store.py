import hashlib
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from models.channel import MOST_BEFORE, ChannelError
from models.fetch import RefusedError, blob_file, channel_file, manifest_file, signature_file
from models.folder import FLOAT, GOLDEN, MODEL, ModelError
from models.signing import SigningError
from models.store import StoreError, find, list_channels, list_models, promote, push, read_state, rollback
from models.sweep import check_store, garbage, remove
from storage.place import ABSENT, Place, open_place
from tests.conftest import PRETRAINED
from tests.models import racers
from tests.models.stores import MOST, Owner, change_blob, manifest_of, owner, put_channel, put_manifest, variant

FILES = manifest_of(PRETRAINED)["files"]


def _models(place: Place, mine: Owner, *names: str) -> list[str]:
    """Small ones, in the store; their digests. Their files are the shipped model's."""
    push(place, PRETRAINED, mine.key)
    shipped = manifest_of(PRETRAINED)
    return [
        put_manifest(place, shipped | {"name": name, "sequence": shipped["sequence"] + 1 + number}, mine.key)
        for number, name in enumerate(names)
    ]


def test_a_push_leaves_each_file_by_its_content(place: Place, mine: Owner) -> None:
    told = []
    digest = push(place, PRETRAINED, mine.key, lambda done, total: told.append((done, total)))
    assert digest == hashlib.sha256((PRETRAINED / "manifest.json").read_bytes()).hexdigest()
    names = {entry.name for entry in place.entries()}
    assert names == {manifest_file(digest), signature_file(digest)} | {
        blob_file(one["sha256"]) for one in FILES.values()
    }
    total = sum(entry["size"] for entry in FILES.values())
    assert told[-1] == (total, total)
    assert push(place, PRETRAINED, mine.key) == digest
    assert {entry.name for entry in place.entries()} == names


def test_a_push_heals_what_was_broken_in_the_store(place: Place, mine: Owner) -> None:
    push(place, PRETRAINED, mine.key)
    change_blob(place, FILES[MODEL]["sha256"], lambda content: content[:-1])
    assert [one.fault for one in check_store(place, mine.trusted)] == [
        f"{MODEL} was changed: its sha256 is not the one that was signed"
    ]
    push(place, PRETRAINED, mine.key)
    assert [one.fault for one in check_store(place, mine.trusted)] == [""]


def test_a_model_that_fails_a_check_is_not_pushed(tmp_path: Path, mine: Owner, model_copy: Path) -> None:
    place = open_place(tmp_path / "place")
    (model_copy / MODEL).write_bytes(b"")
    with pytest.raises(ModelError, match="is not the file its manifest names"):
        push(place, model_copy, mine.key)
    assert list(place.entries()) == []


def test_channels_move_forward_and_back(place: Place, mine: Owner) -> None:
    first, second, third = _models(place, mine, "first", "second", "third")
    moved = []
    for digest in (first, second, second, third):
        state = read_state(place, "stable", mine.trusted)
        moved.append(promote(place, state, digest, mine.key, mine.trusted))
        assert read_state(place, "stable", mine.trusted).channel == moved[-1]
    for _ in range(2):
        moved.append(rollback(place, read_state(place, "stable", mine.trusted), mine.key, mine.trusted))
    assert [channel.model for channel in moved] == [first, second, second, third, second, first]
    assert [channel.before for channel in moved][3:] == [(second, first), (first,), ()]
    sequences = [channel.sequence for channel in moved]
    assert all(later > earlier for earlier, later in pairwise(sequences))
    with pytest.raises(StoreError, match="named no other model before"):
        rollback(place, read_state(place, "stable", mine.trusted), mine.key, mine.trusted)
    with pytest.raises(StoreError, match="named no other model before"):
        rollback(place, read_state(place, "canary", mine.trusted), mine.key, mine.trusted)


def test_a_sequence_grows_though_the_clock_went_back(tmp_path: Path, mine: Owner) -> None:
    place = open_place(tmp_path / "place")
    (digest,) = _models(place, mine, "one")
    ahead = int(time.time()) + 10**6
    put_channel(place, "stable", digest, mine.key, sequence=ahead)
    moved = promote(place, read_state(place, "stable", mine.trusted), digest, mine.key, mine.trusted)
    assert moved.sequence == ahead + 1


def test_the_way_back_is_not_endless(tmp_path: Path, mine: Owner) -> None:
    place = open_place(tmp_path / "place")
    (digest,) = _models(place, mine, "one")
    before = [f"{number:064x}" for number in range(MOST_BEFORE)]
    put_channel(place, "stable", "f" * 64, mine.key, before=before)
    moved = promote(place, read_state(place, "stable", mine.trusted), digest, mine.key, mine.trusted)
    assert list(moved.before) == ["f" * 64, *before[:-1]]


@pytest.mark.parametrize("missing", [blob_file(FILES[MODEL]["sha256"]), blob_file(FILES[GOLDEN]["sha256"])])
def test_what_is_not_there_whole_is_not_promoted(place: Place, mine: Owner, missing: str) -> None:
    digest = push(place, PRETRAINED, mine.key)
    state = read_state(place, "stable", mine.trusted)
    place.write(missing, b"half")
    with pytest.raises(RefusedError, match="or has half of it; push the model anew"):
        promote(place, state, digest, mine.key, mine.trusted)
    place.delete(missing)
    with pytest.raises(RefusedError, match="lacks .* of patate"):
        promote(place, state, digest, mine.key, mine.trusted)
    with pytest.raises(RefusedError, match="does not exist; push the model anew"):
        promote(place, state, "0" * 64, mine.key, mine.trusted)
    assert read_state(place, "stable", mine.trusted).tag == ABSENT


def test_a_channel_that_somebody_else_signed_is_not_built_upon(place: Place, mine: Owner, tmp_path: Path) -> None:
    other = owner(tmp_path / "other")
    put_channel(place, "stable", "0" * 64, other.key)
    with pytest.raises(SigningError, match=f"signed with the key {other.key.id}"):
        read_state(place, "stable", mine.trusted)


@pytest.mark.parametrize("name", ["", "Stable", "../up", "a/b", "-", "x" * 33])
def test_a_name_that_no_channel_has_is_told(tmp_path: Path, mine: Owner, name: str) -> None:
    with pytest.raises(ChannelError, match="is no name of a channel"):
        read_state(open_place(tmp_path), name, mine.trusted)


def test_a_model_is_found_by_channel_name_or_digits(place: Place, mine: Owner, tmp_path: Path) -> None:
    older, newer, other = _models(place, mine, "same", "same", "other")
    put_channel(place, "canary", older, mine.key)
    liar = owner(tmp_path / "liar")
    foreign = put_manifest(place, manifest_of(PRETRAINED) | {"name": "same", "sequence": 1 << 40}, liar.key)
    models, channels = list_models(place, mine.trusted), list_channels(place, mine.trusted)[0]
    assert find(models, channels, "canary").digest == older
    assert find(models, channels, "same").digest == newer
    assert find(models, channels, other[:6]).digest == other
    assert find(models, channels, foreign[:6]).manifest is None
    with pytest.raises(StoreError, match="there is no model 'nobody'"):
        find(models, channels, "nobody")
    with pytest.raises(StoreError, match="there is no model"):
        find(models, channels, other[:3])
    assert [model.digest for model in models if model.manifest][1:] == [older, newer, other]


def test_what_a_push_left_that_was_cut_short_is_swept_and_nothing_else(place: Place, mine: Owner) -> None:
    digest = push(place, PRETRAINED, mine.key)
    whole = {entry.name for entry in place.entries()}
    left = [blob_file("1" * 64), signature_file("2" * 64)]
    for name in left:
        place.write(name, b"left")
    assert garbage(place, mine.trusted) == []  # so young, it might belong to a push that goes on
    found = garbage(place, mine.trusted, older_than_s=0)
    assert sorted(entry.name for entry in found) == left
    place.write(left[0], b"left")  # a push has come to write it
    time.sleep(1.1)
    found = [entry for entry in garbage(place, mine.trusted, older_than_s=0)]
    place.write(left[0], b"left")
    assert [entry.name for entry in remove(place, found)] == left[1:]
    list(remove(place, garbage(place, mine.trusted, older_than_s=0)))
    assert {entry.name for entry in place.entries()} == whole
    assert list_models(place, mine.trusted)[0].digest == digest


def test_models_that_no_channel_named_go_where_that_is_asked_for(place: Place, mine: Owner) -> None:
    a, b, c, d = _models(place, mine, "a", "b", "c", "d")
    shipped = push(place, PRETRAINED, mine.key)
    put_channel(place, "stable", b, mine.key, before=[a])

    def gone(keep: int | None) -> set[str]:
        return {entry.name for entry in garbage(place, mine.trusted, keep, older_than_s=0)}

    assert gone(None) == gone(3) == set()
    assert gone(2) == {manifest_file(shipped), signature_file(shipped)}
    everything = {file(digest) for digest in (shipped, c, d) for file in (manifest_file, signature_file)}
    assert gone(0) == everything
    place.write(channel_file("canary"), b"broken")
    assert gone(None) == set()
    with pytest.raises(StoreError, match="which models are needed is not known: .*canary.* is broken"):
        gone(0)


def test_a_manifest_of_a_newer_program_keeps_its_files(tmp_path: Path, mine: Owner) -> None:
    place = open_place(tmp_path / "place")
    newer = put_manifest(place, {"schema_version": 9, "parts": [{"digest": "5" * 64}]}, mine.key)
    place.write(blob_file("5" * 64), b"of tomorrow")
    assert garbage(place, mine.trusted, older_than_s=0) == []
    (model,) = list_models(place, mine.trusted)
    assert (model.digest, model.manifest) == (newer, None)
    assert "update this one" in model.fault


def test_verify_finds_each_thing_that_is_wrong(place: Place, mine: Owner) -> None:
    digest = push(place, PRETRAINED, mine.key)
    put_channel(place, "stable", digest, mine.key)
    put_channel(place, "canary", "0" * 64, mine.key)
    place.delete(blob_file(FILES[FLOAT]["sha256"]))
    change_blob(place, FILES[GOLDEN]["sha256"], lambda content: content + b"\0")
    place.write(channel_file("test"), b"")
    place.write(manifest_file("0" * 63 + "1"), b"")
    faults = {(one.name, one.digest[:8]): one.fault for one in check_store(place, mine.trusted)}
    assert faults["stable", digest[:8]] == ""
    assert "float.tflite is missing" in faults["patate", digest[:8]]
    assert "golden.npz" in faults["patate", digest[:8]]
    assert "at most" in faults["patate", digest[:8]]
    assert "does not exist" in faults["canary", "0" * 8]
    assert "is no channel, or is broken" in faults["?", ""]
    assert "does not exist" in faults["?", "0" * 8]


@pytest.mark.parametrize("begun", [False, True], ids=["a new channel", "a channel that is there"])
def test_of_eight_processes_that_push_and_promote_at_once_one_wins(
    s3, tmp_path: Path, mine: Owner, begun: bool
) -> None:
    where = f"s3://models/race-{tmp_path.name}"
    place = open_place(where)
    if begun:
        put_channel(place, "stable", push(place, PRETRAINED, mine.key), mine.key)
    models = [variant(tmp_path / f"m{number}", f"m{number}") for number in range(8)]
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(8, mp_context=context) as pool:
        for _ in range(3):
            barrier = manager.Barrier(8)
            racing = [pool.submit(racers.race, mine.car, where, model, barrier) for model in models]
            results = [process.result() for process in racing]
            winners = [digest for digest, won in results if won]
            assert len(winners) == 1
            assert read_state(place, "stable", mine.trusted).channel.model == winners[0]
    assert {digest for digest, _ in results} <= {model.digest for model in list_models(place, mine.trusted)}
    assert all(one.fault == "" for one in check_store(place, mine.trusted))
    assert garbage(place, mine.trusted, older_than_s=0) == []


def test_pushes_that_are_killed_leave_nothing_that_a_sweep_does_not_find(s3, tmp_path: Path, mine: Owner) -> None:
    where = f"s3://models/killed-{tmp_path.name}"
    place = open_place(where)
    digest = push(place, PRETRAINED, mine.key)
    whole = {entry.name for entry in place.entries()}
    context, before = multiprocessing.get_context("spawn"), set(whole)
    for number in range(4):
        model = variant(tmp_path / f"killed{number}", f"killed{number}")
        process = context.Process(target=racers.push_for_ever, args=(mine.car, where, model))
        process.start()
        while {entry.name for entry in place.entries("blobs/")} <= before:  # until its first blob is there
            assert process.is_alive()
        time.sleep(0.02 * number)
        process.kill()
        process.join()
        before = {entry.name for entry in place.entries()}
    list(remove(place, garbage(place, mine.trusted, older_than_s=0)))
    models = list_models(place, mine.trusted)
    assert digest in {model.digest for model in models}
    assert all(one.fault == "" for one in check_store(place, mine.trusted))
    needed = set()
    for model in models:
        needed |= {manifest_file(model.digest), signature_file(model.digest)}
        needed |= {blob_file(entry.sha256) for entry in model.manifest.files.values()}
    assert {entry.name for entry in place.entries()} == needed
    assert place.read(manifest_file(digest), MOST)
