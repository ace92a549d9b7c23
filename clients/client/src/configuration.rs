//! `~/.migrc`: where the API is, which key signs, and named targets.

use std::path::{Path, PathBuf};

use mig_config::{Kind, Section, key};
use mig_host::StoreOptions;

use crate::error::ClientError;
use crate::http::{Credentials, Endpoint};
use crate::signer::{self, Key};
use crate::targets::Macro;

/// The sections and keys of the file. `api.cacert`, `gpg.keyfile` and
/// `[modules]` are additions to what the original knows.
pub const SECTIONS: &[Section] = &[
    Section {
        name: "api",
        keys: &[
            key("url", Kind::Text),
            key("skipverifycert", Kind::Bool),
            key("cacert", Kind::Path),
        ],
    },
    Section {
        name: "gpg",
        keys: &[
            key("home", Kind::Path),
            key("keyid", Kind::Text),
            key("keyfile", Kind::Path),
            key("keyserver", Kind::Text),
            key("useapikeyauth", Kind::Text),
        ],
    },
    Section {
        name: "targets",
        keys: &[key("macro", Kind::List)],
    },
    mig_config::MODULES,
];

/// Where the secret key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// An armored OpenPGP secret key.
    File(PathBuf),
    /// A key of GnuPG, used through gpg and its agent.
    Gpg {
        /// GnuPG's home directory; its own default if absent.
        home: Option<PathBuf>,
        /// Fingerprint of the key.
        keyid: String,
    },
}

/// A configuration file that has been understood.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// Name of the file, for messages.
    pub file: String,
    url: String,
    skip_verification: bool,
    authorities: Option<PathBuf>,
    /// The signing key, if one is configured.
    pub key: Option<KeySource>,
    /// API key to send instead of signed tokens.
    pub api_key: Option<String>,
    /// Named targets.
    pub macros: Vec<Macro>,
}

impl Configuration {
    /// Reads the named file, or `~/.migrc`.
    ///
    /// # Errors
    /// When the file is absent or refused; the text names line and key.
    pub fn load(path: Option<&Path>) -> Result<Self, ClientError> {
        let path = path.map_or_else(default_path, |path| Ok(path.to_path_buf()))?;
        if !path.exists() {
            return Err(ClientError::NoConfiguration {
                path: path.display().to_string(),
            });
        }
        let file = read(&path)?;
        let beside = |path: PathBuf| resolve(&file_directory(&file), path);
        let key = match (file.path("gpg", "keyfile"), file.text("gpg", "keyid")) {
            (Some(path), _) => Some(KeySource::File(beside(path))),
            (None, Some(keyid)) => Some(KeySource::Gpg {
                home: gpg_home(file.path("gpg", "home")),
                keyid: keyid.to_owned(),
            }),
            (None, None) => None,
        };
        Ok(Self {
            url: file.required("api", "url").map_err(refused)?.to_owned(),
            skip_verification: file.bool("api", "skipverifycert").unwrap_or(false),
            authorities: file.path("api", "cacert").map(beside),
            key,
            api_key: file.text("gpg", "useapikeyauth").map(str::to_owned),
            macros: file
                .list("targets", "macro")
                .iter()
                .map(|text| Macro::parse(text))
                .collect::<Result<_, _>>()?,
            file: file.file().to_owned(),
        })
    }

    /// Where the API is, for a tool that introduces itself as `tool`.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn endpoint(&self, tool: &str) -> Result<Endpoint, ClientError> {
        let mut text = self.url.clone();
        if !text.ends_with('/') {
            text.push('/');
        }
        let url = url::Url::parse(&text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| {
                ClientError::Configuration(format!(
                    "{}: [api] url `{}` is no http or https address",
                    self.file, self.url
                ))
            })?;
        Ok(Endpoint {
            url,
            skip_verification: self.skip_verification,
            authorities: self.authorities.clone(),
            user_agent: format!("MIG Client {tool}"),
        })
    }

    /// How requests are authenticated: the configured API key, or tokens signed
    /// with `key`.
    pub fn credentials(&self, key: &Key) -> Box<dyn Credentials> {
        match &self.api_key {
            Some(api_key) => Box::new(signer::ApiKey(api_key.clone())),
            None => Box::new(signer::Tokens(key.clone())),
        }
    }
}

