//! Texts whose beginning shows that they are not secrets.

/// Beginnings of texts that are not secrets, with descriptions.
pub(in crate::secret) type Beginnings = [(&'static str, &'static str)];

/// The description of this text, if it has one of these beginnings.
pub(in crate::secret) fn begins(beginnings: &Beginnings, text: &str) -> Option<&'static str> {
    (beginnings.iter())
        .find(|(beginning, _)| text.starts_with(beginning))
        .map(|(_, what)| *what)
}

pub(super) const API_KEYS: &Beginnings = &[
    ("sk_live_", API_KEY),
    ("sk_test_", API_KEY),
    ("sk_org_", API_KEY),
    ("rk_live_", API_KEY),
    ("rk_test_", API_KEY),
    ("shpat_", API_KEY),
    ("shpca_", API_KEY),
    ("shpua_", API_KEY),
    ("shppa_", API_KEY),
    ("eyJ", TOKEN),
    (
        "WHSEC_",
        "has its prefix in capitals, copy it as the sender shows it",
    ),
];

pub(in crate::secret) const API_KEY: &str =
    "looks like an API key, the signing secret of the webhook endpoint belongs here";
pub(super) const TOKEN: &str =
    "looks like an access token, the signing secret of the webhook belongs here";
const PUBLIC: &str = "a public key, a shared secret belongs here";
pub(super) const SIGNATURE: &str = "looks like a signature or another header's value, the secret that \
                         signatures are made with belongs here";
pub(super) const PLACEHOLDER: &str = "looks like a placeholder that nothing has filled in, put the secret in \
                           its place";
pub(super) const ELSEWHERE: &str =
    "looks like the place where the secret is kept, read the secret from there and give that";

const ENCRYPTED: &str = "looks like a secret that is kept encrypted, give what it decrypts to";
const ENCODED: &str = "looks like a secret in another base64, as the manifests of Kubernetes hold it: \
                       decode it once";

/// `whsec_` and `shpss_` in base64.
pub(in crate::secret) const MANIFEST: &Beginnings = &[("d2hzZWNf", ENCODED), ("c2hwc3Nf", ENCODED)];

/// The beginning of every Ed25519 public key in base64 (RFC 8410 section 4).
pub(in crate::secret) const SPKI: &Beginnings = &[("MCowBQYDK2Vw", PUBLIC)];

/// Beginnings that no sender uses for a secret.
pub(super) const NEVER: &Beginnings = &[
    ("whpk_", PUBLIC),
    ("pk_", PUBLIC),
    ("-----BEGIN", PUBLIC),
    ("ssh-", PUBLIC),
    ("ecdsa-", PUBLIC),
    ("MCowBQYDK2Vw", PUBLIC),
    (
        "whsk_",
        "a private key of an asymmetric scheme, a shared secret belongs here",
    ),
    (
        "v1,whsec_",
        "looks like a secret of Standard Webhooks, whose key it spells in base64: use \
         standard_webhooks::keys or SecretFormat::Base64",
    ),
    ("whsec_whsec_", "has its prefix whsec_ twice, remove one"),
    ("xoxa-", TOKEN),
    ("xoxb-", TOKEN),
    ("xoxe-", TOKEN),
    ("xoxe.", TOKEN),
    ("xoxp-", TOKEN),
    ("xoxr-", TOKEN),
    ("xoxs-", TOKEN),
    ("xapp-1-", TOKEN),
    ("ghp_", TOKEN),
    ("gho_", TOKEN),
    ("ghu_", TOKEN),
    ("ghs_", TOKEN),
    ("ghr_", TOKEN),
    ("github_pat_", TOKEN),
    ("glpat-", TOKEN),
    ("sha1=", SIGNATURE),
    ("Authorization:", SIGNATURE),
    ("op://", ELSEWHERE),
    ("vault:", ELSEWHERE),
    ("arn:aws", ELSEWHERE),
    ("file:", ELSEWHERE),
    ("ssm:/", ELSEWHERE),
    ("aws-ssm:/", ELSEWHERE),
    ("secretsmanager:", ELSEWHERE),
    ("/run/secrets/", ELSEWHERE),
    ("/var/run/secrets/", ELSEWHERE),
    ("/etc/secrets/", ELSEWHERE),
    ("./", ELSEWHERE),
    ("../", ELSEWHERE),
    ("~/", ELSEWHERE),
    ("@/", ELSEWHERE),
    ("os.environ", ELSEWHERE),
    ("os.getenv(", ELSEWHERE),
    ("os.Getenv(", ELSEWHERE),
    ("getenv(", ELSEWHERE),
    ("System.getenv(", ELSEWHERE),
    ("std::env::var(", ELSEWHERE),
    ("ENV[", ELSEWHERE),
    ("process.env.", ELSEWHERE),
    ("import.meta.env.", ELSEWHERE),
    ("env:", ELSEWHERE),
    ("@Microsoft.KeyVault(", ELSEWHERE),
    ("ENC[", ENCRYPTED),
    ("ENC(", ENCRYPTED),
    ("{cipher}", ENCRYPTED),
    ("$ANSIBLE_VAULT;", ENCRYPTED),
    ("AQICAH", ENCRYPTED),
    (
        "\u{ef}\u{bb}\u{bf}",
        "begins with a byte order mark that was read in another encoding, remove it",
    ),
    ("[object ", PLACEHOLDER),
];
