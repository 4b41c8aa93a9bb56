//! A line to servers that can be cut: then it refuses, and hangs up on those
//! who were connected.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::harness::free_port;

/// One line; with several servers, each call goes to the next that answers.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    servers: Arc<[SocketAddr]>,
    open: Option<JoinSet<()>>,
}

impl Line {
    pub(crate) fn to(servers: &[SocketAddr]) -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())),
            servers: servers.into(),
            open: None,
        }
    }

    pub(crate) async fn mend(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let servers = self.servers.clone();
        let mut open = JoinSet::new();
        open.spawn(async move {
            let mut calls = JoinSet::new();
            let next = Arc::new(AtomicUsize::new(0));
            while let Ok((mut caller, _)) = listener.accept().await {
                let (servers, next) = (servers.clone(), next.clone());
                calls.spawn(async move {
                    let mut there = first_that_answers(&servers, &next).await?;
                    copy_bidirectional(&mut caller, &mut there).await
                });
                while calls.try_join_next().is_some() {}
            }
        });
        self.open = Some(open);
    }

    pub(crate) fn cut(&mut self) {
        // Ends the listener and, with it, every call.
        self.open = None;
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.open.is_none()
    }
}

async fn first_that_answers(
    servers: &[SocketAddr],
    next: &AtomicUsize,
) -> std::io::Result<TcpStream> {
    let first = next.fetch_add(1, Ordering::Relaxed);
    let mut refused = std::io::Error::from(std::io::ErrorKind::NotConnected);
    for step in 0..servers.len() {
        match TcpStream::connect(servers[(first + step) % servers.len()]).await {
            Ok(there) => return Ok(there),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}
