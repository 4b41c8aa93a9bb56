//! What goes wrong, for how long, and how it is put right.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::task::JoinHandle;

use super::world::{FIRST_DEVICE, GUEST, RECEIVES, STORES, THIEF, World, new_certificate};
use crate::harness::{runs, signal};

/// Between two faults.
const EVERY_MS: std::ops::Range<u64> = 1_000..4_000;

/// How long one lasts: past a session of Kafka's group now and then.
const LASTS_MS: std::ops::Range<u64> = 300..6_000;
const LONGEST_MS: std::ops::Range<u64> = 11_000..14_000;

/// One kind of fault; the deck holds each and is dealt again when it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    KillReceive,
    KillStore,
    KillDevice,
    TermReceive,
    TermStore,
    TermDevice,
    FreezeReceive,
    FreezeStore,
    FreezeDevice,
    KillBroker,
    TermBroker,
    FreezeBroker,
    KillClickHouse,
    FreezeClickHouse,
    CutDevices,
    CutKafka,
    CutClickHouse,
    FillClickHouse,
    FillDevices,
    GuestLeaves,
    GuestIsKilled,
    NewCertificate,
    Revocation,
}

const ALL: [Fault; 23] = [
    Fault::KillReceive,
    Fault::KillStore,
    Fault::KillDevice,
    Fault::TermReceive,
    Fault::TermStore,
    Fault::TermDevice,
    Fault::FreezeReceive,
    Fault::FreezeStore,
    Fault::FreezeDevice,
    Fault::KillBroker,
    Fault::TermBroker,
    Fault::FreezeBroker,
    Fault::KillClickHouse,
    Fault::FreezeClickHouse,
    Fault::CutDevices,
    Fault::CutKafka,
    Fault::CutClickHouse,
    Fault::FillClickHouse,
    Fault::FillDevices,
    Fault::GuestLeaves,
    Fault::GuestIsKilled,
    Fault::NewCertificate,
    Fault::Revocation,
];

impl Fault {
    /// The word under which it is counted.
    fn word(self) -> &'static str {
        match self {
            Self::KillReceive | Self::KillStore | Self::KillDevice => "kill_9",
            Self::TermReceive | Self::TermStore | Self::TermDevice => "sigterm",
            Self::FreezeReceive
            | Self::FreezeStore
            | Self::FreezeDevice
            | Self::FreezeBroker
            | Self::FreezeClickHouse => "sigstop",
            Self::KillBroker | Self::TermBroker => "broker_restart",
            Self::KillClickHouse => "clickhouse_restart",
            Self::CutDevices | Self::CutKafka | Self::CutClickHouse => "network_cut",
            Self::FillClickHouse | Self::FillDevices => "full_disk",
            Self::GuestLeaves | Self::GuestIsKilled => "rebalance",
            Self::NewCertificate => "certificate_reload",
            Self::Revocation => "revocation",
        }
    }
}

/// How a fault ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cure {
    Thaw(usize),
    Continue(u32),
    Mend(usize),
    Free(usize),
    GuestLeaves,
    GuestIsKilled,
}

/// When the thief's certificate was revoked, and what it had written when that
/// must have been noticed.
pub(super) enum Theft {
    NotYet,
    RevokedAt(Instant),
    NoticedAfter(u64),
}

/// A revocation is in force by then, whatever else is wrong with the gateways.
const NOTICED_IN: Duration = Duration::from_secs(30);

/// Deals faults and puts them right.
pub(super) struct Fate {
    dice: Rng,
    deck: Vec<Fault>,
    next: Instant,
    cures: Vec<(Instant, Cure)>,
    broker: Option<JoinHandle<()>>,
    pub(super) counts: BTreeMap<&'static str, u32>,
    pub(super) theft: Theft,
    decoys: u32,
}

