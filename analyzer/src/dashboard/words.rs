//! The closed vocabularies of tables and events, as words for people.
//!
//! A word that is not listed is shown as it stands, marked as data.

use maud::{Markup, html};

use super::reader::Lang;
use super::text::{Phrase, say};
use crate::view::Life;

type Words = &'static [(&'static str, Phrase)];

/// Names of device facts.
pub(super) const FACTS: Words = &[
    ("arch", say("architecture", "架构")),
    ("branch", say("branch", "网点")),
    ("class", say("device class", "设备类别")),
    ("driver_storage", say("storage driver", "存储驱动")),
    ("edition", say("edition", "版本类型")),
    ("free_disk_gb", say("free disk, GB", "可用磁盘（GB）")),
    ("hostname", say("host name", "主机名")),
    ("image", say("image", "系统镜像")),
    ("build", say("build", "版本")),
    ("last_boot", say("last boot", "上次启动")),
    ("serial", say("serial number", "序列号")),
    ("language", say("language", "系统语言")),
    ("model", say("model", "机型")),
    ("os_build", say("Windows build", "系统版本号")),
    ("pending_reboot", say("reboot pending", "等待重启")),
    ("province", say("province", "省份")),
    ("ring", say("ring", "更新环")),
    ("security_product", say("security software", "安全软件")),
    ("security_version", say("security software version", "安全软件版本")),
    ("ubr", say("patch level", "补丁级别")),
    ("wsus", say("WSUS server", "WSUS 服务器")),
    ("distribution_point", say("distribution point", "分发点")),
];

/// What part of an update's life.
pub(super) const PHASES: Words = &[
    ("scan", say("scan", "扫描")),
    ("download", say("download", "下载")),
    ("hydrate", say("rebuild files from deltas", "由差异包还原文件")),
    ("stage", say("stage", "暂存")),
    ("install", say("install", "安装")),
    ("feature_install", say("feature install", "功能安装")),
    ("uninstall", say("uninstall", "卸载")),
    ("reboot", say("reboot", "重启")),
    ("reboot_commit", say("work at reboot", "重启时处理")),
    ("verify", say("verify", "核实")),
    ("corruption_detect", say("look for damage", "检查损坏")),
    ("corruption_repair", say("repair of the store", "修复组件存储")),
    ("sfc", say("system file check", "系统文件检查")),
    ("maintenance", say("maintenance", "日常维护")),
    ("inventory", say("inventory", "清点")),
    ("service", say("service", "服务")),
    ("appx_provision", say("store app", "商店应用")),
];

/// What an event says happened.
pub(super) const RESULTS: Words = &[
    ("start", say("began", "开始")),
    ("info", say("note", "信息")),
    ("success", say("succeeded", "成功")),
    ("fail", say("failed", "失败")),
    ("retry", say("will retry", "将重试")),
    ("warn", say("complaint", "警告")),
    ("cancelled", say("called off", "已取消")),
    ("pending_reboot", say("awaits reboot", "等待重启")),
    ("rolled_back", say("rolled back", "已回滚")),
    ("not_applicable", say("not applicable", "不适用")),
    ("hash_mismatch", say("file altered", "文件哈希不符")),
    ("corrupt_unrepaired", say("damaged, not mended", "损坏未修复")),
    ("repaired", say("mended", "已修复")),
    ("store_marked_corrupt", say("store marked corrupt", "组件存储已标记损坏")),
    ("manifest_missing", say("manifest missing", "清单缺失")),
    ("summary", say("summary", "汇总")),
    ("installed", say("installed", "已安装")),
    ("log_start", say("log begins", "日志开始")),
    ("log_rotated", say("log rotated", "日志轮换")),
];

/// How an attempt ended.
pub(super) const OUTCOMES: Words = &[
    ("succeeded", say("succeeded", "成功")),
    ("failed", say("failed", "失败")),
    ("pending_reboot", say("awaits reboot", "等待重启")),
    ("pending", say("awaits reboot", "等待重启")),
    ("rolled_back", say("rolled back", "已回滚")),
    ("cancelled", say("called off", "已取消")),
    ("unknown", say("without a verdict", "尚无结论")),
    ("in_progress", say("under way", "进行中")),
    ("open", say("under way", "进行中")),
    ("gone_silent", say("fell silent", "途中失联")),
];

