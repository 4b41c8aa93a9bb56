//! `kbwatch-collector enroll`: a certificate for this device, for a token.
//!
//! The key is made here and never leaves: the gateway sees a request that is
//! signed with it. It lies on disk before the token is sent, so that whoever is
//! killed in between, or does not hear the answer, runs the same command again.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use kbwatch_proto::identity;

use self::key::Key;
use crate::config::{ConfigError, TlsConfig};
use crate::credentials::CredentialsError;
use crate::run_command::{EXIT_USAGE, configuration};
use crate::send::{SendError, chain};

mod ask;
mod key;

/// Longest wait for the connection, and then for the answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest token file that is read, in bytes.
const MAX_TOKEN_FILE: u64 = 1_024;

/// Where to enrol, and with what.
#[derive(Debug, Clone, Args)]
#[command(
    about = "Get a certificate for this device, with a token of the operators",
    long_about = "Get a certificate for this device, with a token of the operators.\n\n\
    An operator makes the token with `kbwatch-ingest pki token`. The key is made on this machine \
    and never leaves it; key and certificate are written where tls.key and tls.cert of the \
    configuration say. If anything goes wrong half way, the same command may be given again: a \
    token is good for one key, which waits beside tls.key until then.\n\n\
    Exit status: 0 the certificate is there, 1 it is not, 64 wrong usage or configuration."
)]
pub struct EnrollArgs {
    /// The collector's configuration file.
    #[arg(long, value_name = "FILE")]
    #[cfg_attr(windows, arg(default_value = r"C:\ProgramData\kbwatch\collector.toml"))]
    pub config: PathBuf,
    /// Where devices enrol: `https://host:port`, not the address that batches go
    /// to.
    #[arg(long, value_name = "URL")]
    pub gateway_enrol: String,
    /// The token. Other processes of this machine may see it while this one
    /// runs.
    #[arg(long, value_name = "TOKEN", required_unless_present = "token_file")]
    pub token: Option<String>,
    /// File that holds the token and nothing else.
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub token_file: Option<PathBuf>,
    /// Authorities that vouch for the gateway; else tls.ca of the configuration.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The device that this is: the token of another is refused. Else it is the
    /// token's.
    #[arg(long, value_name = "ID")]
    pub device: Option<String>,
    /// Replace a certificate that is there already.
    #[arg(long)]
    pub replace: bool,
}

/// No certificate; a person must act.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A certificate of the machine's store is made otherwise.
    #[error(
        "tls.cert and tls.key must name files: keys in the machine's store are enrolled by Windows"
    )]
    NoFiles,
    /// An id that no device can have.
    #[error("{0:?} is no device id: letters, digits, '.', '_' and '-', at most 128")]
    Device(String),
    /// An address that is none.
    #[error("{0:?} is no address to enrol at: write https://host:port")]
    Address(String),
    /// There is a certificate.
    #[error("{path} is there already; --replace replaces it", path = path.display())]
    Present {
        /// The certificate.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("keep {path}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The key or the request cannot be made.
    #[error("make a key and a request for its certificate")]
    Key(#[source] rcgen::Error),
    /// The authorities cannot be read, or the address is unusable.
    #[error(transparent)]
    Prepare(#[from] SendError),
    /// Nobody answers there, or somebody else.
    #[error("connect to {gateway}")]
    Unreached {
        /// The address.
        gateway: String,
        /// Why not.
        #[source]
        source: tonic::transport::Error,
    },
    /// The gateway does not certify this device.
    #[error("the gateway refused: {0}")]
    Refused(String),
    /// The gateway did not answer, or could not; the token is as good as it was.
    #[error("the gateway did not answer, give the same command again: {0}")]
    Unanswered(String),
    /// What was answered is no certificate for this key and this device.
    #[error("the gateway answered with a certificate that does not do: {0}")]
    Unfit(String),
}

impl From<CredentialsError> for EnrollError {
    fn from(error: CredentialsError) -> Self {
        Self::Prepare(error.into())
    }
}

impl EnrollError {
    fn exit_status(&self) -> u8 {
        match self {
            Self::Config(_) | Self::NoFiles | Self::Device(_) | Self::Address(_) => EXIT_USAGE,
            _ => 1,
        }
    }
}

/// Enrols, and says by the exit status whether the certificate is there.
pub fn run(args: &EnrollArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(enroll(args)),
        Err(source) => Err(EnrollError::File {
            path: "the network".into(),
            source,
        }),
    };
    match outcome {
        Ok(device) => told(&device),
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_status())
        }
    }
}

fn told(device: &str) -> ExitCode {
    let said = writeln!(std::io::stdout(), "this device is {device} from now on");
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

#[expect(clippy::print_stderr, reason = "command-line face")]
fn complain(error: &EnrollError) {
    eprintln!("kbwatch-collector enroll: {}", chain(error));
}

/// Makes a key, has it certified and writes both; returns the device's id.
///
/// # Errors
/// See [`EnrollError`]; nothing that was there before is changed then.
pub async fn enroll(args: &EnrollArgs) -> Result<String, EnrollError> {
    let config = configuration(&args.config)?;
    let mut tls = config.tls.filter(|tls| !tls.is_in_store());
    let tls = tls.as_mut().ok_or(EnrollError::NoFiles)?;
    if let Some(ca) = &args.ca {
        tls.ca.clone_from(ca);
    }
    let device = match &args.device {
        Some(stated) => {
            identity::device_id(stated).ok_or_else(|| EnrollError::Device(stated.clone()))?
        }
        None => String::new(),
    };
    let token = token(args)?;
    if is_enrolled(tls) && !args.replace {
        return Err(EnrollError::Present {
            path: tls.cert.clone(),
        });
    }
    let key = Key::waiting(&tls.key)?;
    let asked = ask::Asked {
        token,
        request: key.request()?,
        device_id: device,
    };
    let answer = ask::ask(&args.gateway_enrol, tls, asked.clone()).await?;
    let id = key.fits(&answer.certificate_pem, &asked.device_id)?;
    key.settle(tls, &answer.certificate_pem)?;
    Ok(id)
}

fn is_enrolled(tls: &TlsConfig) -> bool {
    tls.cert.exists() && tls.key.exists()
}

fn token(args: &EnrollArgs) -> Result<String, EnrollError> {
    let text = match (&args.token, &args.token_file) {
        (Some(token), _) => token.clone(),
        (None, Some(path)) => read_token(path).map_err(|source| EnrollError::File {
            path: path.clone(),
            source,
        })?,
        (None, None) => String::new(),
    };
    Ok(text.trim().to_owned())
}

fn read_token(path: &std::path::Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(MAX_TOKEN_FILE).read_to_string(&mut text)?;
    Ok(text)
}
