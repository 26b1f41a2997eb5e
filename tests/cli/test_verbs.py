"""The verbs as users call them: answers on stdout, sentences on stderr, codes by the table, refusals that help."""

import re
from enum import StrEnum
from pathlib import Path

import click
import pytest

import signing
from fusiondiff_audit.cli import VERBS, verbs
from fusiondiff_audit.cli.exits import Exit, worst
from fusiondiff_audit.cli.failure import exit_code
from fusiondiff_audit.errors import AuditReason
from fusiondiff_audit.images.errors import ImageReason
from tests.cli.conftest import Tool

DOCS = Path(__file__).parents[2] / "docs"


def test_a_batch_passes(lab: Tool) -> None:
    done = lab("inspect", "batch", "--trust", "trust.json")
    assert done.code == 0
    assert done.out.splitlines()[-1] == (
        "PASSED: 3 files genuine, 2 images decoded, none missing, none added (trust store not pinned)"
    )
    assert "claimed, not proven" in done.out
    assert re.search(r"trust: trust.json, version 1, root sha256:[0-9a-f]{64}, expires 20", done.err)
    assert "no --root given" in done.err


def test_json_is_one_object_with_the_same_answer(lab: Tool) -> None:
    pin = lab("trust", "show", "trust.json", "--json").json["trust"]["root"]
    done = lab("inspect", "batch", "--trust", "trust.json", "--root", pin, "--json")
    answer = done.json
    assert (answer["verb"], answer["outcome"], answer["exit"]) == ("inspect", "PASSED", 0)
    assert answer["trust"]["root"] == pin
    assert [(f["name"], f["kind"], f["state"]) for f in answer["files"]] == [
        ("a.tif", "image", "genuine"),
        ("b.tif", "image", "genuine"),
        ("notes.txt", "sidecar", "genuine"),
    ]
    assert answer["batch"]["signer"]["principal"] == "device"
    assert "no --root given" not in done.err


def test_refused_files_are_named_with_their_reason(lab: Tool) -> None:
    Path("batch/a.tif").write_bytes(b"A.tif")
    Path("batch/b.tif").unlink()
    Path("batch/.DS_Store").touch()
    done = lab("inspect", "batch", "--trust", "trust.json")
    assert done.code == Exit.INTEGRITY
    assert done.out.splitlines()[-1].startswith("REFUSED: 3 files: 1 ")
    assert done.out.splitlines()[-1].endswith("; 1 genuine")
    assert "hint: the operating system left this file" in done.err
    reasons = {
        f["name"]: f.get("reason") for f in lab("inspect", "batch", "--trust", "trust.json", "--json").json["files"]
    }
    assert reasons == {
        "a.tif": "digest-mismatch",
        "b.tif": "missing-file",
        "notes.txt": None,
        ".DS_Store": "extra-file",
    }


def test_a_passphrase_comes_from_a_file(lab: Tool) -> None:
    assert lab("keygen", "--role", "device", "--out", "k.pem", "--passphrase-file", "pass").code == 0
    assert b"ENCRYPTED" in Path("k.pem").read_bytes()
    sign = ("sign", "batch", "--key", "k.pem", "--device", "d", "--force")
    assert lab(*sign, "--passphrase-file", "pass").code == 0
    Path("pass").write_text("incorrect horse")
    assert lab(*sign, "--passphrase-file", "pass").err.splitlines()[-1].endswith("(bad-passphrase)")
    Path("pass").chmod(0o644)
    assert lab(*sign, "--passphrase-file", "pass").err.splitlines()[-1].endswith("(key-exposed)")


@pytest.mark.parametrize("role", ["model", "device"])
def test_models_sign_with_p256(tool: Tool, role: str) -> None:
    done = tool("keygen", "--role", role, "--out", "k.pem", "--no-passphrase", "--json").json
    assert done["algorithm"] == ("p256" if role == "model" else "ed25519")
    assert done["keyid"] == f"sha256:{signing.load_public_key(Path('k.pub.pem')).keyid}"


def test_entries_describe_single_files(lab: Tool) -> None:
    Path("e.csv").write_text("file,specimen,pixel_size,kind\na.tif,s1,3 µm,\nb.tif,s2,,other\n", encoding="utf-8")
    sign = ("sign", "batch", "--key", "device.pem", "--device", "d", "--force", "--entries", "e.csv")
    assert lab(*sign, "--pixel-size", "12.5 nm").code == 0
    files = lab("inspect", "batch", "--trust", "trust.json", "--json").json["files"]
    assert [(f["kind"], f["specimen"], f["pixelSize"]) for f in files] == [
        ("image", "s1", "3 um"),
        ("other", "s2", None),
        ("sidecar", None, None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.tif\n",
        "file,file\na.tif,b.tif\n",
        "file,colour\na.tif,red\n",
        "file\na.tif\na.tif\n",
        "file,kind\na.tif,song\n",
        "file\na.tif,x\n",
        'file\n"a.tif\n',
        "file\n\xff.tif\n",
        "file,pixel_size\na.tif,3\n",
        "file\nc.tif\n",
    ],
)
def test_bad_entries_are_refused(lab: Tool, text: str) -> None:
    Path("e.csv").write_text(text, encoding="latin-1")
    before = Path("batch/batch.sigstore.json").read_bytes()
    done = lab("sign", "batch", "--key", "device.pem", "--device", "d", "--force", "--entries", "e.csv")
    assert done.code == Exit.USAGE
    assert Path("batch/batch.sigstore.json").read_bytes() == before