/// Which log.
pub(super) const SOURCES: Words = &[
    ("cbs", say("servicing log (CBS)", "CBS 日志")),
    ("dism", say("DISM log", "DISM 日志")),
    ("windows_update", say("Windows Update log", "Windows 更新日志")),
    ("event_log", say("event log", "事件日志")),
    ("installed_updates", say("list of installed updates", "已安装更新清单")),
    ("reporting_events", say("reporting events", "更新报告日志")),
    ("configmgr", say("ConfigMgr log", "ConfigMgr 日志")),
    ("checksur", say("CheckSUR log", "CheckSUR 日志")),
    ("setup", say("setup log", "安装程序日志")),
    ("wusa", say("WUSA trace", "WUSA 跟踪")),
    ("setupdiag", say("SetupDiag result", "SetupDiag 结果")),
];

/// Why a log cannot be read.
pub(super) const UNREADABLE: Words = &[
    ("absent", say("not there", "不存在")),
    ("denied", say("access denied", "拒绝访问")),
    ("in_use", say("held by another program", "被其他程序占用")),
    ("not_a_file", say("not a file", "不是文件")),
    ("damaged", say("archive is damaged", "归档已损坏")),
    ("failed", say("cannot be read", "读取失败")),
];

/// Why a device is quiet.
pub(super) const SILENCES: Words = &[
    ("dark_in_reboot", say("went dark inside an update's reboot", "更新重启途中失联")),
    ("link_down", say("link down, its neighbours are silent too", "线路中断，同网点设备均失联")),
    ("collector_stopped", say("collector stopped", "采集器停止")),
    ("off", say("switched off", "已关机")),
    ("retired", say("retired", "已退役")),
    ("unknown", say("reason not known", "原因未知")),
];

/// Device classes.
pub(super) const CLASSES: Words = &[
    ("pc", say("PC", "办公机")),
    ("teller", say("teller", "柜面终端")),
    ("atm", say("ATM", "自助柜员机")),
    ("kiosk", say("kiosk", "自助终端")),
];

/// Fields of an event beyond those that the pages name themselves.
pub(super) const FIELDS: Words = &[
    ("event_id", say("record id", "记录编号")),
    ("imported_by", say("brought by", "导入者")),
    ("imported_from", say("brought from", "导入来源")),
    ("source_kind", say("log", "日志类别")),
    ("origin", say("log name", "日志名称")),
    ("position", say("line or record number", "行号或记录号")),
    ("source", say("speaker in the log", "日志中的来源")),
    ("printed_at", say("time as printed", "日志原样时间")),
    ("occurred_at", say("time", "发生时间")),
    ("time_source", say("how the time is known", "时间依据")),
    ("time_quality", say("quality of the time", "时间可信度")),
    ("observed_at", say("read by the collector", "采集时间")),
    ("received_at", say("received by the gateway", "网关接收时间")),
    ("phase", say("phase", "阶段")),
    ("result", say("what happened", "结果")),
    ("hresult", say("result code", "结果码")),
    ("nested_status", say("inner code", "内层代码")),
    ("operation_result", say("result of the run", "运行结果")),
    ("kb", say("KB", "KB")),
    ("identifier", say("identifier", "标识")),
    ("package", say("package", "程序包")),
    ("title", say("title", "标题")),
    ("update_guid", say("update id", "更新编号")),
    ("revision", say("revision", "修订")),
    ("component", say("component", "组件")),
    ("component_version", say("component version", "组件版本")),
    ("arch", say("architecture", "架构")),
    ("file", say("file", "文件")),
    ("hash_expected", say("hash it must have", "应有哈希")),
    ("hash_actual", say("hash it has", "实际哈希")),
    ("mark", say("mark", "标记")),
    ("operation", say("operation", "操作")),
    ("corruptions_detected", say("damages found", "发现损坏数")),
    ("repaired", say("damages mended", "已修复数")),
    ("duration_s", say("seconds it took", "用时（秒）")),
    ("health", say("health", "健康状态")),
    ("client", say("asked for by", "发起方")),
    ("session_id", say("servicing session", "服务会话")),
    ("failure_source", say("where it arose", "失败位置")),
    ("start_state", say("state before", "起始状态")),
    ("target_state", say("state wanted", "目标状态")),
    ("reboot_required", say("reboot needed", "需要重启")),
];

