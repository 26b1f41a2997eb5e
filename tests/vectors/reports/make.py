"""Makes the vectors of a format version, once, with keys that are made here and forgotten.

    python -m tests.vectors.reports.make report FOLDER
    python -m tests.vectors.reports.make uncalibrated FOLDER
    python -m tests.vectors.reports.make stress FOLDER

No second run gives the same bytes.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tifffile

import signing
from fusiondiff_audit.auditing.order import AuditOrder
from fusiondiff_audit.auditing.run import run_audit
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.images.quality import Fault
from fusiondiff_audit.ledger import CheckpointKeys, Ledger
from fusiondiff_audit.model.findings import Finding, Votes
from fusiondiff_audit.origin import Origin
from fusiondiff_audit.policy.stress import AttackSettings, GateSettings, PoisonSettings, StressPolicy, WaiverSettings
from reports.identity import Key
from reports.stress.gates import decide, tally
from reports.stress.outcome import Outcome, clean_accuracy
from reports.stress.records import AttackResult, CheckResult, CheckState, DetectorResult, PoisonResult
from reports.stress.result import RESULT, sign_stress_result
from reports.stress.result import StressResult as Stressed
from reports.verdict.enrolment import EnrolledSet
from reports.verdict.excerpt import make_excerpt
from reports.verdict.issue import CHECKPOINT, JOURNAL, REPORT
from signing import Algorithm, Claim, PrivateKey, PublicKey, Role, TrustStore, write_time
from signing.manifest import FileKind, PixelSize
from tests.auditing.judges import UNTESTED, DigestJudge
from tests.auditing.process import quietly
from tests.authority import Authority
from tests.conftest import YEAR, entry, make_trust, sign
from tests.reports.stress.test_stress_result import MISSED, made
from tests.reports.verdict.made import CALIBRATORS, digest, stress_claim

HOUR = timedelta(hours=1)


class Moody(DigestJudge):
    """Asks five forests, finds one picture like neither class and one out of focus; knows a specimen and a picture."""

    def __init__(self) -> None:
        super().__init__()
        model = replace(self.identity.model, partitions=5, base="sd14", ratios=CALIBRATORS, enrolled_tiles=(1,))
        self.identity = replace(self.identity, model=model)
        self.enrolled = EnrolledSet(frozenset(), frozenset({"sherd 1"}))

    def judge_each(self, samples: Iterable[Micrograph]) -> Iterator[Finding]:
        for found in super().judge_each(samples):
            voted = replace(found, votes=Votes(0, 5) if found.votes.authentic else Votes(4, 1))
            if found.name == "tile-01.tif":  # beside tile-00.tif, which is judged
                yield replace(voted, quality=replace(found.quality, faults=(Fault.OUT_OF_FOCUS,)))
            elif found.name == "tile-08.tif":
                yield replace(voted, score=0.5, features=np.array([[0.5]], np.float32))
            elif found.name == "tile-12.tif":
                yield replace(voted, near_duplicate=True)
            else:
                yield voted


class Uncalibrated(DigestJudge):
    """Was enrolled with too few specimens of either class to rank another."""

    def __init__(self) -> None:
        super().__init__()
        model = replace(self.identity.model, enrolled_authentic=5, enrolled_counterfeit=5, error_rates=())
        self.identity = replace(self.identity, model=replace(model, partitions=5, devices=(), confounded=None))

    def judge_each(self, samples: Iterable[Micrograph]) -> Iterator[Finding]:
        for found in super().judge_each(samples):
            yield replace(found, votes=Votes(0, 5) if found.votes.authentic else Votes(4, 1))


def pictures(folder: Path) -> dict[str, Claim]:
    """Write fourteen pictures, one of which is none, and return what is said of them; the last names no specimen."""
    folder.mkdir()
    for number in range(14):
        pixels = np.random.default_rng(number).integers(0, 255, (24, 24)).astype(np.uint8)
        tifffile.imwrite(folder / f"tile-{number:02d}.tif", pixels)
    (folder / "tile-10.tif").write_bytes(b"II*\0 no picture")
    sherds = (0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 5, 6, 7)
    return {f"tile-{n:02d}.tif": Claim(FileKind.IMAGE, f"sherd {sherd}", None) for n, sherd in enumerate(sherds)}


def trusted(authority: Authority, moment: datetime, device: PrivateKey, auditor: PrivateKey) -> TrustStore:
    """Return a store in which the signers' keys are good for an hour, and a timestamp authority for long."""
    window = signing.Window(moment - HOUR, moment + 20 * YEAR)
    keys = (
        entry(device, Role.DEVICE, "sem-1", until=moment + HOUR),
        entry(auditor, Role.AUDITOR, "J. Doe", until=moment + HOUR),  # without its timestamp it counts an hour
        signing.new_entry(Role.TIMESTAMP, authority.ca, principal="tsa", window=window),
    )
    return replace(make_trust(PrivateKey.generate(Algorithm.ED25519), keys), at=moment)


def stamp(path: Path, authority: Authority, trust: TrustStore) -> None:
    """Have the authority prove when a file was signed."""
    token = authority.folder / "answer.tsr"
    token.write_bytes(authority.stamp(signing.stamp_query(path)))
    signing.attach_token(path, token, trust=trust)


