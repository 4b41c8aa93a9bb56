//! Texts of the overview, of silent devices, of the health of the data, and of
//! the page that reads a single log.

use super::{Phrase, say};

// Overview.
pub(in crate::dashboard) const OVERVIEW_NO_DEVICE: Phrase = say("No device has reported yet", "尚无设备上报");
pub(in crate::dashboard) const OVERVIEW_NO_DEVICE_HINT: Phrase = say("Start a collector on a device and point it at this gateway; its history appears here within seconds. Or read a single log file right away.", "在设备上启动采集器并指向本网关，几秒内即可在此看到其历史；也可以立即解读单个日志文件。");
pub(in crate::dashboard) const OVERVIEW_NO_ATTEMPT: Phrase = say("No attempt seen yet; {n} devices connected", "尚未见到更新尝试；已接入 {n} 台设备");
pub(in crate::dashboard) const OVERVIEW_NO_ATTEMPT_HINT: Phrase = say("The devices report, and none of their logs tells of an update that was tried in the window.", "设备均在上报，但在时间窗内，日志里没有任何更新尝试。");
pub(in crate::dashboard) const OVERVIEW_QUIET: Phrase = say("No KB fails beyond its usual rate", "没有 KB 的失败率超出通常水平");
pub(in crate::dashboard) const OVERVIEW_QUIET_HINT: Phrase = say("{kbs} KBs were tried on {devices} devices; what failed is within chance.", "{devices} 台设备共尝试了 {kbs} 个 KB；出现的失败属于正常波动。");
pub(in crate::dashboard) const OVERVIEW_FAILING_ONE: Phrase = say("{kb} is failing now", "{kb} 正在失败");
pub(in crate::dashboard) const OVERVIEW_FAILING_MORE: Phrase = say("{kb} and {n} more are failing now", "{kb} 等 {n} 个 KB 正在失败");
pub(in crate::dashboard) const TILE_DEVICES: Phrase = say("Devices connected", "已接入设备");
pub(in crate::dashboard) const TILE_DEVICES_HINT: Phrase = say("heard of lately: {present}", "近期有消息：{present} 台");
pub(in crate::dashboard) const TILE_SILENT: Phrase = say("Silent devices", "失联设备");
pub(in crate::dashboard) const TILE_SILENT_HINT: Phrase = say("gone dark inside a reboot: {n}", "停在重启途中：{n} 台");
pub(in crate::dashboard) const TILE_CLUSTERS: Phrase = say("Open clusters", "未结故障群");
pub(in crate::dashboard) const TILE_CLUSTERS_HINT: Phrase = say("devices in them: {n}", "涉及设备：{n} 台");
pub(in crate::dashboard) const TILE_CODES: Phrase = say("New result codes", "新结果码");
pub(in crate::dashboard) const TILE_CODES_HINT: Phrase = say("not seen for 180 days", "180 天内未出现过");
pub(in crate::dashboard) const OPEN_CLUSTERS: Phrase = say("What fails beyond the usual", "超出通常水平的失败");
pub(in crate::dashboard) const OPEN_CLUSTERS_HINT: Phrase = say("A cluster is a group of devices on which one KB fails in one way, more often than chance and the usual rate explain.", "故障群：同一个 KB 以同一种方式失败的一组设备，且失败多于偶然与通常水平所能解释的程度。");
pub(in crate::dashboard) const NO_OPEN_CLUSTER: Phrase = say("No cluster is open.", "目前没有未结故障群。");
pub(in crate::dashboard) const KB_TABLE: Phrase = say("Updates by failures", "按失败数排列的更新");
pub(in crate::dashboard) const KB_TABLE_HINT: Phrase = say("Tried: devices with an attempt that ended, well or badly; the latest such attempt counts, also while a device tries again. One that waits for its first reboot is not counted yet.", "已尝试：至少有一次尝试已有结局（成功或失败）的设备，以最近一次有结局的尝试为准，重试期间也计入。首次安装后尚待重启的设备暂不计入。");
pub(in crate::dashboard) const PENDING_REBOOT: Phrase = say("Await reboot", "等待重启");
pub(in crate::dashboard) const TREND: Phrase = say("Trend", "走势");
pub(in crate::dashboard) const TREND_ALL: Phrase = say("Failures and attempts over time, all KBs", "全部 KB 的失败与尝试走势");
pub(in crate::dashboard) const TREND_KB: Phrase = say("Failures and attempts over time", "失败与尝试走势");
pub(in crate::dashboard) const TREND_FAILED: Phrase = say("Devices failed per {span}", "每 {span}失败的设备数");
pub(in crate::dashboard) const TREND_TRIED: Phrase = say("Devices tried per {span}", "每 {span}尝试的设备数");
pub(in crate::dashboard) const TREND_BAR: Phrase = say("{time}: {failed} failed of {tried} tried", "{time}：尝试 {tried} 台，失败 {failed} 台");
pub(in crate::dashboard) const TREND_EMPTY: Phrase = say("Nothing was tried in the window.", "时间窗内没有尝试。");
pub(in crate::dashboard) const NEW_CODES: Phrase = say("New codes", "新结果码");
pub(in crate::dashboard) const NO_NEW_CODE: Phrase = say("No failed attempt ended with a code that is new to the fleet.", "没有失败的尝试出现本网未见过的结果码。");
pub(in crate::dashboard) const FIRST_SEEN: Phrase = say("First seen", "首次出现");
pub(in crate::dashboard) const SILENT_SHORT: Phrase = say("Silent devices", "失联设备");
pub(in crate::dashboard) const ALL_SILENT: Phrase = say("All {n} silent devices", "全部 {n} 台失联设备");
pub(in crate::dashboard) const FLEET: Phrase = say("Fleet", "设备构成");

