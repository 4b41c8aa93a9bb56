//! Every sentence of the screens, in both languages, a line each.
//!
//! Words of the closed vocabularies (phases, results, facts) are in
//! [`super::words`], result codes in [`super::codes`].

use maud::{Markup, PreEscaped, Render};

use super::reader::Lang;

/// One text in both languages; `{name}` marks a place to fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phrase {
    en: &'static str,
    zh: &'static str,
}

/// A phrase; neither language can be left out.
pub(super) const fn say(en: &'static str, zh: &'static str) -> Phrase {
    Phrase { en, zh }
}

impl Phrase {
    /// The text in one language.
    pub(crate) const fn of(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }

    /// The text with its places filled by markup. Fillings are never searched
    /// for places themselves.
    pub(super) fn fill(self, lang: Lang, fillings: &[(&str, Markup)]) -> Markup {
        let mut html = String::new();
        let mut rest = self.of(lang);
        while let Some((before, after)) = rest.split_once('{') {
            before.render_to(&mut html);
            let (name, tail) = after.split_once('}').unwrap_or((after, ""));
            let filling = fillings.iter().find(|(key, _)| *key == name);
            debug_assert!(filling.is_some(), "nothing fills {name:?}");
            if let Some((_, markup)) = filling {
                markup.render_to(&mut html);
            }
            rest = tail;
        }
        rest.render_to(&mut html);
        PreEscaped(html)
    }
}

// The frame of every page.
pub(super) const SITE: Phrase = say("Windows updates across the fleet", "全网 Windows 更新状况");
pub(super) const NAV: Phrase = say("Pages", "页面");
pub(super) const NAV_OVERVIEW: Phrase = say("Overview", "总览");
pub(super) const NAV_CLUSTERS: Phrase = say("Clusters", "故障群");
pub(super) const NAV_ROLLOUTS: Phrase = say("Rollouts", "推送计划");
pub(super) const NAV_SILENT: Phrase = say("Silent devices", "失联设备");
pub(super) const NAV_DROP: Phrase = say("Read a log", "解读日志");
pub(super) const NAV_DATA: Phrase = say("Health of the data", "数据健康状况");
pub(super) const SKIP: Phrase = say("Skip to content", "跳到正文");
pub(super) const FIND_DEVICE: Phrase = say("Device, KB or code", "设备、KB 或代码");
pub(super) const FIND: Phrase = say("Find", "查找");
pub(super) const OTHER_LANG: Phrase = say("中文", "English");
pub(super) const DATA_AS_OF: Phrase = say("Data as of {time}, {age}", "数据截至 {time}（{age}）");
pub(super) const DATA_NEWEST: Phrase = say("newest record {time}, {age}", "最新记录 {time}（{age}）");
pub(super) const DATA_OLD: Phrase = say("This picture is {age} old: the analyzer has not looked since. Check the analyzer and the database.", "此画面已是 {age}前的，分析器此后未再运行。请检查分析器和数据库。");
pub(super) const DATA_UNHEARD: Phrase = say("No device was heard of for {age}. Check the collectors and the gateway.", "已有 {age}未收到任何设备的消息。请检查采集器和网关。");
pub(super) const DATA_NONE: Phrase = say("No data yet", "尚无数据");
pub(super) const ZONE: Phrase = say("times in {zone}", "时区 {zone}");
pub(super) const FOOT: Phrase = say("Picture {cycle}, made in {ms} ms. The same as JSON: {link}", "第 {cycle} 次分析，用时 {ms} 毫秒。同样内容的 JSON：{link}");
pub(super) const COPY: Phrase = say("Copy", "复制");
pub(super) const COPIED: Phrase = say("Copied", "已复制");

// Numbers and times.
pub(super) const RATE_NONE: Phrase = say("none", "无");
pub(super) const RATE_OUT_OF: Phrase = say("{n} of {per}", "每 {per} 台约 {n} 台");
pub(super) const AT_MOST: Phrase = say("at most {rate}", "至多{rate}");
pub(super) const NEVER: Phrase = say("never", "从未");
pub(super) const NOW: Phrase = say("now", "刚刚");
pub(super) const AGO: Phrase = say("{span} ago", "{span}前");
pub(super) const AHEAD: Phrase = say("{span} ahead of this clock", "比本机时钟快 {span}");
pub(super) const UNIT_SECONDS: Phrase = say("{n} s", "{n} 秒");
pub(super) const UNIT_MINUTES: Phrase = say("{n} min", "{n} 分钟");
pub(super) const UNIT_HOURS: Phrase = say("{n} h", "{n} 小时");
pub(super) const UNIT_DAYS: Phrase = say("{n} d", "{n} 天");

