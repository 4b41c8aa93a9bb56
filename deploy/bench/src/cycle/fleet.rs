//! A whole fleet in the tables of ingest, written by the database itself: rows as
//! the store writes them, millions of them in seconds.

use std::time::{Duration, Instant};

use clickhouse::Client;

use crate::Failure;

/// An update, who gets it, and when it began to roll out.
#[derive(Clone, Copy)]
struct Update {
    kb: &'static str,
    kind: Kind,
    build: &'static str,
    began_days: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cumulative,
    DotNet,
    ServicingStack,
}

const fn update(kb: &'static str, kind: Kind, build: &'static str, began_days: u32) -> Update {
    Update {
        kb,
        kind,
        build,
        began_days,
    }
}

/// The update that rolls out now: half of its devices have tried it.
pub(crate) const NEWEST: &str = "KB5022840";

/// Twenty updates of four months; a device gets eight or twelve of them.
const UPDATES: [Update; 20] = [
    update("KB5019966", Kind::Cumulative, "17763.3650", 100),
    update("KB5021237", Kind::Cumulative, "17763.3770", 72),
    update("KB5022286", Kind::Cumulative, "17763.3887", 44),
    update(NEWEST, Kind::Cumulative, "17763.4010", 4),
    update("KB5020685", Kind::DotNet, "17763", 100),
    update("KB5021085", Kind::DotNet, "17763", 72),
    update("KB5022142", Kind::DotNet, "17763", 44),
    update("KB5022782", Kind::DotNet, "17763", 16),
    update("KB5020374", Kind::ServicingStack, "17763", 101),
    update("KB5021654", Kind::ServicingStack, "17763", 73),
    update("KB5022554", Kind::ServicingStack, "17763", 45),
    update("KB5023702", Kind::ServicingStack, "17763", 17),
    update("KB5019959", Kind::Cumulative, "19044.2251", 100),
    update("KB5021233", Kind::Cumulative, "19044.2364", 72),
    update("KB5022282", Kind::Cumulative, "19044.2486", 44),
    update("KB5022834", Kind::Cumulative, "19044.2604", 16),
    update("KB5020686", Kind::DotNet, "19044", 100),
    update("KB5021088", Kind::DotNet, "19044", 72),
    update("KB5022143", Kind::DotNet, "19044", 44),
    update("KB5022729", Kind::DotNet, "19044", 16),
];

/// Merges are waited for this long at most.
const MERGED_WITHIN: Duration = Duration::from_mins(1);

/// Devices of which each slot holds one in a hundred of the fleet: those that
/// have not tried the newest update begin slot by slot.
pub(crate) const SLOTS: u32 = 50;

impl Update {
    fn title(self) -> String {
        let what = match self.kind {
            Kind::Cumulative => "Cumulative Update for Windows 10",
            Kind::DotNet => "Cumulative Update for .NET Framework 3.5 and 4.8",
            Kind::ServicingStack => "Servicing Stack Update for Windows 10",
        };
        format!("{what} ({})", self.kb)
    }

    fn package(self) -> String {
        match self.kind {
            Kind::Cumulative => format!(
                "Package_for_RollupFix~31bf3856ad364e35~amd64~~{}.1.6",
                self.build
            ),
            Kind::DotNet => "Package_for_DotNetRollup~31bf3856ad364e35~amd64~~10.0.4.1".into(),
            Kind::ServicingStack => {
                "Package_for_ServicingStack~31bf3856ad364e35~amd64~~10.0.1.2".into()
            }
        }
    }

    /// Condition on the number `n` of a device.
    fn gets(self) -> &'static str {
        if self.kb == NEWEST {
            "n % 10 < 7 AND n % 2 = 0"
        } else if self.build.starts_with("17763") {
            "n % 10 < 7"
        } else {
            "n % 10 >= 7"
        }
    }

    /// Condition under which a device fails it: one image most of the time where
    /// the update is the newest, two in a hundred else.
    fn fails(self, seed: u64) -> String {
        let kb = self.kb;
        let usual = format!("cityHash64(n, '{kb}', {seed}) % 1000 < 20");
        if kb == NEWEST {
            format!("({usual} OR (n % 41 = 3 AND cityHash64(n, {seed}) % 10 < 9))")
        } else {
            usual
        }
    }
}

/// Steps of a try: seconds after its begin, log, phase, result, code, whether the
/// record names the update, provider, state wanted, detail.
const SUCCEEDS: &str = "[(0,'event_log','download','start',NULL,1,'agent','',''),
 (60,'event_log','install','start',NULL,1,'agent','',''),
 (70,'event_log','install','start',NULL,1,'servicing','Installed',''),
 (900,'event_log','install','pending_reboot',NULL,1,'servicing','Installed',''),
 (30000,'event_log','reboot_commit','info',NULL,0,'','','event log stopped'),
 (30120,'event_log','reboot_commit','info',NULL,0,'','','event log started'),
 (30240,'event_log','install','success',0,1,'servicing','Installed','')]";
