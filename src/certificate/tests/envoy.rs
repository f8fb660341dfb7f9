//! Envoy's header.

use proptest::prelude::*;

use super::*;
use crate::certificate::xfcc::elements;

/// The examples of Envoy's documentation of HTTP headers.
#[test]
fn the_examples_of_its_documentation_are_read() {
    let one = elements(
        "By=http://frontend.lyft.com;Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688;Subject=\"/C=US/ST=CA/L=San Francisco/OU=Lyft/CN=Test Client\";URI=http://testclient.lyft.com",
    )
    .unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!(
        one[0].hash.as_deref(),
        Some("468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688")
    );
    let names = elements("By=http://frontend.lyft.com;Hash=46;URI=http://testclient.lyft.com;DNS=lyft.com;DNS=www.lyft.com").unwrap();
    assert_eq!((names.len(), names[0].hash.as_deref()), (1, Some("46")));
    let two = elements("By=http://frontend.lyft.com;Hash=46;URI=http://testclient.lyft.com,By=http://backend.lyft.com;Hash=9b;URI=http://frontend.lyft.com").unwrap();
    assert_eq!(two.len(), 2);
    assert_eq!(two[1].hash.as_deref(), Some("9b"));
}

#[test]
fn quotes_have_one_reading_and_what_is_left_open_spoils_all() {
    let one = elements(r#"Subject="CN=a\,b;c \"d\"";Hash=46"#).unwrap();
    assert_eq!((one.len(), one[0].hash.as_deref()), (1, Some("46")));
    for wrong in [
        "",
        ",",
        "Hash",
        "Hash=46;",
        "Hash=46,",
        "Hash=46;Hash=46",
        "Cert=a;Cert=a",
        "Chain=a;Chain=a",
        "Subject=a;Subject=a",
        "Hash=4\"6",
        "Subject=\"a",
        "Subject=\"a\"b",
        "Subject=\"a\\\"",
        // A stranger's text before the element that the proxy has appended.
        "Hash=46;Subject=\",By=a;Hash=9b;Subject=\"CN=x\"",
        "Hash=46;Subject=\",By=a;Hash=9b",
        "Ha sh=46",
        "=46",
    ] {
        assert_eq!(elements(wrong), None, "{wrong}");
    }
    let many = |count| vec!["Hash=46"; count].join(",");
    assert!(elements(&many(16)).is_some());
    assert!(elements(&many(17)).is_none());
}

proptest! {
    /// A proxy appends to a header that a client has begun.
    #[test]
    fn nothing_before_an_element_changes_how_it_is_read(
        before in "[\",;=\\\\ ahsBy]{0,24}",
        real in prop_oneof![
            Just("By=a;Hash=46;URI=u"),
            Just("By=a;Hash=46;Subject=\"\";URI=u"),
            Just("Hash=46;Subject=\"CN=x\\,y\";DNS=d"),
        ],
    ) {
        let alone = elements(real).unwrap();
        if let Some(read) = elements(&format!("{before},{real}")) {
            prop_assert_eq!(read.last(), alone.last());
        }
    }
}

#[test]
fn which_element_counts_is_a_setting_and_several_are_refused_without() {
    let name = "x-forwarded-client-cert";
    let leaf = format!("By=a;Cert=\"{}\"", escaped(LEAF));
    let foreign = format!("By=b;Cert=\"{}\"", escaped(FOREIGN));
    let by_issuer = |header| proof([CertificateMatch::issued_by(ROOT).unwrap()]).written_in(header);
    let told = |header, text: &str| told(&by_issuer(header), &headers([(name, text)]), NOW);
    assert_eq!(told(CertificateHeader::xfcc(), &leaf), Ok(()));
    assert_eq!(told(CertificateHeader::xfcc(), &foreign), Err(Refused));
    let both = format!("{leaf},{foreign}");
    assert_eq!(told(CertificateHeader::xfcc(), &both), Err(Malformed));
    assert_eq!(
        told(CertificateHeader::xfcc().behind(0), &both),
        Err(Malformed)
    );
    assert_eq!(told(CertificateHeader::xfcc().behind(1), &both), Ok(()));
    assert_eq!(
        told(CertificateHeader::xfcc().behind(2), &both),
        Err(Missing)
    );
    assert_eq!(told(CertificateHeader::xfcc(), "By=a"), Err(Missing));
}

#[test]
fn a_fingerprint_alone_is_the_proxys_word() {
    let name = "x-forwarded-client-cert";
    let hash = RFC_SHA256.replace(':', "").to_lowercase();
    let shown = headers([(
        name,
        format!("By=a;Hash={hash};DNS=certs.sender.example").as_str(),
    )]);
    let told = |wanted: CertificateMatch, shown: &HeaderMap| {
        told(
            &proof([wanted]).written_in(CertificateHeader::xfcc()),
            shown,
            NOW,
        )
    };
    assert_eq!(
        told(CertificateMatch::sha256(RFC_SHA256).unwrap(), &shown),
        Ok(())
    );
    assert_eq!(
        told(
            CertificateMatch::dns("certs.sender.example").unwrap(),
            &shown
        ),
        Err(Refused)
    );
    assert_eq!(
        told(CertificateMatch::issued_by(ROOT).unwrap(), &shown),
        Err(Refused)
    );
    // The element is for another certificate.
    let both = headers([(
        name,
        format!("Hash={hash};Cert=\"{}\"", escaped(LEAF)).as_str(),
    )]);
    assert_eq!(
        told(CertificateMatch::sha256(RFC_SHA256).unwrap(), &both),
        Err(Malformed)
    );
    let short = headers([(name, "Hash=46")]);
    assert_eq!(
        told(CertificateMatch::sha256(RFC_SHA256).unwrap(), &short),
        Err(Malformed)
    );
}

#[test]
fn what_a_client_has_had_certified_adds_no_key_and_no_element() {
    // A name in the client's own certificate, which Envoy copies unchanged.
    let own = format!("By=a;Hash={};URI=", "46".repeat(32));
    let hash = RFC_SHA256.replace(':', "").to_lowercase();
    let told = |header, wanted: CertificateMatch, name: &str| {
        let line = format!("{own}{name}");
        let shown = headers([("x-forwarded-client-cert", line.as_str())]);
        told(&proof([wanted]).written_in(header), &shown, NOW)
    };
    let sha256 = || CertificateMatch::sha256(RFC_SHA256).unwrap();
    let element = format!("x,By=b;Hash={hash}");
    for header in [
        CertificateHeader::xfcc(),
        CertificateHeader::xfcc().behind(0),
    ] {
        assert_eq!(told(header, sha256(), &element), Err(Malformed));
    }
    let one_before = format!("{element},By=c;Hash={hash}");
    let behind_one = CertificateHeader::xfcc().behind(1);
    assert_eq!(told(behind_one, sha256(), &one_before), Err(Malformed));
    let dns = CertificateMatch::dns("certs.sender.example").unwrap();
    let uri = CertificateMatch::uri("spiffe://sender.example").unwrap();
    for wanted in [dns, uri] {
        let name = "x;DNS=certs.sender.example;URI=spiffe://sender.example";
        assert_eq!(told(CertificateHeader::xfcc(), wanted, name), Err(Refused));
    }
}