// Words of tables that several pages share.
pub(super) const KB: Phrase = say("KB", "KB");
pub(super) const DEVICE: Phrase = say("Device", "设备");
pub(super) const DEVICES: Phrase = say("Devices", "设备数");
pub(super) const FAILED_OF_TRIED: Phrase = say("Failed of tried", "失败 / 已尝试");
pub(super) const N_OF_M: Phrase = say("{n} of {m}", "{n} / {m}");
pub(super) const FAILURE_RATE: Phrase = say("Failure rate", "失败率");
pub(super) const USUAL: Phrase = say("Usual", "通常");
pub(super) const INTERVAL_95: Phrase = say("95% interval", "95% 区间");
pub(super) const FIRST_TRIED: Phrase = say("First tried", "首次尝试");
pub(super) const SINCE: Phrase = say("Since", "始于");
pub(super) const RESULT_CODE: Phrase = say("Result code", "结果码");
pub(super) const NO_CODE_STATED: Phrase = say("no code stated", "未注明结果码");
pub(super) const MEANING: Phrase = say("Meaning", "含义");
pub(super) const STATE: Phrase = say("State", "状态");
pub(super) const SHARE: Phrase = say("Share", "占比");
pub(super) const TOTAL: Phrase = say("Total", "合计");
pub(super) const RING: Phrase = say("Ring", "更新环");
pub(super) const CLASS: Phrase = say("Device class", "设备类别");
pub(super) const FACT: Phrase = say("Fact", "属性");
pub(super) const VALUE: Phrase = say("Value", "值");
pub(super) const WHY: Phrase = say("Why", "原因");
pub(super) const NOT_KNOWN: Phrase = say("not known", "未知");
pub(super) const UNNAMED: Phrase = say("none stated", "未注明");
pub(super) const AND: Phrase = say(" and ", " 且 ");
pub(super) const FACT_IS: Phrase = say("{fact} {value}", "{fact} {value}");
pub(super) const FIRST_N: Phrase = say("The first {n} of {m}.", "仅列出前 {n} 台，共 {m} 台。");
pub(super) const DETAILS: Phrase = say("Details", "详情");

// Overview.
pub(super) const OVERVIEW_NO_DEVICE: Phrase = say("No device has reported yet", "尚无设备上报");
pub(super) const OVERVIEW_NO_DEVICE_HINT: Phrase = say("Start a collector on a device and point it at this gateway; its history appears here within seconds. Or read a single log file right away.", "在设备上启动采集器并指向本网关，几秒内即可在此看到其历史；也可以立即解读单个日志文件。");
pub(super) const OVERVIEW_NO_ATTEMPT: Phrase = say("No attempt seen yet; {n} devices connected", "尚未见到更新尝试；已接入 {n} 台设备");
pub(super) const OVERVIEW_NO_ATTEMPT_HINT: Phrase = say("The devices report, and none of their logs tells of an update that was tried in the window.", "设备均在上报，但在时间窗内，日志里没有任何更新尝试。");
pub(super) const OVERVIEW_QUIET: Phrase = say("No KB fails beyond its usual rate", "没有 KB 的失败率超出通常水平");
pub(super) const OVERVIEW_QUIET_HINT: Phrase = say("{kbs} KBs were tried on {devices} devices; what failed is within chance.", "{devices} 台设备共尝试了 {kbs} 个 KB；出现的失败属于正常波动。");
pub(super) const OVERVIEW_FAILING_ONE: Phrase = say("{kb} is failing now", "{kb} 正在失败");
pub(super) const OVERVIEW_FAILING_MORE: Phrase = say("{kb} and {n} more are failing now", "{kb} 等 {n} 个 KB 正在失败");
pub(super) const TILE_DEVICES: Phrase = say("Devices connected", "已接入设备");
pub(super) const TILE_DEVICES_HINT: Phrase = say("heard of lately: {present}", "近期有消息：{present} 台");
pub(super) const TILE_SILENT: Phrase = say("Silent devices", "失联设备");
pub(super) const TILE_SILENT_HINT: Phrase = say("gone dark inside a reboot: {n}", "停在重启途中：{n} 台");
pub(super) const TILE_CLUSTERS: Phrase = say("Open clusters", "未结故障群");
pub(super) const TILE_CLUSTERS_HINT: Phrase = say("devices in them: {n}", "涉及设备：{n} 台");
pub(super) const TILE_CODES: Phrase = say("New result codes", "新结果码");
pub(super) const TILE_CODES_HINT: Phrase = say("not seen for 180 days", "180 天内未出现过");
pub(super) const OPEN_CLUSTERS: Phrase = say("What fails beyond the usual", "超出通常水平的失败");
pub(super) const OPEN_CLUSTERS_HINT: Phrase = say("A cluster is a group of devices on which one KB fails in one way, more often than chance and the usual rate explain.", "故障群：同一个 KB 以同一种方式失败的一组设备，且失败多于偶然与通常水平所能解释的程度。");
pub(super) const NO_OPEN_CLUSTER: Phrase = say("No cluster is open.", "目前没有未结故障群。");
pub(super) const KB_TABLE: Phrase = say("Updates by failures", "按失败数排列的更新");
pub(super) const KB_TABLE_HINT: Phrase = say("Tried: devices with an attempt that ended, well or badly; the latest such attempt counts, also while a device tries again. One that waits for its first reboot is not counted yet.", "已尝试：至少有一次尝试已有结局（成功或失败）的设备，以最近一次有结局的尝试为准，重试期间也计入。首次安装后尚待重启的设备暂不计入。");
pub(super) const PENDING_REBOOT: Phrase = say("Await reboot", "等待重启");
pub(super) const TREND: Phrase = say("Trend", "走势");
pub(super) const TREND_ALL: Phrase = say("Failures and attempts over time, all KBs", "全部 KB 的失败与尝试走势");
pub(super) const TREND_KB: Phrase = say("Failures and attempts over time", "失败与尝试走势");
pub(super) const TREND_FAILED: Phrase = say("Devices failed per {span}", "每 {span}失败的设备数");
pub(super) const TREND_TRIED: Phrase = say("Devices tried per {span}", "每 {span}尝试的设备数");
pub(super) const TREND_BAR: Phrase = say("{time}: {failed} failed of {tried} tried", "{time}：尝试 {tried} 台，失败 {failed} 台");
pub(super) const TREND_EMPTY: Phrase = say("Nothing was tried in the window.", "时间窗内没有尝试。");
pub(super) const NEW_CODES: Phrase = say("New codes", "新结果码");
pub(super) const NO_NEW_CODE: Phrase = say("No failed attempt ended with a code that is new to the fleet.", "没有失败的尝试出现本网未见过的结果码。");
pub(super) const FIRST_SEEN: Phrase = say("First seen", "首次出现");
pub(super) const SILENT_SHORT: Phrase = say("Silent devices", "失联设备");
pub(super) const ALL_SILENT: Phrase = say("All {n} silent devices", "全部 {n} 台失联设备");
pub(super) const FLEET: Phrase = say("Fleet", "设备构成");

