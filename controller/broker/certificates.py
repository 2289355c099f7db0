"""The certificates that broker and clients show each other (RFC 5280), as PEM.

They are valid from 1970, without a well-defined end (RFC 5280 §4.1.2.5). With dates, a wrong clock at a link
would break its connection, and no release would arrive. A certificate is taken away by the broker's access
list, which names each client with the generation of its certificate.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from protocols.errors import InputError

_AUTHORITY_NAME: Final = "relance broker authority"
_VALID_FROM: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_END: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


class Credentials(NamedTuple):
    """A private key and its certificate, both PEM."""

    key: bytes
    certificate: bytes


class CertificateAuthority:
    """Signs the certificates of one broker's installation."""

    def __init__(self, private: EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._private = private
        self._certificate = certificate

    @classmethod
    def create(cls) -> "CertificateAuthority":
        """An authority with a new key."""
        private = generate_private_key(SECP256R1())
        builder = _builder(_AUTHORITY_NAME, _AUTHORITY_NAME, private.public_key(), private.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
        return cls(private, builder.sign(private, SHA256()))

    @classmethod
    def load(cls, key: bytes, certificate: bytes, passphrase: str, where: str) -> "CertificateAuthority":
        """The authority in two PEM files; `where` names the key file in errors.

        Raises InputError for a wrong passphrase, or files that are damaged or do not belong together.
        """
        try:
            private = load_pem_private_key(key, passphrase.encode())
            found = x509.load_pem_x509_certificate(certificate)
        except (ValueError, TypeError, UnsupportedAlgorithm, InternalError):
            raise InputError(f"{where}: wrong passphrase, or the file is damaged") from None
        if not isinstance(private, EllipticCurvePrivateKey) or found.public_key() != private.public_key():
            raise InputError(f"{where}: does not belong to the certificate beside it")
        return cls(private, found)

    @property
    def certificate(self) -> bytes:
        """Its certificate: what clients and broker trust."""
        return self._certificate.public_bytes(Encoding.PEM)

    def locked_key(self, passphrase: str) -> bytes:
        """Its private key as encrypted PKCS#8."""
        return self._private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode())
        )

    def issue(self, name: str, hosts: Sequence[str] = ()) -> Credentials:
        """Credentials of `name`: a client, or a server that is reached by `hosts` (names or addresses)."""
        private = generate_private_key(SECP256R1())
        builder = _builder(name, _AUTHORITY_NAME, private.public_key(), self._public)
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False
            )
        certificate = builder.sign(self._private, SHA256())
        key = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return Credentials(key, certificate.public_bytes(Encoding.PEM))

    @property
    def _public(self) -> EllipticCurvePublicKey:
        return self._private.public_key()


class Issued(NamedTuple):
    """What credentials say. `whole`: key and certificate belong together; a write cut short parts them."""

    name: str
    hosts: tuple[str, ...]
    whole: bool


def read_credentials(credentials: Credentials) -> Issued:
    """What credentials of ours say. Raises ValueError for files that are none."""
    certificate = x509.load_pem_x509_certificate(credentials.certificate)
    private = load_pem_private_key(credentials.key, None)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names or not isinstance(private, EllipticCurvePrivateKey):
        raise ValueError("not credentials of ours")
    found = certificate.extensions
    hosts = [
        str(name.value)
        for each in found
        if isinstance(each.value, x509.SubjectAlternativeName)
        for name in each.value
    ]
    return Issued(str(names[0].value), tuple(hosts), certificate.public_key() == private.public_key())


def _builder(
    subject: str, issuer: str, public: EllipticCurvePublicKey, issuer_public: EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_VALID_FROM)
        .not_valid_after(_NO_END)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
