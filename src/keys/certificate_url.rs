use std::borrow::Cow;

/// The URLs that a sender's certificates may be fetched from. A delivery names one before anything
/// is proved, and whoever can choose the host chooses the key.
///
/// ```
/// use tower_webhook::keys::CertificateUrl;
///
/// let at = CertificateUrl::new("sns.*.amazonaws.com", "/", ".pem");
/// assert!(at.allows("https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem"));
/// for wrong in [
///     "http://sns.eu-central-1.amazonaws.com/a.pem",
///     "https://sns.evil.example/a.pem",
///     "https://sns.a.b.amazonaws.com/a.pem",
///     "https://sns.s3.amazonaws.com/a.pem",
///     "https://user@sns.eu-central-1.amazonaws.com/a.pem",
///     "https://sns.eu-central-1.amazonaws.com:8443/a.pem",
///     "https://sns.eu-central-1.amazonaws.com/a.pem?x=.pem",
///     "https://sns.eu-central-1.amazonaws.com/../a.pem",
/// ] {
///     assert!(!at.allows(wrong), "{wrong}");
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateUrl {
    host: Cow<'static, str>,
    prefix: Cow<'static, str>,
    suffix: Cow<'static, str>,
}

impl CertificateUrl {
    /// HTTPS URLs on this host, in which `*` matches one label of letters, digits and hyphens, with
    /// a path that begins and ends like this.
    ///
    /// `*` matches no label that begins with `s3`: `sns.s3.amazonaws.com` is not a region but a
    /// bucket of whoever owns that name.
    pub fn new(
        host: impl Into<Cow<'static, str>>,
        prefix: impl Into<Cow<'static, str>>,
        suffix: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            host: host.into(),
            prefix: prefix.into(),
            suffix: suffix.into(),
        }
    }

    /// Whether a certificate may be fetched from this URL.
    pub fn allows(&self, url: &str) -> bool {
        let Some(rest) = url.strip_prefix("https://") else {
            return false;
        };
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // Allows only characters that every URL parser reads the same way.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        path.bytes().all(plain)
            && !path.contains("..")
            && path.len() > self.prefix.len().saturating_add(self.suffix.len())
            && path.starts_with(&*self.prefix)
            && path.ends_with(&*self.suffix)
            && self.is_host(host)
    }

    fn is_host(&self, host: &str) -> bool {
        let label = |label: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=63).contains(&label.len()) && label.bytes().all(plain)
        };
        let (mut wanted, mut found) = (self.host.split('.'), host.split('.'));
        loop {
            match (wanted.next(), found.next()) {
                (None, None) => return true,
                (Some("*"), Some(found)) if label(found) && !is_of_buckets(found) => {}
                (Some(wanted), Some(found)) if wanted.eq_ignore_ascii_case(found) => {}
                _ => return false,
            }
        }
    }
}

/// Whether it is one of S3's labels, which a bucket's name precedes: S3's own certificates are for
/// `*.s3.amazonaws.com` and the like.
fn is_of_buckets(label: &str) -> bool {
    (label.get(..2)).is_some_and(|beginning| beginning.eq_ignore_ascii_case("s3"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bucket_of_a_stranger_stands_for_a_region() {
        // S3 has certificates for `*.s3.amazonaws.com`, and each of these hosts is the bucket `sns`.
        let sns = CertificateUrl::new("sns.*.amazonaws.com", "/", ".pem");
        for region in ["us-east-1", "sa-east-1", "us-gov-west-1"] {
            assert!(sns.allows(&format!("https://sns.{region}.amazonaws.com/a.pem")));
        }
        for buckets in ["s3", "S3", "s3-us-west-2", "s3-accelerate", "s3-external-1"] {
            let url = format!("https://sns.{buckets}.amazonaws.com/a.pem");
            assert!(!sns.allows(&url), "{url}");
        }
    }
}