// Cluster, short and long.
pub(super) const HEADLINE: Phrase = say("{kb} fails on {failed} of {tried} devices", "{kb} 在 {tried} 台设备中的 {failed} 台上失败");
pub(super) const HEADLINE_CODE: Phrase = say("{kb} fails with {code} on {failed} of {tried} devices", "{kb} 在 {tried} 台设备中的 {failed} 台上以 {code} 失败");
pub(super) const HEADLINE_CODE_CLOSED: Phrase = say("{kb} failed with {code} on {failed} devices; none fails any more", "{kb} 曾在 {failed} 台设备上以 {code} 失败，现已全部恢复");
pub(super) const HEADLINE_USUAL: Phrase = say("Usual for this code: {usual}. Failing since {since}, {age}.", "此结果码的通常水平：{usual}。始于 {since}，{age}。");
pub(super) const HEADLINE_CLOSED: Phrase = say("{kb} failed on {failed} devices; none fails any more", "{kb} 曾在 {failed} 台设备上失败，现已全部恢复");
pub(super) const ENDS_WITH: Phrase = say("They end in phase “{phase}” with {code}:", "在“{phase}”阶段以 {code} 告终：");
pub(super) const WHAT_IS_BROKEN: Phrase = say("What is broken", "损坏了什么");
pub(super) const WHAT_THEY_SHARE: Phrase = say("What they share", "共同点");
pub(super) const WHAT_TO_RUN: Phrase = say("What to run", "如何处理");
pub(super) const BROKEN_NONE: Phrase = say("No record names a broken component file.", "没有记录指明损坏的组件文件。");
pub(super) const BROKEN_ON: Phrase = say("on {n} of {m} devices", "见于 {m} 台中的 {n} 台");
pub(super) const BROKEN_MORE: Phrase = say("and {n} more files", "另有 {n} 个文件");
pub(super) const BROKEN_HINT: Phrase = say("The same files on many devices point to one image that they all came from; different files on each point to disks or to software that meddles.", "多台设备损坏相同文件，说明它们源自同一镜像；各不相同，则应怀疑磁盘或有软件从中干预。");
pub(super) const FINGERPRINT: Phrase = say("Damage {fingerprint}", "损坏特征 {fingerprint}");
pub(super) const COMPONENT: Phrase = say("Component", "组件");
pub(super) const FILE: Phrase = say("File", "文件");
pub(super) const ARCH: Phrase = say("Architecture", "架构");
pub(super) const VERSION: Phrase = say("Version", "版本");
pub(super) const HASH_EXPECTED: Phrase = say("Hash it must have", "应有哈希");
pub(super) const SHARE_NONE: Phrase = say("No fact sets the failing devices apart from the others so far.", "目前没有任何属性能把失败设备与其他设备区分开。");
pub(super) const CAUSE_RATES: Phrase = say("{failed} of {total} devices with it fail; without it {failed_outside} of {total_outside}.", "具备此属性的 {total} 台中 {failed} 台失败；不具备的 {total_outside} 台中 {failed_outside} 台失败。");
pub(super) const CAUSE_RATIO: Phrase = say("{ratio} times as often (95%: {low} to {high})", "失败可能性为 {ratio} 倍（95% 区间：{low} 至 {high}）");
pub(super) const CAUSE_INSEPARABLE: Phrase = say("Cannot be told apart from {facts}: no like devices have one without the other.", "无法与 {facts} 区分：没有条件相同而只具备其中之一的设备可供比较。");
pub(super) const CAUSE_FOREST: Phrase = say("How many times as often devices with the fact fail (bar: 95% interval, log scale)", "具备该属性的设备失败可能性为几倍（横线：95% 区间，对数刻度）");
pub(super) const CAUSE_BAR: Phrase = say("{ratio} times, 95% interval {low} to {high}", "{ratio} 倍，95% 区间 {low} 至 {high}");
pub(super) const CLEARED: Phrase = say("Suspected and cleared", "被怀疑但已排除");
pub(super) const CLEARED_HINT: Phrase = say("Failing devices have these more often, and yet they are not the cause: among devices that are alike otherwise, the difference vanishes.", "失败设备更常具备这些属性，但它们并非原因：在其他条件相同的设备之间比较，差异即消失。");
pub(super) const CLEARED_RATIO: Phrase = say("{crude} times as often at first sight; {adjusted} times once compared within the same {within}.", "乍看为 {crude} 倍；在相同{within}内比较后为 {adjusted} 倍。");
pub(super) const CLEARED_EXAMPLES: Phrase = say("{n} devices have it and did not fail, for example", "{n} 台具备此属性却未失败，例如");
pub(super) const CLEARED_NONE: Phrase = say("No other fact looked suspicious.", "没有其他可疑属性。");
pub(super) const LIFE: Phrase = say("Life", "状态");
pub(super) const CALLED: Phrase = say("Called", "判定时间");
pub(super) const LAST_FAILURE: Phrase = say("Latest failure", "最近一次失败");
pub(super) const HEALED: Phrase = say("Healed since", "此后恢复");
pub(super) const CHANCE: Phrase = say("Chance of this at the usual rate", "通常水平下出现此情形的概率");
pub(super) const EVER: Phrase = say("Ever affected", "累计受影响");
pub(super) const GROWTH: Phrase = say("How it grew", "增长过程");
pub(super) const GROWTH_HINT: Phrase = say("Devices failed, cumulative", "累计失败设备数");
pub(super) const GROWTH_CALLED: Phrase = say("called", "判定");
pub(super) const GROWTH_POINT: Phrase = say("{time}: {n} devices so far", "{time}：累计 {n} 台");
pub(super) const SOURCES: Phrase = say("Where to repair from", "修复源");
pub(super) const SOURCES_HINT: Phrase = say("A source must hold exactly the component version that is broken; having the KB is not enough. Best first.", "修复源必须恰好存有损坏组件的同一版本，仅装有该 KB 并不足够。按优先顺序排列。");
pub(super) const SOURCES_NONE: Phrase = say("No device or depot is known to hold the needed version. Service an image to the level of the failing devices and use it as the source.", "尚无已知设备或存储库持有所需版本。请将一份镜像更新到故障设备的版本级别，并以其作为修复源。");
pub(super) const PEERS_OFF: Phrase = say("Devices do not serve as sources here. To allow some, name their hosts under {key} in the settings of the analyzer.", "此处不以其他设备作为修复源。如需允许，请在分析器设置的 {key} 项中列出其主机名。");
pub(super) const SOURCE: Phrase = say("Source", "来源");
pub(super) const SOURCE_KIND: Phrase = say("Kind", "类别");
pub(super) const SOURCE_PATH: Phrase = say("Path", "路径");
pub(super) const SOURCE_BUILD: Phrase = say("Holds build", "版本级别");
pub(super) const SOURCE_SERVES: Phrase = say("Serves", "可修复");
pub(super) const TIER_DEPOT: Phrase = say("approved depot", "经批准的存储库");
pub(super) const TIER_SAME_LEVEL: Phrase = say("device on the same patch level, if devices may serve", "处于相同补丁级别的设备（须获准作为源）");
pub(super) const TIER_FROM_LEVEL: Phrase = say("device that took the KB from that level, if devices may serve", "由该级别成功安装此 KB 的设备（须获准作为源）");
pub(super) const TIER_IMAGE: Phrase = say("image serviced to that level", "已更新到该级别的镜像");
pub(super) const TIERS: [Phrase; 4] = [TIER_DEPOT, TIER_SAME_LEVEL, TIER_FROM_LEVEL, TIER_IMAGE];
pub(super) const STEPS_HINT: Phrase = say("The commands are for Windows PowerShell, run as administrator on the failing device.", "命令须在故障设备上以管理员身份于 Windows PowerShell 中运行。");
pub(super) const STEPS_NONE: Phrase = say("No tested remedy is known for this code. Look at the evidence of a device below.", "此结果码尚无经过验证的处理办法。请查看下方设备的日志证据。");
pub(super) const STEPS_ALL: Phrase = say("All {n} steps and sources", "全部 {n} 个步骤与修复源");
pub(super) const REFERENCE: Phrase = say("Based on {reference}", "依据：{reference}");
pub(super) const CLUSTER_DEVICES: Phrase = say("Devices in the cluster", "群内设备");
pub(super) const NO_CLUSTER_DEVICE: Phrase = say("No device is in it any more.", "群内已无设备。");
pub(super) const CSV: Phrase = say("Download as CSV", "下载 CSV");
pub(super) const FIRST_FAILED_AT: Phrase = say("First failed", "首次失败");
pub(super) const FAILED_AT: Phrase = say("Failed again, latest", "最近再次失败");
pub(super) const WAITING: Phrase = say("{n} more devices with {facts} have not tried yet ({of} have it).", "另有 {n} 台具有 {facts} 的设备尚未尝试（共 {of} 台）。");
pub(super) const WAITING_LISTED: Phrase = say("{n} more devices on the target list with {facts} have not tried yet ({of} on the list have it).", "目标清单中另有 {n} 台具有 {facts} 的设备尚未尝试（清单中共 {of} 台）。");
pub(super) const ATTEMPTS_FAILED: Phrase = say("Failed attempts", "失败次数");
pub(super) const EVIDENCE: Phrase = say("Evidence", "证据");
pub(super) const RECORD_N: Phrase = say("record {n}", "记录 {n}");
pub(super) const CLUSTERS_TITLE: Phrase = say("Clusters", "故障群");
pub(super) const CLUSTERS_OPEN: Phrase = say("Open", "未结");
pub(super) const CLUSTERS_CLOSED: Phrase = say("Closed", "已结");
pub(super) const CLUSTERS_NO_CLOSED: Phrase = say("None has closed yet.", "尚无已结故障群。");

