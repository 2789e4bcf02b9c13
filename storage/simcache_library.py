"""The SimCache files of a place, for whoever reads them: one file, a folder, or all below a prefix of a bucket."""

from pathlib import Path
from urllib.parse import quote

from settings import S3Settings
from storage.folder import FolderPlace
from storage.place import Entry, NotFoundError, Place, open_place
from storage.simcache import MOST_BYTES, SUFFIX, SimCacheError, Transitions, decode


class Library:
    """SimCache files, by name in the order of their names, which is that of their recordings."""

    def __init__(self, place: Place, entries: list[Entry], cache: Place | None, most_cached: int) -> None:
        """cache: keeps what was read, up to most_cached bytes; the oldest goes first. None: nothing is kept."""
        self.place, self.entries = place, entries
        self._cache, self._most_cached = cache, most_cached
        self._cached = sum(entry.size_bytes for entry in cache.entries()) if cache else 0

    @property
    def where(self) -> str:
        return self.place.where

    def read(self, name: str) -> bytes:
        """A file as it is, from where it is. Raises StorageError."""
        return self.place.read(name, MOST_BYTES)

    def load(self, name: str) -> Transitions:
        """A file's content. Raises StorageError, SimCacheError."""
        if self._cache:
            try:
                return decode(self._cache.read(name, MOST_BYTES), name)
            except (NotFoundError, SimCacheError):  # not kept, or kept badly
                pass
        content = self.read(name)
        transitions = decode(content, f"{self.where}/{name}")
        if self._cache:
            self._keep(self._cache, name, content)
        return transitions

    def _keep(self, cache: Place, name: str, content: bytes) -> None:
        self._cached += len(content)
        if self._cached > self._most_cached:
            oldest_first = sorted(cache.entries(), key=lambda entry: entry.modified)
            self._cached = sum(entry.size_bytes for entry in oldest_first) + len(content)
            for entry in oldest_first:
                if self._cached <= self._most_cached:
                    break
                cache.delete(entry.name)
                self._cached -= entry.size_bytes
        cache.write(name, content)


def open_library(where: str, caches: Path, most_cached: int, s3: S3Settings) -> Library:
    """The files at `where`: a path or an s3:// address, of a file (its name ends with .npz), a folder or a prefix.

    caches: the folder with a cache for each bucket. Raises SimCacheError where there is none, StorageError.
    """
    folder, only = (where.rpartition("/")[::2]) if where.endswith(SUFFIX) else (where, "")
    place = open_place(folder or ("/" if where.startswith("/") else "."), s3)
    found = (entry for entry in place.entries(only) if entry.name.endswith(SUFFIX))
    entries = [entry for entry in found if not only or entry.name == only]
    if not entries:
        raise SimCacheError(
            f"{where} has no SimCache files; name a file of {SUFFIX}, a folder or s3://bucket/prefix that has some"
        )
    if isinstance(place, FolderPlace):
        return Library(place, entries, None, 0)
    return Library(place, entries, FolderPlace(caches / quote(place.where, safe="")), most_cached)
