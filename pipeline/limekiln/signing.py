"""Who vouches for a run: signatures beside it, over its manifest, which has the hash of everything else.

`signatures/<run>.sig` holds Ed25519 signatures (RFC 8032) of four lines of text, so that a reader can check them
without limekiln (docs/how-to/verify-a-report.md). `signatures/<run>.pdf` is the report with a signature that PDF
readers show.
"""

import base64
import binascii
import hashlib
import io
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from limekiln import seal, store
from limekiln.errors import InputError, RunError
from limekiln.evidence import Stored
from limekiln.models.extras import need

SCHEMA: Final = 1
FOLDER: Final = "signatures"
_REPORT: Final = "report.pdf"


class Signature(Stored):
    """One signature. `public_key` is PEM, `fingerprint` the SHA-256 of its DER, `signed` UTC, `signature` base64."""

    algorithm: Literal["Ed25519"]
    public_key: str
    fingerprint: str
    manifest_sha256: str
    signed: str
    signature: str


class Signatures(Stored):
    """`signatures/<run>.sig`: at most one signature of each key."""

    schema_number: int = SCHEMA
    run_id: str
    signatures: tuple[Signature, ...]


def statement(run_id: str, manifest_sha256: str, signed: str) -> bytes:
    """What is signed."""
    return f"limekiln signature 1\nrun {run_id}\nmanifest.json {manifest_sha256}\nsigned {signed}\n".encode()


def place(beside: Path, run_id: str, suffix: str = ".sig") -> Path:
    """Where a run's signatures are, in the folder that the run lies in."""
    return beside / FOLDER / f"{run_id}{suffix}"


def new_key(path: Path) -> Path:
    """Makes a key pair: the private key at `path`, for its owner alone to read, the public one beside it.

    Returns:
        Where the public key is.

    Raises:
        InputError: a file is there already, or cannot be written.
    """
    private = need("cryptography.hazmat.primitives.asymmetric.ed25519", "sign", "sign").Ed25519PrivateKey.generate()
    forms = need("cryptography.hazmat.primitives.serialization", "sign", "sign")
    secret = private.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    public = path.with_suffix(f".pub{path.suffix}")
    try:
        for file, content, mode in ((path, secret, 0o600), (public, _pem(private.public_key()).encode(), 0o644)):
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as target:
                target.write(content)
    except OSError as error:
        raise InputError(f"{error.filename}: no key could be written: {error.strerror}") from error
    return public


def sign(folder: Path, key: Path, at: datetime) -> tuple[Path, Signature]:
    """Signs a run and writes the signature beside it, in place of an earlier one by the same key.

    Args:
        folder: the run folder, whose files must be those of its manifest.
        key: a private Ed25519 key, PEM without a password.
        at: the time, in UTC.

    Raises:
        InputError: the run is not as its manifest says, or the key cannot be read.
        RunError: the signature cannot be written.
    """
    private, manifest, content = _private(key), *_sound(folder)
    digest, signed = hashlib.sha256(content).hexdigest(), f"{at:%Y-%m-%dT%H:%M:%SZ}"
    run_id = manifest["run_id"]
    signature = Signature(
        algorithm="Ed25519",
        public_key=_pem(private.public_key()),
        fingerprint=_fingerprint(private.public_key()),
        manifest_sha256=digest,
        signed=signed,
        signature=base64.b64encode(private.sign(statement(run_id, digest, signed))).decode(),
    )
    path = place(folder.resolve().parent, run_id)
    before = () if not path.exists() else read(path).signatures
    others = (other for other in before if other.fingerprint != signature.fingerprint)
    store.write_document(path, Signatures(run_id=run_id, signatures=(*others, signature)))
    return path, signature


def sign_pdf(folder: Path, key: Path, certificate: Path) -> Path:
    """Writes `report.pdf` with a signature added at its end (ISO 32000-1, 12.8), and nothing before it changed.

    Args:
        folder: the run folder; it is left as it is.
        key: the certificate's private key, PEM without a password.
        certificate: an X.509 certificate, PEM.

    Raises:
        InputError: there is no PDF, or key or certificate cannot be read.
        RunError: the signature cannot be made or written.
    """
    signers, fields = (need(f"pyhanko.sign.{name}", "sign", "sign --pdf") for name in ("signers", "fields"))
    writing = need("pyhanko.pdf_utils.incremental_writer", "sign", "sign --pdf")
    manifest, _ = _sound(folder)
    if _REPORT not in manifest["files"]:
        raise InputError(f"{folder}: the run has no {_REPORT}; report.formats asks for one")
    signer = _signer(signers, key, certificate)
    writer = writing.IncrementalPdfFileWriter(io.BytesIO((folder / _REPORT).read_bytes()))
    writer._update_meta = lambda: None  # noqa: SLF001  # it would write metadata that PDF/A forbids
    about = signers.PdfSignatureMetadata(field_name="Signature", reason=f"run {manifest['run_id']}")
    field = fields.SigFieldSpec("Signature", readable_field_name="Signature of this report")
    try:
        signed = signers.sign_pdf(writer, about, signer=signer, new_field_spec=field)
    except Exception as error:  # pyHanko raises many kinds
        raise RunError(f"{_REPORT} could not be signed: {error}") from error
    path = place(folder.resolve().parent, manifest["run_id"], ".pdf")
    path.parent.mkdir(parents=True, exist_ok=True)
    store.write_bytes(path, signed.getvalue())
    return path


