//! Texts that every page or several pages show.

use super::{Phrase, say};

// The frame of every page.
pub(in crate::dashboard) const SITE: Phrase = say("Windows updates across the fleet", "全网 Windows 更新状况");
pub(in crate::dashboard) const NAV: Phrase = say("Pages", "页面");
pub(in crate::dashboard) const NAV_OVERVIEW: Phrase = say("Overview", "总览");
pub(in crate::dashboard) const NAV_CLUSTERS: Phrase = say("Clusters", "故障群");
pub(in crate::dashboard) const NAV_ROLLOUTS: Phrase = say("Rollouts", "推送计划");
pub(in crate::dashboard) const NAV_SILENT: Phrase = say("Silent devices", "失联设备");
pub(in crate::dashboard) const NAV_READINESS: Phrase = say("Readiness", "更新准备");
pub(in crate::dashboard) const NAV_DROP: Phrase = say("Read a log", "解读日志");
pub(in crate::dashboard) const NAV_DATA: Phrase = say("Health of the data", "数据健康状况");
pub(in crate::dashboard) const SKIP: Phrase = say("Skip to content", "跳到正文");
pub(in crate::dashboard) const FIND_DEVICE: Phrase = say("Device, KB or code", "设备、KB 或代码");
pub(in crate::dashboard) const FIND: Phrase = say("Find", "查找");
pub(in crate::dashboard) const OTHER_LANG: Phrase = say("中文", "English");
pub(in crate::dashboard) const DATA_AS_OF: Phrase = say("Data as of {time}, {age}", "数据截至 {time}（{age}）");
pub(in crate::dashboard) const DATA_NEWEST: Phrase = say("newest record {time}, {age}", "最新记录 {time}（{age}）");
pub(in crate::dashboard) const DATA_OLD: Phrase = say("This picture is {age} old: the analyzer has not looked since. Check the analyzer and the database.", "此画面已是 {age}前的，分析器此后未再运行。请检查分析器和数据库。");
pub(in crate::dashboard) const DATA_UNHEARD: Phrase = say("No device was heard of for {age}. Check the collectors and the gateway.", "已有 {age}未收到任何设备的消息。请检查采集器和网关。");
pub(in crate::dashboard) const DATA_NONE: Phrase = say("No data yet", "尚无数据");
pub(in crate::dashboard) const ZONE: Phrase = say("times in {zone}", "时区 {zone}");
pub(in crate::dashboard) const FOOT: Phrase = say("Picture {cycle}, made in {ms} ms. The same as JSON: {link}", "第 {cycle} 次分析，用时 {ms} 毫秒。同样内容的 JSON：{link}");
pub(in crate::dashboard) const COPY: Phrase = say("Copy", "复制");
pub(in crate::dashboard) const COPIED: Phrase = say("Copied", "已复制");

// Numbers and times.
pub(in crate::dashboard) const RATE_NONE: Phrase = say("none", "无");
pub(in crate::dashboard) const RATE_OUT_OF: Phrase = say("{n} of {per}", "每 {per} 台约 {n} 台");
pub(in crate::dashboard) const AT_MOST: Phrase = say("at most {rate}", "至多{rate}");
pub(in crate::dashboard) const NEVER: Phrase = say("never", "从未");
pub(in crate::dashboard) const NOW: Phrase = say("now", "刚刚");
pub(in crate::dashboard) const AGO: Phrase = say("{span} ago", "{span}前");
pub(in crate::dashboard) const AHEAD: Phrase = say("{span} ahead of this clock", "比本机时钟快 {span}");
pub(in crate::dashboard) const UNIT_SECONDS: Phrase = say("{n} s", "{n} 秒");
pub(in crate::dashboard) const UNIT_MINUTES: Phrase = say("{n} min", "{n} 分钟");
pub(in crate::dashboard) const UNIT_HOURS: Phrase = say("{n} h", "{n} 小时");
pub(in crate::dashboard) const UNIT_DAYS: Phrase = say("{n} d", "{n} 天");