// KB and rollout.
pub(super) const KB_TITLE_FAILING: Phrase = say("{kb} fails on {failed} of {tried} devices that tried it", "{kb}：尝试过的 {tried} 台设备中 {failed} 台失败");
pub(super) const KB_TITLE_FINE: Phrase = say("{kb} went in on all {tried} devices that tried it", "{kb}：尝试过的 {tried} 台设备全部成功");
pub(super) const KB_TITLE_NONE: Phrase = say("{kb}: no attempt has ended yet", "{kb}：尚无已结束的尝试");
pub(super) const KB_BRINGS: Phrase = say("Brings build {build}.", "对应版本 {build}。");
pub(super) const KB_RATE: Phrase = say("Failure rate {rate} (95%: {low} to {high}); usual: {usual}.", "失败率 {rate}（95% 区间：{low} 至 {high}）；通常：{usual}。");
pub(super) const KB_BETWEEN: Phrase = say("First attempt {first}, latest {last}.", "首次尝试 {first}，最近 {last}。");
pub(super) const OUTCOMES: Phrase = say("Where the devices stand", "设备当前状态");
pub(super) const OUTCOMES_HINT: Phrase = say("Every device with an attempt of this KB, by the state of its latest one.", "所有尝试过此 KB 的设备，按最近一次尝试的状态统计。");
pub(super) const BY_RING: Phrase = say("By ring", "按更新环");
pub(super) const BY_CLASS: Phrase = say("By device class", "按设备类别");
pub(super) const CODES: Phrase = say("How the failed ones ended", "失败设备的结果码");
pub(super) const NO_CODE: Phrase = say("No device has failed.", "没有设备失败。");
pub(super) const ITS_CLUSTERS: Phrase = say("Clusters of this KB", "此 KB 的故障群");
pub(super) const NO_CLUSTER_OF_KB: Phrase = say("None: what fails is within chance and the usual rate.", "无：失败属于偶然或通常水平。");
pub(super) const RATE_BAR: Phrase = say("{rate}, 95% interval {low} to {high}, usual {usual}", "{rate}，95% 区间 {low} 至 {high}，通常 {usual}");
pub(super) const RATE_LEGEND: Phrase = say("Dot: rate. Bar: 95% interval. Dashed line: usual rate. Full width: {max}.", "圆点：失败率；横线：95% 区间；虚线：通常水平；满格：{max}。");
pub(super) const ROLLOUTS_TITLE: Phrase = say("Rollouts", "推送计划");
pub(super) const ROLLOUTS_NONE: Phrase = say("No rollout is declared.", "尚未登记推送计划。");
pub(super) const ROLLOUTS_NONE_HINT: Phrase = say("Import a release with its target list, so that devices which never tried are counted as well:", "请导入版本及其目标清单，这样从未尝试的设备也会计入：");
pub(super) const ROLLOUT_HEAD: Phrase = say("{name}: {done} of {targets} devices are done", "{name}：{targets} 台目标设备中 {done} 台已完成");
pub(super) const ROLLOUT_RELEASE: Phrase = say("Release {release}:", "版本 {release}：");
pub(super) const ROLLOUT_KB_OF_BUILD: Phrase = say("{kb} on {build}", "{build} 上为 {kb}");
pub(super) const ROLLOUT_ROWS: Phrase = say("The whole target list", "目标清单全貌");
pub(super) const ROLLOUT_ROWS_HINT: Phrase = say("Each target stands in exactly one row; the rows add up to the list.", "每台目标设备恰好归入一行，各行相加即为清单总数。");
pub(super) const ROLLOUT_RINGS: Phrase = say("Rings", "更新环");
pub(super) const ROLLOUT_PROGRESS: Phrase = say("Progress", "进度");
pub(super) const ROLLOUT_PROGRESS_HINT: Phrase = say("Devices done, cumulative; dashed: all {n} targets", "累计完成设备数；虚线：全部 {n} 台目标");
pub(super) const ROLLOUT_NO_PROGRESS: Phrase = say("No target is done yet.", "尚无目标设备完成。");
pub(super) const ROLLOUT_TARGETS: Phrase = say("Targets", "目标数");
pub(super) const DONE: Phrase = say("Done", "已完成");

