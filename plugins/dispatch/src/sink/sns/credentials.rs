//! Keys for signing: from a file in the form that AWS's own tools use, or from
//! the instance.

use super::metadata::Metadata;
use super::sign::Keys;
use std::path::Path;
use time::{Duration, OffsetDateTime};

/// Lent keys are renewed so long before they end.
const AHEAD: Duration = Duration::minutes(5);
/// A file is read again after so long: somebody may have changed the keys.
const FILE: Duration = Duration::minutes(5);

/// Keys, and when to ask for new ones.
#[derive(Default)]
pub(super) struct Wallet {
    keys: Option<(Keys, OffsetDateTime)>,
}

impl Wallet {
    /// Keys that are good now.
    ///
    /// # Errors
    /// There are none, in one line.
    pub fn keys(
        &mut self,
        file: Option<(&Path, &str)>,
        metadata: &Metadata<'_>,
    ) -> Result<Keys, String> {
        let now = OffsetDateTime::now_utc();
        if let Some((keys, until)) = &self.keys
            && *until > now
        {
            return Ok(keys.clone());
        }
        let (keys, until) = match file {
            Some((path, profile)) => (read(path, profile)?, now + FILE),
            None => {
                let (keys, until) = metadata.keys().map_err(|reason| {
                    format!("no AWS credentials: {reason}; set `credentials` to a file with keys")
                })?;
                (keys, until - AHEAD)
            }
        };
        self.keys = Some((keys.clone(), until));
        Ok(keys)
    }

    /// They were refused: ask for new ones.
    pub fn forget(&mut self) {
        self.keys = None;
    }
}

fn read(path: &Path, profile: &str) -> Result<Keys, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("credentials {}: {error}", path.display()))?;
    find(&text, profile).ok_or_else(|| {
        format!(
            "credentials {}: [{profile}] has no aws_access_key_id with aws_secret_access_key",
            path.display()
        )
    })
}

/// The keys of a profile. The file is AWS's: sections, `key = value`, comments
/// from `#` or `;`.
fn find(text: &str, profile: &str) -> Option<Keys> {
    let (mut here, mut id, mut secret, mut token) = (false, None, None, None);
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            here = name.trim() == profile;
        } else if here && let Some((key, value)) = line.split_once('=') {
            let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
            match key.trim() {
                "aws_access_key_id" => id = value,
                "aws_secret_access_key" => secret = value,
                "aws_session_token" => token = value,
                _ => {}
            }
        }
    }
    Some(Keys {
        id: id?,
        secret: secret?,
        token,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_that_is_asked_for_is_found() {
        let text = "# keys\n[default]\naws_access_key_id = A\naws_secret_access_key=s/+=\n\
                    region = x\n[other]\naws_access_key_id=B\naws_secret_access_key=t\n\
                    aws_session_token = u\n[half]\naws_access_key_id=C\n";
        let keys = find(text, "default").unwrap();
        assert_eq!(
            (keys.id.as_str(), keys.secret.as_str(), keys.token),
            ("A", "s/+=", None)
        );
        assert_eq!(find(text, "other").unwrap().token.as_deref(), Some("u"));
        assert!(find(text, "half").is_none() && find(text, "none").is_none());
    }
}
