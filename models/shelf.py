"""What people do with recordings: `manage.py simcache`."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from errors import UserError
from models.contract import Contract
from models.experience import check_fits, contract_of
from models.footage import fit
from models.pictures import draw_steering, sheet, write_png
from models.tub_experience import export_tub, frame_of, import_tub
from settings import Settings
from storage.place import ABSENT, ConflictError, open_place
from storage.simcache import SUFFIX, SimCacheError, Transitions, decode, digest
from storage.simcache_library import Library, open_library
from storage.tub import MANIFEST, Tub, find_tubs

COLUMNS, ROWS = 6, 4  # of a contact sheet
Some = TypeVar("Some")


class Shelf:
    """The recordings that a car's settings can reach. Every method raises UserError where a place or a file is not as
    it must be."""

    def __init__(self, car: Path, settings: Settings, console: Console) -> None:
        """car: its own folder, where queues and caches are."""
        self._car, self._settings, self._console = car, settings, console

    def tabulate(self, where: str) -> None:
        """A line for each file."""
        library = self._open(where)
        table = Table("file", "kB", "written (UTC)", box=None, header_style="bold")
        for entry in library.entries:
            table.add_row(entry.name, f"{entry.size_bytes / 1000:.0f}", f"{entry.modified:%Y-%m-%d %H:%M:%S}")
        self._console.print(table)
        total = sum(entry.size_bytes for entry in library.entries)
        self._console.print(f"{len(library.entries)} files, {total / 1e6:.1f} MB, in {library.where}", soft_wrap=True)

    def show(self, where: str, picture: Path | None) -> None:
        """What is in them, all together; where asked for, a PNG of what was seen."""
        library = self._open(where)
        sums: Counter[str] = Counter()
        told: dict[str, Counter[str]] = {"source": Counter(), "rewards": Counter()}
        rewards: list[np.ndarray] = []
        actions, infos = np.zeros(0, int), defaultdict[str, list[np.ndarray]](list)
        seen: list[np.ndarray] = []
        for transitions in self._all(library):
            sums["transitions"] += len(transitions)
            sums["terminated"] += int(transitions.terminated.sum())
            sums["cut short"] += int((transitions.truncated & ~transitions.terminated).sum())
            for what, words in told.items():
                words[getattr(transitions.facts, what)] += len(transitions)
            rewards.append(transitions.reward)
            counted = np.bincount(transitions.action)
            longer = max(len(actions), len(counted))
            actions = np.pad(actions, (0, longer - len(actions))) + np.pad(counted, (0, longer - len(counted)))
            for name, values in transitions.infos.items():
                infos[name].append(values)
            if picture and len(seen) < COLUMNS * ROWS:
                seen.append(_tile(transitions))
        table = Table(show_header=False, box=None)
        table.add_row("files", str(len(library.entries)))
        for what, count in sums.items():
            table.add_row(what if what == "transitions" else f"episodes {what}", str(count))
        for what, words in told.items():
            for word, count in words.most_common(5):
                table.add_row(what, f"{word} ({count} transitions)")
        table.add_row("actions", "  ".join(f"{action}: {count}" for action, count in enumerate(actions.tolist())))
        for name, columns in {"reward": rewards, **infos}.items():
            values = np.concatenate(columns)
            table.add_row(name, f"{values.min():.3g} to {values.max():.3g}, mean {values.mean():.3g}")
        self._console.print(table, markup=False)
        if picture:
            write_png(picture, sheet(seen, COLUMNS, ROWS, 8))
            self._console.print(str(picture), soft_wrap=True, markup=False)

    def import_tubs(self, path: Path, where: str, contract: Contract) -> None:
        """A tub, or a folder of them, as SimCache files of this contract. Importing it again changes nothing."""
        place = open_place(where, self._settings.s3)
        for found in find_tubs(path):
            tub = Tub(found)
            files: list[Transitions] = []
            records = self._track(tub.records, f"reading {found.name} ...")
            size = self._settings.simcache.size
            left_out = import_tub(tub, records, contract, size, _recording(tub), files.append)
            for transitions in self._track(files, f"writing to {where} ..."):
                place.write(*transitions.encode())
            rest = f", {left_out} records left out: without a command, or a picture" if left_out else ""
            count = sum(map(len, files))
            self._console.print(f"{found}: {count} transitions in {where}{rest}", soft_wrap=True, markup=False)

    def export(self, where: str, tub: Path) -> None:
        """A new tub of all of them, for donkeycar's tools."""
        if tub.exists():
            raise UserError(f"{tub} exists already; name a new folder")
        records = export_tub(self._all(self._open(where)), tub)
        self._console.print(f"{records} records in {tub}", soft_wrap=True, markup=False)

    def merge(self, sources: list[str], where: str) -> None:
        """Copy all files of the sources, each once; what is there already stays as it is."""
        into = open_place(where, self._settings.s3)
        copied = there = 0
        for source in sources:
            library = self._open(source)
            for entry in self._track(library.entries, f"copying {library.where} ..."):
                content = library.read(entry.name)
                decode(content, f"{library.where}/{entry.name}")
                name = entry.name.rpartition("/")[2]
                try:
                    into.write(name, content, only_if=ABSENT)
                    copied += 1
                except ConflictError:
                    there += 1
        self._console.print(f"{copied} files copied to {where}, {there} were there already", soft_wrap=True)

    def verify(self, where: str) -> None:
        """Read all of them: whole, what their names tell, true to their contract, and none twice. Raises UserError
        after the last where one is not."""
        library = self._open(where)
        by_content: dict[str, str] = {}
        bad = count = 0
        for entry in self._track(library.entries, "reading ..."):
            try:
                content = library.read(entry.name)
                transitions = decode(content, entry.name)
                check_fits(transitions, contract_of(transitions.facts, entry.name), entry.name)
                found = digest(content)
                if not entry.name.endswith(f"-{found}{SUFFIX}"):
                    raise SimCacheError(
                        f"{entry.name} was changed, or renamed: its content is that of ...-{found}{SUFFIX}"
                    )
                if other := by_content.get(found):
                    raise SimCacheError(f"{entry.name} is {other} once more; remove one of them")
                by_content[found] = entry.name
                count += len(transitions)
            except UserError as error:
                bad += 1
                self._console.print(str(error), soft_wrap=True, markup=False)
        if bad:
            raise UserError(f"{bad} of {len(library.entries)} files in {library.where} cannot be used; see above")
        self._console.print(f"{len(library.entries)} files are whole, {count} transitions", soft_wrap=True)

    def _open(self, where: str) -> Library:
        most_bytes = self._settings.simcache.cache_mb * 1_000_000
        return open_library(where, self._car / "cache", most_bytes, self._settings.s3)

    def _all(self, library: Library) -> Iterable[Transitions]:
        for entry in self._track(library.entries, "reading ..."):
            yield library.load(entry.name)

    def _track(self, what: Sequence[Some], words: str) -> Iterable[Some]:
        """Them, one after the other, with a bar."""
        return track(what, words, console=self._console, transient=True, disable=not self._console.is_terminal)


def _recording(tub: Tub) -> str:
    """The same tub has the same name each time, so importing it again doubles nothing."""
    content = hashlib.sha256((tub.path / MANIFEST).read_bytes())
    for record in tub.records:
        content.update(repr((record.timestamp_ms, record.command)).encode())
    return f"tub-{content.hexdigest()[:16]}"


def _tile(transitions: Transitions) -> np.ndarray:
    """The picture in the middle of a file, with the steering drawn in."""
    middle = len(transitions) // 2
    spec = contract_of(transitions.facts, transitions.facts.recording).observation
    frame = frame_of(transitions.views[transitions.at[middle]], spec)
    steering = transitions.infos.get("steering")
    colours = fit(np.repeat(frame[..., None], 3, axis=2), Contract().observation)  # one size, whatever the cameras'
    return colours if steering is None else draw_steering(colours, float(steering[middle]))
