//! Debian's Chromium without a window, spoken to over its debugging pipe: no
//! port, no driver, one process for all pages.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

const PROGRAM: &str = "/usr/bin/chromium";

/// The browser speaks on descriptors 3 and 4; the shell makes them of its
/// standard input and output. One that hangs is ended, and the test with it.
const LAUNCH: &str = r#"exec timeout -k 5 240 "$0" --remote-debugging-pipe "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// A running browser with one page.
pub(crate) struct Chromium {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: String,
    last_id: u64,
    complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) phone: bool,
    pub(crate) dark: bool,
}

impl Chromium {
    /// Starts a browser; `None` where there is none on this machine.
    pub(crate) fn start() -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", LAUNCH, PROGRAM])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        let mut browser = Self {
            child,
            to,
            from,
            session: String::new(),
            last_id: 0,
            complaints: Vec::new(),
            _profile: profile,
        };
        browser.attach();
        Some(browser)
    }

    fn attach(&mut self) {
        let made = self.call("Target.createTarget", &json!({"url": "about:blank"}));
        let how = json!({"targetId": made["targetId"], "flatten": true});
        let attached = self.call("Target.attachToTarget", &how);
        attached["sessionId"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.session);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), &json!({}));
        }
    }

    fn send(&mut self, method: &str, params: &Value) {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.to.write_all(message.to_string().as_bytes()).unwrap();
        self.to.write_all(&[0]).unwrap();
        self.to.flush().unwrap();
    }

    /// The next message; complaints of the page are kept on the way.
    fn receive(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(0), "the browser is gone");
        let message: Value = serde_json::from_slice(&bytes).unwrap();
        let method = message["method"].as_str().unwrap_or_default();
        let entry = &message["params"]["entry"];
        let error = method == "Log.entryAdded" && entry["level"] == "error";
        let console = method == "Runtime.consoleAPICalled" && message["params"]["type"] == "error";
        if error || console || method == "Runtime.exceptionThrown" {
            self.complaints.push(message["params"].to_string());
        }
        message
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.send(method, params);
        loop {
            let mut message = self.receive();
            if message["id"] == self.last_id {
                assert_eq!(message["error"], Value::Null, "{method}");
                return message["result"].take();
            }
        }
    }

    /// Opens an address and waits for its `load` event.
    pub(crate) fn open(&mut self, url: &str, look: Look) {
        let metrics = json!({
            "width": look.width, "height": 800, "deviceScaleFactor": 1, "mobile": look.phone,
        });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = if look.dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", &json!({"features": features}));
        self.call(
            "Emulation.setTimezoneOverride",
            &json!({"timezoneId": "Asia/Shanghai"}),
        );
        self.complaints.clear();
        self.send("Page.navigate", &json!({"url": url}));
        while self.receive()["method"] != "Page.loadEventFired" {}
    }

    /// What a script gives, as JSON.
    pub(crate) fn evaluate(&mut self, script: &str) -> Value {
        let params = json!({"expression": script, "returnByValue": true, "awaitPromise": true, "userGesture": true});
        let mut result = self.call("Runtime.evaluate", &params);
        assert_eq!(result["exceptionDetails"], Value::Null, "{script}");
        result["result"]["value"].take()
    }

    /// Errors that the page left in the console since it was opened.
    pub(crate) fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// The whole page as PNG.
    pub(crate) fn screenshot(&mut self) -> Vec<u8> {
        let params = json!({"format": "png", "captureBeyondViewport": true});
        let result = self.call("Page.captureScreenshot", &params);
        decoded(result["data"].as_str().unwrap())
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Closing it by its own command leaves none of its helpers behind.
        self.session.clear();
        self.send("Browser.close", &json!({}));
        drop(self.child.wait());
    }
}

/// Base64 with padding.
fn decoded(text: &str) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = |letter: u8| LETTERS.iter().position(|known| *known == letter);
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_usize, 0_u32);
    for letter in text.bytes().filter_map(value) {
        bits = (bits << 6 | letter) & 0xf_ffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
    }
    bytes
}

#[test]
fn base64_is_read_back() {
    assert_eq!(decoded("aGVsbG8="), b"hello");
    assert_eq!(decoded("/+8A"), [0xff, 0xef, 0x00]);
}