impl Fate {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            dice: Rng::with_seed(seed),
            deck: Vec::new(),
            next: Instant::now() + Duration::from_secs(3),
            cures: Vec::new(),
            broker: None,
            counts: BTreeMap::new(),
            theft: Theft::NotYet,
            decoys: 0,
        }
    }

    /// Puts right what is due, and lets the next thing go wrong.
    pub(super) async fn pass(&mut self, world: &mut World) {
        self.put_right(world, Instant::now()).await;
        if self.next > Instant::now() {
            return;
        }
        self.next = Instant::now() + Duration::from_millis(self.dice.u64(EVERY_MS));
        if self.deck.is_empty() {
            self.deck = ALL.to_vec();
            self.dice.shuffle(&mut self.deck);
        }
        if let Some(fault) = self.deck.pop()
            && self.strike(fault, world)
        {
            *self.counts.entry(fault.word()).or_default() += 1;
        }
    }

    /// Puts everything right.
    pub(super) async fn relent(&mut self, world: &mut World) {
        let end = Instant::now() + Duration::from_hours(1);
        self.put_right(world, end).await;
        if let Some(broker) = self.broker.take() {
            broker.await.unwrap();
        }
        for process in &mut world.processes {
            process.thaw();
        }
    }

    async fn put_right(&mut self, world: &mut World, until: Instant) {
        let (due, later) = self.cures.drain(..).partition(|(at, _)| *at <= until);
        self.cures = later;
        let due: Vec<(Instant, Cure)> = due;
        for (_, cure) in due {
            match cure {
                Cure::Thaw(process) => world.processes[process].thaw(),
                Cure::Continue(pid) if runs(pid) => signal(pid, "CONT"),
                Cure::Continue(_) => {}
                Cure::Mend(line) => world.lines[line].mend().await,
                Cure::Free(disk) => world.disks[disk].free(),
                Cure::GuestLeaves => world.processes[GUEST].stop(None),
                Cure::GuestIsKilled => world.processes[GUEST].kill(None),
            }
        }
        if let Theft::RevokedAt(at) = self.theft
            && at.elapsed() > NOTICED_IN
        {
            self.theft = Theft::NoticedAfter(written_by_thief(world));
        }
    }

    fn lasts(&mut self) -> Duration {
        let range = match self.dice.u8(..6) {
            0 => LONGEST_MS,
            _ => LASTS_MS,
        };
        Duration::from_millis(self.dice.u64(range))
    }

    fn cure(&mut self, cure: Cure) {
        let at = Instant::now() + self.lasts();
        self.cures.push((at, cure));
    }

    /// False where nothing could be struck.
    fn strike(&mut self, fault: Fault, world: &mut World) -> bool {
        use Fault as F;
        match fault {
            F::KillReceive | F::TermReceive | F::FreezeReceive => {
                let victim = self.dice.choice(RECEIVES).unwrap_or(0);
                self.strike_process(fault, victim, world)
            }
            F::KillStore | F::TermStore | F::FreezeStore => {
                let victim = self.dice.choice(STORES).unwrap_or(0);
                self.strike_process(fault, victim, world)
            }
            F::KillDevice | F::TermDevice | F::FreezeDevice => {
                let victim = self.dice.usize(FIRST_DEVICE..world.processes.len());
                self.strike_process(fault, victim, world)
            }
            F::KillBroker => self.restart_broker("KILL", world),
            F::TermBroker => self.restart_broker("TERM", world),
            F::FreezeBroker => self.freeze_broker(world),
            F::KillClickHouse => {
                signal(world.engine.pid(), "KILL");
                true
            }
            F::FreezeClickHouse => {
                let pid = world.engine.pid();
                signal(pid, "STOP");
                self.cure(Cure::Continue(pid));
                true
            }
            F::CutDevices => self.cut(0, world),
            F::CutKafka => self.cut(1, world),
            F::CutClickHouse => self.cut(2, world),
            F::FillClickHouse => self.fill(0, world),
            F::FillDevices => self.fill(1, world),
            F::GuestLeaves => self.invite(Cure::GuestLeaves, world),
            F::GuestIsKilled => self.invite(Cure::GuestIsKilled, world),
            F::NewCertificate => {
                new_certificate(&world.authority, &world.papers);
                true
            }
            F::Revocation => self.revoke(world),
        }
    }

    fn strike_process(&mut self, fault: Fault, number: usize, world: &mut World) -> bool {
        let process = &mut world.processes[number];
        if !process.is_well() {
            return false;
        }
        let back_in = Some(Duration::from_millis(self.dice.u64(..3_000)));
        match fault.word() {
            "kill_9" => process.kill(back_in),
            "sigterm" => process.stop(back_in),
            _ => {
                process.freeze();
                self.cure(Cure::Thaw(number));
            }
        }
        true
    }

    fn is_broker_busy(&self) -> bool {
        self.broker.as_ref().is_some_and(|task| !task.is_finished())
    }

    fn restart_broker(&mut self, by: &'static str, world: &World) -> bool {
        if self.is_broker_busy() {
            return false;
        }
        let broker = world.broker.clone();
        let away = Duration::from_millis(self.dice.u64(..3_000));
        self.broker = Some(tokio::task::spawn_blocking(move || {
            let mut broker = broker.lock().unwrap_or_else(PoisonError::into_inner);
            broker.end(by);
            std::thread::sleep(away);
            broker.restart();
        }));
        true
    }

    fn freeze_broker(&mut self, world: &World) -> bool {
        if self.is_broker_busy() {
            return false;
        }
        let broker = world.broker.clone();
        let lasts = self.lasts();
        self.broker = Some(tokio::task::spawn_blocking(move || {
            let broker = broker.lock().unwrap_or_else(PoisonError::into_inner);
            let pids = broker.pids();
            for pid in &pids {
                signal(*pid, "STOP");
            }
            std::thread::sleep(lasts);
            for pid in &pids {
                if runs(*pid) {
                    signal(*pid, "CONT");
                }
            }
        }));
        true
    }

    fn cut(&mut self, line: usize, world: &mut World) -> bool {
        if world.lines[line].is_cut() {
            return false;
        }
        world.lines[line].cut();
        self.cure(Cure::Mend(line));
        true
    }

    fn fill(&mut self, disk: usize, world: &World) -> bool {
        if !world.disks[disk].can_be_filled() {
            return false;
        }
        world.disks[disk].fill();
        self.cure(Cure::Free(disk));
        true
    }

    fn invite(&mut self, end: Cure, world: &mut World) -> bool {
        if world.processes[GUEST].pid().is_some() {
            return false;
        }
        world.processes[GUEST].start();
        self.cure(end);
        true
    }

    /// First the thief's certificate, then those of nobody in particular.
    fn revoke(&mut self, world: &World) -> bool {
        self.decoys += 1;
        let pem = if matches!(self.theft, Theft::NotYet) {
            self.theft = Theft::RevokedAt(Instant::now());
            let own = world.papers.parent().unwrap().join(THIEF);
            std::fs::read_to_string(own.join(format!("{THIEF}.pem"))).unwrap()
        } else {
            let decoy = format!("pc-decoy-{}", self.decoys);
            world.authority.device(&decoy).unwrap().cert_pem
        };
        world.authority.revoke(&world.papers, &[&pem]).unwrap();
        true
    }
}

pub(super) fn written_by_thief(world: &World) -> u64 {
    let log = world.logs.iter().find(|log| log.device_id == THIEF);
    log.unwrap().written()
}