pub(super) const ROW_COMPLIANT: Phrase = say("done: at or past the release's build", "已完成：达到或超过该版本");
pub(super) const ROW_FAILED: Phrase = say("failed in the latest attempt", "最近一次尝试失败");
pub(super) const ROW_PENDING: Phrase = say("in, awaits a reboot", "已装入，等待重启");
pub(super) const ROW_IN_PROGRESS: Phrase = say("attempt under way", "正在尝试");
pub(super) const ROW_NOT_OFFERED: Phrase = say("no attempt seen", "尚未见到尝试");
pub(super) const ROW_NOT_APPLICABLE: Phrase = say("not applicable: the release has no KB for its build", "不适用：该版本没有对应其系统的 KB");
pub(super) const ROW_EXCLUDED: Phrase = say("taken out by a person", "人工排除");
pub(super) const ROW_SILENT: Phrase = say("silent", "失联");
pub(super) const ROW_NO_COLLECTOR: Phrase = say("on the list, never heard of: no collector", "在清单上但从未上报：未装采集器");
pub(super) const OUT_SUCCEEDED: Phrase = say("succeeded, verified", "成功且已核实");
pub(super) const OUT_HEALED: Phrase = say("of these, {n} had failed before", "其中 {n} 台先前曾失败");
pub(super) const OUT_FAILED: Phrase = say("failed or rolled back", "失败或已回滚");
pub(super) const OUT_PENDING: Phrase = say("in, awaits a reboot", "已装入，等待重启");
pub(super) const OUT_CANCELLED: Phrase = say("called off", "已取消");
pub(super) const OUT_UNKNOWN: Phrase = say("under way or without a verdict", "进行中或尚无结论");
pub(super) const OUT_SILENT: Phrase = say("began and fell silent", "开始后失联");

