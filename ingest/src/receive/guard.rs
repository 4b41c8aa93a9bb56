//! The guard at the gate, who is relieved while everybody stays: changed
//! certificate files are taken up without a restart.
//!
//! Connections are held against the new files; who would not be let in any more
//! is hung up on. Nobody slips between: who was let in by the old guard is
//! looked at again before he is put on the list.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tracing::{info, warn};

use super::certificates::{Files, Guard, TlsError};
use super::expiry::first_end;
use super::handshake::certificate_fault;
use crate::Metrics;
use crate::config::TlsConfig;
use crate::metrics::{Outcome, Reason};

/// The guard of the moment, and who is inside; clones are the same.
#[derive(Clone)]
pub(super) struct Guards(Arc<Mutex<Inside>>);

struct Inside {
    guard: Arc<Guard>,
    connections: HashMap<u64, Held>,
    next: u64,
}

struct Held {
    chain: Arc<[CertificateDer<'static>]>,
    /// Dropped to hang up.
    _line: oneshot::Sender<()>,
}

/// One connection's place on the list; dropping it leaves the list.
pub(super) struct Pass {
    guards: Guards,
    number: u64,
    line: Option<oneshot::Receiver<()>>,
}

impl Guards {
    pub(super) fn new(guard: Guard) -> Self {
        Self(Arc::new(Mutex::new(Inside {
            guard: Arc::new(guard),
            connections: HashMap::new(),
            next: 0,
        })))
    }

    /// Who guards now.
    pub(super) fn guard(&self) -> Arc<Guard> {
        self.lock().guard.clone()
    }

    /// Puts a connection on the list that `by` has let in.
    ///
    /// # Errors
    /// Another guards by now, who would not have let it in.
    pub(super) fn hold(
        &self,
        by: &Arc<Guard>,
        chain: &[CertificateDer<'_>],
    ) -> Result<Pass, rustls::Error> {
        let own = chain.iter().map(|link| link.clone().into_owned());
        let chain: Arc<[CertificateDer<'static>]> = own.collect();
        let (line_held, line) = oneshot::channel();
        let mut inside = self.lock();
        if !Arc::ptr_eq(by, &inside.guard) {
            inside.guard.verify(&chain)?;
        }
        let number = inside.next;
        inside.next += 1;
        inside.connections.insert(
            number,
            Held {
                chain,
                _line: line_held,
            },
        );
        Ok(Pass {
            guards: self.clone(),
            number,
            line: Some(line),
        })
    }

    /// Lets another guard, who hangs up on whom he would not have let in; says
    /// how many those were.
    fn relieve(&self, guard: Guard, metrics: &Metrics) -> usize {
        let guard = Arc::new(guard);
        let chains: Vec<_> = {
            let mut inside = self.lock();
            inside.guard = guard.clone();
            let held = inside.connections.iter();
            held.map(|(number, held)| (*number, held.chain.clone()))
                .collect()
        };
        let mut hung_up = 0;
        // Outside the lock: a signature each.
        for (number, chain) in chains {
            let Err(error) = guard.verify(&chain) else {
                continue;
            };
            let reason = certificate_fault(&error).unwrap_or("foreign_certificate");
            warn!(reason, %error, "hung up on a sender");
            metrics.denied.get_or_create(&Reason { reason }).inc();
            self.lock().connections.remove(&number);
            hung_up += 1;
        }
        hung_up
    }

    /// Looks at the files every so often and takes up what has changed, for as
    /// long as it is polled.
    pub(super) async fn follow(
        self,
        config: TlsConfig,
        mut served: Files,
        pause: Duration,
        metrics: Metrics,
    ) -> std::convert::Infallible {
        let mut told = String::new();
        loop {
            tokio::time::sleep(pause).await;
            let (guards, config, own) = (self.clone(), config.clone(), metrics.clone());
            let before = served.clone();
            // Files may lie on a slow share, and signatures cost.
            let looked = tokio::task::spawn_blocking(move || guards.look(&config, &before, &own));
            match looked.await {
                Ok(Ok(None)) => told.clear(),
                Ok(Ok(Some(files))) => {
                    served = files;
                    told.clear();
                }
                // Often a change under way: the other file follows. Said once.
                Ok(Err(error)) => {
                    let error = chain(&error);
                    if error != told {
                        warn!(
                            error,
                            "changed certificate files do not do, the old ones serve on"
                        );
                        let outcome = Outcome { outcome: "failed" };
                        metrics.tls_reloads.get_or_create(&outcome).inc();
                        told = error;
                    }
                }
                Err(error) => warn!(%error, "the certificate files were not looked at"),
            }
        }
    }

    fn look(
        &self,
        config: &TlsConfig,
        served: &Files,
        metrics: &Metrics,
    ) -> Result<Option<Files>, TlsError> {
        let files = Files::read(config)?;
        let end = first_end(&files, config)?;
        metrics.certificates_end.set(end);
        if files == *served {
            return Ok(None);
        }
        let guard = Guard::of(&files, config)?;
        let hung_up = self.relieve(guard, metrics);
        let outcome = Outcome { outcome: "done" };
        metrics.tls_reloads.get_or_create(&outcome).inc();
        info!(hung_up, "took up changed certificate files");
        Ok(Some(files))
    }

    // Every change under the lock is complete before anything can panic.
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// Whether the gateway has hung up; else the task is woken when it does.
    pub(super) fn is_void(&mut self, context: &mut Context<'_>) -> bool {
        let Some(line) = &mut self.line else {
            return true;
        };
        let void = Pin::new(line).poll(context).is_ready();
        if void {
            self.line = None;
        }
        void
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let left = self.guards.lock().connections.remove(&self.number);
        drop(left);
    }
}

/// An error with what lies behind it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
