//! One river, started for one run: ClickHouse, `kbwatch up` and collectors,
//! each a process of its own so that its CPU can be told.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kbwatch_clickhouse_engine::{Connection, Engine, EngineConfig};

use crate::{Failure, cpu};

use super::{collectors, limits};

/// A running river and the folder its logs lie in.
pub(crate) struct Stream {
    engine: Engine,
    river: Child,
    collectors: Child,
    logs: PathBuf,
}

impl Stream {
    /// Starts everything and waits until every collector has been heard.
    pub(crate) async fn start(
        folder: &Path,
        devices: u32,
        brokers: Option<&str>,
    ) -> Result<Self, Failure> {
        let engine = Engine::start(EngineConfig::new(folder.join("clickhouse"))).await?;
        let (listen, http) = (free_port()?, free_port()?);
        let data = folder.join("data");
        let mut river = Command::new(sibling("kbwatch")?);
        river
            .arg("up")
            .arg("--data")
            .arg(&data)
            .args(["--listen", &format!("127.0.0.1:{listen}")])
            .args(["--http", &format!("127.0.0.1:{http}")])
            .args(["--clickhouse", &url(engine.connection())]);
        if let Some(brokers) = brokers {
            river.args(["--kafka", brokers]);
        }
        let river = river
            .env("RUST_LOG", "warn")
            // The river ends with the row; what is made of rows is measured apart.
            .env("KBWATCH_ANALYZER__CYCLE_MS", "86400000")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let logs = folder.join("logs");
        wait_until("the certificates", || {
            data.join("certificates/ca.pem").exists()
        })?;
        let collectors = collectors::spawn(devices, &logs, &data.join("certificates"), listen)?;
        let stream = Self {
            engine,
            river,
            collectors,
            logs,
        };
        wait_until("the collectors", || {
            stream
                .count("presence")
                .is_ok_and(|heard| heard >= u64::from(devices))
        })?;
        Ok(stream)
    }

    pub(crate) fn logs(&self) -> &Path {
        &self.logs
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// CPU seconds so far: collectors, kbwatch, ClickHouse.
    pub(crate) fn cpu(&self) -> [f64; 3] {
        [self.collectors.id(), self.river.id(), self.engine.pid()].map(cpu::seconds)
    }

    /// Rows that a query sees now.
    pub(crate) fn visible(&self) -> Result<u64, Failure> {
        self.count("update_events")
    }

    fn count(&self, table: &str) -> Result<u64, Failure> {
        let answer = limits::ask(
            self.engine.connection(),
            &format!("SELECT count() FROM {table}"),
            &[],
        )?;
        Ok(String::from_utf8_lossy(&answer).trim().parse()?)
    }

    /// Waits for exactly this many rows; more or fewer make the run void.
    pub(crate) fn wait_for(&mut self, rows: u64, deadline: Duration) -> Result<(), Failure> {
        let begin = Instant::now();
        loop {
            let seen = self.visible()?;
            if seen == rows {
                return Ok(());
            }
            if seen > rows || begin.elapsed() > deadline {
                return Err(format!("{rows} events went in, {seen} came out").into());
            }
            // Each look is a query on the account of what is measured.
            let near = seen * 10 > rows * 9;
            std::thread::sleep(Duration::from_millis(if near { 20 } else { 250 }));
        }
    }

    /// Ends everything in the order of the flow.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        drop(self.collectors.stdin.take());
        self.collectors.wait()?;
        self.river.kill()?;
        self.river.wait()?;
        self.engine.stop().await?;
        Ok(())
    }
}

fn url(connection: &Connection) -> String {
    let host = connection.url.trim_start_matches("http://");
    format!(
        "http://{}:{}@{host}/{}",
        connection.user, connection.password, connection.database
    )
}

/// A program that was built beside this one.
fn sibling(name: &str) -> Result<PathBuf, Failure> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!("{} is missing: ./run bench builds it", path.display()).into())
    }
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn wait_until(what: &str, holds: impl Fn() -> bool) -> Result<(), Failure> {
    let begin = Instant::now();
    while !holds() {
        if begin.elapsed() > Duration::from_mins(1) {
            return Err(format!("{what} did not come up within a minute").into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
