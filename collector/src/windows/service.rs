//! The collector as a Windows service.
//!
//! The service control manager starts `kbwatch-collector service`; a stop or a
//! shutdown is what SIGTERM is elsewhere. The log goes to `collector.log` in
//! the state folder.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use tokio::sync::watch;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{
    self, ServiceControlHandlerResult, ServiceStatusHandle,
};
use windows_service::{define_windows_service, service_dispatcher};

use crate::config::CollectorConfig;
use crate::log_file::LogFile;
use crate::logging;
use crate::run_command::{RunArgs, configuration, execute};

/// Name that the service is installed under.
pub const SERVICE_NAME: &str = "kbwatch-collector";

/// How long a stop may take beyond the grace of the configuration.
const STOP_HINT: Duration = Duration::from_secs(15);

/// The entry of a service takes no arguments of ours.
static ARGUMENTS: OnceLock<RunArgs> = OnceLock::new();

define_windows_service!(enter, serve);

/// Hands this process to the service control manager until the service stops.
pub fn run(args: RunArgs) -> ExitCode {
    ARGUMENTS.get_or_init(|| args);
    match service_dispatcher::start(SERVICE_NAME, enter) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "command-line face")]
fn complain(error: &windows_service::Error) {
    eprintln!("only the service control manager starts a service, people use run: {error}");
}

fn serve(_arguments: Vec<OsString>) {
    let Some(args) = ARGUMENTS.get() else {
        return;
    };
    log_to_file(&args.config);
    let (stop, stopped) = mpsc::channel();
    let answer = move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            // A second stop finds nobody: the first is being carried out.
            match stop.send(()) {
                Ok(()) | Err(mpsc::SendError(())) => ServiceControlHandlerResult::NoError,
            }
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    let handle = match service_control_handler::register(SERVICE_NAME, answer) {
        Ok(handle) => handle,
        Err(error) => {
            tracing::error!(%error, "the service control manager does not listen");
            return;
        }
    };
    tell(handle, ServiceState::Running, 0);
    let code = execute(args, move |stop: watch::Sender<bool>| {
        std::thread::spawn(move || {
            if stopped.recv().is_ok() {
                tracing::info!("stopping");
                tell(handle, ServiceState::StopPending, 0);
                stop.send_replace(true);
            }
        });
    });
    tell(handle, ServiceState::Stopped, code);
}

fn tell(handle: ServiceStatusHandle, state: ServiceState, code: u8) {
    let accepted = match state {
        ServiceState::Running => ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN,
        _ => ServiceControlAccept::empty(),
    };
    let status = ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted: accepted,
        exit_code: match code {
            0 => ServiceExitCode::NO_ERROR,
            code => ServiceExitCode::ServiceSpecific(u32::from(code)),
        },
        checkpoint: 0,
        wait_hint: match state {
            ServiceState::StopPending => STOP_HINT,
            _ => Duration::ZERO,
        },
        process_id: None,
    };
    if let Err(error) = handle.set_service_status(status) {
        tracing::error!(%error, "the service control manager does not listen");
    }
}

/// Without a log the service works all the same.
fn log_to_file(config: &Path) {
    let folder = configuration(config).map_or_else(
        |_| CollectorConfig::default().state_dir,
        |config| config.state_dir,
    );
    let Ok(file) = LogFile::open(&folder) else {
        return;
    };
    logging::log_to_file(file);
}