// Device and event.
pub(super) const DEVICE_SEEN: Phrase = say("Last heard of {age}, at {time}.", "最近一次上报：{time}（{age}）。");
pub(super) const DEVICE_UNSEEN: Phrase = say("Never heard of since presence is kept.", "自记录在线状态以来从未上报。");
pub(super) const DEVICE_COLLECTOR: Phrase = say("Collector {version}; log bytes not read yet: {lag}.", "采集器 {version}；尚未读取的日志：{lag} 字节。");
pub(super) const DEVICE_FAST: Phrase = say("Its clock is {span} ahead: times that its logs print are off by that much.", "其时钟快 {span}，日志中的时间相应有偏差。");
pub(super) const DEVICE_SLOW: Phrase = say("Its clock is {span} behind: times that its logs print are off by that much.", "其时钟慢 {span}，日志中的时间相应有偏差。");
pub(super) const FACT_CHANGES: Phrase = say("What changed", "变更记录");
pub(super) const FACT_CHANGE: Phrase = say("{fact}: {old} → {new}", "{fact}：{old} → {new}");
pub(super) const DEVICE_CLONED: Phrase = say("Two machines speak with this identity at once: a cloned image. Give one of them a certificate of its own.", "有两台机器同时使用此身份（镜像克隆）。请为其中一台签发独立证书。");
pub(super) const ATTEMPTS: Phrase = say("Attempts", "更新尝试");
pub(super) const NO_ATTEMPT: Phrase = say("No attempt of an update is known of this device.", "尚无此设备的更新尝试记录。");
pub(super) const OUTCOME: Phrase = say("Outcome", "结局");
pub(super) const BEGAN: Phrase = say("Began", "开始");
pub(super) const ENDED: Phrase = say("Ended", "结束");
pub(super) const PHASE: Phrase = say("Phase", "阶段");
pub(super) const STILL_OPEN: Phrase = say("still open", "尚未结束");
pub(super) const TIMELINE: Phrase = say("What its logs say, newest first", "日志记录（由新到旧）");
pub(super) const TIMELINE_EMPTY: Phrase = say("None of its logs told of an update so far.", "其日志尚未提及任何更新。");
pub(super) const TIMELINE_CUT: Phrase = say("The newest {n} records.", "仅列出最近 {n} 条记录。");
pub(super) const AS_PRINTED: Phrase = say("as printed in the log; the log states no zone", "日志原样时间，日志未注明时区");
pub(super) const BY_OFFSET: Phrase = say("time as printed, brought to this zone by the device's usual offset", "日志原样时间，按设备通常的时差换算");
pub(super) const DAY_ONLY: Phrase = say("that day", "当日");
pub(super) const FACTS: Phrase = say("Facts", "设备属性");
pub(super) const FACTS_AS_OF: Phrase = say("As of {time}.", "截至 {time}。");
pub(super) const NO_FACTS: Phrase = say("The device has told no facts yet.", "设备尚未上报属性。");
pub(super) const DEVICE_CLUSTERS: Phrase = say("It belongs to", "所属故障群");
pub(super) const DEVICE_UNKNOWN: Phrase = say("Nothing is known of device {id}", "没有设备 {id} 的任何信息");
pub(super) const DEVICE_UNKNOWN_HINT: Phrase = say("Neither a log record nor a heartbeat came from it. Ids are those of the devices' certificates, in lower case.", "从未收到其日志或心跳。设备编号取自设备证书，均为小写。");
pub(super) const EVENT_TITLE: Phrase = say("A record of {device}", "{device} 的一条记录");
pub(super) const EVENT_UNKNOWN: Phrase = say("No record has the id {id}", "没有编号为 {id} 的记录");
pub(super) const EVENT_UNKNOWN_HINT: Phrase = say("Records are kept for 400 days unless configured otherwise.", "除非另行配置，记录保留 400 天。");
pub(super) const EVENT_FIELDS: Phrase = say("What was read from it", "解析出的内容");
pub(super) const EVENT_TEXT: Phrase = say("The record itself, names and paths of people masked", "记录原文（人名与个人路径已遮盖）");

