//! As much of a browser as signing in takes: HTTP/1.1 on a socket, one cookie, JSON.

use crate::machine::{Machine, PATIENCE};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

/// A browser, or a program that calls the API.
#[derive(Clone)]
pub struct Browser {
    port: u16,
    headers: Vec<(String, String)>,
    cookie: Option<String>,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Browser {
    /// One that calls this machine, from itself.
    pub fn of(machine: &Machine) -> Self {
        Self { port: machine.port, headers: Vec::new(), cookie: None }
    }

    /// The same, with one more header; a cookie takes the place of its own.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        match name {
            "cookie" => self.cookie = Some(value.to_owned()),
            name => self.headers.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// `name=value` of the cookie that it holds.
    pub fn cookie(&self) -> Option<String> {
        self.cookie.clone()
    }

    /// Calls a method with JSON.
    #[track_caller]
    pub fn call(&mut self, method: &str, body: &Value) -> Answer {
        let path = format!("/api/v1/{method}");
        let answer = self.post(&path, "application/json", body.to_string().as_bytes());
        if let Some(set) = answer.set_cookie() {
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        answer
    }

    /// Calls a method with an empty message by gRPC-Web; the status of its answer.
    #[track_caller]
    pub fn grpc_web(&mut self, method: &str) -> Option<u32> {
        let path = format!("/holdfast.api.v1.{method}");
        let answer = self.post(&path, "application/grpc-web+proto", &[0; 5]);
        let all = answer.head.to_lowercase() + &String::from_utf8_lossy(&answer.body);
        let status = all.split("grpc-status:").nth(1)?.trim_start();
        status.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
    }

    /// Says that so many bytes will come, and sends none of them.
    pub fn begins(&self, path: &str, content_type: &str, announced: usize) -> Answer {
        Answer::read(self.send_head(path, content_type, announced))
    }

    fn send(&self, path: &str, content_type: &str, body: &[u8]) -> TcpStream {
        let mut stream = self.send_head(path, content_type, body.len());
        stream.write_all(body).unwrap();
        stream
    }

    fn send_head(&self, path: &str, content_type: &str, announced: usize) -> TcpStream {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n\
             content-type: {content_type}\r\ncontent-length: {announced}\r\n",
            self.port
        );
        let cookie = self.cookie.iter().map(|value| ("cookie", value.as_str()));
        let others = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in others.chain(cookie) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(b"\r\n").unwrap();
        stream
    }

    #[track_caller]
    fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        Answer::read(self.send(path, content_type, body))
    }
}

impl Answer {
    #[track_caller]
    fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    /// The document of a call that must succeed.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        serde_json::from_str(&self.text()).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    /// HTTP status and code of a call that must be refused.
    #[track_caller]
    pub fn refusal(&self) -> (u16, String) {
        assert_ne!(self.status, 200, "was not refused: {}", self.text());
        let document: Value = serde_json::from_str(&self.text()).unwrap_or_default();
        let code = document["error"]["code"].as_str().unwrap_or_default();
        (self.status, code.to_owned())
    }

    /// The body as text, put together where it came in chunks.
    pub fn text(&self) -> String {
        let body = String::from_utf8_lossy(&self.body).into_owned();
        if !self.head.to_lowercase().contains("transfer-encoding: chunked") {
            return body;
        }
        let mut lines = body.split("\r\n");
        let mut text = String::new();
        while let (Some(_), Some(chunk)) = (lines.next(), lines.next()) {
            text.push_str(chunk);
        }
        text
    }

    /// The header that sets a cookie.
    pub fn set_cookie(&self) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut cookies = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        cookies.next().map(|(_, value)| value.to_owned())
    }
}
