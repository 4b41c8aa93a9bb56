//! Texts of rollouts.

use super::{Phrase, say};

// A rollout.
pub(in crate::dashboard) const ROLLOUTS_TITLE: Phrase = say("Rollouts", "推送计划");
pub(in crate::dashboard) const ROLLOUTS_NONE: Phrase = say("No rollout is declared.", "尚未登记推送计划。");
pub(in crate::dashboard) const ROLLOUTS_NONE_HINT: Phrase = say("Import a release with its target list, so that devices which never tried are counted as well:", "请导入版本及其目标清单，这样从未尝试的设备也会计入：");
pub(in crate::dashboard) const ROLLOUT_HEAD: Phrase = say("{name}: {done} of {targets} devices are done", "{name}：{targets} 台目标设备中 {done} 台已完成");
pub(in crate::dashboard) const ROLLOUT_RELEASE: Phrase = say("Release {release}:", "版本 {release}：");
pub(in crate::dashboard) const ROLLOUT_KB_OF_BUILD: Phrase = say("{kb} on {build}", "{build} 上为 {kb}");
pub(in crate::dashboard) const ROLLOUT_ROWS: Phrase = say("The whole target list", "目标清单全貌");
pub(in crate::dashboard) const ROLLOUT_ROWS_HINT: Phrase = say("Each target stands in exactly one row; the rows add up to the list.", "每台目标设备恰好归入一行，各行相加即为清单总数。");
pub(in crate::dashboard) const ROLLOUT_RINGS: Phrase = say("Rings", "更新环");
pub(in crate::dashboard) const ROLLOUT_PROGRESS: Phrase = say("Progress", "进度");
pub(in crate::dashboard) const ROLLOUT_PROGRESS_HINT: Phrase = say("Devices done, cumulative; dashed: all {n} targets", "累计完成设备数；虚线：全部 {n} 台目标");
pub(in crate::dashboard) const ROLLOUT_NO_PROGRESS: Phrase = say("No target is done yet.", "尚无目标设备完成。");
pub(in crate::dashboard) const ROLLOUT_TARGETS: Phrase = say("Targets", "目标数");
pub(in crate::dashboard) const DONE: Phrase = say("Done", "已完成");

pub(in crate::dashboard) const ROW_COMPLIANT: Phrase = say("done: at or past the release's build", "已完成：达到或超过该版本");
pub(in crate::dashboard) const ROW_FAILED: Phrase = say("failed in the latest attempt", "最近一次尝试失败");
pub(in crate::dashboard) const ROW_PENDING: Phrase = say("in, awaits a reboot", "已装入，等待重启");
pub(in crate::dashboard) const ROW_IN_PROGRESS: Phrase = say("attempt under way", "正在尝试");
pub(in crate::dashboard) const ROW_NOT_OFFERED: Phrase = say("no attempt seen", "尚未见到尝试");
pub(in crate::dashboard) const ROW_NOT_APPLICABLE: Phrase = say("not applicable: the release has no KB for its build", "不适用：该版本没有对应其系统的 KB");
pub(in crate::dashboard) const ROW_EXCUSED: Phrase = say("excused until a date", "暂免（有期限）");
pub(in crate::dashboard) const ROW_WAITING_WINDOW: Phrase = say("waits for its maintenance window", "等待其维护窗口");
pub(in crate::dashboard) const ROW_EXCLUDED: Phrase = say("taken out by a person", "人工排除");
pub(in crate::dashboard) const ROW_SILENT: Phrase = say("silent", "失联");
pub(in crate::dashboard) const ROW_NO_COLLECTOR: Phrase = say("on the list, never heard of: no collector", "在清单上但从未上报：未装采集器");
pub(in crate::dashboard) const OUT_SUCCEEDED: Phrase = say("succeeded, verified", "成功且已核实");
pub(in crate::dashboard) const OUT_HEALED: Phrase = say("of these, {n} had failed before", "其中 {n} 台先前曾失败");
pub(in crate::dashboard) const OUT_FAILED: Phrase = say("failed or rolled back", "失败或已回滚");
pub(in crate::dashboard) const OUT_PENDING: Phrase = say("in, awaits a reboot", "已装入，等待重启");
pub(in crate::dashboard) const OUT_CANCELLED: Phrase = say("called off", "已取消");
pub(in crate::dashboard) const OUT_UNKNOWN: Phrase = say("under way or without a verdict", "进行中或尚无结论");
pub(in crate::dashboard) const OUT_SILENT: Phrase = say("began and fell silent", "开始后失联");

