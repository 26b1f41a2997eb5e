"""FusionDiff: a pretrained, frozen, gated encoder, and forests that learnt from a few labelled specimens.

The press tells of "FusionDiff: a dual-path diffusion-based framework for few-shot authenticity analysis of ceramic
microstructures": frozen Stable Diffusion v1.4, a CNN path, an adapter-enhanced DeiT, feature gating. No paper, code or
data is known; layers, sizes and training are our own choices (docs/decisions/two-readings.md).
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
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.images.tiles import aggregate
from fusiondiff_audit.model.bundle import LoadedBundle, load_bundle, write_bundle
from fusiondiff_audit.model.calibration import Calibration
from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.enrolment import ForestSettings, LabelledExample, forest_scores, is_constant, train_forests
from fusiondiff_audit.model.findings import Finding, Findings, Runtime, TileFinding, Votes
from fusiondiff_audit.model.head import Head
from fusiondiff_audit.model.inference import EmbeddedImage, EncoderRunner, collect_embeddings
from fusiondiff_audit.model.nonconformity import calibrate, mean_residual, unfamiliarity
from fusiondiff_audit.model.settings import Settings
from reports.verdict.header import model_title
from reports.verdict.model_names import display_base, display_name
from signing.strict import malformed

_ABSURD = 1e12  # no distance or residual of real embeddings, and more than a report can state


class DiffusionModel:
    """A classifier whose every byte is known. It can be moved to another device; what learns is another model."""

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
        self.digest = digest  # over names and digests of the bundle's files; empty, if it has none yet
        self.verified = verified
        self.provenance = provenance  # of how the encoder came to be, for the card
        self._runner, self._head = runner, head
        self._few = lru_cache(maxsize=8)(self._with_shots)

    @classmethod
    def from_pretrained(
        cls, source: str | os.PathLike[str], *, trust: signing.TrustStore | None = None, unverified: bool = False
    ) -> "DiffusionModel":
        """Load a bundle by its pinned name, or a folder that a model key of `trust` signed.

        A folder that nobody vouches for loads with `unverified=True`, and then every finding says so.
        """
        return cls.from_bundle(load_bundle(source, trust=trust, unverified=unverified))

    @classmethod
    def from_bundle(cls, found: LoadedBundle) -> "DiffusionModel":
        """Return a model of what a bundle holds."""
        runner = EncoderRunner(found.encoder, found.settings)
        return cls(
            found.settings,
            runner,
            found.head,
            digest=found.digest,
            verified=found.verified,
            provenance=found.provenance,
        )

    def to(self, device: str | torch.device, *, threads: int | None = None) -> "DiffusionModel":
        """Move the encoder, and with it all models that share it: one that `enrol` made shares its parent's.

        The last digits depend on `threads`, which is reported.
        """
        target = torch.device(device)
        if target.type == "cuda" and not torch.cuda.is_available():
            raise AuditError(AuditReason.NO_DEVICE, f"device {device}: torch finds no GPU here", hint="--device cpu")
        self._runner.move(target, threads=threads or self.settings.threads)
        return self

    @property
    def title(self) -> str:
        """Return what the model is called in outputs, and the bundle that it was enrolled on."""
        return model_title(display_name(self.settings.name, self.digest), display_base(self.settings.base))

    @property
    def runtime(self) -> Runtime:
        """Return what else the last digits of a finding depend on."""
        return self._runner.runtime

    def predict_authenticity(
        self, samples: Micrograph | Sequence[Micrograph], *, shots: int | None = None
    ) -> torch.Tensor:
        """Return the share of trees that hold a picture for authentic, or one for each of several.

        With `shots` the forests are trained anew on so many enrolled examples of each class.
        """
        alone = isinstance(samples, Micrograph)
        found = list(self.judge_each([samples] if isinstance(samples, Micrograph) else samples, shots=shots))
        for finding in found:
            if finding.score is None:
                faults = ", ".join(finding.quality.faults) or "no tile has structure"
                raise AuditError(AuditReason.NOT_ASSESSABLE, f"{finding.name}: cannot be judged ({faults})")
        scores = torch.tensor([finding.score for finding in found], dtype=torch.float64)
        return scores[0] if alone else scores

    def judge(self, samples: Iterable[Micrograph], *, shots: int | None = None) -> Findings:
        """Return what is found in each picture."""
        rows = tuple(self.judge_each(samples, shots=shots))
        return Findings(self.settings.name, self.digest, self.settings.reference or "", self.runtime, rows)

    def judge_each(self, samples: Iterable[Micrograph], *, shots: int | None = None) -> Iterator[Finding]:
        """Yield findings as they come: memory does not grow with the number of pictures."""
        head = self.head if shots is None else self._few(shots)
        for picture in self._runner.embed(samples):
            yield self._finding(picture, head)

    @property
    def head(self) -> Head:
        """Return what was learnt from labelled specimens."""
        if self._head is None:
            hint = "`fusiondiff-audit enrol` teaches a model from labelled specimens"
            raise AuditError(AuditReason.NOT_ENROLLED, f"{self.settings.name}: has learnt from no specimen", hint=hint)
        return self._head

    @property
    def encoder(self) -> Encoder:
        """Return the gated encoder, for what needs its slope."""
        return self._runner.encoder

    def calibration(self) -> Calibration:
        """Return how strange the model finds specimens of known class that it did not learn from."""
        return calibrate(self.head, self.settings)

    def embed(self, samples: Iterable[Micrograph]) -> Iterator[EmbeddedImage]:
        """Yield embeddings: what enrolment learns from."""
        return self._runner.embed(samples)

    def embed_tiles(self, tiles: torch.Tensor) -> npt.NDArray[np.float32]:
        """Return the embeddings of tiles from 0 to 1 that were cut by somebody else."""
        return self._runner.embed_tiles(tiles)

    def enrol(
        self,
        samples: Iterable[tuple[Micrograph, LabelledExample]],
        *,
        reference: str,
        learning: ForestSettings | None = None,
        demonstration: bool = False,
        name: str | None = None,
    ) -> "DiffusionModel":
        """Return a model that learnt from these examples alone; a picture without tiles is refused.

        With a `demonstration` every output says that it is one: its specimens are made up. Without a `name` of its own
        it has this model's; with one it names the bundle of the encoder as its base.
        """
        learning = learning or ForestSettings()
        examples: list[LabelledExample] = []

        def noted() -> Iterator[Micrograph]:
            for sample, example in samples:
                examples.append(example)
                yield sample

        enrolled = collect_embeddings(list(self._runner.embed(noted())), examples)
        forests = train_forests(enrolled.training, learning)
        if all(map(is_constant, forests)):
            what = (
                "no partition has specimens of both classes" if len(forests) > 1 else "all specimens are of one class"
            )
            raise ValueError(f"{what}; enrol more specimens, or ask for fewer partitions")
        head = Head(forests, enrolled)
        own = self.settings
        settings = replace(
            own,
            name=own.name if name is None else name,
            base=own.base if name is None else display_base(own.base) or display_name(own.name, self.digest),
            reference=reference,
            demonstration=demonstration,
            learning=learning,
            examples=enrolled.examples,
        )
        return DiffusionModel(settings, self._runner, head, digest="", verified=False, provenance=self.provenance)

    def _finding(self, picture: EmbeddedImage, head: Head) -> Finding:
        sample, prepared, rule = picture.micrograph, picture.prepared, self.settings.geometry.rule
        blank = Finding(
            sample.name,
            sample.digest,
            sample.pixel_digest,
            self.settings.architecture.tile,
            prepared.scale,
            prepared.quality,
            (*prepared.steps, *self.settings.intensity.steps()),
            prepared.guessed,
            unverified=not self.verified,
        )
        if not prepared.tiles:
            return blank
        each = forest_scores(head.forests, picture.embeddings)
        whole = [aggregate(row, rule) for row in each]
        votes, residual = Votes.of(whole), mean_residual(picture.residual, len(each[0]))
        strange = unfamiliarity(
            picture.embeddings, residual, head.enrolled.training, self.settings.unfamiliarity, votes.label
        )
        if not all((np.abs(numbers) < _ABSURD).all() for numbers in (picture.gates, strange)):  # nan is not, either
            raise malformed(self.settings.name, f"finds numbers in {sample.name!a} that mean nothing")
        tiles = tuple(
            TileFinding(tile.top, tile.left, float(score), float(gate), float(odd))
            for tile, score, gate, odd in zip(prepared.tiles, each.mean(0), picture.gates, strange, strict=True)
        )
        return replace(
            blank,
            tiles=tiles,
            votes=votes,
            score=float(np.mean(whole)),
            gate=float(picture.gates.mean()),
            unfamiliarity=aggregate(strange, rule),
            residual=picture.residual,
        )

    def _with_shots(self, shots: int) -> Head:
        """Return a head that learnt from the first so many examples of each class."""
        if shots < 1:
            raise ValueError(f"{shots} shots; at least one example of each class is needed")
        few = self.head.enrolled.few_shot(shots)
        learning = replace(self.settings.learning or ForestSettings(), partitions=1)
        return Head(train_forests(few, learning), few)

    def save(self, folder: str | os.PathLike[str], *, key: signing.PrivateKey | None = None) -> None:
        """Write the model as a bundle, to a new folder; without a key, `fusiondiff-audit model sign` vouches for it."""
        state = self._runner.encoder.state_dict()
        write_bundle(Path(folder), self.settings, state, self._head, key=key, provenance=self.provenance)
