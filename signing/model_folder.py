"""A model folder with a trusted list of files: each file is checked, or loaded, against that list."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from signing.errors import SigningError
from signing.folder import Listing, Reader
from signing.model_manifest import ModelManifest, Resource
from signing.parallel import THREADS, map_in_order
from signing.signed_folder import RefusedFile, refuse_absent, refuse_altered, refuse_extra

MAX_MODEL_FILE = 64 * 1024**3  # bytes; files are hashed as they stream by, so this bounds time and not memory


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model whose list of files is trusted. The files themselves are checked by `check` and `load`."""

    path: Path
    manifest: ModelManifest
    unsigned: tuple[str, ...]  # files that the specification leaves unsigned; they are never loaded
    _listing: Listing

    def check(self, *, threads: int = THREADS) -> Iterator[Resource | RefusedFile]:
        """Hash every listed file, in signed order, then yield a refusal for every unsigned file."""
        alone = os.path.isfile(self.path)
        reader = Reader(self.path.parent if alone else self.path)

        def digest(resource: Resource) -> Resource | RefusedFile:
            name = self.path.name if alone else resource.name
            if refused := refuse_absent(self._listing, name):
                return refused
            try:
                actual, _ = reader.digest(name, limit=MAX_MODEL_FILE)
            except SigningError as e:
                return RefusedFile(name, e.reason, str(e))
            if actual != resource.sha256:
                return refuse_altered(name, f"sha256:{resource.sha256}", f"sha256:{actual}")
            return resource

        yield from map_in_order(digest, self.manifest.resources, threads=threads)
        if not alone:
            yield from refuse_extra(self._listing, frozenset(r.name for r in self.manifest.resources))

    def load(self, *, limit: int, threads: int = THREADS) -> dict[str, memoryview]:
        """Read every listed file of a folder into memory, once, and hash it there; one refused file refuses the model.

        The returned bytes are the hashed bytes: the folder is not read again.
        """
        for refused in refuse_extra(self._listing, frozenset(r.name for r in self.manifest.resources)):
            raise _refusal(refused)
        for resource in self.manifest.resources:
            if absent := refuse_absent(self._listing, resource.name):
                raise _refusal(absent)
        reader = Reader(self.path)
        loaded: dict[str, memoryview] = {}
        reading = map_in_order(lambda r: reader.load(r.name, limit=limit), self.manifest.resources, threads=threads)
        with closing(reading) as results:  # so that a refusal stops the other readers at once
            for resource, (digest, memory) in zip(self.manifest.resources, results, strict=True):
                if digest != resource.sha256:
                    raise _refusal(refuse_altered(resource.name, f"sha256:{resource.sha256}", f"sha256:{digest}"))
                loaded[resource.name] = memory
        return loaded


def _refusal(refused: RefusedFile) -> SigningError:
    return SigningError(refused.reason, refused.message, hint=refused.hint)
