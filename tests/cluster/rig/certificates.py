"""An authority, a certificate for all servers of the cluster, the key of its tokens, and the administrator's token."""

from __future__ import annotations

import datetime
import ipaddress
import secrets
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.cluster.rig.settings import NODE, NODE_ADDRESS, SERVER, Folder

_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", NODE)
_ADDRESSES = ("127.0.0.1", NODE_ADDRESS, "10.96.0.1")
_VALID = datetime.timedelta(days=2)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def make(folder: Folder) -> None:
    """Write ca.crt, server.crt, server.key, accounts.key, accounts.pub, tokens.csv and the kubeconfig."""
    place = folder.certificates
    place.mkdir(parents=True)
    authority = ec.generate_private_key(ec.SECP256R1())
    server = ec.generate_private_key(ec.SECP256R1())
    accounts = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = _name("cluster of the tests")
    root = _builder(name, name, authority).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    names = [x509.DNSName(each) for each in _NAMES]
    addresses = [x509.IPAddress(ipaddress.ip_address(each)) for each in _ADDRESSES]
    leaf = _builder(_name(NODE), name, server).add_extension(
        x509.SubjectAlternativeName([*names, *addresses]), critical=False
    )
    for file, builder in (("ca.crt", root), ("server.crt", leaf)):
        signed = builder.sign(authority, hashes.SHA256())
        (place / file).write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (place / "server.key").write_bytes(_private(server))
    (place / "accounts.key").write_bytes(_private(accounts))
    public = accounts.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (place / "accounts.pub").write_bytes(public)
    token = secrets.token_hex(16)
    (place / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    folder.kubeconfig.write_text(yaml.safe_dump(_kubeconfig(place / "ca.crt", token)))


def _kubeconfig(authority: Path, token: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "rig",
        "clusters": [{"name": "rig", "cluster": {"server": SERVER, "certificate-authority": str(authority)}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "rig", "context": {"cluster": "rig", "user": "admin", "namespace": "default"}}],
    }


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: Key) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _VALID)
    )


def _private(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
