//! Every algorithm against vectors that others have published.

use std::cell::Cell;

use data_encoding::HEXLOWER;

use super::*;
use crate::digest::Digest;

thread_local! {
    static VERIFICATIONS: Cell<usize> = const { Cell::new(0) };
}

pub(super) fn count_verification() {
    VERIFICATIONS.set(VERIFICATIONS.get() + 1);
}

/// The number of signatures checked on a curve, or by RSA, in this thread.
pub(crate) fn verifications() -> usize {
    VERIFICATIONS.get()
}

fn hex(text: &str) -> Vec<u8> {
    match text {
        "-" => Vec::new(),
        text => HEXLOWER.decode(text.as_bytes()).unwrap(),
    }
}

const fn ecdsa(curve: Curve, digest: Digest, form: EcdsaForm) -> PublicKeyAlgorithm {
    PublicKeyAlgorithm::Ecdsa {
        curve,
        digest,
        form,
    }
}

macro_rules! wycheproof {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../tests/data/wycheproof/", $name, ".txt")),
        )
    };
}

#[test]
fn wycheproof_agrees() {
    use Curve::{P256, P384, P521, Secp256k1};
    use Digest::{Sha256, Sha384, Sha512};
    use EcdsaForm::{Der, Fixed};
    let files = [
        (wycheproof!("ed25519"), PublicKeyAlgorithm::Ed25519, 151),
        (
            wycheproof!("ecdsa_secp256r1_sha256"),
            ecdsa(P256, Sha256, Der),
            484,
        ),
        (
            wycheproof!("ecdsa_secp256r1_sha256_p1363"),
            ecdsa(P256, Sha256, Fixed),
            262,
        ),
        (
            wycheproof!("ecdsa_secp384r1_sha384"),
            ecdsa(P384, Sha384, Der),
            504,
        ),
        (
            wycheproof!("ecdsa_secp384r1_sha384_p1363"),
            ecdsa(P384, Sha384, Fixed),
            280,
        ),
        (
            wycheproof!("ecdsa_secp521r1_sha512"),
            ecdsa(P521, Sha512, Der),
            542,
        ),
        (
            wycheproof!("ecdsa_secp521r1_sha512_p1363"),
            ecdsa(P521, Sha512, Fixed),
            318,
        ),
        (
            wycheproof!("ecdsa_secp256k1_sha256"),
            ecdsa(Secp256k1, Sha256, Der),
            476,
        ),
        (
            wycheproof!("ecdsa_secp256k1_sha256_p1363"),
            ecdsa(Secp256k1, Sha256, Fixed),
            252,
        ),
        (
            wycheproof!("rsa_signature_2048_sha256"),
            PublicKeyAlgorithm::rsa(Sha256),
            259,
        ),
        (
            wycheproof!("rsa_signature_2048_sha384"),
            PublicKeyAlgorithm::rsa(Sha384),
            258,
        ),
        (
            wycheproof!("rsa_signature_3072_sha256"),
            PublicKeyAlgorithm::rsa(Sha256),
            259,
        ),
        (
            wycheproof!("rsa_signature_2048_sha512"),
            PublicKeyAlgorithm::rsa(Sha512),
            259,
        ),
        (
            wycheproof!("rsa_pss_2048_sha256_mgf1_32"),
            PublicKeyAlgorithm::RsaPss { digest: Sha256 },
            108,
        ),
        (
            wycheproof!("rsa_pss_2048_sha384_mgf1_48"),
            PublicKeyAlgorithm::RsaPss { digest: Sha384 },
            141,
        ),
        (
            wycheproof!("rsa_pss_4096_sha512_mgf1_64"),
            PublicKeyAlgorithm::RsaPss { digest: Sha512 },
            179,
        ),
    ];
    let mut wrong = Vec::new();
    for ((name, text), algorithm, count) in files {
        let mut key = None;
        let mut tried = 0;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<_> = line.split(' ').collect();
            if words[0] == "k" {
                key = PublicKey::from_der(&hex(words[1])).ok();
                continue;
            }
            tried += 1;
            let verify = |key: &PublicKey| key.verify(algorithm, &hex(words[1]), &hex(words[2]));
            let verified = key.as_ref().is_some_and(verify);
            // "Acceptable" is a PKCS#1 padding whose hash lacks the NULL of its parameters.
            if verified != (words[0] == "v") {
                wrong.push((name, line));
            }
        }
        assert_eq!(tried, count, "{name}");
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}