/// The word for people, or the word itself as data.
pub(super) fn word(words: Words, lang: Lang, key: &str) -> Markup {
    match find(words, key) {
        Some(phrase) => html! { (phrase.of(lang)) },
        None => data(key),
    }
}

/// The word for people, where the vocabulary has it.
pub(super) fn find(words: Words, key: &str) -> Option<Phrase> {
    words
        .iter()
        .find(|(known, _)| *known == key)
        .map(|(_, phrase)| *phrase)
}

/// Stage in the life of a cluster.
pub(super) fn life(life: Life) -> Phrase {
    match life {
        Life::New => say("new", "新出现"),
        Life::Growing => say("growing", "扩大中"),
        Life::Steady => say("steady", "持平"),
        Life::Fading => say("fading", "消退中"),
        Life::Closed => say("closed", "已结"),
        Life::Returned => say("returned", "复发"),
    }
}

/// Longest text from devices that is shown at a glance, in characters.
const GLANCE: usize = 160;

/// Text from logs or devices: marked as not to be translated, kept apart from
/// the direction of the text around it, with hidden characters made visible. A
/// long one is cut; its whole stands in the element's title.
pub(super) fn data(text: &str) -> Markup {
    let shown = visible(text);
    match shown.char_indices().nth(GLANCE) {
        None => html! { bdi translate="no" { (shown) } },
        Some((end, _)) => html! { bdi translate="no" title=(shown) { (shown[..end]) "…" } },
    }
}

/// Makes characters visible that would change how the text around them reads:
/// controls, direction marks, invisible ones. Line ends and tabs stay.
pub(super) fn visible(text: &str) -> String {
    if !text.contains(is_hidden) {
        return text.to_owned();
    }
    let by_number = |c: char| {
        if is_hidden(c) {
            format!("‹{:04X}›", u32::from(c))
        } else {
            c.to_string()
        }
    };
    text.chars().map(by_number).collect()
}

fn is_hidden(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    control
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use kbwatch_proto::words::{EventResult, Phase, SourceKind};

    #[test]
    fn every_word_of_the_event_vocabularies_is_translated() {
        for word in ["hydrate", "reboot_commit", "appx_provision"] {
            assert!(word.parse::<Phase>().is_ok() && find(PHASES, word).is_some());
        }
        for (word, _) in RESULTS {
            assert!(word.parse::<EventResult>().is_ok(), "{word}");
        }
        for (word, _) in SOURCES {
            assert!(word.parse::<SourceKind>().is_ok(), "{word}");
        }
        assert_eq!((RESULTS.len(), SOURCES.len()), (19, 11));
    }

    #[test]
    fn no_word_lacks_a_language() {
        let all = [
            FACTS, PHASES, RESULTS, OUTCOMES, SOURCES, UNREADABLE, SILENCES, CLASSES, FIELDS,
        ];
        for (key, phrase) in all.into_iter().flatten().filter(|(key, _)| *key != "kb") {
            assert!(phrase.of(Lang::En).is_ascii(), "{key}");
            assert!(!phrase.of(Lang::Zh).is_ascii(), "{key}");
        }
    }

    #[test]
    fn hidden_characters_are_shown_by_number() {
        assert_eq!(visible("a\u{202e}gpj.exe"), "a‹202E›gpj.exe");
        assert_eq!(visible("bell\u{7} zero\u{200b}"), "bell‹0007› zero‹200B›");
        assert_eq!(visible("two\r\nlines\t柜员"), "two\r\nlines\t柜员");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_kept_in_the_title() {
        let shown = data(&"柜".repeat(700)).into_string();
        assert_eq!(shown.matches('柜').count(), 700 + GLANCE);
        assert!(shown.contains("…"));
    }

    #[test]
    fn an_unknown_word_is_shown_as_data() {
        let shown = word(PHASES, Lang::Zh, "<explode>").into_string();
        assert_eq!(shown, "<bdi translate=\"no\">&lt;explode&gt;</bdi>");
    }
}
