//! Messages of the update agent, of servicing and of the stand-alone installer
//! as the event viewer shows them.

mod packages;

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase};

use super::super::event_log::{is_store_app, meaning};
use super::super::mask::mask;
use super::super::report::put;
use super::super::{outcome, scan};
use super::beginnings::{self, UPDATE_AGENT};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider {
    UpdateAgent,
    Servicing,
    Wusa,
}

/// A message, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said<'a> {
    pub(super) provider: Provider,
    pub(super) phase: Phase,
    pub(super) result: EventResult,
    /// The message itself, without what stands before it and without the
    /// command line behind it.
    pub(super) text: &'a str,
    title: &'a str,
    package: &'a str,
    states: (&'a str, &'a str),
    client: &'a str,
    hresult: Option<u32>,
    number: u32,
}

impl<'a> Said<'a> {
    /// Finds a known message in a line.
    pub(super) fn read(line: &'a str) -> Option<Self> {
        for (start, number) in UPDATE_AGENT {
            if let Some(at) = line.find(start) {
                return Self::of_update_agent(*number, &line[at..]);
            }
        }
        if let Some((text, number)) = beginnings::in_other_language(line) {
            return Self::of_update_agent(number, text);
        }
        of_wusa(line).or_else(|| packages::of_servicing(line))
    }

    /// A message of the update agent with this event number.
    pub(super) fn of_update_agent(number: u32, text: &'a str) -> Option<Self> {
        let (phase, result) = meaning(number)?;
        let mut said = Self::new(Provider::UpdateAgent, phase, result, text);
        said.number = number;
        let coded = matches!(number, 20 | 24 | 25 | 31 | 213);
        let mut rest = text;
        if coded && let Some(at) = text.find("0x") {
            said.set_code(scan::code(&text.as_bytes()[at..]));
            rest = &text[at..];
        } else if let Some((_, behind)) = text.split_once([':', '：']) {
            rest = behind;
        }
        if let Some((_, title)) = rest.split_once(": ").or_else(|| rest.split_once('：')) {
            let title = title.trim();
            said.title = title.strip_suffix(['.', '。']).unwrap_or(title);
        }
        Some(said)
    }

    /// A message of servicing with this event number, in any language: what it
    /// names and its code.
    pub(super) fn of_servicing_number(number: u32, text: &'a str) -> Option<Self> {
        let result = match number {
            1 => EventResult::Start,
            2 => EventResult::Success,
            3 => EventResult::Fail,
            4 => EventResult::PendingReboot,
            _ => return None,
        };
        let mut said = Self::new(Provider::Servicing, Phase::Install, result, text);
        said.number = number;
        let is_package = |word: &&str| word.contains('~') || scan::kb(word.as_bytes()).is_some();
        let mut words = text.split(|c: char| !(c.is_ascii_graphic()) || c == '"');
        said.package = words
            .find(is_package)?
            .trim_end_matches(['.', ',', ':', ';']);
        if let Some(at) = text.find("0x") {
            said.set_code(scan::code(&text.as_bytes()[at..]));
        }
        Some(said)
    }

    fn new(provider: Provider, phase: Phase, result: EventResult, text: &'a str) -> Self {
        Self {
            provider,
            phase,
            result,
            text,
            title: "",
            package: "",
            states: ("", ""),
            client: "",
            hresult: None,
            number: 0,
        }
    }

    /// A failure's code decides what kind of end it was.
    fn set_code(&mut self, code: Option<u32>) {
        self.hresult = code;
        if self.result == EventResult::Fail
            && let Some(code) = code.filter(|code| *code != 0)
        {
            self.result = outcome::of_code(code);
        }
    }