// May a ring go on.
pub(in crate::dashboard) const VERDICTS: Phrase = say("May each ring go on?", "各环能否继续？");
pub(in crate::dashboard) const VERDICTS_HINT: Phrase = say("Stop: the update fails beyond the usual here. Go: proven to fail no more than usual and a margin, on devices that lived with it after their reboot, in every class. Watch: neither. What is said is kept as it was said; people decide.", "停止：该更新在此处的失败超出通常水平。放行：已在重启后稳定运行的设备上、覆盖全部类别，证明失败率不超过通常水平加余量。观察：二者皆未证明。结论一经给出即原样留存；决定由人作出。");
pub(in crate::dashboard) const VERDICT_GO: Phrase = say("Go", "放行");
pub(in crate::dashboard) const VERDICT_WATCH: Phrase = say("Watch", "观察");
pub(in crate::dashboard) const VERDICT_STOP: Phrase = say("Stop", "停止");
pub(in crate::dashboard) const VERDICT_SAYS: Phrase = say("What the figures say", "数据结论");
pub(in crate::dashboard) const VERDICT_PEOPLE: Phrase = say("What people decided", "人工决定");
pub(in crate::dashboard) const NO_RING: Phrase = say("without a ring", "未分环");
pub(in crate::dashboard) const VERDICT_SURE: Phrase = say("{confidence} sure that the failure rate lies below {limit}; {wanted} are asked for.", "有 {confidence} 的把握认为失败率低于 {limit}；要求达到 {wanted}。");
pub(in crate::dashboard) const VERDICT_NEEDED: Phrase = say("About {n} more devices must settle, failing as usual.", "还需约 {n} 台设备有定论（按通常失败率估计）。");
pub(in crate::dashboard) const VERDICT_NEEDED_NEVER: Phrase = say("More devices would not prove it at this rate.", "以目前的失败率，再多设备也无法证明。");
pub(in crate::dashboard) const VERDICT_TOO_SMALL: Phrase = say("The ring has only {n} that have not settled.", "本环仅余 {n} 台尚无定论。");
pub(in crate::dashboard) const VERDICT_CLUSTER: Phrase = say("{cluster} fails on {n} devices of this ring", "{cluster} 在本环 {n} 台设备上失败");
pub(in crate::dashboard) const VERDICT_CHANCE: Phrase = say("(chance of this at the usual rate: {p})", "（通常水平下出现此情形的概率：{p}）");
pub(in crate::dashboard) const VERDICT_FIGURES: Phrase = say("{failed} of {tried} failed, {silent} fell silent in the attempt, {soaked} have lived with it for {hours} h. At most {upper} fail; usual: {usual}.", "{tried} 台中 {failed} 台失败，{silent} 台在尝试途中失联，{soaked} 台已稳定运行 {hours} 小时。失败率至多 {upper}；通常：{usual}。");
pub(in crate::dashboard) const VERDICT_GIVEN: Phrase = say("Verdict {n}, given {time} by kbwatch {version}.", "第 {n} 号结论，由 kbwatch {version} 于 {time} 给出。");
pub(in crate::dashboard) const VERDICT_EVIDENCE: Phrase = say("Its evidence, as it stood then", "当时的依据");
pub(in crate::dashboard) const VERDICT_EARLIER: Phrase = say("Earlier verdicts ({n})", "此前的结论（{n}）");
pub(in crate::dashboard) const VERDICT_WITNESSES: Phrase = say("Devices that it rests on", "所依据的设备");
pub(in crate::dashboard) const COVER_CLASS: Phrase = say("{class}: {n} of {m} wanted have settled", "{class}：{n} 台有定论，要求 {m} 台");
pub(in crate::dashboard) const DECISION_NONE: Phrase = say("Nobody has decided yet. To record a decision:", "尚无人作出决定。记录决定的命令：");
pub(in crate::dashboard) const DECISION_ON: Phrase = say("{decision} by {who}, {time}, beside verdict {n} ({verdict})", "{who} 于 {time} 决定{decision}，当时为第 {n} 号结论（{verdict}）");
pub(in crate::dashboard) const DECISION_ON_NONE: Phrase = say("{decision} by {who}, {time}, before any verdict", "{who} 于 {time} 决定{decision}，当时尚无结论");
pub(in crate::dashboard) const DECISION_MORE: Phrase = say("Earlier decisions ({n})", "此前的决定（{n}）");

