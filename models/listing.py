"""The store for a person: tables of what is in it, and of what is wrong with it."""

import json
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from models.fetch import SIGNATURE, RefusedError, check_manifest, read_manifest
from models.folder import MANIFEST, find_model, load_model
from models.manifest import Manifest
from models.signing import load_trusted
from models.store import StoreError, find, list_channels, list_models
from models.sweep import check_store
from storage.place import Place


def print_models(place: Place, car: Path) -> None:
    """A line per model, the newest last, and the channels that name it. Raises StorageError, SigningError."""
    trusted = load_trusted(car)
    channels, faults = list_channels(place, trusted)
    table = Table("model", "sha256", "made", "finished", "kB", "channels", title=escape(place.where))
    for model in list_models(place, trusted):
        named = ", ".join(channel.name for channel in channels if channel.model == model.digest)
        if model.manifest is None:
            faults.append(model.fault)
            table.add_row("[red]not believed[/]", model.digest[:8], "", "", "", named)
        else:
            kilobytes = sum(entry.size for entry in model.manifest.files.values()) // 1000
            made = model.manifest.created[:16].replace("T", " ")
            table.add_row(
                escape(model.manifest.name), model.digest[:8], made, _finished(model.manifest), str(kilobytes), named
            )
    console = Console()
    console.print(table)
    for fault in faults:
        console.print(fault, style="red", markup=False, soft_wrap=True)


def print_model(place: Place, car: Path, text: str, as_json: bool) -> None:
    """What a model's manifest says, but for its hyper-parameters; as JSON all of it. Raises StoreError, StorageError,
    SigningError."""
    trusted = load_trusted(car)
    channels, _ = list_channels(place, trusted)
    model = find(list_models(place, trusted), channels, text)
    if model.manifest is None:
        raise StoreError(model.fault)
    if as_json:
        print(read_manifest(place, model.digest, trusted)[1].decode(), end="")
        return
    manifest = model.manifest
    named = ", ".join(f"{one.name} (sequence {one.sequence})" for one in channels if one.model == model.digest)
    table = Table("", Column("", overflow="fold"), show_header=False, title=escape(manifest.name))
    for name, value in {
        "sha256": model.digest,
        "channels": named or "none",
        "made": f"{manifest.created}, sequence {manifest.sequence}",
        "trained on": manifest.trained_on,
        "command": manifest.command,
        "commit": manifest.commit,
        "contract": manifest.contract_digest,
        "actions": f"steering {manifest.contract.actions.steering}, throttle {manifest.contract.actions.throttle}",
        "files": ", ".join(f"{file} {entry.size} bytes" for file, entry in manifest.files.items()),
        "evaluation": json.dumps(manifest.evaluation, indent=1),
    }.items():
        table.add_row(name, escape(value))
    Console().print(table)


def print_check(place: Place, car: Path) -> None:
    """Every model and every channel of the store. Raises StoreError where one is not as it was signed; StorageError."""
    table, bad = Table("", "sha256", "", title=escape(place.where)), 0
    for checked in check_store(place, load_trusted(car)):
        bad += bool(checked.fault)
        verdict = f"[red]{escape(checked.fault)}[/]" if checked.fault else "[green]as it was signed[/]"
        table.add_row(escape(checked.name), checked.digest[:8], verdict)
    Console().print(table)
    if bad:
        raise StoreError(f"{bad} of {place.where} are not as they were signed; push those models anew")


def print_folder_check(path: Path, car: Path) -> None:
    """A pulled model: its signature, hashes, contract, golden vectors. Raises RefusedError where it was not pulled,
    SigningError, ModelError."""
    folder = find_model(path)
    try:
        content, signed = (folder / MANIFEST).read_bytes(), (folder / SIGNATURE).read_bytes()
    except OSError as error:
        raise RefusedError(f"cannot read {error.filename}: {error.strerror}; only a pulled model is signed") from error
    check_manifest(content, signed, load_trusted(car), str(folder / MANIFEST))
    print(f"{load_model(folder).manifest.name} is as it was signed, and gives its golden outputs here")


def _finished(manifest: Manifest) -> str:
    """Of the tracks of its validation, as `train` noted them; "" where it did not."""
    finished, tracks = (manifest.evaluation.get(f"validation_{name}") for name in ("finished", "tracks"))
    return f"{finished} of {tracks}" if finished is not None and tracks is not None else ""
