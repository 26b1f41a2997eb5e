"""FusionDiff: a frozen, gated encoder, and forests trained on a few labelled specimens.

Press reports describe "FusionDiff: a dual-path diffusion-based framework for few-shot authenticity analysis of ceramic
microstructures": frozen Stable Diffusion v1.4, a CNN path, an adapter-enhanced DeiT, feature gating. No paper, code or
data is public; layers, sizes and training are our own choices (docs/decisions/fusiondiff-architecture.md).
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

import signing
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images.loading import ImageSource, micrographs_of
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.model.bundle import LoadedBundle, load_bundle, write_bundle
from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.enrolment import (
    ForestSettings,
    LabelledExample,
    one_blas_thread,
    train_forests,
)
from fusiondiff_audit.model.findings import Finding, Runtime
from fusiondiff_audit.model.fit_head import FitProgress, fit_head, no_progress
from fusiondiff_audit.model.head import Head
from fusiondiff_audit.model.image_finding import image_finding
from fusiondiff_audit.model.inference import EmbeddedImage, EncoderRunner, collect_embeddings, refuse_faults
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.model.specimens import SpecimenRanks, TileFeatures
from reports.verdict.header import model_title
from reports.verdict.model_names import display_base, display_name
from signing.strict import malformed


class DiffusionModel:
    """A classifier whose every file was hashed. It can be moved to another device; enrolment returns another model."""

    def __init__(
        self,
        settings: Settings,
        runner: EncoderRunner,
        head: Head | None,
        *,
        digest: str,
        verified: bool,
        provenance: str = "",
    ) -> None:
        self.settings = settings
        self.digest = digest  # over the names and digests of the bundle's files; empty if it was not loaded from one
        self.verified = verified
        self.provenance = provenance  # how the encoder was made, for the model card
        self._runner, self._head = runner, head
        self._few = lru_cache(maxsize=8)(self._with_shots)

    @classmethod
    def from_pretrained(
        cls, source: str | os.PathLike[str], *, trust: signing.TrustStore | None = None, unverified: bool = False
    ) -> "DiffusionModel":
        """Load a bundle by its pinned name, or a folder that a model key of `trust` signed.

        An unsigned folder loads with `unverified=True`, and then every finding says so.
        """
        return cls.from_bundle(load_bundle(source, trust=trust, unverified=unverified))

    @classmethod
    def from_bundle(cls, bundle: LoadedBundle) -> "DiffusionModel":
        runner = EncoderRunner(bundle.encoder, bundle.settings)
        return cls(
            bundle.settings,
            runner,
            bundle.head,
            digest=bundle.digest,
            verified=bundle.verified,
            provenance=bundle.provenance,
        )

    def to(self, device: str | torch.device, *, threads: int | None = None) -> "DiffusionModel":
        """Move the encoder, and with it all models that share it: a model that `enrol` returns shares its parent's.

        The last digits depend on `threads`, which is reported.
        """
        target = torch.device(device)
        if target.type == "cuda" and not torch.cuda.is_available():
            raise AuditError(AuditReason.NO_DEVICE, f"device {device}: torch finds no GPU here", hint="--device cpu")
        self._runner.move(target, threads=threads or self.settings.threads)
        return self

    def __repr__(self) -> str:
        """Return a line with the name, what AUTHENTIC means, and how many specimens are enrolled."""
        own = self.settings
        enrolled = {example.specimen: example.authentic for example in own.examples}
        authentic = sum(enrolled.values())
        counted = f"{authentic} authentic and {len(enrolled) - authentic} counterfeit specimens" if enrolled else "none"
        marks = f"{', demonstration' if own.demonstration else ''}{'' if self.verified else ', not verified'}"
        return f"<DiffusionModel {self.title!a}: authentic as {own.reference!a}; enrolled: {counted}{marks}>"

    @property
    def title(self) -> str:
        """The model's display name, and that of the bundle that it was enrolled on."""
        return model_title(display_name(self.settings.name, self.digest), display_base(self.settings.base))

    @property
    def runtime(self) -> Runtime:
        """The device, threads and libraries, on which the last digits of a finding depend."""
        return self._runner.runtime

    def predict_authenticity(
        self, samples: ImageSource | Sequence[ImageSource], *, shots: int | None = None
    ) -> torch.Tensor:
        """Return the share of trees that say `authentic` for an image or its path, or for each of several.

        With `shots` forests are trained on that many enrolled examples of each class. An image that cannot be judged
        raises AuditError.
        """
        images, single = micrographs_of(samples)
        findings = list(self.judge(images, shots=shots))
        for finding in findings:
            if finding.score is None:
                faults = ", ".join(finding.quality.faults) or "no tile has structure"
                raise AuditError(AuditReason.NOT_ASSESSABLE, f"{finding.name}: cannot be judged ({faults})")
        scores = torch.tensor([finding.score for finding in findings], dtype=torch.float64)
        return scores[0] if single else scores

    def judge(self, samples: Iterable[Micrograph], *, shots: int | None = None) -> Iterator[Finding]:
        """Yield the finding of each image in its turn: memory does not grow with the number of images."""
        head = self.head if shots is None else self._few(shots)
        for image in self._runner.embed(samples):
            yield image_finding(image, head, self.settings, verified=self.verified)

    @property
    def head(self) -> Head:
        """The forests and the enrolled embeddings; a model that is not enrolled raises AuditError."""
        if self._head is None:
            hint = "`fusiondiff-audit enrol` enrols labelled specimens"
            raise AuditError(AuditReason.NOT_ENROLLED, f"{self.settings.name}: no specimen is enrolled", hint=hint)
        return self._head

    @property
    def encoder(self) -> Encoder:
        """The gated encoder, for callers that need gradients."""
        return self._runner.encoder

    def rank(self, images: Sequence[TileFeatures], name: str, seed: bytes) -> SpecimenRanks:
        """Return the ranks of a specimen, given the features of its images; AuditError if too few are enrolled."""
        if self.head.conformal is None:
            fault = f"{self.settings.name}: too few specimens are enrolled to rank others among them"
            raise AuditError(AuditReason.NOT_ENROLLED, fault)
        try:
            with one_blas_thread(), np.errstate(all="ignore"):  # a bundle's numbers may overflow, which is refused
                return self.head.conformal.ranks(images, name, seed)
        except ValueError as e:
            raise malformed(self.settings.name, f"{e}, of specimen {name[:100]!a}") from e

    def embed(self, samples: Iterable[Micrograph]) -> Iterator[EmbeddedImage]:
        """Yield the embeddings of each image."""
        return self._runner.embed(samples)

    def embed_tiles(self, tiles: torch.Tensor, broad: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float32]:
        """Return the embeddings of tiles whose greys are from 0 to 1, and of which the global path says `broad`."""
        return self._runner.embed_tiles(tiles, broad)

    def enrol(
        self,
        samples: Iterable[tuple[Micrograph, LabelledExample]],
        *,
        reference: str,
        learning: ForestSettings | None = None,
        demonstration: bool = False,
        name: str | None = None,
        progress: FitProgress = no_progress,
    ) -> "DiffusionModel":
        """Return a model that is enrolled on these examples alone; an image that cannot be judged raises ValueError.

        A `demonstration` has synthetic specimens, and every output says so. A `name` makes this model's bundle the base
        of the new one; without it the name stays.
        """
        learning = learning or ForestSettings()
        examples: list[LabelledExample] = []

        def micrographs() -> Iterator[Micrograph]:
            for sample, example in samples:
                examples.append(example)
                yield sample

        images = [image.without_pixels() for image in self._runner.embed(micrographs())]
        refuse_faults(images)
        enrolled = collect_embeddings(images, examples)
        head, figures = fit_head(
            enrolled, np.stack([image.fingerprint for image in images]), self.encoder.projection(), learning, progress
        )
        own = self.settings
        settings = replace(
            own,
            name=own.name if name is None else name,
            base=own.base if name is None else display_base(own.base) or display_name(own.name, self.digest),
            reference=reference,
            demonstration=demonstration,
            learning=learning,
            examples=enrolled.examples,
            ranks=figures.ranks,
            ratios=figures.ratios,
            ratio_quality=figures.ratio_quality,
            confounding=None,
        )
        return DiffusionModel(settings, self._runner, head, digest="", verified=False, provenance=self.provenance)

    def _with_shots(self, shots: int) -> Head:
        """Return a head that is trained on the first `shots` examples of each class."""
        few = self.head.enrolled.few_shot(shots)
        learning = replace(self.settings.learning or ForestSettings(), partitions=1)
        return replace(self.head, forests=train_forests(few, learning))

    def save(self, folder: str | os.PathLike[str], *, key: signing.PrivateKey | None = None) -> None:
        """Write a bundle to a new folder, signed if there is a key; `fusiondiff-audit model sign` signs it later."""
        state = self._runner.encoder.state_dict()
        write_bundle(Path(folder), self.settings, state, self._head, key=key, provenance=self.provenance)