const INSTALLS: &str = "[(0,'event_log','install','start',NULL,1,'agent','',''),
 (10,'event_log','install','start',NULL,1,'servicing','Installed',''),
 (60,'event_log','install','success',0,1,'servicing','Installed',''),
 (65,'event_log','install','success',NULL,1,'agent','','')]";
const FAILS: &str = "[(0,'event_log','download','start',NULL,1,'agent','',''),
 (60,'event_log','install','start',NULL,1,'agent','',''),
 (70,'event_log','install','start',NULL,1,'servicing','Installed',''),
 (598,'cbs','install','fail',1,2,'','',''),
 (599,'event_log','install','fail',1,1,'servicing','Installed',''),
 (600,'event_log','install','fail',1,1,'agent','','')]";

/// The type of steps.
const STEPS: &str = "Array(Tuple(UInt32, String, String, String, Nullable(UInt32), UInt8, \
                     String, String, String))";

/// A device by its number.
const DEVICE: &str = "concat('pc-', leftPad(toString(n), 7, '0'))";

/// The code of the planted image.
const PLANTED: u32 = 0x800f_0985;

/// Codes of ordinary failures.
const CODES: &str = "[2147942512, 2148469026, 2149875756, 2147957522, 2147943860]";

/// The tables of one fleet.
pub(crate) struct Fleet {
    pub(crate) client: Client,
    pub(crate) devices: u32,
    pub(crate) seed: u64,
    /// Time of the first look, milliseconds since 1970 UTC.
    pub(crate) now_ms: i64,
}

impl Fleet {
    /// Four months of updates, and what each device says of itself.
    pub(crate) async fn fill(&self) -> Result<(), Failure> {
        let long_ago = self.now_ms - 86_400_000;
        for update in UPDATES {
            let begin_ms = self.now_ms - i64::from(update.began_days) * 86_400_000;
            let (who, when) = (update.gets(), (begin_ms, long_ago));
            self.tries(update, who, when).await?;
        }
        self.facts("1", 0, (self.now_ms - 130 * 86_400_000, long_ago))
            .await?;
        self.heard("1", self.now_ms - 600_000, 600_000).await
    }

    /// Devices of these slots try the newest update, and say what they are.
    pub(crate) async fn go_on(
        &self,
        slots: std::ops::Range<u32>,
        now_ms: i64,
    ) -> Result<(), Failure> {
        let who = format!(
            "n % 2 = 1 AND intDiv(n, 2) % {SLOTS} BETWEEN {} AND {}",
            slots.start,
            slots.end - 1
        );
        let newest = UPDATES.iter().find(|update| update.kb == NEWEST);
        let newest = *newest.ok_or("no newest update")?;
        self.tries(newest, &who, (now_ms - 40 * 3_600_000, now_ms))
            .await?;
        self.facts(&who, 1, (now_ms - 60_000, now_ms)).await?;
        self.heard(&who, now_ms, 1_000).await
    }

    /// Devices `who` try an update: begun within a day and a half, stored at a
    /// moment of its own.
    async fn tries(
        &self,
        update: Update,
        who: &str,
        (begin_ms, stored_ms): (i64, i64),
    ) -> Result<(), Failure> {
        let (kb, title, package) = (update.kb, update.title(), update.package());
        let good = match update.kind {
            Kind::Cumulative => SUCCEEDS,
            Kind::DotNet | Kind::ServicingStack => INSTALLS,
        };
        let code = if kb == NEWEST {
            format!("if(n % 41 = 3, {PLANTED}, {CODES}[1 + cityHash64(n) % 5])")
        } else {
            format!("{CODES}[1 + cityHash64(n) % 5]")
        };
        let tries = format!(
            "SELECT number AS n, {} AS bad, {code} AS code, \
             {begin_ms} + cityHash64(n, '{kb}') % 129600000 AS began, \
             CAST(if(bad, {FAILS}, {good}), '{STEPS}') AS steps \
             FROM numbers({}) WHERE {who}",
            update.fails(self.seed),
            self.devices,
        );
        let number = kb.trim_start_matches("KB");
        let sql = format!(
            "INSERT INTO update_events (device_id, event_id, source_kind, phase, result, \
             printed_at, occurred_at, time_source, time_quality, observed_at, received_at, \
             stored_at, version, hresult, kb, identifier, package, title, source, \
             target_state, position, origin, evidence, extra) \
             SELECT {DEVICE}, toFixedString(concat(leftPad(toString(n), 8, '0'), '{number}', \
             toString(at)), 16), \
             step.2, step.3, step.4, t, t, 'printed', 'sound', t, t, \
             fromUnixTimestamp64Milli(toInt64({stored_ms})), 4294967297, \
             if(step.5 = 1, toUInt32(code), step.5), if(step.6 = 1, '{kb}', ''), \
             if(step.7 = 'servicing', '{kb}', ''), if(step.6 = 2, '{package}', ''), \
             if(step.7 = 'agent', '{title}', ''), multiIf(step.7 = 'agent', \
             'Microsoft-Windows-WindowsUpdateClient', step.7 = 'servicing', \
             'Microsoft-Windows-Servicing', ''), step.8, at, \
             if(step.2 = 'cbs', 'CBS.log', 'System'), \
             concat('record ', toString(at), ' of {kb} on ', {DEVICE}), \
             if(step.9 = '', map(), map('detail', step.9)) \
             FROM (SELECT n, code, at, step, \
             fromUnixTimestamp64Milli(toInt64(began + 1000 * step.1)) AS t FROM ({tries}) \
             ARRAY JOIN steps AS step, arrayEnumerate(steps) AS at)"
        );
        run(&self.client, &sql).await
    }

