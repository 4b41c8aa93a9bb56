//! What the common result codes mean, in a sentence that a newcomer
//! understands.
//!
//! Names come from [`kbwatch_proto::result_code`]; a code without a sentence
//! here is shown by its name alone.

use kbwatch_proto::result_code::ResultCode;
use maud::{Markup, html};

use super::reader::Lang;
use super::text::{self, Phrase, say};

/// Meanings, ascending by code.
static MEANINGS: &[(u32, Phrase)] = &[
    (0x0000_0000, say("It worked.", "成功。")),
    (0x0024_0005, say("It is in and waits for a reboot.", "已装入，等待重启。")),
    (0x8000_4005, say("It failed without saying why.", "失败，但未说明原因。")),
    (0x8000_ffff, say("Something failed that the program did not foresee; often the folder of signatures is damaged.", "程序遇到意料之外的失败，多为签名目录损坏。")),
    (0x8007_0002, say("A file that should exist was not found.", "找不到应有的文件。")),
    (0x8007_0003, say("A folder that should exist was not found.", "找不到应有的目录。")),
    (0x8007_0005, say("Access was denied: by permissions or by security software.", "访问被拒绝，可能由权限或安全软件造成。")),
    (0x8007_000d, say("Data that Windows read was not valid: a damaged file, delta or setting.", "读到的数据无效：文件、差异包或设置已损坏。")),
    (0x8007_000e, say("The machine ran out of memory.", "内存不足。")),
    (0x8007_0020, say("Another program held a file open, often a virus scanner.", "文件被其他程序占用，多为杀毒软件。")),
    (0x8007_0057, say("A part of Windows was given a value that it does not accept.", "系统组件收到了不可接受的参数。")),
    (0x8007_0070, say("The disk is full.", "磁盘已满。")),
    (0x8007_0422, say("A service that updates need is disabled.", "更新所需的服务已被禁用。")),
    (0x8007_045b, say("The machine was shut down in the middle of the work.", "处理过程中机器被关闭。")),
    (0x8007_0490, say("An element that should exist was not found, often a driver.", "找不到应有的项目，多与驱动有关。")),
    (0x8007_05b4, say("It took too long and was given up.", "超时放弃。")),
    (0x8007_0643, say("The update's own installer failed; its log says why.", "更新自带的安装程序失败，原因见其自身日志。")),
    (0x8007_06ba, say("A service that was called did not answer.", "所调用的服务没有应答。")),
    (0x8007_06be, say("The servicing process ended in the middle of a call.", "服务进程在调用中途终止。")),
    (0x8007_0bc2, say("It worked and waits for a reboot.", "成功，等待重启。")),
    (0x8007_0bc9, say("It failed, and a reboot must finish what is pending first.", "失败，须先重启以完成未决操作。")),
    (0x8007_2ee2, say("The server did not answer in time.", "服务器未及时应答。")),
    (0x8007_2efd, say("No connection to the server could be made.", "无法连接服务器。")),
    (0x8007_2f8f, say("The secure connection failed: a wrong clock, or a device that opens encrypted traffic.", "安全连接失败：时钟有误，或有设备拆解加密流量。")),
    (0x8007_36b3, say("A part of Windows that the update builds on is not installed.", "更新所依赖的系统部件未安装。")),
    (0x8007_36cc, say("A file of Windows is not what its manifest says: it was altered or is damaged.", "系统文件与其清单不符，已被改动或损坏。")),
    (0x8007_3701, say("A part of Windows that another one refers to is missing.", "被引用的系统部件缺失。")),
    (0x8007_3712, say("The store of Windows components contradicts itself and must be repaired.", "组件存储内部不一致，需要修复。")),
    (0x8007_371b, say("Parts that must be installed together are not all there.", "必须一同安装的部件不齐全。")),
    (0x8008_0005, say("A system service could not be started.", "系统服务无法启动。")),
    (0x8009_2003, say("A file could not be read or written while signatures were checked.", "校验签名时文件读写失败。")),
    (0x8009_6010, say("A file's signature does not fit its content: altered on the way or on disk.", "文件签名与内容不符，在传输途中或磁盘上被改动。")),
    (0x800b_0100, say("A file that must be signed is not.", "必须签名的文件没有签名。")),
    (0x800b_0109, say("A certificate's issuer is not trusted on this machine.", "本机不信任证书的颁发者。")),
    (0x800f_0805, say("The package was not found or is not valid.", "找不到程序包或程序包无效。")),
    (0x800f_0806, say("Another servicing operation waits to be finished, often by a reboot.", "另一项服务操作尚未完成，多需重启。")),
    (0x800f_081e, say("The update is not meant for this machine.", "更新不适用于本机。")),
    (0x800f_081f, say("The files needed for the repair or feature are not in the source that was named.", "所指定的源中没有修复或功能所需的文件。")),
    (0x800f_0820, say("A person called it off.", "被人为取消。")),
    (0x800f_0821, say("It was broken off: it took too long, or the machine shut down.", "操作中止：耗时过长，或机器关机。")),
    (0x800f_0823, say("A newer servicing stack must be installed first.", "须先安装较新的服务堆栈。")),
    (0x800f_0826, say("It failed along with another update of the same batch; look at that one.", "因同批的另一更新失败而连带失败，应查看那一个。")),
    (0x800f_0828, say("There is not enough disk space.", "磁盘空间不足。")),
    (0x800f_0830, say("This Windows image can no longer be updated and must be replaced.", "此系统镜像已无法更新，须更换。")),
    (0x800f_0831, say("The manifest of an earlier update is missing; reinstall the update that is named.", "早先某个更新的清单缺失，请重新安装所指明的更新。")),
    (0x800f_0900, say("A manifest is damaged.", "清单文件已损坏。")),
    (0x800f_0906, say("The files needed could not be downloaded.", "无法下载所需文件。")),
    (0x800f_0907, say("A policy forbids the download.", "策略禁止下载。")),
    (0x800f_0920, say("The work during boot stopped making progress.", "启动期间的处理停滞不前。")),
    (0x800f_0921, say("Changes to files or registry failed, often held up by security software.", "文件或注册表改动失败，多受安全软件阻拦。")),
    (0x800f_0922, say("A last step of the install failed, for example because the boot partition is full.", "安装的收尾步骤失败，例如引导分区已满。")),
    (0x800f_0950, say("The feature was not found on the update server.", "更新服务器上找不到该功能。")),
    (0x800f_0954, say("The feature could not be fetched because updates come from WSUS.", "因更新源为 WSUS，无法获取该功能。")),
    (0x800f_0981, say("None of the deltas needed to rebuild a file exists.", "还原文件所需的差异包全部缺失。")),
    (0x800f_0982, say("The component that a delta builds on is not in the store.", "差异包所依据的组件不在组件存储中。")),
    (0x800f_0983, say("The folder of a component that a delta builds on is missing.", "差异包所依据组件的目录缺失。")),
    (0x800f_0984, say("A file that a delta builds on is missing.", "差异包所依据的文件缺失。")),
    (0x800f_0985, say("A file in the component store is damaged or altered, so its original could not be rebuilt.", "组件存储中的文件已损坏或被改动，无法还原其原始版本。")),
    (0x800f_0986, say("The new version of a file could not be built from its original.", "无法由原始文件生成新版本文件。")),
    (0x800f_0987, say("A file could not be rebuilt from its delta.", "无法由差异包还原文件。")),
    (0x800f_0988, say("The deltas in the store do not fit together.", "组件存储中的差异包相互不匹配。")),
    (0x800f_0991, say("The package lacks a file; an earlier update must be installed first.", "程序包缺少文件，须先安装前置更新。")),
    (0x8019_0193, say("The server or a proxy refused the download (HTTP 403).", "服务器或代理拒绝下载（HTTP 403）。")),
    (0x8024_000b, say("The operation was called off.", "操作被取消。")),
    (0x8024_0016, say("Another install or a reboot has to be finished first.", "须先完成另一项安装或重启。")),
    (0x8024_0017, say("The update is not meant for this machine.", "更新不适用于本机。")),
    (0x8024_001e, say("The update service was being stopped.", "更新服务正在停止。")),
    (0x8024_001f, say("There was no network connection.", "没有网络连接。")),
    (0x8024_0022, say("All updates of the batch failed; the inner codes say why.", "该批更新全部失败，原因见内层代码。")),
    (0x8024_002e, say("A policy forbids this update server.", "策略禁止使用该更新服务器。")),
    (0x8024_0034, say("The update could not be downloaded.", "更新下载失败。")),
    (0x8024_0438, say("The update server cannot be reached.", "无法到达更新服务器。")),
    (0x8024_200b, say("The installer failed; the inner code says why.", "安装程序失败，原因见内层代码。")),
    (0x8024_200d, say("The update has to be downloaded again.", "更新需要重新下载。")),
    (0x8024_2014, say("It is in and waits for a reboot.", "已装入，等待重启。")),
    (0x8024_2016, say("After the reboot the update was not in the state it should be in.", "重启后更新的状态与预期不符。")),
    (0x8024_4007, say("The update server answered with an error.", "更新服务器返回错误。")),
    (0x8024_4018, say("The server or a proxy refused access (HTTP 403).", "服务器或代理拒绝访问（HTTP 403）。")),
    (0x8024_4019, say("The file is not on the update server (HTTP 404).", "更新服务器上没有该文件（HTTP 404）。")),
    (0x8024_401c, say("The update server took too long (HTTP 408).", "更新服务器应答超时（HTTP 408）。")),
    (0x8024_4022, say("The update server is overloaded or down (HTTP 503).", "更新服务器过载或停机（HTTP 503）。")),
    (0x8024_402c, say("The name of the update server or proxy could not be resolved.", "无法解析更新服务器或代理的名称。")),
    (0x8024_402f, say("Downloaded metadata could not be processed in full, often because a filter altered it.", "下载的元数据未能完整处理，多因过滤设备改动。")),
    (0x8024_6008, say("The background transfer service could not be reached.", "无法连接后台传输服务。")),
    (0x8024_6013, say("The downloaded update was gone when it was needed.", "需要时已下载的更新不复存在。")),
    (0x8024_8007, say("The update agent's database lacks what was asked for.", "更新代理的数据库中没有所需信息。")),
    (0x80d0_5001, say("A proxy answered with something else than the file, for example a web page.", "代理返回的不是所要文件，例如返回了网页。")),
    (0xc007_000d, say("Data that Windows read was not valid: a damaged file or delta.", "读到的数据无效：文件或差异包已损坏。")),
    (0xc190_0101, say("A driver made the upgrade roll back.", "驱动程序导致升级回滚。")),
];

