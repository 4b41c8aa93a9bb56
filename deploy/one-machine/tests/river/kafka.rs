//! The same promises with Apache Kafka between receive and store.
//!
//! Needs Java and Maven and fails loudly without: a broker that dies is part
//! of what is tested, so none that exists is used.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::{Plan, children, eventually, free_port, runs, signal};

/// One Apache Kafka of our own.
pub(crate) struct Broker {
    folder: PathBuf,
    ports: [u16; 2],
    advertised: Option<u16>,
    script: Child,
}

impl Broker {
    pub(crate) fn start(folder: &Path) -> Self {
        let ports = [free_port(), free_port()];
        let folder = folder.join("kafka");
        let script = run_script(&folder, ports, None);
        Self {
            folder,
            ports,
            advertised: None,
            script,
        }
    }

    /// Puts this broker into a river, under a topic of its own.
    pub(crate) fn join(&self, plan: &mut Plan) {
        let brokers = format!("127.0.0.1:{}", self.ports[0]);
        plan.arguments = vec!["--kafka".to_owned(), brokers.clone()];
        plan.brokers = brokers;
        plan.variables = vec![
            ("KBWATCH_KAFKA__PARTITIONS".to_owned(), "3".to_owned()),
            // A broker that is away is noticed within the test's time.
            (
                "KBWATCH_KAFKA__DELIVERY_DEADLINE_MS".to_owned(),
                "5000".to_owned(),
            ),
        ];
    }

    /// A broker that tells its clients to come to another port, where a line
    /// leads to it.
    pub(crate) fn start_behind(folder: &Path, port: u16, advertised: u16) -> Self {
        let folder = folder.join("kafka");
        let ports = [port, free_port()];
        let script = run_script(&folder, ports, Some(advertised));
        Self {
            folder,
            ports,
            advertised: Some(advertised),
            script,
        }
    }

    /// The broker's own processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        children(self.script.id())
    }

    /// Kills the broker as the kernel would.
    pub(crate) fn kill(&mut self) {
        self.end("KILL");
    }

    /// Ends the broker by a signal and waits until it is gone.
    pub(crate) fn end(&mut self, by: &str) {
        let java = self.pids();
        for pid in &java {
            signal(*pid, by);
        }
        eventually("the broker is gone", || !java.iter().any(|pid| runs(*pid)));
        self.script.wait().unwrap();
    }

    /// Starts it over the same data.
    pub(crate) fn restart(&mut self) {
        self.script = run_script(&self.folder, self.ports, self.advertised);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if runs(self.script.id()) {
            signal(self.script.id(), "TERM");
        }
        drop(self.script.wait());
    }
}

fn run_script(folder: &Path, ports: [u16; 2], advertised: Option<u16>) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kafka/kafka.sh");
    let mut command = Command::new("bash");
    if let Some(port) = advertised {
        command.env("KBWATCH_KAFKA_ADVERTISED", format!("127.0.0.1:{port}"));
    }
    let mut child = command
        .arg(script)
        .arg(folder)
        .args(ports.map(|port| port.to_string()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let said = BufReader::new(output).lines().next();
    assert!(
        matches!(&said, Some(Ok(line)) if line.starts_with("ready ")),
        "no Apache Kafka: {said:?}; install Java 17 and Maven"
    );
    child
}