// What is planned, and how it will go on.
pub(in crate::dashboard) const FORECAST: Phrase = say("When will it be through?", "何时完成？");
pub(in crate::dashboard) const FORECAST_AT: Phrase = say("{goal} of {n} targets will be done between {first} and {last}, most likely about {middle}.", "{n} 台目标设备的 {goal} 预计在 {first} 至 {last} 之间完成，最可能在 {middle} 前后。");
pub(in crate::dashboard) const FORECAST_BASIS: Phrase = say("From {kbs}, from the same age on. If this update goes like them, it falls between with a chance of {confidence}.", "依据 {kbs} 在相同时点之后的进程；若此次与之相似，落在区间内的概率为 {confidence}。");
pub(in crate::dashboard) const FORECAST_AGE: Phrase = say("At this age {share} are done; at the same age earlier updates stood at {low} to {high}.", "目前完成 {share}；更早的更新在同一时点为 {low} 至 {high}。");
pub(in crate::dashboard) const FORECAST_WINDOWS: Phrase = say("{n} targets wait for their maintenance window.", "{n} 台目标设备在等待其维护窗口。");
pub(in crate::dashboard) const EXCEPTIONS: Phrase = say("Excused devices", "暂免设备");
pub(in crate::dashboard) const EXCEPTIONS_HINT: Phrase = say("Somebody answers for each of them. After its date a device counts again by itself.", "每台均有负责人；到期后自动恢复计入。");
pub(in crate::dashboard) const OWNER: Phrase = say("Owner", "负责人");
pub(in crate::dashboard) const UNTIL: Phrase = say("Until", "截止");
pub(in crate::dashboard) const ENDED_EXCEPTION: Phrase = say("ended", "已到期");
pub(in crate::dashboard) const WINDOWS: Phrase = say("Maintenance windows", "维护窗口");
pub(in crate::dashboard) const WINDOWS_HINT: Phrase = say("A device that no attempt was seen of and whose window is still to come is not late.", "尚未尝试且维护窗口未到的设备不算逾期。");
pub(in crate::dashboard) const WINDOW_FOR: Phrase = say("For", "适用于");
pub(in crate::dashboard) const WINDOW_ALL: Phrase = say("all devices", "全部设备");
pub(in crate::dashboard) const WINDOW_WHEN: Phrase = say("When", "时间");
pub(in crate::dashboard) const WINDOW_NEXT: Phrase = say("Next", "下一次");
pub(in crate::dashboard) const WINDOW_OPEN: Phrase = say("open now", "正在进行");
pub(in crate::dashboard) const WINDOW_NEVER: Phrase = say("none to come", "不再有");

// Before patch day.
pub(in crate::dashboard) const READY_TITLE: Phrase = say("{n} of {m} devices are not ready for the next update", "{m} 台设备中 {n} 台尚未为下次更新做好准备");
pub(in crate::dashboard) const READY_ALL: Phrase = say("All {m} devices are ready for the next update", "全部 {m} 台设备均已为下次更新做好准备");
pub(in crate::dashboard) const READY_HINT: Phrase = say("A damaged store, a full disk, a reboot that is owed and a silence each make an update fail; all are known before it is offered. 100: nothing speaks against the device.", "组件存储损坏、磁盘已满、尚欠重启和失联都会导致更新失败，而这些在推送之前就已知晓。100 分：无任何不利因素。");
pub(in crate::dashboard) const SCORE: Phrase = say("Score", "得分");
pub(in crate::dashboard) const BRANCH: Phrase = say("Branch", "网点");
pub(in crate::dashboard) const READY_REASONS: Phrase = say("What speaks against it", "不利因素");
pub(in crate::dashboard) const GB_FREE: Phrase = say("{n} GB free", "剩余 {n} GB");