def read(path: Path) -> Signatures:
    """A run's signatures.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        return Signatures.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(f"{path}: cannot be read as signatures of limekiln; move it away, and sign again") from error


def good(signature: Signature, run_id: str) -> bool:
    """Whether the key that a signature names made it, of this run, that manifest and that time."""
    invalid = need("cryptography.exceptions", "sign", "verify").InvalidSignature
    try:
        key = _public(signature.public_key.encode(), "public_key")
        text = statement(run_id, signature.manifest_sha256, signature.signed)
        key.verify(base64.b64decode(signature.signature, validate=True), text)
    except (invalid, InputError, binascii.Error):
        return False
    return _fingerprint(key) == signature.fingerprint


def fingerprint_of(path: Path) -> str:
    """The fingerprint of a public key in a PEM file.

    Raises:
        InputError: there is none.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    return _fingerprint(_public(content, str(path)))


def intact(content: bytes) -> bool:
    """Whether the last signature of a PDF is over all of it, and was made by the certificate that it holds."""
    reader = need("pyhanko.pdf_utils.reader", "sign", "verify").PdfFileReader
    validation = need("pyhanko.sign.validation", "sign", "verify")
    certifying = need("pyhanko_certvalidator", "sign", "verify")
    levels = need("pyhanko.sign.validation.status", "sign", "verify").SignatureCoverageLevel
    try:
        embedded = reader(io.BytesIO(content)).embedded_signatures[-1]
        nobody = certifying.ValidationContext(trust_roots=[], allow_fetching=False)  # whom to trust is the reader's
        status = validation.validate_pdf_signature(embedded, nobody)
        return bool(status.intact and status.valid and status.coverage == levels.ENTIRE_FILE)
    except Exception:  # noqa: BLE001  # pyHanko raises many kinds for what is no good signature
        return False


def _sound(folder: Path) -> tuple[dict[str, Any], bytes]:
    if changed := seal.faults(folder):
        raise InputError(f"{folder / changed[0].file}: {changed[0].words}; a run that was changed is not signed")
    content = (folder / seal.MANIFEST).read_bytes()
    manifest = seal.read(content)
    if Path(str(manifest.get("run_id"))).name != manifest.get("run_id"):
        raise InputError(f"{folder / seal.MANIFEST}: run_id: expected a run's name, got {manifest.get('run_id')!r}")
    return manifest, content


def _signer(signers: Any, key: Path, certificate: Path) -> Any:
    forms = need("cryptography.hazmat.primitives.serialization", "sign", "sign --pdf")
    certificates = need("cryptography.x509", "sign", "sign --pdf")
    for path, load, what in (
        (key, lambda content: forms.load_pem_private_key(content, password=None), "private key without a password"),
        (certificate, certificates.load_pem_x509_certificate, "certificate"),
    ):
        try:
            load(path.read_bytes())
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}: is no {what} in PEM: {error}") from error
    return signers.SimpleSigner.load(str(key), str(certificate))


def _private(path: Path) -> Any:
    forms = need("cryptography.hazmat.primitives.serialization", "sign", "sign")
    kind = need("cryptography.hazmat.primitives.asymmetric.ed25519", "sign", "sign").Ed25519PrivateKey
    try:
        key = forms.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: is no private key in PEM without a password: {error}") from error
    if not isinstance(key, kind):
        raise InputError(f"{path}: expected an Ed25519 key, got another kind; make one with --new-key")
    return key


def _public(content: bytes, where: str) -> Any:
    forms = need("cryptography.hazmat.primitives.serialization", "sign", "verify")
    kind = need("cryptography.hazmat.primitives.asymmetric.ed25519", "sign", "verify").Ed25519PublicKey
    try:
        key = forms.load_pem_public_key(content)
    except ValueError as error:
        raise InputError(f"{where}: is no public key in PEM: {error}") from error
    if not isinstance(key, kind):
        raise InputError(f"{where}: expected an Ed25519 public key, got another kind")
    return key


def _pem(public: Any) -> str:
    forms = need("cryptography.hazmat.primitives.serialization", "sign", "sign")
    written: bytes = public.public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
    return written.decode()


def _fingerprint(public: Any) -> str:
    forms = need("cryptography.hazmat.primitives.serialization", "sign", "sign")
    der = public.public_bytes(forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()