/// What a code means, in one sentence.
pub(super) fn meaning(lang: Lang, hresult: &str) -> Option<&'static str> {
    let code = ResultCode::parse(hresult)?.canonical();
    MEANINGS
        .binary_search_by_key(&code.0, |(known, _)| *known)
        .ok()
        .map(|at| MEANINGS[at].1.of(lang))
}

/// A code with its name: `0x800f0985 PSFX_E_…`. The name is looked up where the
/// caller has none. A failure of which no record states a code has none.
pub(super) fn code(lang: Lang, hresult: &str, symbol: &str) -> Markup {
    if hresult.is_empty() {
        return html! { span.muted { (text::NO_CODE_STATED.of(lang)) } };
    }
    let looked_up = ResultCode::parse(hresult).and_then(ResultCode::symbol);
    let symbol = if symbol.is_empty() {
        looked_up.unwrap_or_default()
    } else {
        symbol
    };
    html! {
        span.code translate="no" {
            code { (super::words::visible(hresult)) }
            @if !symbol.is_empty() { " " span.symbol { (super::words::visible(symbol)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings_stand_in_order_and_each_code_has_a_name() {
        assert!(MEANINGS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (code, _) in MEANINGS {
            let nameless = [0xc007_000d, 0x80d0_5001, 0xc190_0101];
            let named = ResultCode(*code).symbol().is_some() || nameless.contains(code);
            assert!(named, "0x{code:08x}");
        }
    }

    #[test]
    fn every_spelling_finds_the_sentence() {
        for spelling in ["0x800f0985", "-2146498171", "800F0985"] {
            let sentence = meaning(Lang::En, spelling).unwrap_or_default();
            assert!(sentence.contains("component store"), "{spelling}");
        }
        assert_eq!(meaning(Lang::Zh, "<b>"), None);
    }

    #[test]
    fn a_failure_without_a_code_is_said_to_state_none() {
        let shown = |lang| code(lang, "", "").into_string();
        assert!(shown(Lang::En).contains("no code stated"));
        assert!(shown(Lang::Zh).contains("未注明结果码"));
        assert_eq!(meaning(Lang::En, ""), None);
    }

    #[test]
    fn sentences_end_as_sentences_in_both_languages() {
        for (code, phrase) in MEANINGS {
            assert!(phrase.of(Lang::En).ends_with('.'), "0x{code:08x}");
            assert!(phrase.of(Lang::Zh).ends_with('。'), "0x{code:08x}");
        }
    }
}