def test_an_unforeseen_error_is_called_a_fault(lab: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(signing, "open_batch", broken)
    done = lab("inspect", "batch", "--trust", "trust.json")
    assert done.code == Exit.FAULT
    assert done.err.splitlines()[-1] == "REFUSED: ZeroDivisionError: oops (fault)"
    assert lab("inspect", "batch", "--trust", "trust.json", "--json").json["reason"] == "fault"


@pytest.mark.slow
def test_the_demo_signs_audits_and_verifies(tool: Tool) -> None:
    done = tool("demo", "--out", "kept", "--json")
    assert (done.code, done.json["outcome"]) == (0, "DONE"), done.err
    endings = [line for line in done.err.splitlines() if line.startswith(("PASSED", "REFUSED"))]
    assert [line.split()[0] for line in endings] == ["PASSED:", "REFUSED:", "REFUSED:"]
    assert "DEMONSTRATION" in endings[0]
    assert "the report is of sha256" in endings[1]
    assert "the signature is not one of key" in endings[2]
    assert Path(done.json["page"]).is_file()
    assert tool("demo", "--out", "kept").code == Exit.USAGE


def test_without_a_model_the_demo_signs_and_inspects(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "fusiondiff_audit.cli.demo.missing_libraries", lambda extra: ["torch"] if extra == "audit" else []
    )
    done = tool("demo", "--out", "kept", "--json")
    assert (done.code, done.json["outcome"]) == (0, "DONE"), done.err
    assert "REFUSED: 1 file: 1 digest-mismatch; 3 genuine" in done.err
    assert "needs the extra `audit`" in done.err
    assert sorted(p.name for p in Path("kept/micrographs").iterdir())[0] == "batch.sigstore.json"


def test_the_doctor_lists_libraries(tool: Tool) -> None:
    done = tool("doctor", "--json").json
    assert done["outcome"] == "DONE"
    assert set(done["extras"]["base"]["libraries"]) == {"click", "cryptography", "rfc3161-client"}
    assert "torch" in done["extras"]["audit"]["libraries"]
    assert tool("doctor").code == 0


def all_commands(command: click.Command, path: str = "") -> dict[str, click.Command]:
    """Return every verb and sub-verb by its words."""
    if not isinstance(command, click.Group):
        return {path: command}
    context = click.Context(command)
    found: dict[str, click.Command] = {path: command} if path else {}
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        found |= all_commands(inner, f"{path} {name}".strip())
    return found


def test_every_verb_has_help_and_is_listed(tool: Tool) -> None:
    top = tool("--help").out
    for words, command in all_commands(verbs).items():
        shown = tool(*words.split(), "--help")
        assert shown.code == 0
        assert (command.help or "").splitlines()[0].endswith(".")
        if " " not in words:
            assert VERBS[words][1] == (command.help or "").splitlines()[0]
            assert VERBS[words][1] in top
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, (words, option.name)


def test_every_verb_but_the_doctor_checks_the_installed_code() -> None:
    asking = {words: getattr(c.callback, "checks_origin", None) for words, c in all_commands(verbs).items()}
    groups = {words for words in asking if any(other.startswith(f"{words} ") for other in asking)}
    assert {words: asks for words, asks in asking.items() if not asks and words not in groups} == {"doctor": False}


def test_the_tables_of_codes_and_reasons_are_the_documented_ones() -> None:
    text = (DOCS / "exit-codes.md").read_text()
    assert {int(n) for n in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == {int(e) for e in Exit}
    documented = dict(re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", text, re.MULTILINE))
    reasons: list[StrEnum] = [*signing.Reason, *ImageReason, *AuditReason]
    assert documented == {r.value: str(int(exit_code(r))) for r in reasons} | {
        "usage": "2", "interrupted": "5", "fault": "70",
    }  # fmt: skip


def test_the_worst_code_wins() -> None:
    order = [70, 2, 5, 3, 4, 6, 1, 0]
    for i, code in enumerate(order):
        assert worst(Exit(c) for c in reversed(order[i:])) == code
    assert worst([]) == 0


def test_an_interrupt_prints_no_traceback(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(signing, "load_trust", interrupted)
    done = tool("inspect", ".", "--trust", "t")
    assert (done.code, done.err.splitlines()[-1]) == (Exit.ENVIRONMENT, "REFUSED: interrupted (interrupted)")


def test_a_model_is_signed_and_verified(lab: Tool) -> None:
    lab("keygen", "--role", "model", "--out", "model.pem", "--no-passphrase")
    add = ("trust", "add", "trust.json", "--role", "model", "--key", "model.pub.pem", "--root-key", "root.pem")
    assert lab(*add).code == 0
    Path("m/sub").mkdir(parents=True)
    Path("m/bundle.json").write_text("{}")
    Path("m/sub/weights.safetensors").write_bytes(bytes(100))
    assert lab("model", "sign", "m", "--key", "model.pem").code == 0
    digest = lab("model", "show", "m", "--json").json["digest"]
    verified = lab("model", "verify", "m", "--trust", "trust.json", "--json")
    assert (verified.code, verified.json["verb"], verified.json["digest"]) == (0, "model verify", digest)
    Path("m/sub/weights.safetensors").write_bytes(bytes(99))
    Path("m/more.bin").touch()
    done = lab("model", "verify", "m", "--trust", "trust.json")
    assert (done.code, done.out.splitlines()[-1]) == (
        Exit.INTEGRITY,
        "REFUSED: 2 files: 1 digest-mismatch, 1 extra-file; 1 genuine",
    )


def test_a_second_signature_is_made_and_required(lab: Tool) -> None:
    lab("keygen", "--role", "device", "--alg", "ml-dsa-65", "--out", "pq.pem", "--no-passphrase")
    add = ("trust", "add", "trust.json", "--role", "device", "--key", "pq.pub.pem", "--root-key", "root.pem")
    assert lab(*add).code == 0
    sign = ("sign", "batch", "--key", "device.pem", "--device", "d", "--force", "--second-key", "pq.pem")
    assert lab(*sign).code == 0
    done = lab("inspect", "batch", "--trust", "trust.json", "--both", "--json")
    assert (done.code, done.json["batch"]["second"]["principal"]) == (0, "pq")


def test_long_lists_show_refused_files_first(lab: Tool) -> None:
    Path("many").mkdir()
    for i in range(60):
        Path("many", f"{i:02}.tif").write_bytes(b"x")
    lab("sign", "many", "--key", "device.pem", "--device", "d")
    for i in range(25):
        Path("many", f"{i + 30:02}.tif").write_bytes(b"y")
    done = lab("inspect", "many", "--trust", "trust.json", "--no-decode")
    assert "and 15 genuine files more; --all lists them" in done.out
    assert done.out.count("digest-mismatch\n") == 25
    assert done.err.count("digest-mismatch: ") == 20
    assert len(lab("inspect", "many", "--trust", "trust.json", "--no-decode", "--all").out.splitlines()) > 60


def test_invisible_characters_are_escaped_on_the_terminal(lab: Tool) -> None:
    name = "x\x1b[2J\nPASSED: 9 files genuine"
    Path("batch", name).touch()
    Path(name).mkdir()
    for words in (("inspect", "batch"), ("inspect", name)):
        done = lab(*words, "--trust", "trust.json")
        assert done.code == Exit.INTEGRITY
        assert "\x1b" not in done.out + done.err
        assert not [line for line in (done.out + done.err).splitlines() if line.startswith("PASSED")]


def test_undecodable_names_are_valid_json(lab: Tool) -> None:
    Path("batch", "x\udcff").touch()
    answer = lab("inspect", "batch", "--trust", "trust.json", "--json")
    assert answer.json["files"][-1]["name"] == "x\\udcff"


def test_a_verification_as_of_another_time_says_so(lab: Tool) -> None:
    pin = lab("trust", "show", "trust.json", "--json").json["trust"]["root"]
    done = lab("inspect", "batch", "--trust", "trust.json", "--root", pin, "--at", "+1d")
    assert re.search(r"none added \(as of 20[0-9TZ:-]+, by --at\)$", done.out.strip())
    assert lab("inspect", "batch", "--trust", "trust.json", "--at", "+1d", "--json").json["trust"]["judgedNow"] is False


def test_without_a_verb_the_help_is_shown(tool: Tool) -> None:
    for words in ((), ("trust",), ("model",)):
        done = tool(*words)
        assert (done.code, done.out) == (Exit.USAGE, "")
        assert done.err.startswith("Usage: fusiondiff-audit")


def test_an_error_of_the_system_is_not_taken_for_an_unwritable_answer(lab: Tool) -> None:
    Path("batch/batch.ml-dsa-65.sigstore.json").mkdir()
    done = lab("sign", "batch", "--key", "device.pem", "--device", "d", "--force", "--json")
    assert (done.code, done.json["reason"]) == (Exit.ENVIRONMENT, "cannot-write")