def make_report(folder: Path, judge: DigestJudge) -> None:
    """Sign a batch, harm it, audit it, have the report stamped, and cut an excerpt."""
    moment = signing.now()
    device, auditor = (PrivateKey.generate(Algorithm.ED25519) for _ in range(2))
    with TemporaryDirectory() as scratch:
        authority = Authority(Path(scratch) / "authority")
        trust = trusted(authority, moment, device, auditor)
        (folder / "trust.json").write_bytes(trust.to_bytes())
        batch = folder / "batch"
        claims = pictures(batch)
        size = PixelSize.parse("12.5 nm")
        sign(batch, device, claims=claims, pixel_size=size, captured=moment, issued=moment, valid_for=YEAR)
        (batch / "tile-11.tif").write_bytes(b"another")
        (batch / "stranger.tif").write_bytes(b"not signed")
        order = AuditOrder(
            signing.open_batch(batch, trust=trust),
            trust,
            Key("J. Doe", auditor.public.keyid),
            UNTESTED.certifying(["poisoning"]),
            Origin("0", digest("code"), released=False),
            folder,
            again="a golden sample",
            robustness=stress_claim(day=write_time(moment)[:10], outcome=Outcome.FAILED),
        )
        with Ledger(
            Path(scratch) / "ledger", key=auditor, keys=CheckpointKeys.of_auditors(trust), clock=lambda: moment
        ) as book:
            done = run_audit(order, judge, key=auditor, ledger=book, watch=quietly)
        stamp(folder / REPORT, authority, trust)
    (folder / JOURNAL).unlink()
    note = (folder / CHECKPOINT).read_bytes()
    (folder / "excerpt.json").write_bytes(make_excerpt(done.report, note, "tile-00.tif"))


def make_stress(folder: Path) -> None:
    """Sign a stress test that nobody ran, with every part that a result may have, and have it stamped."""
    moment = signing.now()
    device, auditor = (PrivateKey.generate(Algorithm.ED25519) for _ in range(2))
    with TemporaryDirectory() as scratch:
        authority = Authority(Path(scratch) / "authority")
        trust = trusted(authority, moment, device, auditor)
        (folder / "trust.json").write_bytes(trust.to_bytes())
        (folder / RESULT).write_bytes(sign_stress_result(_stressed(auditor.public, moment), auditor))
        stamp(folder / RESULT, authority, trust)


def _stressed(auditor: PublicKey, moment: datetime) -> Stressed:
    held, fooled, silenced = (tuple(sorted(digest(f"{what} {n}") for n in range(count))) for what, count in ENDS)
    gates = (
        GateSettings(metric="held", value="0.1"),
        GateSettings(metric="held", value="0.5", slice="counterfeit", least=4, waiver=WaiverSettings(**WAIVER)),
        GateSettings(metric="held", value="0.6", attack="pgd-linf-8/255", severity="note"),
        GateSettings(metric="regressions", value="0.05"),
    )
    policy = StressPolicy(
        name="golden",
        attacks=(
            AttackSettings(attack="pgd", norm="linf", size="8/255"),
            AttackSettings(attack="hop-skip-jump", norm="l2", size="2.0"),
        ),
        poisons=(PoisonSettings(poison="stamp", specimens=2),),
        detectors=("activation-clusters",),
        checks=("S01", "S30", "S32"),
        gates=gates,
    )
    everybody = tuple(sorted((*held, *fooled, *silenced)))
    authentic = (*held[:2], *fooled[:1], *MISSED)
    left = {PGD: dict.fromkeys((*everybody, *MISSED), False) | dict.fromkeys(held, True)}
    left[HOP] = dict.fromkeys(MISSED, False) | {image: image != everybody[0] for image in everybody}
    quoted = policy.as_quoted.gates
    tallies = [tally(gate, left, authentic) for gate in quoted]
    tallies[-1] = replace(tallies[-1], before=tallies[-1].held + 2, lost=2)  # two of those that held no longer do
    decided = tuple(decide(gate, counts, moment) for gate, counts in zip(quoted, tallies, strict=True))
    assert [gate.passed for gate in decided] == ["passed", "waived", "failed", "passed"]
    return made(
        auditor,
        issued=write_time(moment),
        policy=policy.name,
        policy_text=policy.text,
        images=8,
        attacks=(
            AttackResult(
                *(PGD, "gradient", "white box", "linf", "0.031373"),
                *(held, fooled, ("0.031373", "0.015686"), silenced, ()),
                *(0, 160, None, "AML.T0043", "NISTAML.022"),
            ),
            AttackResult(
                *(HOP, "decision", "black box", "l2", "2.000000"),
                *(everybody[1:], everybody[:1], ("1.250000",), (), ()),
                *(700, 0, None, "AML.T0043", "NISTAML.022"),
            ),
        ),
        poisons=(PoisonResult("stamp-2", False, 2, 8, 3, 4, 2, 5, 0, None, "AML.T0020", "NISTAML.013"),),
        detectors=(DetectorResult("activation-clusters", 4, 5, 1, 40, 2, 45, True),),
        checks=(
            CheckResult("S01", "budget respected", CheckState.HELD, "all within"),
            CheckResult("S30", "no certificate broken", CheckState.NOT_APPLICABLE, "nothing was certified"),
            CheckResult("S32", "clean accuracy", *clean_accuracy(7, 8, float(policy.floor))),
        ),
        gates=decided,
        authentic=authentic,
        baseline=digest("baseline"),
    )


PGD, HOP = "pgd-linf-8/255", "hop-skip-jump-l2-2.0"
ENDS = (("held", 4), ("fooled", 2), ("silenced", 1))
WAIVER = {"until": "2099-12-31", "reason": "known since the change of lenses"}


def main(what: str, folder: Path) -> None:
    """Make one vector in a new folder."""
    folder.mkdir()
    if what == "stress":
        make_stress(folder)
    else:
        make_report(folder, {"report": Moody, "uncalibrated": Uncalibrated}[what]())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
