//! Certificates in a file: their subjects and expiry.

use std::path::Path;

use crate::failure::Failure;

/// Each certificate in a file, and whether it is valid for at least another month.
#[cfg(feature = "asymmetric")]
pub(crate) fn found(file: &Path) -> Result<Vec<(bool, String)>, Failure> {
    use std::time::Duration;

    use tower_webhook::UnixTime;
    use x509_cert::Certificate;

    const MONTH: Duration = Duration::from_secs(30 * 86_400);

    let bytes = crate::secrets::read(file, "--certificate")?;
    let unread = || {
        let file = file.display();
        Failure::usage(format!(
            "--certificate: {file}: no certificates in PEM, from BEGIN CERTIFICATE to END CERTIFICATE"
        ))
    };
    let all = Certificate::load_pem_chain(&bytes).map_err(|_| unread())?;
    if all.is_empty() {
        return Err(unread());
    }
    let now = UnixTime::now();
    let each = all.iter().map(|certificate| {
        let tbs = certificate.tbs_certificate();
        let seconds =
            |time: x509_cert::time::Time| UnixTime::from_secs(time.to_unix_duration().as_secs());
        let validity = tbs.validity();
        let (begins, ends) = (seconds(validity.not_before), seconds(validity.not_after));
        let left = ends.saturating_since(now);
        let (subject, issuer) = (tbs.subject().to_string(), tbs.issuer().to_string());
        let until = match (now < begins, left.is_zero()) {
            (true, _) => format!("not valid before {}", begins.to_rfc3339()),
            (false, true) => format!("not valid since {}", ends.to_rfc3339()),
            (false, false) => {
                let days = left.as_secs() / 86_400;
                format!("valid until {}, {days} days", ends.to_rfc3339())
            }
        };
        let is_well = now >= begins && left >= MONTH;
        (is_well, format!("{subject:?} by {issuer:?} is {until}"))
    });
    Ok(each.collect())
}

#[cfg(not(feature = "asymmetric"))]
pub(crate) fn found(_: &Path) -> Result<Vec<(bool, String)>, Failure> {
    Err(Failure::usage(
        "--certificate: built without certificates: build it with --features cli,asymmetric",
    ))
}