// Words of tables that several pages share.
pub(in crate::dashboard) const KB: Phrase = say("KB", "KB");
pub(in crate::dashboard) const DEVICE: Phrase = say("Device", "设备");
pub(in crate::dashboard) const DEVICES: Phrase = say("Devices", "设备数");
pub(in crate::dashboard) const FAILED_OF_TRIED: Phrase = say("Failed of tried", "失败 / 已尝试");
pub(in crate::dashboard) const N_OF_M: Phrase = say("{n} of {m}", "{n} / {m}");
pub(in crate::dashboard) const FAILURE_RATE: Phrase = say("Failure rate", "失败率");
pub(in crate::dashboard) const USUAL: Phrase = say("Usual", "通常");
pub(in crate::dashboard) const INTERVAL_95: Phrase = say("95% interval", "95% 区间");
pub(in crate::dashboard) const FIRST_TRIED: Phrase = say("First tried", "首次尝试");
pub(in crate::dashboard) const SINCE: Phrase = say("Since", "始于");
pub(in crate::dashboard) const RESULT_CODE: Phrase = say("Result code", "结果码");
pub(in crate::dashboard) const NO_CODE_STATED: Phrase = say("no code stated", "未注明结果码");
pub(in crate::dashboard) const MEANING: Phrase = say("Meaning", "含义");
pub(in crate::dashboard) const STATE: Phrase = say("State", "状态");
pub(in crate::dashboard) const SHARE: Phrase = say("Share", "占比");
pub(in crate::dashboard) const TOTAL: Phrase = say("Total", "合计");
pub(in crate::dashboard) const RING: Phrase = say("Ring", "更新环");
pub(in crate::dashboard) const CLASS: Phrase = say("Device class", "设备类别");
pub(in crate::dashboard) const FACT: Phrase = say("Fact", "属性");
pub(in crate::dashboard) const VALUE: Phrase = say("Value", "值");
pub(in crate::dashboard) const WHY: Phrase = say("Why", "原因");
pub(in crate::dashboard) const NOT_KNOWN: Phrase = say("not known", "未知");
pub(in crate::dashboard) const UNNAMED: Phrase = say("none stated", "未注明");
pub(in crate::dashboard) const AND: Phrase = say(" and ", " 且 ");
pub(in crate::dashboard) const FACT_IS: Phrase = say("{fact} {value}", "{fact} {value}");
pub(in crate::dashboard) const FIRST_N: Phrase = say("The first {n} of {m}.", "仅列出前 {n} 台，共 {m} 台。");
pub(in crate::dashboard) const DETAILS: Phrase = say("Details", "详情");

// Lists of devices, and the search.
pub(in crate::dashboard) const LIST_TITLE: Phrase = say("{of}: {n} devices {state}", "{of}：{n} 台设备{state}");
pub(in crate::dashboard) const LIST_HINT: Phrase = say("As the database holds it now; the page before may be some seconds older.", "以数据库当前内容为准；上一页可能早几秒。");
pub(in crate::dashboard) const LIST_EMPTY: Phrase = say("No device stands so now.", "目前没有此类设备。");
pub(in crate::dashboard) const FOUND_TITLE: Phrase = say("Found for {text}", "搜索结果：{text}");
pub(in crate::dashboard) const FOUND_MORE: Phrase = say("There are more; write more of the name.", "还有更多结果，请输入更完整的名称。");

// When something is not there.
pub(in crate::dashboard) const NOT_FOUND: Phrase = say("There is no such page", "没有此页面");
pub(in crate::dashboard) const NOT_FOUND_HINT: Phrase = say("The address may be mistyped, or what it named has left the window.", "地址可能有误，或所指内容已超出时间窗。");
pub(in crate::dashboard) const KB_UNKNOWN: Phrase = say("No attempt of {kb} is in the window", "时间窗内没有 {kb} 的尝试");
pub(in crate::dashboard) const CLUSTER_UNKNOWN: Phrase = say("No cluster has the id {id}", "没有编号为 {id} 的故障群");
pub(in crate::dashboard) const ROLLOUT_UNKNOWN: Phrase = say("No rollout is named {name}", "没有名为 {name} 的推送计划");
pub(in crate::dashboard) const BACK: Phrase = say("Back to the overview", "返回总览");
pub(in crate::dashboard) const DATABASE_AWAY: Phrase = say("The database did not answer", "数据库没有响应");
pub(in crate::dashboard) const DATABASE_AWAY_HINT: Phrase = say("The other pages go on showing the last picture. Try again in a few seconds; if it stays, look at the log of kbwatch.", "其他页面继续显示最近一次的结果。请几秒后重试；若持续如此，请查看 kbwatch 的运行日志。");
