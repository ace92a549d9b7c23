//! The name in a client's certificate, for SASL EXTERNAL: TLS has verified the
//! certificate already, here it is only read.

use crate::config::CertificateName;
use x509_cert::Certificate;
use x509_cert::der::{Decode, asn1};
use x509_cert::ext::pkix::{SubjectAltName, name::GeneralName};

/// The arc of common names, `id-at-commonName`.
const COMMON_NAME: &str = "2.5.4.3";
/// Longer ones are no names of accounts.
const LONGEST: usize = 255;

/// The account that a certificate stands for; `None` when it says none.
pub(crate) fn account_name(certificate: &[u8], kind: CertificateName) -> Option<String> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let subject = &certificate.tbs_certificate.subject;
    let name = match kind {
        CertificateName::CommonName => {
            let mut names = Vec::new();
            for attribute in subject.0.iter().flat_map(|part| part.0.iter()) {
                if attribute.oid.to_string() == COMMON_NAME {
                    names.push(text(&attribute.value)?);
                }
            }
            // Several are joined as RabbitMQ joins them.
            names.join(",")
        }
        CertificateName::DistinguishedName => subject.to_string(),
        CertificateName::SubjectAlternativeName => {
            let (_, alternatives) = certificate.tbs_certificate.get::<SubjectAltName>().ok()??;
            alternatives.0.iter().find_map(|name| match name {
                GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
                _ => None,
            })?
        }
    };
    let usable = !name.is_empty() && name.len() <= LONGEST && !name.contains('\0');
    usable.then_some(name)
}

/// Text in any of the forms that certificates use.
fn text(value: &asn1::Any) -> Option<String> {
    let utf8 = value.decode_as::<asn1::Utf8StringRef<'_>>();
    let printable = value.decode_as::<asn1::PrintableStringRef<'_>>();
    let ia5 = value.decode_as::<asn1::Ia5StringRef<'_>>();
    let teletex = value.decode_as::<asn1::TeletexStringRef<'_>>();
    let found = utf8
        .as_ref()
        .map(|text| text.as_str())
        .or(printable.as_ref().map(|text| text.as_str()))
        .or(ia5.as_ref().map(|text| text.as_str()))
        .or(teletex.as_ref().map(|text| text.as_str()));
    if let Ok(found) = found {
        return Some(found.to_owned());
    }
    value
        .decode_as::<asn1::BmpString>()
        .ok()
        .map(|text| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use CertificateName::{CommonName, DistinguishedName, SubjectAlternativeName};
    use rcgen::{CertificateParams, DistinguishedName as Names, DnType, DnValue, KeyPair};

    fn certificate(names: &[(DnType, DnValue)], alternatives: &[&str]) -> Vec<u8> {
        let alternatives: Vec<_> = alternatives.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(alternatives).expect("parameters");
        params.distinguished_name = Names::new();
        for (kind, value) in names {
            params.distinguished_name.push(kind.clone(), value.clone());
        }
        let key = KeyPair::generate().expect("a key");
        let signed = params.self_signed(&key).expect("a certificate");
        signed.der().to_vec()
    }

    fn utf8(text: &str) -> DnValue {
        DnValue::Utf8String(text.into())
    }

    #[test]
    fn each_kind_of_name_is_read() {
        let der = certificate(
            &[
                (
                    DnType::CountryName,
                    DnValue::PrintableString("DE".try_into().expect("text")),
                ),
                (DnType::CommonName, utf8("agent")),
            ],
            &["192.0.2.1", "host.example.net"],
        );
        let name = |kind| account_name(&der, kind);
        assert_eq!(name(CommonName).as_deref(), Some("agent"));
        assert_eq!(name(DistinguishedName).as_deref(), Some("CN=agent,C=DE"));
        assert_eq!(
            name(SubjectAlternativeName).as_deref(),
            Some("host.example.net")
        );
    }

    #[test]
    fn text_of_other_kinds_is_understood() {
        let printable = DnValue::PrintableString("worker".try_into().expect("text"));
        let wide = DnValue::BmpString("w\u{f6}rker".try_into().expect("text"));
        for (value, expected) in [(printable, "worker"), (wide, "w\u{f6}rker")] {
            let der = certificate(&[(DnType::CommonName, value)], &[]);
            assert_eq!(account_name(&der, CommonName).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_certificate_without_a_name_stands_for_nobody() {
        let der = certificate(&[(DnType::OrganizationName, utf8("agent"))], &[]);
        assert_eq!(account_name(&der, CommonName), None);
        assert_eq!(account_name(&der, SubjectAlternativeName), None);
        for name in ["", "a\0b", &"x".repeat(300)] {
            let der = certificate(&[(DnType::CommonName, utf8(name))], &[]);
            assert_eq!(account_name(&der, CommonName), None, "{name:?}");
        }
        for cut in [0, 1, der.len() / 2, der.len() - 1] {
            assert_eq!(account_name(&der[..cut], DistinguishedName), None);
        }
    }
}
