//! Checks the MAC against the vectors of RFC 4231.

use super::*;

/// RFC 4231 section 4: the key, the data and the HMAC-SHA256, in hex; case 5 is truncated to
/// 128 bits there.
const RFC_4231: &[(&str, &str, &str)] = &[
    (
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        "4869205468657265",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        "4a656665",
        "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ),
    (
        "0102030405060708090a0b0c0d0e0f10111213141516171819",
        "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (
        "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
        "546573742057697468205472756e636174696f6e",
        "a3b6167473100ee06e0c796c2955552b",
    ),
];

/// Cases 6 and 7 of RFC 4231 use a key of 131 bytes 0xaa, longer than a block.
const RFC_4231_LONG_KEY: &[(&str, &str)] = &[
    (
        "Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
];

fn mac(key: &[u8], parts: &[&[u8]]) -> String {
    let mut state = SigningSecret::prepare(key).unwrap().start();
    for part in parts {
        state.update(part);
    }
    data_encoding::HEXLOWER.encode(&state.finish())
}

#[test]
fn rfc_4231() {
    let unhex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
    for (key, data, expected) in RFC_4231 {
        let mac = mac(&unhex(key), &[&unhex(data)]);
        assert!(mac.starts_with(expected), "{mac} for key {key}");
    }
    for (data, expected) in RFC_4231_LONG_KEY {
        let (head, tail) = data.as_bytes().split_at(20);
        assert_eq!(mac(&[0xaa; 131], &[head, tail]), *expected);
    }
}