// Silent devices.
pub(super) const SILENT_TITLE: Phrase = say("{n} of {m} devices are silent", "{m} 台设备中 {n} 台失联");
pub(super) const SILENT_NONE: Phrase = say("No device is silent", "没有失联设备");
pub(super) const SILENT_NONE_HINT: Phrase = say("All {n} devices were heard of lately. Each speaks at least every 10 minutes, even when it has nothing to tell.", "全部 {n} 台设备近期均有消息。设备即使无事可报，也至少每 10 分钟上报一次。");
pub(super) const SILENT_HINT: Phrase = say("Each device speaks at least every 10 minutes. Those that fell silent inside the reboot of an update come first: they may not have come back.", "每台设备至少每 10 分钟上报一次。在更新重启途中失联的排在最前：它们可能未能恢复启动。");
pub(super) const LAST_HEARD: Phrase = say("Last heard of", "最近一次上报");
pub(super) const SILENT_FOR: Phrase = say("Silent for", "失联时长");
pub(super) const OPEN_KB: Phrase = say("Update under way", "进行中的更新");

// Reading a single log.
pub(super) const DROP_TITLE: Phrase = say("What does this log say?", "这份日志说了什么？");
pub(super) const DROP_HINT: Phrase = say("CBS.log, CbsPersist files, dism.log, WindowsUpdate.log, .evtx event logs, or lists of installed updates. The file is read on this server and not kept.", "支持 CBS.log、CbsPersist 文件、dism.log、WindowsUpdate.log、.evtx 事件日志和已安装更新清单。文件只在本服务器上解读，不会保留。");
pub(super) const DROP_FILE: Phrase = say("Log files", "日志文件");
pub(super) const DROP_SEND: Phrase = say("Read", "解读");

// When something is not there.
pub(super) const NOT_FOUND: Phrase = say("There is no such page", "没有此页面");
pub(super) const NOT_FOUND_HINT: Phrase = say("The address may be mistyped, or what it named has left the window.", "地址可能有误，或所指内容已超出时间窗。");
pub(super) const KB_UNKNOWN: Phrase = say("No attempt of {kb} is in the window", "时间窗内没有 {kb} 的尝试");
pub(super) const CLUSTER_UNKNOWN: Phrase = say("No cluster has the id {id}", "没有编号为 {id} 的故障群");
pub(super) const ROLLOUT_UNKNOWN: Phrase = say("No rollout is named {name}", "没有名为 {name} 的推送计划");
pub(super) const BACK: Phrase = say("Back to the overview", "返回总览");
pub(super) const DATABASE_AWAY: Phrase = say("The database did not answer", "数据库没有响应");
pub(super) const DATABASE_AWAY_HINT: Phrase = say("The other pages go on showing the last picture. Try again in a few seconds; if it stays, look at the log of kbwatch.", "其他页面继续显示最近一次的结果。请几秒后重试；若持续如此，请查看 kbwatch 的运行日志。");

// Lists of devices, and the search.
pub(super) const LIST_TITLE: Phrase = say("{of}: {n} devices {state}", "{of}：{n} 台设备{state}");
pub(super) const LIST_HINT: Phrase = say("As the database holds it now; the page before may be some seconds older.", "以数据库当前内容为准；上一页可能早几秒。");
pub(super) const LIST_EMPTY: Phrase = say("No device stands so now.", "目前没有此类设备。");
pub(super) const FOUND_TITLE: Phrase = say("Found for {text}", "搜索结果：{text}");
pub(super) const FOUND_MORE: Phrase = say("There are more; write more of the name.", "还有更多结果，请输入更完整的名称。");