// Silent devices.
pub(in crate::dashboard) const SILENT_TITLE: Phrase = say("{n} of {m} devices are silent", "{m} 台设备中 {n} 台失联");
pub(in crate::dashboard) const SILENT_NONE: Phrase = say("No device is silent", "没有失联设备");
pub(in crate::dashboard) const SILENT_NONE_HINT: Phrase = say("All {n} devices were heard of lately. Each speaks at least every 10 minutes, even when it has nothing to tell.", "全部 {n} 台设备近期均有消息。设备即使无事可报，也至少每 10 分钟上报一次。");
pub(in crate::dashboard) const SILENT_HINT: Phrase = say("Each device speaks at least every 10 minutes. Those that fell silent inside the reboot of an update come first: they may not have come back.", "每台设备至少每 10 分钟上报一次。在更新重启途中失联的排在最前：它们可能未能恢复启动。");
pub(in crate::dashboard) const LAST_HEARD: Phrase = say("Last heard of", "最近一次上报");
pub(in crate::dashboard) const SILENT_FOR: Phrase = say("Silent for", "失联时长");
pub(in crate::dashboard) const OPEN_KB: Phrase = say("Update under way", "进行中的更新");

// Health of the data.
pub(in crate::dashboard) const UNDERSTOOD_NONE: Phrase = say("No collector has told what it understood yet", "尚无采集器报告日志解读情况");
pub(in crate::dashboard) const UNDERSTOOD_FINE: Phrase = say("Every log is understood as usual", "各类日志的解读情况均属正常");
pub(in crate::dashboard) const UNDERSTOOD_STRANGE: Phrase = say("A build of Windows writes something that is not understood", "有系统版本写出了无法解读的内容");
pub(in crate::dashboard) const UNDERSTOOD_HINT: Phrase = say("Most lines of a log say nothing of updates, so the share that is not understood is high everywhere. What counts is a build that differs from the others: its logs may hold failures that nobody sees. Send a log of such a device to whoever maintains the parsers.", "日志中大多数行与更新无关，因此无法解读的比例普遍较高。关键在于某个版本与其他版本不同：其日志中可能有无人察觉的失败。请将此类设备的日志交给维护解析规则的人员。");
pub(in crate::dashboard) const UNDERSTOOD_LINES: Phrase = say("{source} on build {build}: {here} of lines are not understood (elsewhere in the fleet: {there}), {devices} devices", "{source}，系统版本 {build}：{here} 的行无法解读（全网其他版本：{there}），涉及 {devices} 台设备");
pub(in crate::dashboard) const UNDERSTOOD_CODES: Phrase = say("{source} on build {build}: {here} of failing codes are not known (elsewhere in the fleet: {there}), {devices} devices", "{source}，系统版本 {build}：{here} 的错误代码不认识（全网其他版本：{there}），涉及 {devices} 台设备");
pub(in crate::dashboard) const WINDOWS_BUILD: Phrase = say("Windows build", "系统版本");
pub(in crate::dashboard) const BUILD_UNKNOWN: Phrase = say("build not known", "版本未知");
pub(in crate::dashboard) const LINES_READ: Phrase = say("Lines read", "已读行数");
pub(in crate::dashboard) const LINES_UNKNOWN: Phrase = say("Not understood", "无法解读");
pub(in crate::dashboard) const CODES_UNKNOWN: Phrase = say("Codes not known", "不认识的代码");
pub(in crate::dashboard) const WHOLE_FLEET: Phrase = say("whole fleet", "全网");
pub(in crate::dashboard) const LOST: Phrase = say("Lost unread", "未读即丢失");
pub(in crate::dashboard) const LOST_BYTES: Phrase = say("{bytes} bytes, {files} files", "{bytes} 字节，{files} 个文件");
pub(in crate::dashboard) const UNREADABLE_TITLE: Phrase = say("Logs that cannot be read: {n} devices", "无法读取的日志：{n} 台设备");
pub(in crate::dashboard) const UNREADABLE_HINT: Phrase = say("Of such a log nothing arrives: what fails there is not seen. On the device, kbwatch-collector check says which file it is and what to do.", "此类日志不会有任何数据上报，其中的失败无人察觉。请在设备上运行采集器的自检命令，查看具体文件与处理办法。");
pub(in crate::dashboard) const UNREADABLE_LINE: Phrase = say("{n} devices cannot read a log: what fails there is not seen.", "{n} 台设备无法读取日志，其中的失败无人察觉。");
pub(in crate::dashboard) const UNREADABLE_SINCE: Phrase = say("Since (device clock)", "起始时间（设备时钟）");
pub(in crate::dashboard) const LOGS: Phrase = say("Logs", "日志数");
pub(in crate::dashboard) const UNLIKE_OTHERS: Phrase = say("unlike the others", "与其他版本不同");

// Reading a single log.
pub(in crate::dashboard) const DROP_TITLE: Phrase = say("What does this log say?", "这份日志说了什么？");
pub(in crate::dashboard) const DROP_HINT: Phrase = say("CBS.log, CbsPersist files, dism.log, WindowsUpdate.log, .evtx event logs, or lists of installed updates. The file is read on this server and not kept.", "支持 CBS.log、CbsPersist 文件、dism.log、WindowsUpdate.log、.evtx 事件日志和已安装更新清单。文件只在本服务器上解读，不会保留。");
pub(in crate::dashboard) const DROP_FILE: Phrase = say("Log files", "日志文件");
pub(in crate::dashboard) const DROP_SEND: Phrase = say("Read", "解读");
