//! AWS SNS (<https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>).
//!
//! ```
//! use tower_webhook::provider::{self, sns};
//!
//! // One key, or a `KeySource` that fetches the certificate that a delivery names.
//! let key = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB";
//! let sender = provider::sns(sns::keys([key])?);
//! assert_eq!(sender.name().as_str(), "sns");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("sns");

/// AWS SNS, signature version 2, proved by the certificate that each delivery names.
///
/// - The member `Signature` of the body, in base64: RSA PKCS#1 with SHA-256 over the members
///   `Message`, `MessageId`, `Subject` if present, `Timestamp`, `TopicArn` and `Type`. For a
///   confirmation, `SubscribeURL` and `Token` replace the subject. Version 1, which uses SHA-1, is
///   not accepted: set `SignatureVersion` of your topic to 2. Raw delivery has no signature.
/// - Other members, such as `MessageAttributes`, are not signed: confirm each event with `confirm`,
///   or declare with [`Provider::without_confirmation`] that they are not trusted.
/// - `SigningCertURL` names the certificate: [`certificate_urls`] lists the URLs that may be
///   fetched.
/// - One event is the signed content. Trust only your own topic: compare `TopicArn`.
/// - A `SubscriptionConfirmation` is an event like any other: fetch its `SubscribeURL` if its
///   `TopicArn` is yours. SNS signs for all topics, and a stranger's topic may use your URL.
/// - It tries for 23 days after 5xx and 429, unless your policy says otherwise.
pub fn sns(keys: impl Into<KeyRing>) -> Provider {
    let member = |name: &'static str| {
        [
            Component::literal(format!("{name}\n")),
            Component::member(format!("/{name}")),
            Component::literal("\n"),
        ]
    };
    let all = |names: &[&'static str]| names.iter().flat_map(|name| member(name)).collect();
    let mut notification: Vec<Component> = all(&["Message", "MessageId"]);
    notification.push(Component::optional(member("Subject")));
    notification.extend::<Vec<_>>(all(&["Timestamp", "TopicArn", "Type"]));
    let confirmation: Vec<Component> = all(&[
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ]);
    let scheme = Scheme::at(Place::member("/Signature"))
        .single("", Encoding::Base64)
        .content(notification)
        .or_content(confirmation)
        .content_is_id()
        .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::rsa(Digest::Sha256)))
        .key_id_at(Place::member("/SigningCertURL"))
        .known();
    let contract = SenderContract::new(
        retries_for(hours(23 * 24)),
        RetriedStatuses::server_errors_and(&[429]),
    )
    .waits(seconds(15));
    signed(NAME, scheme, keys, EventRule::signed_id(), contract)
}

keys!(
    "sns",
    "The public keys of SNS' certificates",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Rsa)),
    &[]
);

/// The URLs of SNS' certificates.
///
/// ```
/// use tower_webhook::provider::sns;
///
/// let urls = sns::certificate_urls();
/// assert!(urls[0].allows("https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb.pem"));
/// assert!(!urls[0].allows("https://sns.evil.example.amazonaws.com/x.pem"));
/// ```
pub fn certificate_urls() -> [CertificateUrl; 2] {
    let at = |host| CertificateUrl::new(host, "/", ".pem");
    [at("sns.*.amazonaws.com"), at("sns.*.amazonaws.com.cn")]
}

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "sns",
    title: "AWS SNS, signature version 2",
    proof: "RSA PKCS#1 SHA-256 over members of the body, in its member `Signature`; the rest of the body is not covered",
    event: "what is signed",
    challenge: "POST `SubscriptionConfirmation`, signed: the handler gets its `SubscribeURL`",
    confidence: Confidence::Documents,
    source: "docs.aws.amazon.com, SNS message signatures; aws-php-sns-message-validator",
    assumed: "how long it waits",
    example: |secret, _| Ok(sns(keys([secret])?)),
}];

vectors! {
    {
        of: "sns",
        secret: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB",
        body: r#"{"Type":"Notification","MessageId":"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324","TopicArn":"arn:aws:sns:us-west-2:123456789012:MyTopic","Subject":"My First Message","Message":"Hello world!","Timestamp":"2026-05-04T13:00:00.000Z","SignatureVersion":"2","SigningCertURL":"https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem","Signature":"c/INB2D9lxPeiSR5wKxqQQKEggj+p/Mrv+8ze3Iq6KVJNCr022XBlZkHQAGxuxzpPeJ0U3zXzgKUomWTJNQhYYKTUoJZ1dDW7bkntnHoJlRLRP4MSG50C/pRMI0qFTCtKEm7AkSil3zJu0+p85XDAFQjvXMZh1y8B0o40zuXxjCvHHTK56OYTqKyR1ZV5nZCvhfx4m80a03jtPWlC6Ir5mPPlPQ66lKEqsMmxkle1yJgcgCRotJusJl8GTXn7kkX8u9UlkoDHiYjcEpTuZhoU7yA6+rAD/UJhKSO6k16J0pd4QQ5Z4e8A1kg7jPCEPr5wRrBDQiE8GWl3/dmYE6+0Q=="}"#,
        key: "sha256:f23d9595256f891d4ed862f562046844b3e4fa94d0fd3e41d585ba62f776411b",
    }
    {
        of: "sns",
        secret: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB",
        body: r#"{"Type":"SubscriptionConfirmation","MessageId":"165545c9-2a5c-472c-8df2-7ff2be2b3b1b","Token":"2336412f37f","TopicArn":"arn:aws:sns:us-west-2:123456789012:MyTopic","Message":"You have chosen to subscribe.","SubscribeURL":"https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription","Timestamp":"2026-05-04T13:00:00.000Z","SignatureVersion":"2","SigningCertURL":"https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem","Signature":"p44IkAN81rLXPc8WZvVr3ECv3rusFaj6j2r8/MmvcU3Pvii4NfDcnW45Wxl5IPIW2wn0Z7f85HUaVHWNse+v7qf5JWG9sWOhePl9dXzZo8Bu88lNEv+J6gWCeO0HgvsCLBnhaVS7FUDoaPQqkWkKt+KcoHxNHBmnDd8H2uPYD2/2ZQKopyLnb3nvMpnJ0RfU3jh3IQ4dRoxLyxoF0KppIyEXikuYXigyCt3tvsk0w4KDXqpPXMgqHbKG23VSXDrRm1AwmQAsTdzACwDFyEgPHY/BVFFVrelnSo313ppWJilkniCG3WR1dm70IPwr9BOw98H12KRRArKr9X6CwJL/HQ=="}"#,
        key: "sha256:166b0c8d01115144d2549d52b2d6e5c25ea4c9b2f81f889f64b37622a367f5df",
    }
}
