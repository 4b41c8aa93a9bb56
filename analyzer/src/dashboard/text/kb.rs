//! Texts of a KB, of a device and of its records.

use super::{Phrase, say};

// A KB.
pub(in crate::dashboard) const KB_TITLE_FAILING: Phrase = say("{kb} fails on {failed} of {tried} devices that tried it", "{kb}：尝试过的 {tried} 台设备中 {failed} 台失败");
pub(in crate::dashboard) const KB_TITLE_FINE: Phrase = say("{kb} went in on all {tried} devices that tried it", "{kb}：尝试过的 {tried} 台设备全部成功");
pub(in crate::dashboard) const KB_TITLE_NONE: Phrase = say("{kb}: no attempt has ended yet", "{kb}：尚无已结束的尝试");
pub(in crate::dashboard) const KB_BRINGS: Phrase = say("Brings build {build}.", "对应版本 {build}。");
pub(in crate::dashboard) const KB_RATE: Phrase = say("Failure rate {rate} (95%: {low} to {high}); usual: {usual}.", "失败率 {rate}（95% 区间：{low} 至 {high}）；通常：{usual}。");
pub(in crate::dashboard) const KB_BETWEEN: Phrase = say("First attempt {first}, latest {last}.", "首次尝试 {first}，最近 {last}。");
pub(in crate::dashboard) const OUTCOMES: Phrase = say("Where the devices stand", "设备当前状态");
pub(in crate::dashboard) const OUTCOMES_HINT: Phrase = say("Every device with an attempt of this KB, by the state of its latest one.", "所有尝试过此 KB 的设备，按最近一次尝试的状态统计。");
pub(in crate::dashboard) const BY_RING: Phrase = say("By ring", "按更新环");
pub(in crate::dashboard) const BY_CLASS: Phrase = say("By device class", "按设备类别");
pub(in crate::dashboard) const CODES: Phrase = say("How the failed ones ended", "失败设备的结果码");
pub(in crate::dashboard) const NO_CODE: Phrase = say("No device has failed.", "没有设备失败。");
pub(in crate::dashboard) const ITS_CLUSTERS: Phrase = say("Clusters of this KB", "此 KB 的故障群");
pub(in crate::dashboard) const NO_CLUSTER_OF_KB: Phrase = say("None: what fails is within chance and the usual rate.", "无：失败属于偶然或通常水平。");
pub(in crate::dashboard) const RATE_BAR: Phrase = say("{rate}, 95% interval {low} to {high}, usual {usual}", "{rate}，95% 区间 {low} 至 {high}，通常 {usual}");
pub(in crate::dashboard) const RATE_LEGEND: Phrase = say("Dot: rate. Bar: 95% interval. Dashed line: usual rate. Full width: {max}.", "圆点：失败率；横线：95% 区间；虚线：通常水平；满格：{max}。");

// Device and event.
pub(in crate::dashboard) const DEVICE_SEEN: Phrase = say("Last heard of {age}, at {time}.", "最近一次上报：{time}（{age}）。");
pub(in crate::dashboard) const DEVICE_UNSEEN: Phrase = say("Never heard of since presence is kept.", "自记录在线状态以来从未上报。");
pub(in crate::dashboard) const DEVICE_COLLECTOR: Phrase = say("Collector {version}; log bytes not read yet: {lag}.", "采集器 {version}；尚未读取的日志：{lag} 字节。");
pub(in crate::dashboard) const DEVICE_FAST: Phrase = say("Its clock is {span} ahead: times that its logs print are off by that much.", "其时钟快 {span}，日志中的时间相应有偏差。");
pub(in crate::dashboard) const DEVICE_SLOW: Phrase = say("Its clock is {span} behind: times that its logs print are off by that much.", "其时钟慢 {span}，日志中的时间相应有偏差。");
pub(in crate::dashboard) const FACT_CHANGES: Phrase = say("What changed", "变更记录");
pub(in crate::dashboard) const FACT_CHANGE: Phrase = say("{fact}: {old} → {new}", "{fact}：{old} → {new}");
pub(in crate::dashboard) const DEVICE_CLONED: Phrase = say("Two machines speak with this identity at once: a cloned image. Give one of them a certificate of its own.", "有两台机器同时使用此身份（镜像克隆）。请为其中一台签发独立证书。");
pub(in crate::dashboard) const ATTEMPTS: Phrase = say("Attempts", "更新尝试");
pub(in crate::dashboard) const NO_ATTEMPT: Phrase = say("No attempt of an update is known of this device.", "尚无此设备的更新尝试记录。");
pub(in crate::dashboard) const OUTCOME: Phrase = say("Outcome", "结局");
pub(in crate::dashboard) const BEGAN: Phrase = say("Began", "开始");
pub(in crate::dashboard) const ENDED: Phrase = say("Ended", "结束");
pub(in crate::dashboard) const PHASE: Phrase = say("Phase", "阶段");
pub(in crate::dashboard) const STILL_OPEN: Phrase = say("still open", "尚未结束");
pub(in crate::dashboard) const TIMELINE: Phrase = say("What its logs say, newest first", "日志记录（由新到旧）");
pub(in crate::dashboard) const TIMELINE_EMPTY: Phrase = say("None of its logs told of an update so far.", "其日志尚未提及任何更新。");
pub(in crate::dashboard) const TIMELINE_CUT: Phrase = say("The newest {n} records.", "仅列出最近 {n} 条记录。");
pub(in crate::dashboard) const AS_PRINTED: Phrase = say("as printed in the log; the log states no zone", "日志原样时间，日志未注明时区");
pub(in crate::dashboard) const BY_OFFSET: Phrase = say("time as printed, brought to this zone by the device's usual offset", "日志原样时间，按设备通常的时差换算");
pub(in crate::dashboard) const DAY_ONLY: Phrase = say("that day", "当日");
pub(in crate::dashboard) const FACTS: Phrase = say("Facts", "设备属性");
pub(in crate::dashboard) const FACTS_AS_OF: Phrase = say("As of {time}.", "截至 {time}。");
pub(in crate::dashboard) const NO_FACTS: Phrase = say("The device has told no facts yet.", "设备尚未上报属性。");
pub(in crate::dashboard) const DEVICE_CLUSTERS: Phrase = say("It belongs to", "所属故障群");
pub(in crate::dashboard) const DEVICE_UNKNOWN: Phrase = say("Nothing is known of device {id}", "没有设备 {id} 的任何信息");
pub(in crate::dashboard) const DEVICE_UNKNOWN_HINT: Phrase = say("Neither a log record nor a heartbeat came from it. Ids are those of the devices' certificates, in lower case.", "从未收到其日志或心跳。设备编号取自设备证书，均为小写。");
pub(in crate::dashboard) const EVENT_TITLE: Phrase = say("A record of {device}", "{device} 的一条记录");
pub(in crate::dashboard) const EVENT_UNKNOWN: Phrase = say("No record has the id {id}", "没有编号为 {id} 的记录");
pub(in crate::dashboard) const EVENT_UNKNOWN_HINT: Phrase = say("Records are kept for 400 days unless configured otherwise.", "除非另行配置，记录保留 400 天。");
pub(in crate::dashboard) const EVENT_FIELDS: Phrase = say("What was read from it", "解析出的内容");
pub(in crate::dashboard) const EVENT_TEXT: Phrase = say("The record itself, names and paths of people masked", "记录原文（人名与个人路径已遮盖）");
