//! The settings as people see them: `-S` and the status page.

use std::time::Duration;

use super::Settings;
use crate::proxy::Proxy;
use crate::relay::addresses;

impl Settings {
    /// What `-S` prints, one setting per line. The relay's password is not
    /// among it: the output ends up in tickets.
    pub fn to_lines(&self) -> String {
        let socket = self.socket.clone();
        let mut lines = vec![
            ("ISIMMORTAL", self.immortal.to_string()),
            ("MUSTINSTALLSERVICE", self.install_service.to_string()),
            ("DISCOVERPUBLICIP", self.discover_public_ip.to_string()),
            ("DISCOVERAWSMETA", self.discover_aws.to_string()),
            ("CHECKIN", self.checkin.to_string()),
            ("EXTRAPRIVACYMODE", self.privacy.to_string()),
            ("SPAWNPERSISTENT", self.spawn_persistent.to_string()),
            ("REFRESHENV", go_duration(self.refresh)),
            ("AMQPBROKER", without_passwords(&self.relay)),
            ("APIURL", self.api.clone()),
            ("PROXIES", format!("[{}]", self.proxy_places().join(" "))),
            ("SOCKET", socket),
            ("HEARTBEATFREQ", go_duration(self.heartbeat)),
            ("MODULETIMEOUT", go_duration(self.module_timeout)),
            ("ONLYVERIFYPUBKEY", self.only_verify_key.to_string()),
        ];
        lines.extend(self.own());
        lines
            .iter()
            .map(|(name, value)| format!("{name:<18} : {value}\n"))
            .collect()
    }

    /// The settings an original agent does not have.
    fn own(&self) -> Vec<(&'static str, String)> {
        vec![
            (
                "HEARTBEATVIA",
                if self.heartbeat_over_http {
                    "api"
                } else {
                    "relay"
                }
                .to_owned(),
            ),
            (
                "RELAYAUTH",
                if self.certificate_login {
                    "certificate"
                } else {
                    "password"
                }
                .to_owned(),
            ),
            (
                "QUEUETYPE",
                if self.quorum_queue {
                    "quorum"
                } else {
                    "classic"
                }
                .to_owned(),
            ),
            ("RUNDIRECTORY", self.run_directory.display().to_string()),
            ("KEYRING", self.keyring.display().to_string()),
            ("ACL", self.acl.display().to_string()),
            (
                "MODULECONFIGURATION",
                self.module_configuration.display().to_string(),
            ),
            ("CLOCKTOLERANCE", go_duration(self.clock_tolerance)),
            ("OPERATIONS", self.concurrent_operations.to_string()),
            ("SPOOLSIZE", self.spool.to_string()),
            ("RECORDSIZE", self.record.to_string()),
            (
                "MODULEPATH",
                self.modules
                    .directories
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect::<Vec<_>>()
                    .join(":"),
            ),
            ("ALLOWUNSIGNED", self.modules.allow_unsigned.to_string()),
        ]
    }

    fn proxy_places(&self) -> Vec<&str> {
        self.proxies.iter().map(Proxy::place).collect()
    }

    /// What the status page shows.
    pub fn for_page(&self) -> Vec<(&'static str, String)> {
        vec![
            ("immortal", self.immortal.to_string()),
            ("install service", self.install_service.to_string()),
            ("discover public IP", self.discover_public_ip.to_string()),
            ("discover AWS metadata", self.discover_aws.to_string()),
            ("check-in", self.checkin.to_string()),
            ("only verify public keys", self.only_verify_key.to_string()),
            ("extra privacy mode", self.privacy.to_string()),
            ("refresh environment every", go_duration(self.refresh)),
            ("persistent modules", self.spawn_persistent.to_string()),
            (
                "unsigned plugins allowed",
                self.modules.allow_unsigned.to_string(),
            ),
            ("proxies", self.proxy_places().join(", ")),
            ("heartbeat every", go_duration(self.heartbeat)),
            ("module timeout", go_duration(self.module_timeout)),
        ]
    }
}

/// A URL with its password blotted out.
fn without_passwords(relay: &str) -> String {
    let shown: Vec<_> = addresses(relay).map(without_password).collect();
    shown.join(", ")
}

fn without_password(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            // Cannot fail for a URL that has a password.
            let _ = parsed.set_password(Some("***"));
            parsed.to_string()
        }
        Ok(_) => url.to_owned(),
        Err(_) if url.is_empty() => String::new(),
        Err(_) => "(not a URL)".to_owned(),
    }
}

/// A time span as the original prints it, for example `5m0s`.
fn go_duration(span: Duration) -> String {
    let (seconds, nanos) = (span.as_secs(), span.subsec_nanos());
    if seconds == 0 && nanos > 0 {
        return format!("{}ms", f64::from(nanos) / 1e6);
    }
    let fraction = if nanos == 0 {
        String::new()
    } else {
        format!(".{:09}", nanos).trim_end_matches('0').to_owned()
    };
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}{fraction}s"),
        (0, minutes) => format!("{minutes}m{rest}{fraction}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}{fraction}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_look_as_they_did() {
        for (millis, text) in [
            (300_000, "5m0s"),
            (30_000, "30s"),
            (1_500, "1.5s"),
            (5_400_000, "1h30m0s"),
            (250, "250ms"),
            (0, "0s"),
        ] {
            assert_eq!(go_duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn the_password_is_not_shown() {
        let settings = Settings {
            relay: "amqps://agent:hunter2@relay.example.net:5671/mig".into(),
            ..Settings::default()
        };
        let lines = settings.to_lines();
        assert!(!lines.contains("hunter2"), "{lines}");
        assert!(
            lines.contains("AMQPBROKER         : amqps://agent:***@relay.example.net:5671/mig\n"),
            "{lines}"
        );
        let several = Settings {
            relay: "amqp://u:hunter2@a/m, amqps://u:sesame,@b/m".into(),
            ..Settings::default()
        };
        let lines = several.to_lines();
        let shown = "AMQPBROKER         : amqp://u:***@a/m, amqps://u:***@b/m\n";
        assert!(lines.contains(shown), "{lines}");
        assert!(lines.starts_with("ISIMMORTAL         : true\n"), "{lines}");
        assert!(lines.contains("REFRESHENV         : 5m0s\n"), "{lines}");
    }
}