#[test]
fn nist_agrees() {
    let mut tried = 0;
    for line in include_str!("../../tests/data/nist_ecdsa.txt")
        .lines()
        .skip(1)
    {
        let words: Vec<_> = line.split(' ').collect();
        let point = [&[4], hex(words[1]).as_slice(), &hex(words[2])].concat();
        let curve = match words[0] {
            "P-256" => Curve::P256,
            _ => Curve::P384,
        };
        let key = PublicKey::parse(KeyKind::Ecdsa(curve), &HEXLOWER.encode(&point)).unwrap();
        let signature = hex(&format!("{}{}", words[4], words[5]));
        let verified = key.verify_ecdsa(EcdsaForm::Fixed, &hex(words[3]), &signature);
        assert_eq!(verified, words[6] == "v", "{line}");
        tried += 1;
    }
    assert_eq!(tried, 170);
}

#[test]
fn ed25519_is_that_of_rfc_8032() {
    // Section 7.1, tests 1 to 3, and SHA(abc); the one of 1024 bytes is in Wycheproof's.
    for (key, message, signature) in [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "-",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
        (
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
        ),
    ] {
        let key = PublicKey::parse(KeyKind::Ed25519, key).unwrap();
        let verify =
            |message: &[u8]| key.verify(PublicKeyAlgorithm::Ed25519, message, &hex(signature));
        assert!(verify(&hex(message)));
        assert!(!verify(b"another"));
    }
}

#[test]
fn ecdsa_is_that_of_rfc_6979() {
    // Appendix A.2.5 and A.2.6: "sample" and "test" with the hash that is as long as the curve.
    let verify = |curve, digest, key: &str, message: &[u8], signature: &str| {
        let key = PublicKey::parse(KeyKind::Ecdsa(curve), key).unwrap();
        key.verify(
            ecdsa(curve, digest, EcdsaForm::Fixed),
            message,
            &hex(signature),
        )
    };
    let p256 = "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    let sample = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    assert!(verify(Curve::P256, Digest::Sha256, p256, b"sample", sample));
    assert!(!verify(Curve::P256, Digest::Sha256, p256, b"test", sample));
    let p384 = "04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc138015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720";
    let sample = "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8";
    let test = "8203b63d3c853e8d77227fb377bcf7b7b772e97892a80f36ab775d509d7a5feb0542a7f0812998da8f1dd3ca3cf023dbddd0760448d42d8a43af45af836fce4de8be06b485e9b61b827c2f13173923e06a739f040649a667bf3b828246baa5a5";
    assert!(verify(Curve::P384, Digest::Sha384, p384, b"sample", sample));
    assert!(verify(Curve::P384, Digest::Sha384, p384, b"test", test));
}

/// The points of small order and non-canonical encodings (RFC 7748 and the list that libsodium
/// refuses).
#[test]
fn a_point_of_small_order_is_no_key() {
    for point in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        // y = 3 + p: of large order, in an encoding that no library writes.
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        assert!(
            PublicKey::parse(KeyKind::Ed25519, point).is_err(),
            "{point}"
        );
    }
}

