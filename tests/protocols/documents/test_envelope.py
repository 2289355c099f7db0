"""What is sealed opens unchanged; only true signatures count; garbage gets one clear line."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib import dsse
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined] # no __all__ there

from protocols.documents.envelope import (
    Envelope,
    Signature,
    Signer,
    add_signature,
    encode_pae,
    keyid_of,
    read_envelope,
    seal,
    valid_keyids,
)
from protocols.errors import DocumentError
from protocols.limits import PAYLOAD_BYTES_MAX, SIGNATURES_MAX

PEOPLE = [Signer.from_seed(bytes([number]) * 32) for number in range(1, SIGNATURES_MAX + 2)]
ANN, BEN = PEOPLE[:2]
KEYS = {signer.keyid: signer.public for signer in PEOPLE}
TYPE = "application/vnd.example+json"

PAYLOADS = st.binary(max_size=2_000)
TYPES = st.text(st.characters(codec="utf-8"), max_size=60)
SIGNERS = st.lists(st.sampled_from(PEOPLE), max_size=SIGNATURES_MAX, unique_by=lambda signer: signer.keyid)


@given(payload=PAYLOADS, payload_type=TYPES, signers=SIGNERS)
def test_what_is_sealed_opens_unchanged_with_exactly_its_signers(
    payload: bytes, payload_type: str, signers: list[Signer]
) -> None:
    envelope = read_envelope(seal(payload, payload_type, signers))

    assert (envelope.payload, envelope.payload_type) == (payload, payload_type)
    assert valid_keyids(envelope, KEYS) == {signer.keyid for signer in signers}


@given(payload=PAYLOADS, signers=SIGNERS)
def test_signing_one_after_the_other_is_signing_together(payload: bytes, signers: list[Signer]) -> None:
    data = seal(payload, TYPE, [])
    for signer in (*signers, *signers):
        data = add_signature(data, signer)

    assert data == seal(payload, TYPE, signers)


@given(data=st.data(), payload=st.binary(min_size=1, max_size=100))
def test_one_changed_bit_anywhere_leaves_no_valid_signature(data: st.DataObject, payload: bytes) -> None:
    envelope = read_envelope(seal(payload, TYPE, [ANN]))
    sig = envelope.signatures[0].sig

    def flipped(original: bytes) -> bytes:
        bit = data.draw(st.integers(0, 8 * len(original) - 1))
        value = int.from_bytes(original, "big") ^ (1 << bit)
        return value.to_bytes(len(original), "big")

    for changed in (
        Envelope(flipped(payload), TYPE, envelope.signatures),
        Envelope(payload, TYPE + " ", envelope.signatures),
        Envelope(payload, TYPE, (Signature(ANN.keyid, flipped(sig)),)),
        Envelope(payload, TYPE, (Signature(BEN.keyid, sig),)),
        Envelope(payload, TYPE, (Signature("", sig),)),
    ):
        assert valid_keyids(changed, KEYS) == frozenset()


def test_bad_unknown_and_repeated_signatures_neither_count_nor_harm() -> None:
    signature = read_envelope(seal(b"{}", TYPE, [ANN])).signatures[0]
    stranger = read_envelope(seal(b"{}", TYPE, [BEN])).signatures[0]
    bad = (Signature(ANN.keyid, b""), Signature(ANN.keyid, bytes(64)), Signature("nobody", signature.sig))
    envelope = Envelope(b"{}", TYPE, (*bad, signature, signature, stranger))

    assert valid_keyids(envelope, {ANN.keyid: ANN.public}) == {ANN.keyid}


def test_the_encoding_that_is_signed_is_the_example_of_the_specification() -> None:
    # DSSE protocol.md, test vectors.
    pae = encode_pae("http://example.com/HelloWorld", b"hello world")
    assert pae == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_a_key_is_named_by_the_hash_of_its_public_half_and_hides_its_private_half() -> None:
    # RFC 8032 §7.1, test 1.
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    signer = Signer.from_seed(seed)

    assert signer.public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert signer.keyid == keyid_of(signer.public)
    assert seed.hex() not in repr(signer)
    assert "private" not in repr(signer)


@given(payload=PAYLOADS, signers=SIGNERS)
def test_both_base64_alphabets_are_read(payload: bytes, signers: list[Signer]) -> None:
    data = seal(payload, TYPE, signers)
    wire = json.loads(data)
    wire["payload"] = base64.urlsafe_b64encode(payload).decode()
    for entry in wire["signatures"]:
        entry["sig"] = base64.urlsafe_b64encode(base64.b64decode(entry["sig"])).decode()

    assert read_envelope(json.dumps(wire).encode()) == read_envelope(data)


def test_fields_that_nobody_knows_are_ignored_and_keyids_are_optional() -> None:
    text = b'{"payload":"e30=","payloadType":"t","signatures":[{"sig":"AA==","cert":"x"}],"later":1}'
    assert read_envelope(text) == Envelope(b"{}", "t", (Signature("", b"\0"),))


WELL_FORMED = {"payload": "e30=", "payloadType": "t", "signatures": [{"keyid": "a", "sig": "AA=="}]}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"payload": "e30"}, "payload is neither standard nor URL-safe base64"),
        ({"payload": "e3 0="}, "payload is neither standard nor URL-safe base64"),
        ({"payload": "é30="}, "payload is neither standard nor URL-safe base64"),
        ({"signatures": [{"keyid": "a", "sig": "A"}]}, "sig is neither standard nor URL-safe base64"),
        ({"signatures": [{"keyid": "a"}]}, "missing required field `sig`"),
        ({"signatures": [{"sig": "AA=="}] * (SIGNATURES_MAX + 1)}, "9 signatures; at most 8"),
        ({"signatures": None}, "Expected `array`"),
        ({"payloadType": 1}, "Expected `str`"),
        ({"payloadType": "t" * PAYLOAD_BYTES_MAX}, "bytes; at most 16384"),
        ({"x": [[[[0]]]]}, ""),
    ],
)
def test_a_malformed_envelope_gets_one_clear_line(changes: dict[str, object], says: str) -> None:
    data = json.dumps({**WELL_FORMED, **changes}, ensure_ascii=False).encode()
    if not says:
        assert read_envelope(data).payload == b"{}"
        return
    with pytest.raises(DocumentError, match=says) as caught:
        read_envelope(data)
    assert "\n" not in str(caught.value)


def test_nothing_larger_than_the_limits_is_ever_written() -> None:
    with pytest.raises(DocumentError, match="at most 16384"):
        seal(bytes(PAYLOAD_BYTES_MAX), TYPE, [ANN])
    with pytest.raises(DocumentError, match="9 signatures; at most 8"):
        seal(b"{}", TYPE, PEOPLE)
    with pytest.raises(DocumentError, match="9 signatures; at most 8"):
        add_signature(seal(b"{}", TYPE, PEOPLE[:SIGNATURES_MAX]), PEOPLE[-1])


@given(
    data=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["payload", "payloadType", "signatures", "sig", "keyid"]), inner
                )
            ),
        ).map(lambda value: json.dumps(value).encode()),
        st.integers(1, 5_000).map(lambda depth: b'{"x":' + b"[" * depth),
        st.binary(max_size=10).map(
            lambda junk: b'{"payload":"e30=","payloadType":"' + junk + b'","signatures":[]}'
        ),
    )
)
def test_garbage_is_refused_with_a_document_error_and_nothing_else(data: bytes) -> None:
    try:
        envelope = read_envelope(data)
    except DocumentError:
        return
    valid_keyids(envelope, KEYS)
    add_signature(data, ANN)


# The independent check: securesystemslib is the reference implementation's library.


def their_key(signer: Signer) -> SSlibKey:
    return SSlibKey(signer.keyid, "ed25519", "ed25519", {"public": signer.public.hex()})


@given(payload=PAYLOADS, signers=st.lists(st.sampled_from(PEOPLE[:4]), min_size=1, max_size=4, unique=True))
def test_securesystemslib_reads_what_we_write(payload: bytes, signers: list[Signer]) -> None:
    theirs = dsse.Envelope.from_dict(json.loads(seal(payload, TYPE, signers)))

    assert theirs.payload == payload
    verified = theirs.verify([their_key(signer) for signer in signers], threshold=len(signers))
    assert set(verified) == {signer.keyid for signer in signers}


@given(payload=PAYLOADS)
def test_we_read_what_securesystemslib_writes(payload: bytes) -> None:
    theirs = dsse.Envelope(payload, TYPE, {})
    for seed, signer in ((1, ANN), (2, BEN)):
        private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        theirs.sign(CryptoSigner(private, their_key(signer)))

    envelope = read_envelope(json.dumps(theirs.to_dict()).encode())
    assert envelope.payload == payload
    assert valid_keyids(envelope, KEYS) == {ANN.keyid, BEN.keyid}
