//! The words themselves, a line each.

use super::Words;
use crate::dashboard::text::say;

/// Names of device facts.
pub(in crate::dashboard) const FACTS: Words = &[
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
pub(in crate::dashboard) const PHASES: Words = &[
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
pub(in crate::dashboard) const RESULTS: Words = &[
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
pub(in crate::dashboard) const OUTCOMES: Words = &[
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
pub(in crate::dashboard) const SOURCES: Words = &[
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
pub(in crate::dashboard) const UNREADABLE: Words = &[
    ("absent", say("not there", "不存在")),
    ("denied", say("access denied", "拒绝访问")),
    ("in_use", say("held by another program", "被其他程序占用")),
    ("not_a_file", say("not a file", "不是文件")),
    ("damaged", say("archive is damaged", "归档已损坏")),
    ("failed", say("cannot be read", "读取失败")),
];

/// Why a device is quiet.
pub(in crate::dashboard) const SILENCES: Words = &[
    ("dark_in_reboot", say("went dark inside an update's reboot", "更新重启途中失联")),
    ("link_down", say("link down, its neighbours are silent too", "线路中断，同网点设备均失联")),
    ("collector_stopped", say("collector stopped", "采集器停止")),
    ("off", say("switched off", "已关机")),
    ("retired", say("retired", "已退役")),
    ("unknown", say("reason not known", "原因未知")),
];

/// Device classes.
pub(in crate::dashboard) const CLASSES: Words = &[
    ("pc", say("PC", "办公机")),
    ("teller", say("teller", "柜面终端")),
    ("atm", say("ATM", "自助柜员机")),
    ("kiosk", say("kiosk", "自助终端")),
];

/// Fields of an event beyond those that the pages name themselves.
pub(in crate::dashboard) const FIELDS: Words = &[
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

/// Why a device is not ready for patch day.
pub(in crate::dashboard) const UNREADY: Words = &[
    ("store_corrupt", say("component store damaged", "组件存储已损坏")),
    ("dark_in_reboot", say("went dark inside an update's reboot", "更新重启途中失联")),
    ("disk_full", say("disk too full for an update", "磁盘空间不足以更新")),
    ("silent", say("silent", "失联")),
    ("pending_reboot", say("owes a reboot", "尚欠一次重启")),
    ("disk_low", say("little free disk", "磁盘空间偏少")),
];

/// What stands between a ring and go.
pub(in crate::dashboard) const BLOCKERS: Words = &[
    ("cluster", say("The update fails beyond the usual on devices of this ring.", "该更新在本环设备上的失败超出通常水平。")),
    ("cluster_elsewhere", say("The update fails beyond the usual in another ring.", "该更新在其他环中的失败超出通常水平。")),
    ("outside", say("Devices fail for a reason outside of the update; what it does is hidden until that is mended.", "有设备因更新之外的原因失败；修复之前无法看清更新本身。")),
    ("no_usual", say("No earlier update tells what is usual, so there is nothing to prove it against.", "没有更早的更新可说明通常水平，无从证明。")),
    ("rate", say("Too few devices settled to be sure of the rate.", "已有定论的设备太少，尚不能确定失败率。")),
    ("classes", say("Not every device class of the rollout is covered yet.", "尚未覆盖推送计划的全部设备类别。")),
    ("nothing_settled", say("No device has settled yet.", "尚无设备有定论。")),
];

/// What a person decided.
pub(in crate::dashboard) const DECISIONS: Words = &[
    ("go", say("go", "放行")),
    ("stop", say("stop", "停止")),
    ("hold", say("hold", "暂缓")),
];

/// Why there is no forecast.
pub(in crate::dashboard) const NO_FORECAST: Words = &[
    ("thin_history", say("Fewer than three earlier updates are known in full: that is too little to say when this one will be through.", "完整可比的更早更新不足三次，尚不能预测何时完成。")),
    ("not_begun", say("No target has begun yet.", "尚无目标设备开始。")),
    ("stalls", say("An earlier update never got that far from where this one stands: it may not get there by itself.", "有更早的更新从同样的进度起始终未能达到目标：可能无法自行完成。")),
    ("through", say("It is through.", "已达到目标。")),
];