#[test]
fn a_key_is_read_in_each_of_its_spellings() {
    // `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 | openssl pkey -pubout`
    let pem = include_str!("../../tests/data/keys_p256.pem");
    let kind = KeyKind::Ecdsa(Curve::P256);
    let of_pem = PublicKey::parse(kind, pem).unwrap();
    let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let of_base64 = PublicKey::parse(kind, &lines).unwrap();
    let wrapped = data_encoding::BASE64.encode(pem.as_bytes());
    let of_wrapped = PublicKey::parse(kind, &wrapped).unwrap();
    for key in [of_pem, of_base64, of_wrapped] {
        assert_eq!(key.kind(), kind);
    }
    let refused = |kind, text: &str| PublicKey::parse(kind, text).unwrap_err().to_string();
    assert_eq!(
        refused(KeyKind::Ed25519, pem),
        "signing secret: an ECDSA key on P-256 where an Ed25519 key belongs"
    );
    assert!(refused(kind, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").contains("public key"));
    assert!(refused(kind, "-----BEGIN PRIVATE KEY-----").contains("a private key"));
    assert!(refused(kind, "").contains("empty"));
}

#[test]
fn a_short_key_of_rsa_is_taken_only_where_that_is_said() {
    // `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 | openssl pkey -pubout`
    let pem = include_str!("../../tests/data/keys_rsa_1024.pem");
    let refused = PublicKey::parse(KeyKind::Rsa, pem).unwrap_err().to_string();
    assert_eq!(
        refused,
        "signing secret: an RSA key of at least 1024 bits where an RSA key of at least 2048 bits belongs"
    );
    let key = PublicKey::parse(KeyKind::RsaShort, pem).unwrap();
    let signature = [0; 128];
    assert!(!key.takes(PublicKeyAlgorithm::rsa(Digest::Sha256), &signature));
    let short = PublicKeyAlgorithm::RsaPkcs1 {
        digest: Digest::Sha256,
        short_keys: true,
    };
    assert!(key.takes(short, &signature));
    assert!(
        !key.takes(short, &[0; 127]),
        "of another length than its key"
    );
}

/// A signature of an impossible length is refused before any curve computation.
#[test]
fn the_shape_is_judged_first() {
    let key = PublicKey::parse(
        KeyKind::Ed25519,
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    )
    .unwrap();
    for len in [0, 63, 65, 128] {
        assert!(
            !key.takes(PublicKeyAlgorithm::Ed25519, &vec![0; len]),
            "{len}"
        );
    }
    assert!(key.takes(PublicKeyAlgorithm::Ed25519, &[0; 64]));
    assert!(!key.takes(PublicKeyAlgorithm::ES256_DER, &[0; 64]));
}

#[cfg(feature = "testing")]
#[test]
fn what_a_key_of_tests_signs_is_verified_and_nothing_else() {
    let mut algorithms = vec![
        PublicKeyAlgorithm::Ed25519,
        PublicKeyAlgorithm::rsa(Digest::Sha1),
        PublicKeyAlgorithm::rsa(Digest::Sha256),
        PublicKeyAlgorithm::RsaPss {
            digest: Digest::Sha256,
        },
    ];
    for curve in [Curve::P256, Curve::P384, Curve::Secp256k1] {
        for form in [EcdsaForm::Der, EcdsaForm::Fixed] {
            algorithms.push(ecdsa(curve, Digest::Sha1, form));
            algorithms.push(ecdsa(curve, Digest::Sha256, form));
        }
    }
    for form in [EcdsaForm::Der, EcdsaForm::Fixed] {
        algorithms.push(ecdsa(Curve::P521, Digest::Sha512, form));
    }
    for algorithm in algorithms {
        let key = PrivateKey::for_tests(algorithm);
        let signature = key.sign(algorithm, b"a message").unwrap();
        let public = key.public();
        assert!(
            public.verify(algorithm, b"a message", &signature),
            "{algorithm:?}"
        );
        assert!(
            !public.verify(algorithm, b"another", &signature),
            "{algorithm:?}"
        );
        let nobody = PrivateKey::of_nobody(algorithm);
        let forged = nobody.sign(algorithm, b"a message").unwrap();
        assert!(
            !public.verify(algorithm, b"a message", &forged),
            "{algorithm:?}"
        );
    }
}