// Health of the data.
pub(super) const UNDERSTOOD_NONE: Phrase = say("No collector has told what it understood yet", "尚无采集器报告日志解读情况");
pub(super) const UNDERSTOOD_FINE: Phrase = say("Every log is understood as usual", "各类日志的解读情况均属正常");
pub(super) const UNDERSTOOD_STRANGE: Phrase = say("A build of Windows writes something that is not understood", "有系统版本写出了无法解读的内容");
pub(super) const UNDERSTOOD_HINT: Phrase = say("Most lines of a log say nothing of updates, so the share that is not understood is high everywhere. What counts is a build that differs from the others: its logs may hold failures that nobody sees. Send a log of such a device to whoever maintains the parsers.", "日志中大多数行与更新无关，因此无法解读的比例普遍较高。关键在于某个版本与其他版本不同：其日志中可能有无人察觉的失败。请将此类设备的日志交给维护解析规则的人员。");
pub(super) const UNDERSTOOD_LINES: Phrase = say("{source} on build {build}: {here} of lines are not understood (elsewhere in the fleet: {there}), {devices} devices", "{source}，系统版本 {build}：{here} 的行无法解读（全网其他版本：{there}），涉及 {devices} 台设备");
pub(super) const UNDERSTOOD_CODES: Phrase = say("{source} on build {build}: {here} of failing codes are not known (elsewhere in the fleet: {there}), {devices} devices", "{source}，系统版本 {build}：{here} 的错误代码不认识（全网其他版本：{there}），涉及 {devices} 台设备");
pub(super) const WINDOWS_BUILD: Phrase = say("Windows build", "系统版本");
pub(super) const BUILD_UNKNOWN: Phrase = say("build not known", "版本未知");
pub(super) const LINES_READ: Phrase = say("Lines read", "已读行数");
pub(super) const LINES_UNKNOWN: Phrase = say("Not understood", "无法解读");
pub(super) const CODES_UNKNOWN: Phrase = say("Codes not known", "不认识的代码");
pub(super) const WHOLE_FLEET: Phrase = say("whole fleet", "全网");
pub(super) const LOST: Phrase = say("Lost unread", "未读即丢失");
pub(super) const LOST_BYTES: Phrase = say("{bytes} bytes, {files} files", "{bytes} 字节，{files} 个文件");
pub(super) const UNREADABLE_TITLE: Phrase = say("Logs that cannot be read: {n} devices", "无法读取的日志：{n} 台设备");
pub(super) const UNREADABLE_HINT: Phrase = say("Of such a log nothing arrives: what fails there is not seen. On the device, kbwatch-collector check says which file it is and what to do.", "此类日志不会有任何数据上报，其中的失败无人察觉。请在设备上运行采集器的自检命令，查看具体文件与处理办法。");
pub(super) const UNREADABLE_LINE: Phrase = say("{n} devices cannot read a log: what fails there is not seen.", "{n} 台设备无法读取日志，其中的失败无人察觉。");
pub(super) const UNREADABLE_SINCE: Phrase = say("Since (device clock)", "起始时间（设备时钟）");
pub(super) const LOGS: Phrase = say("Logs", "日志数");
pub(super) const UNLIKE_OTHERS: Phrase = say("unlike the others", "与其他版本不同");

#[cfg(test)]
mod tests {
    use super::*;
    use maud::html;

    fn is_han(c: char) -> bool {
        ('\u{4e00}'..='\u{9fff}').contains(&c)
    }

    fn places(text: &str) -> Vec<&str> {
        let mut names: Vec<&str> = text
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(name, _)| name)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The texts as they stand in this file: name, English, Chinese.
    fn table() -> Vec<(&'static str, &'static str, &'static str)> {
        include_str!("text.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("pub(super) const "))
            .filter_map(|line| {
                let (name, rest) = line.split_once(": Phrase = say(\"")?;
                let (en, rest) = rest.split_once("\", \"")?;
                Some((name, en, rest.strip_suffix("\");")?))
            })
            .collect()
    }

    #[test]
    fn no_text_lacks_a_language_or_a_place() {
        let lines = include_str!("text.rs").matches("Phrase = say(\"").count();
        assert_eq!(table().len(), lines, "a text is not on one line");
        let same_in_both = ["KB", "N_OF_M", "FACT_IS", "FACT_CHANGE"];
        for (name, en, zh) in table() {
            assert_eq!(places(en), places(zh), "{name} fills different places");
            if name == "OTHER_LANG" || same_in_both.contains(&name) {
                continue;
            }
            assert!(!en.is_empty() && !en.chars().any(is_han), "{name}: {en}");
            assert!(zh.chars().any(is_han), "{name}: {zh}");
            assert!(!zh.contains([';', '?', '(', ')']), "{name} needs full-width signs");
        }
    }

    #[test]
    fn fillings_are_markup_and_texts_are_escaped() {
        let phrase = say("a < {x} {y}", "");
        let x = html! { b { "{y}" } };
        let filled = phrase.fill(Lang::En, &[("x", x), ("y", html! { "&" })]);
        assert_eq!(filled.into_string(), "a &lt; <b>{y}</b> &amp;");
    }
}