    pub(super) fn describe(&self, event: &mut UpdateEvent) {
        let source = match self.provider {
            Provider::UpdateAgent => "Microsoft-Windows-WindowsUpdateClient",
            Provider::Servicing => "Microsoft-Windows-Servicing",
            Provider::Wusa => "Microsoft-Windows-WUSA",
        };
        event.source = source.into();
        event.hresult = self.hresult;
        event.title = mask(self.title);
        event.client = mask(self.client);
        if self.package.contains('~') {
            event.package = mask(self.package);
        } else {
            event.identifier = mask(self.package);
        }
        self.states.0.clone_into(&mut event.start_state);
        self.states.1.clone_into(&mut event.target_state);
        event.kb = scan::kb(self.title.as_bytes())
            .or_else(|| scan::kb(self.package.as_bytes()))
            // Some languages put no colon before the title.
            .or_else(|| scan::kb(self.text.as_bytes()).filter(|_| self.title.is_empty()))
            .unwrap_or_default();
        if event.kb.is_empty()
            && event.result == EventResult::Fail
            && let Some(code) = self.hresult.filter(|code| *code != 0)
        {
            event.result = outcome::of_driver_code(code);
        }
        if is_store_app(self.title) {
            event.phase = Phase::AppxProvision;
            event.kb.clear();
        }
        if self.number != 0 {
            put(event, "event_number", self.number.to_string());
        }
    }
}

/// `Windows update "T" could not be installed because of error 2388526074 …`.
fn of_wusa(line: &str) -> Option<Said<'_>> {
    let at = line
        .find("Windows update \"")
        .or_else(|| line.find("Windows update could"))?;
    let text = &line[at..];
    let text = text.split("(Command line").next().unwrap_or(text).trim();
    let (result, number) = if text.contains("could not be installed") {
        (EventResult::Fail, 3)
    } else if text.contains("requires a computer restart") {
        (EventResult::PendingReboot, 4)
    } else if text.contains("was successfully installed") {
        (EventResult::Success, 2)
    } else {
        return None;
    };
    let mut said = Said::new(Provider::Wusa, Phase::Install, result, text);
    said.number = number;
    if let Some((_, code)) = text.split_once("because of error ") {
        let digits = code.split([' ', '"']).next().unwrap_or_default();
        said.set_code(
            digits
                .parse()
                .ok()
                .or_else(|| scan::code(digits.as_bytes())),
        );
    }
    if let Some((_, title)) = text.split_once('"') {
        said.title = title.split('"').next().unwrap_or_default();
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_read_in_every_known_language() {
        for text in [
            "Installation Failure: Windows failed to install the following update with error \
             0x800F0922: 2023-01 Update (KB5022286).",
            "安装失败: Windows 安装下列更新失败，错误为 0x800F0922: 2023-01 Update (KB5022286)。",
            "Ошибка установки: не удается установить следующее обновление из-за ошибки \
             0x800F0922: 2023-01 Update (KB5022286).",
        ] {
            let said = Said::read(text).unwrap();
            assert_eq!(said.result, EventResult::Fail, "{text}");
            assert_eq!(said.hresult, Some(0x800f_0922));
            assert_eq!(said.title, "2023-01 Update (KB5022286)");
        }
    }

    #[test]
    fn servicing_and_the_installer_say_the_same_of_a_package() {
        let row = "Information host 3 Microsoft-Windows-Servicing N/A user Package KB5022286 \
            failed to be changed to the Installed state. Status: 0x800f0985.";
        let said = Said::read(row).unwrap();
        assert_eq!((said.package, said.states.1), ("KB5022286", "Installed"));
        assert_eq!(said.hresult, Some(0x800f_0985));
        assert!(!said.text.contains("host"));
        let row = "Error host 3 Microsoft-Windows-WUSA N/A D\\u Windows update \"T (KB5022286)\" \
            could not be installed because of error 2149842967 \"\" (Command line: \"C:\\x\")";
        let said = Said::read(row).unwrap();
        assert_eq!(said.result, EventResult::NotApplicable);
        assert_eq!(said.hresult, Some(0x8024_0017));
        assert_eq!(said.title, "T (KB5022286)");
        assert!(!said.text.contains("Command line") && !said.text.contains("D\\u"));
    }

    #[test]
    fn a_pending_reboot_is_no_success() {
        let said = Said::read(
            "A reboot is necessary before package KB5022286 can be changed to the Installed state.",
        );
        let said = said.unwrap();
        assert_eq!(said.result, EventResult::PendingReboot);
        assert_eq!((said.package, said.states.1), ("KB5022286", "Installed"));
    }
}
