"""Signatures beside a run: good ones are told with their key, and nothing of what was signed can be changed."""

import base64
import datetime as dt
import json
import shutil
import subprocess
from pathlib import Path

import page
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import kiln_cases
import limekiln
from limekiln import seal, signing
from limekiln.errors import InputError
from limekiln.verification import Check

NOW = dt.datetime(2026, 11, 24, 12, 30, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = kiln_cases.write(tmp_path_factory.mktemp("made"), sample__rows=40, report__formats=["html", "pdf"])
    run = limekiln.run(path).folder
    assert run is not None
    return run


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "runs" / made.name))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    signing.new_key(tmp_path / "key.pem")
    return tmp_path / "key.pem"


def told(run: Path, public_key: Path | None = None) -> list[Check]:
    checks = limekiln.verify(run, rows=0, public_key=public_key).checks
    return [check for check in checks if check.part == "signatures"]


def verdicts(run: Path, public_key: Path | None = None) -> list[str]:
    return [check.verdict for check in told(run, public_key)]


def certified(folder: Path) -> tuple[Path, Path]:
    """A key on a curve that PDF readers know, and its certificate, signed by itself."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Model validation")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(1)
        .not_valid_before(NOW - dt.timedelta(days=1000))
        .not_valid_after(NOW + dt.timedelta(days=10000))
        .add_extension(x509.KeyUsage(True, True, *[False] * 7), critical=True)  # noqa: FBT003  # that API's way
        .sign(secret, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = secret.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "ec.pem").write_bytes(private)
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    return folder / "ec.pem", folder / "certificate.pem"


def test_a_key_is_its_owners_alone_and_never_written_over(key: Path) -> None:
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(InputError, match="no key could be written"):
        signing.new_key(key)


def test_a_good_signature_is_told_with_its_key_and_leaves_the_run_alone(run: Path, key: Path) -> None:
    before = {file.name: file.read_bytes() for file in run.iterdir()}
    assert verdicts(run) == ["not checked"]
    path, signature = signing.sign(run, key, NOW)
    assert path == run.parent / "signatures" / f"{run.name}.sig"
    assert {file.name: file.read_bytes() for file in run.iterdir()} == before
    assert [c.words for c in told(run)] == [f"signed by the key {signature.fingerprint[:16]}…, 2026-11-24T12:30:00Z"]
    assert verdicts(run, key.with_name("key.pub.pem")) == ["confirmed"]


def test_openssl_says_the_same(run: Path, key: Path, tmp_path: Path) -> None:
    _, signature = signing.sign(run, key, NOW)
    digest = seal.sha256(run / "manifest.json")
    text = f"limekiln signature 1\nrun {run.name}\nmanifest.json {digest}\nsigned 2026-11-24T12:30:00Z\n"
    (tmp_path / "text").write_text(text)
    (tmp_path / "signature").write_bytes(base64.b64decode(signature.signature))
    command = "openssl pkeyutl -verify -rawin -pubin -inkey key.pub.pem -in text -sigfile signature"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Signature Verified Successfully" in done.stdout
    (tmp_path / "text").write_text(text.replace("12:30", "12:31"))
    assert subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("field", ["public_key", "fingerprint", "manifest_sha256", "signed", "signature"])
def test_no_field_of_a_signature_can_be_changed(run: Path, key: Path, tmp_path: Path, field: str) -> None:
    path, _ = signing.sign(run, key, NOW)
    signing.new_key(tmp_path / "other.pem")
    _, other = signing.sign(run, tmp_path / "other.pem", NOW + dt.timedelta(seconds=1))
    document = json.loads(path.read_bytes())
    document["signatures"] = [document["signatures"][0] | {field: getattr(other, field)}]
    if field == "manifest_sha256":
        document["signatures"][0][field] = "0" * 64
    path.write_text(json.dumps(document))
    assert verdicts(run) == ["refuted"]


def test_a_signature_of_another_run_does_not_hold_here(run: Path, key: Path) -> None:
    path, _ = signing.sign(run, key, NOW)
    path.write_bytes(path.read_bytes().replace(run.name.encode(), b"another-run"))
    assert verdicts(run) == ["confirmed", "refuted"]


def test_a_run_that_was_changed_and_sealed_again_is_not_what_was_signed(run: Path, key: Path) -> None:
    signing.sign(run, key, NOW)
    manifest = json.loads((run / "manifest.json").read_bytes()) | {"created": "2020-01-01T00:00:00Z"}
    (run / "manifest.json").write_bytes(seal.as_json({**manifest, "seal": seal.of(manifest)}))
    assert verdicts(run) == ["refuted"]


def test_the_key_that_is_asked_for_must_have_signed(run: Path, key: Path, tmp_path: Path) -> None:
    other = signing.new_key(tmp_path / "other.pem")
    assert verdicts(run, other) == ["refuted"]
    signing.sign(run, key, NOW)
    assert verdicts(run, other) == ["confirmed", "refuted"]
    signing.sign(run, tmp_path / "other.pem", NOW)
    assert verdicts(run, other) == ["confirmed", "confirmed"]
    signing.sign(run, key, NOW)
    assert verdicts(run) == ["confirmed", "confirmed"], "a key signs once"


def test_what_cannot_be_signed_says_why(run: Path, key: Path, tmp_path: Path) -> None:
    private, certificate = certified(tmp_path)
    with pytest.raises(InputError, match="expected an Ed25519 key"):
        signing.sign(run, private, NOW)
    with pytest.raises(InputError, match="is no private key in PEM"):
        signing.sign(run, certificate, NOW)
    with pytest.raises(InputError, match=r"gone\.pem: cannot be read"):
        signing.sign_pdf(run, tmp_path / "gone.pem", certificate)
    (run / "rows.parquet").write_bytes(b"")
    with pytest.raises(InputError, match=r"rows\.parquet: does not have its SHA-256; a run that was changed is not"):
        signing.sign(run, key, NOW)


def test_a_signed_pdf_is_the_report_with_more_after_it(run: Path, tmp_path: Path) -> None:
    path = signing.sign_pdf(run, *certified(tmp_path))
    report, signed = (run / "report.pdf").read_bytes(), path.read_bytes()
    assert path == run.parent / "signatures" / f"{run.name}.pdf"
    assert signed.startswith(report)
    assert verdicts(run) == ["not checked", "confirmed"]
    path.write_bytes(signed.replace(b"/Reason", b"/Reasom"))
    assert verdicts(run) == ["not checked", "refuted"]
    path.write_bytes(signed + b"\n% more\n")
    assert verdicts(run) == ["not checked", "refuted"]
    path.write_bytes(report)
    assert verdicts(run) == ["not checked", "refuted"]
    path.write_bytes(b"x" + signed[1:])
    assert verdicts(run) == ["not checked", "refuted"]


def test_a_signed_pdf_keeps_to_pdf_a_and_its_field_has_no_tag(run: Path, tmp_path: Path) -> None:
    signed = signing.sign_pdf(run, *certified(tmp_path)).read_bytes()
    assert page.validate_pdf_bytes(signed, profile="3a").failures == []
    found = page.validate_pdf_bytes(signed, profile="ua1").failures
    assert {f.rule_id for f in found} == {"PDFUA1-WIDGET-FORM-TAG-001"}