/// Where modules come from, as the file's `[modules]` section says. Nothing
/// else of the file is looked at, and it may be absent: help and local runs
/// need no server.
///
/// # Errors
/// When the file is there and refused.
pub fn module_options(path: Option<&Path>) -> Result<StoreOptions, ClientError> {
    let file = match path {
        Some(path) => read(path)?,
        None => match default_path() {
            Ok(path) if path.exists() => read(&path)?,
            _ => return Ok(mig_modules::default_options()),
        },
    };
    mig_modules::options(&file).map_err(|error| ClientError::Configuration(error.to_string()))
}

fn read(path: &Path) -> Result<mig_config::Configuration, ClientError> {
    mig_config::load(path, SECTIONS).map_err(refused)
}

fn refused(error: mig_config::ConfigError) -> ClientError {
    ClientError::Configuration(error.to_string())
}

fn default_path() -> Result<PathBuf, ClientError> {
    match std::env::var_os("HOME").filter(|home| !home.is_empty()) {
        Some(home) => Ok(PathBuf::from(home).join(".migrc")),
        None => Err(ClientError::Configuration(
            "HOME is not set, so there is no ~/.migrc; name a file with -c".into(),
        )),
    }
}

fn file_directory(file: &mig_config::Configuration) -> PathBuf {
    Path::new(file.file())
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Relative paths of a configuration file start at the file.
fn resolve(base: &Path, path: PathBuf) -> PathBuf {
    if path.is_absolute() {
        path
    } else {
        base.join(path)
    }
}

/// The original appends `gpg.home` to the home directory unless it exists as
/// written; the first-run generator writes `/.gnupg`.
fn gpg_home(configured: Option<PathBuf>) -> Option<PathBuf> {
    let path = configured?;
    if path.is_dir() {
        return Some(path);
    }
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let below = home.join(path.strip_prefix("/").unwrap_or(&path));
    below.is_dir().then_some(below).or(Some(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Configuration, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("migrc");
        std::fs::write(&path, text).unwrap();
        Configuration::load(Some(&path)).map_err(|error| {
            error
                .to_string()
                .replace(&path.display().to_string(), "migrc")
        })
    }

    #[test]
    fn an_original_file_is_understood() {
        let text = "[api]\n url = \"https://mig.example.net/api/v1\"\n[gpg]\n home = \"/.gnupg\"\n \
                    keyid = \"9D87466E08691CCEDEDBDD2B26A9234F49AB6808\"\n[targets]\n \
                    macro = allonline:status='online'\n macro = linux:environment->>'os'='linux'\n";
        let configuration = load(text).unwrap();
        assert_eq!(configuration.macros.len(), 2);
        assert_eq!(
            configuration.endpoint("cmd-1").unwrap().url.as_str(),
            "https://mig.example.net/api/v1/"
        );
        assert!(matches!(configuration.key, Some(KeySource::Gpg { .. })));
    }

    #[test]
    fn mistakes_name_file_and_key() {
        for (text, expected) in [
            (
                "",
                "migrc: [api] url is missing; the program cannot start without it",
            ),
            (
                "[api]\nurll = x",
                "migrc: line 2: unknown key `urll` in [api]; did you mean `url`?",
            ),
            (
                "[api]\nurl = http://h\n[targets]\nmacro = x",
                "[targets] macro `x`: expected name:expression, for example allonline:status='online'",
            ),
        ] {
            assert_eq!(load(text).err().as_deref(), Some(expected), "{text}");
        }
        let error = load("[api]\nurl = ftp://h")
            .unwrap()
            .endpoint("x")
            .unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("[api] url `ftp://h` is no http or https address")
        );
    }

    #[test]
    fn paths_start_at_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("migrc");
        std::fs::write(
            &path,
            "[api]\nurl = http://h\ncacert = ca.crt\n[gpg]\nkeyfile = key.asc\n",
        )
        .unwrap();
        let configuration = Configuration::load(Some(&path)).unwrap();
        assert_eq!(
            configuration.key,
            Some(KeySource::File(folder.path().join("key.asc")))
        );
    }
}