    /// Devices `who` say what they are.
    async fn facts(
        &self,
        who: &str,
        revision: u32,
        (observed_ms, stored_ms): (i64, i64),
    ) -> Result<(), Failure> {
        let level = if revision == 0 { 3887 } else { 4010 };
        let sql = format!(
            "INSERT INTO device_facts (device_id, revision, observed_at, received_at, \
             stored_at, facts) SELECT {DEVICE}, {observed_ms}, at, at, \
             fromUnixTimestamp64Milli(toInt64({stored_ms})), map(\
             'hostname', upper({DEVICE}), 'class', ['pc', 'teller', 'atm', 'kiosk'][1 + n % 4], \
             'ring', concat('ring', toString(n % 4)), 'branch', concat('b', toString(intDiv(n, 20))), \
             'province', concat('p', toString(intDiv(n, 20) % 12)), \
             'image', if(n % 41 = 3, 'img-bad', concat('img-', toString(n % 9))), \
             'model', concat('model-', toString(n % 7)), \
             'driver_storage', concat('stor-', toString(n % 5)), \
             'security_product', concat('guard-', toString(intDiv(n, 3) % 3)), \
             'security_version', concat('v', toString(n % 4)), \
             'wsus', concat('wsus-', toString(intDiv(n, 20) % 6)), \
             'edition', 'EnterpriseS', 'arch', 'amd64', 'language', 'zh-CN', \
             'os_build', if(n % 10 < 7, '17763', '19044'), \
             'ubr', if(n % 10 < 7, '{level}', '2604')) \
             FROM (SELECT number AS n, fromUnixTimestamp64Milli(toInt64({observed_ms})) AS at \
             FROM numbers({})) WHERE {who}",
            self.devices
        );
        run(&self.client, &sql).await
    }

    /// Devices `who` are heard of, at some moment within a span.
    async fn heard(&self, who: &str, from_ms: i64, span_ms: u32) -> Result<(), Failure> {
        let sql = format!(
            "INSERT INTO presence (device_id, last_heard_at, device_clock_at, \
             collector_version) SELECT {DEVICE}, at, at, '0.1.0' FROM (SELECT number AS n, \
             fromUnixTimestamp64Milli(toInt64({from_ms} + cityHash64(n) % {span_ms})) AS at \
             FROM numbers({})) WHERE {who}",
            self.devices
        );
        run(&self.client, &sql).await
    }

    /// Waits until the database has put its new rows where they stay: that is the
    /// cost of storing, and no look's.
    pub(crate) async fn rest(&self) -> Result<(), Failure> {
        let sql = "SELECT count() FROM system.merges WHERE database = currentDatabase()";
        let deadline = Instant::now() + MERGED_WITHIN;
        let mut quiet = 0;
        while quiet < 3 && Instant::now() < deadline {
            let merging = self.client.query(sql).fetch_one::<u64>().await?;
            quiet = if merging == 0 { quiet + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Events that are stored, each counted once.
    pub(crate) async fn events(&self) -> Result<u64, Failure> {
        let count = self.client.query("SELECT count() FROM update_events FINAL");
        Ok(count.fetch_one::<u64>().await?)
    }
}

/// Runs a statement that may take a while.
async fn run(client: &Client, sql: &str) -> Result<(), Failure> {
    Ok(client.query(sql).execute().await?)
}
