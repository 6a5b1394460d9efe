"""The files of a tls table: what is wrong with them shows at ``check``."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.system.parts.tls import Certificates

from penstock.api import ConfigError, TlsSettings, tls_context
from penstock.config.load import load, load_plan


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """An authority, a pair that it signed, the key of another, and a file of anything."""
    made = Certificates(tmp_path)
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    return {
        "ca": made.ca,
        "cert": made.client,
        "key": made.client_key,
        "other": made.server_key,
        "garbage": garbage,
    }


def test_files_that_fit_are_no_fault(files: dict[str, Path]) -> None:
    tls = TlsSettings(
        ca_file=str(files["ca"]), cert_file=str(files["cert"]), key_file=str(files["key"])
    )
    assert tls_context(tls).get_ca_certs()
    assert tls_context(TlsSettings())


@pytest.mark.parametrize(
    ("settings", "key", "why"),
    [
        ({"ca_file": "missing"}, "ca_file", "'missing' cannot be read: No such file"),
        ({"ca_file": "a\0b"}, "ca_file", "cannot be read: embedded null byte"),
        ({"ca_file": "garbage"}, "ca_file", "holds no certificates in PEM form"),
        ({"cert_file": "cert", "key_file": "other"}, "cert_file", "the private key that belongs"),
        ({"cert_file": "cert"}, "cert_file", "expected a PEM certificate and the private key"),
        ({"key_file": "key"}, "key_file", "a key goes with its certificate"),
        ({"cert_file": "garbage", "key_file": "key"}, "cert_file", "expected a PEM certificate"),
    ],
)
def test_each_fault_names_its_key(
    files: dict[str, Path], settings: dict[str, str], key: str, why: str
) -> None:
    paths = {name: str(files.get(file, file)) for name, file in settings.items()}
    with pytest.raises(ConfigError, match=rf"^tls\.{key}: .*{why}"):
        tls_context(TlsSettings(**paths))


def test_check_names_the_line_but_not_where_the_outside_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text(
        "[sources.demo]\n[sinks.central]\ntype = 'syslog'\naddress = 'tls://127.0.0.1:6514'\n"
        "[sinks.central.tls]\nca_file = 'nowhere.pem'\n"
        "[pipelines.main]\nsources = ['demo']\nsinks = ['central']\n"
    )
    found = load(str(file))
    assert found.plan is None
    assert [error.partition(": ")[2] for error in found.errors] == [
        "sinks.central.tls.ca_file: 'nowhere.pem' cannot be read: No such file or directory"
    ]
    assert found.errors[0].startswith(f"{file}:6:")
    assert load(str(file), environ=None).errors == ()


def test_a_renewed_file_is_another_plan(tmp_path: Path, files: dict[str, Path]) -> None:
    """Or a reload would go on with the certificate that it replaces."""
    file = tmp_path / "penstock.toml"
    file.write_text(
        "[sources.demo]\n[sinks.central]\ntype = 'syslog'\naddress = 'tls://127.0.0.1:6514'\n"
        f"tls = {{ ca_file = '{files['ca']}', cert_file = '{files['cert']}', "
        f"key_file = '{files['key']}' }}\n"
        "[sinks.plain]\ntype = 'console'\n"
        "[pipelines.main]\nsources = ['demo']\nsinks = ['central', 'plain']\n"
    )
    before, again = load_plan(str(file)), load_plan(str(file))
    Certificates(tmp_path)  # Other files in place of those.
    after = load_plan(str(file))
    assert before.sinks == again.sinks
    assert before.sinks["central"] != after.sinks["central"]
    assert before.sinks["plain"] == after.sinks["plain"]
