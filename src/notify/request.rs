//! Which request tells a service: addresses, headers, bodies, and what each service limits or would
//! take for markup.

use super::{Action, Context, Event, Message, Settings, Severity, TemplateError, Words, render};
use serde_json::{Value, json};

/// What is sent. C2: there is no `Debug`; address, headers and body may each hold a secret.
pub struct Request {
    /// The method.
    pub method: String,
    /// The address.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// Characters of a text that Slack shows without cutting it itself.
const SLACK_TEXT: usize = 4_000;
/// Characters of `content` (Discord's documentation of "Execute Webhook").
const DISCORD_TEXT: usize = 2_000;
/// Characters of `text` (Telegram's `sendMessage`).
const TELEGRAM_TEXT: usize = 4_096;
/// Bytes of a message; a longer one would become an attachment.
const NTFY_MESSAGE: usize = 4_096;
/// Characters of a message and of a title (Pushover's "Limits").
const PUSHOVER_MESSAGE: usize = 1_024;
const PUSHOVER_TITLE: usize = 250;
/// No service shows more of a title.
const TITLE: usize = 250;
/// Bytes: an event of Matrix has at most 64 KiB, quoted and signed.
const MATRIX_TEXT: usize = 16_000;
/// Bytes of a body that a healthchecks server keeps.
const HEALTHCHECKS_BODY: usize = 100_000;
/// Characters of what Uptime Kuma shows of a beat.
const KUMA_TEXT: usize = 200;
/// Characters that a Gotify client shows with ease.
const GOTIFY_TEXT: usize = 10_000;

/// The request of a message. `None` where the service has nothing for such an event, and for actions
/// that are no request.
///
/// # Errors
/// The template of a webhook's body has a fault.
pub fn request(
    action: Action,
    settings: &Settings,
    message: &Message,
) -> Result<Option<Request>, TemplateError> {
    Ok(match action {
        Action::Command | Action::Email => None,
        Action::Webhook => Some(webhook(settings, message)?),
        Action::Slack => Some(slack(settings, message)),
        Action::Discord => Some(discord(settings, message)),
        Action::Telegram => Some(telegram(settings, message)),
        Action::Gotify => Some(gotify(settings, message)),
        Action::Ntfy => Some(ntfy(settings, message)),
        Action::Pushover => Some(pushover(settings, message)),
        Action::Matrix => Some(matrix(settings, message)),
        Action::Healthchecks => healthchecks(settings, message),
        Action::UptimeKuma => uptime_kuma(settings, message),
    })
}

fn post(url: impl Into<String>, content_type: &str, body: String) -> Request {
    let headers = vec![("content-type".to_owned(), content_type.to_owned())];
    Request { method: "POST".to_owned(), url: url.into(), headers, body }
}

fn post_json(url: impl Into<String>, body: &Value) -> Request {
    post(url, "application/json", body.to_string())
}

impl Request {
    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

fn webhook(settings: &Settings, message: &Message) -> Result<Request, TemplateError> {
    let (body, content) = webhook_body(settings, message)?;
    let method = settings.get("method").unwrap_or("POST").to_owned();
    let mut request =
        Request { method, url: settings.text("url").to_owned(), headers: Vec::new(), body };
    if ["GET", "HEAD"].contains(&request.method.as_str()) {
        request.body.clear();
    }
    let given = settings.table("headers");
    if !request.body.is_empty()
        && !given.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-type"))
    {
        request = request.with("content-type", content);
    }
    for (name, value) in given {
        request = request.with(name, value);
    }
    Ok(request)
}

/// By the webhook's own template, else in the words of its channel or hook, else our document; with
/// what it is.
fn webhook_body(
    settings: &Settings,
    message: &Message,
) -> Result<(String, &'static str), TemplateError> {
    const JSON: &str = "application/json";
    if let Some(template) = settings.get("body") {
        return Ok((render(template, &together(message))?, JSON));
    }
    if message.words == Words::Owners {
        let is_json = serde_json::from_str::<Value>(&message.body).is_ok();
        let content = if is_json { JSON } else { "text/plain; charset=utf-8" };
        return Ok((message.body.clone(), content));
    }
    let mut document = together(message).document();
    if !message.parts.is_empty() {
        document["messages"] = message.parts.iter().map(Context::document).collect();
    }
    Ok((document.to_string(), JSON))
}

/// What a message is about; of several, the worst with the text of all.
fn together(message: &Message) -> Context {
    let context = message.context.clone();
    match message.parts.is_empty() {
        true => context,
        false => Context { message: message.body.clone(), remedy: None, ..context },
    }
}

fn slack(settings: &Settings, message: &Message) -> Request {
    // The three characters that mean something to Slack; each may become five of them.
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let text = escaped_within(SLACK_TEXT, &whole(message), escape);
    post_json(settings.text("url"), &json!({ "text": text, "mrkdwn": false }))
}

fn discord(settings: &Settings, message: &Message) -> Request {
    let content = escaped_within(DISCORD_TEXT, &whole(message), escape_markdown);
    // Nobody is called by what an error message happens to say.
    let body = json!({ "content": content, "allowed_mentions": { "parse": [] } });
    post_json(settings.text("url"), &body)
}

fn escape_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '#' | '[' | ']') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn telegram(settings: &Settings, message: &Message) -> Request {
    let base = settings.get("url").unwrap_or("https://api.telegram.org").trim_end_matches('/');
    let url = format!("{base}/bot{}/sendMessage", settings.text("token"));
    // Without a parse mode nothing in it is markup.
    let mut body = json!({
        "chat_id": settings.text("chat-id"),
        "text": cut_chars(&whole(message), TELEGRAM_TEXT),
        "disable_notification": message.severity == Severity::Info,
        "link_preview_options": { "is_disabled": true },
    });
    if let Some(thread) = settings.number("thread-id") {
        body["message_thread_id"] = thread.into();
    }
    post_json(url, &body)
}

fn gotify(settings: &Settings, message: &Message) -> Request {
    let url = format!("{}/message", settings.text("url").trim_end_matches('/'));
    let by_severity = match message.severity {
        Severity::Info => 2,
        Severity::Warning => 5,
        Severity::Error => 8,
    };
    let body = json!({
        "title": cut_chars(&message.title, TITLE),
        "message": cut_chars(&text(message), GOTIFY_TEXT),
        "priority": settings.number("priority").unwrap_or(by_severity),
    });
    post_json(url, &body).with("x-gotify-key", settings.text("token"))
}

fn ntfy(settings: &Settings, message: &Message) -> Request {
    // As JSON to the server itself: a header cannot carry every title.
    let url = settings.text("url").trim_end_matches('/');
    let (server, topic) = url.rsplit_once('/').unwrap_or((url, ""));
    let (priority, tag) = match message.severity {
        Severity::Info => (3, "white_check_mark"),
        Severity::Warning => (4, "warning"),
        Severity::Error => (5, "rotating_light"),
    };
    let tags = settings.list("tags");
    let body = json!({
        "topic": topic,
        "title": cut_chars(&message.title, TITLE),
        "message": cut_bytes(&text(message), NTFY_MESSAGE),
        "priority": settings.number("priority").unwrap_or(priority),
        "tags": if tags.is_empty() { vec![tag] } else { tags },
    });
    let request = post_json(format!("{server}/"), &body);
    match (settings.get("token"), settings.get("user")) {
        (Some(token), _) => request.with("authorization", format!("Bearer {token}")),
        (None, Some(user)) => request.with("authorization", basic(user, settings.text("password"))),
        (None, None) => request,
    }
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {pair}")
}

fn pushover(settings: &Settings, message: &Message) -> Request {
    let base = settings.get("url").unwrap_or("https://api.pushover.net").trim_end_matches('/');
    let by_severity = match message.severity {
        Severity::Info => -1,
        Severity::Warning => 0,
        Severity::Error => 1,
    };
    let priority = settings.number("priority").unwrap_or(by_severity).to_string();
    let (title, text) =
        (cut_chars(&message.title, PUSHOVER_TITLE), cut_chars(&text(message), PUSHOVER_MESSAGE));
    let mut fields = vec![
        ("token", settings.text("token")),
        ("user", settings.text("user-key")),
        ("title", &title),
        ("message", &text),
        ("priority", &priority),
    ];
    for optional in ["device", "sound"] {
        fields.extend(settings.get(optional).map(|value| (optional, value)));
    }
    let body: Vec<_> =
        fields.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
    post(format!("{base}/1/messages.json"), "application/x-www-form-urlencoded", body.join("&"))
}

fn matrix(settings: &Settings, message: &Message) -> Request {
    let base = settings.text("url").trim_end_matches('/');
    // The same transaction id twice is one message: sent again after a crash, it is seen once.
    let url = format!(
        "{base}/_matrix/client/v3/rooms/{}/send/m.room.message/{}",
        percent(settings.text("room")),
        percent(&message.id)
    );
    let body = json!({ "msgtype": "m.text", "body": cut_bytes(&whole(message), MATRIX_TEXT) });
    let request = post_json(url, &body);
    let request = request.with("authorization", format!("Bearer {}", settings.text("token")));
    Request { method: "PUT".to_owned(), ..request }
}

/// Start, success or failure of a run, told apart from other runs by the operation's id.
fn healthchecks(settings: &Settings, message: &Message) -> Option<Request> {
    let event = message.context.event()?;
    let end = match (event, event.severity()) {
        // A test turns no check red.
        _ if message.context.test => "/log",
        (Event::BackupStarted, _) => "/start",
        (Event::BackupSkipped | Event::PeerOnline, _) => "/log",
        (Event::BackupWarning, _) | (_, Severity::Info) => "",
        (_, Severity::Warning | Severity::Error) => "/fail",
    };
    let url = settings.text("url").trim_end_matches('/');
    let run = message.context.operation.as_ref().map(|id| format!("?rid={id}"));
    let body = format!("{}\n\n{}", whole(message), message.log);
    let body = cut_bytes(body.trim_end(), HEALTHCHECKS_BODY);
    let url = format!("{url}{end}{}", run.unwrap_or_default());
    Some(post(url, "text/plain; charset=utf-8", body))
}

/// A beat: up, or down with a reason. A start is neither.
fn uptime_kuma(settings: &Settings, message: &Message) -> Option<Request> {
    let event = message.context.event()?;
    let status = match (event, event.severity()) {
        // A test turns no monitor red.
        _ if message.context.test => "up",
        (Event::BackupStarted | Event::BackupSkipped, _) => return None,
        (Event::BackupWarning | Event::Anomaly, _) | (_, Severity::Info) => "up",
        (_, Severity::Warning | Severity::Error) => "down",
    };
    let url = settings.text("url");
    // What is copied from its page has a query of its own, which this replaces.
    let url = url.split_once('?').map_or(url, |(url, _)| url);
    let said = if message.body.is_empty() { &message.title } else { &message.body };
    let text = percent(&cut_chars(said, KUMA_TEXT));
    let ping = message.context.duration_ms.map(|ms| format!("&ping={ms}")).unwrap_or_default();
    let url = format!("{url}?status={status}&msg={text}{ping}");
    Some(Request { method: "GET".to_owned(), url, headers: Vec::new(), body: String::new() })
}

/// Title and text, for services without a title.
fn whole(message: &Message) -> String {
    if message.body.is_empty() {
        return message.title.clone();
    }
    format!("{}\n{}", message.title, message.body)
}

/// The text, for services that want one beside the title.
fn text(message: &Message) -> String {
    if message.body.is_empty() { message.title.clone() } else { message.body.clone() }
}

const CUT: &str = "…";

fn cut_chars(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(CUT.chars()).collect()
}

pub(super) fn cut_bytes(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most - CUT.len()).rev().find(|&at| text.is_char_boundary(at));
    format!("{}{CUT}", &text[..end.unwrap_or(0)])
}

/// As much of a text as fits once it is escaped, and never half an escape.
fn escaped_within(most: usize, text: &str, escape: impl Fn(&str) -> String) -> String {
    let whole = escape(text);
    if whole.chars().count() <= most {
        return whole;
    }
    let (mut escaped, mut used) = (String::new(), CUT.chars().count());
    for character in text.chars() {
        let next = escape(character.encode_utf8(&mut [0; 4]));
        used += next.chars().count();
        if used > most {
            break;
        }
        escaped.push_str(&next);
    }
    escaped + CUT
}

/// As one part of a path, or a value of a query or form.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::{Secret, Timestamp};
    use crate::notify::{Context, Given, Wording};
    use proptest::prelude::*;

    fn settings(pairs: &[(&'static str, &str)]) -> Settings {
        let mut settings = Settings::default();
        for (name, value) in pairs {
            settings.insert(name, Given::Text(Secret::new((*value).to_owned())));
        }
        settings
    }

    fn message(event: Event, text: &str) -> Message {
        let mut context = Context::new(event, "nas", Timestamp::EPOCH);
        context.plan = Some("home".to_owned());
        context.message = text.to_owned();
        context.operation = Some("0198c0de-0000-7000-8000-000000000001".to_owned());
        context.duration_ms = Some(1500);
        Message::new(context, &Wording::default(), "m1").unwrap()
    }

    fn made(action: Action, pairs: &[(&'static str, &str)], message: &Message) -> Request {
        request(action, &settings(pairs), message).unwrap().unwrap()
    }

    fn json_of(request: &Request) -> Value {
        serde_json::from_str(&request.body).unwrap()
    }

    fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
        request.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    const URL: (&str, &str) = ("url", "https://s.example/T0/secret");
    const TOKEN: (&str, &str) = ("token", "tok");

    #[test]
    fn a_webhook_has_the_document_of_the_contract_unless_the_owner_says_otherwise() {
        let failed = message(Event::BackupFailed, "no space");
        let plain = made(Action::Webhook, &[URL], &failed);
        assert_eq!((plain.method.as_str(), plain.url.as_str()), ("POST", URL.1));
        assert_eq!(json_of(&plain)["event"], "backup-failed");
        assert_eq!(header(&plain, "content-type"), Some("application/json"));
        let mut own = settings(&[URL, ("method", "PUT"), ("body", "{{ plan }}={{ state }}")]);
        let table = vec![("Content-Type".to_owned(), Secret::new("text/plain".to_owned()))];
        own.insert("headers", Given::Table(table));
        let own = request(Action::Webhook, &own, &failed).unwrap().unwrap();
        assert_eq!((own.method.as_str(), own.body.as_str()), ("PUT", "home="));
        assert_eq!((header(&own, "Content-Type"), own.headers.len()), (Some("text/plain"), 1));
        assert!(made(Action::Webhook, &[URL, ("method", "GET")], &failed).body.is_empty());
    }

    #[test]
    fn a_webhook_without_a_body_of_its_own_has_that_of_its_channel() {
        let of = |body: &str, pairs: &[(&'static str, &str)]| {
            let context = message(Event::BackupFailed, "no space").context;
            let wording = Wording { title: None, body: Some(body.to_owned()) };
            made(Action::Webhook, pairs, &Message::new(context, &wording, "m1").unwrap())
        };
        let text = of("{{ plan }}: {{ message }}", &[URL]);
        assert_eq!(text.body, "home: no space");
        assert_eq!(header(&text, "content-type"), Some("text/plain; charset=utf-8"));
        let json = of(r#"{"what": {{ message|tojson }}}"#, &[URL]);
        assert_eq!(header(&json, "content-type"), Some("application/json"));
        assert_eq!(of("{{ plan }}", &[URL, ("body", "own")]).body, "own");
    }

    #[test]
    fn several_messages_are_one_document_with_the_worst_above_and_each_in_it() {
        let both =
            vec![message(Event::BackupSucceeded, "good"), message(Event::BackupFailed, "full")];
        let one = crate::notify::digest(both).unwrap();
        let document = json_of(&made(Action::Webhook, &[URL], &one));
        assert_eq!(document["event"], "backup-failed");
        let said = document["message"].as_str().unwrap();
        assert!(said.contains("good") && said.contains("full"), "{said}");
        assert_eq!(document["messages"][0]["message"], "good");
        assert_eq!(document["messages"][1]["event"], "backup-failed");
        let own = made(Action::Webhook, &[URL, ("body", "{{ message }}")], &one);
        assert!(own.body.contains("good") && own.body.contains("full"), "{}", own.body);
    }

    #[test]
    fn slack_is_escaped_and_discord_calls_nobody() {
        let odd = message(Event::BackupFailed, "<!channel> & @everyone *bold* a_b");
        let slack = json_of(&made(Action::Slack, &[URL], &odd));
        let text = slack["text"].as_str().unwrap();
        assert!(text.ends_with("&lt;!channel&gt; &amp; @everyone *bold* a_b"), "{text}");
        let discord = json_of(&made(Action::Discord, &[URL], &odd));
        assert_eq!(discord["allowed_mentions"]["parse"], json!([]));
        let text = discord["content"].as_str().unwrap();
        assert!(text.ends_with("<!channel\\> & @everyone \\*bold\\* a\\_b"), "{text}");
    }

    #[test]
    fn telegram_gotify_and_ntfy_are_told_where_and_how_loud() {
        let failed = message(Event::BackupFailed, "no space");
        let telegram = made(Action::Telegram, &[TOKEN, ("chat-id", "-100")], &failed);
        assert_eq!(telegram.url, "https://api.telegram.org/bottok/sendMessage");
        assert_eq!(json_of(&telegram)["chat_id"], "-100");
        assert_eq!(json_of(&telegram)["text"], "nas home: backup failed\nno space");
        let gotify = made(Action::Gotify, &[("url", "https://g.example/"), TOKEN], &failed);
        assert_eq!(gotify.url, "https://g.example/message");
        assert_eq!(header(&gotify, "x-gotify-key"), Some("tok"));
        assert_eq!(json_of(&gotify)["priority"], 8);
        let url = ("url", "https://ntfy.example/backups");
        let ntfy = made(Action::Ntfy, &[url, TOKEN, ("priority", "2")], &failed);
        assert_eq!(ntfy.url, "https://ntfy.example/");
        assert_eq!(
            (&json_of(&ntfy)["topic"], &json_of(&ntfy)["priority"]),
            (&json!("backups"), &json!(2))
        );
        assert_eq!(header(&ntfy, "authorization"), Some("Bearer tok"));
        let by_user = made(Action::Ntfy, &[url, ("user", "u"), ("password", "p")], &failed);
        assert_eq!(header(&by_user, "authorization"), Some("Basic dTpw"));
    }

    #[test]
    fn pushover_and_matrix_are_encoded() {
        let failed = message(Event::BackupFailed, "a&b=ü");
        let pushover = made(Action::Pushover, &[TOKEN, ("user-key", "u k")], &failed);
        assert_eq!(pushover.url, "https://api.pushover.net/1/messages.json");
        assert!(pushover.body.contains("user=u%20k&"), "{}", pushover.body);
        assert!(pushover.body.contains("&message=a%26b%3D%C3%BC&priority=1"), "{}", pushover.body);
        let room = [("url", "https://m.example"), TOKEN, ("room", "!a/b:m.example")];
        let matrix = made(Action::Matrix, &room, &failed);
        assert_eq!(matrix.method, "PUT");
        assert_eq!(
            matrix.url,
            "https://m.example/_matrix/client/v3/rooms/%21a%2Fb%3Am.example/send/m.room.message/m1"
        );
    }

    #[test]
    fn healthchecks_hears_start_success_and_failure_of_one_run() {
        let of = |event| {
            let mut message = message(event, "said");
            message.log = "the log".to_owned();
            made(Action::Healthchecks, &[("url", "https://hc.example/uuid/")], &message)
        };
        let rid = "?rid=0198c0de-0000-7000-8000-000000000001";
        for (event, end) in [
            (Event::BackupStarted, "/start"),
            (Event::BackupSucceeded, ""),
            (Event::BackupWarning, ""),
            (Event::BackupFailed, "/fail"),
            (Event::Stale, "/fail"),
            (Event::BackupSkipped, "/log"),
        ] {
            assert_eq!(of(event).url, format!("https://hc.example/uuid{end}{rid}"), "{event}");
        }
        assert!(of(Event::BackupFailed).body.ends_with("said\n\nthe log"));
    }

    #[test]
    fn a_test_turns_no_check_red() {
        let mut test = message(Event::BackupFailed, "said");
        test.context.test = true;
        let url = ("url", "https://x.example/y");
        assert!(made(Action::Healthchecks, &[url], &test).url.contains("/y/log?rid="));
        assert!(made(Action::UptimeKuma, &[url], &test).url.contains("status=up"));
    }

    #[test]
    fn uptime_kuma_is_up_or_down_and_a_start_is_neither() {
        let push = ("url", "https://k.example/api/push/abc?status=up&msg=OK&ping=");
        let of = |event| request(Action::UptimeKuma, &settings(&[push]), &message(event, "a b"));
        let down = of(Event::BackupFailed).unwrap().unwrap();
        assert_eq!(down.url, "https://k.example/api/push/abc?status=down&msg=a%20b&ping=1500");
        assert!(of(Event::Recovered).unwrap().unwrap().url.contains("status=up"));
        assert!(of(Event::BackupStarted).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn no_service_is_sent_more_than_it_takes(text in "(<|&|_|ü|😀|x){0,6000}") {
            let long = message(Event::BackupFailed, &text);
            let chars = |value: &Value| value.as_str().unwrap().chars().count();
            let slack = json_of(&made(Action::Slack, &[URL], &long));
            prop_assert!(chars(&slack["text"]) <= SLACK_TEXT);
            // An escape is never cut in half.
            let unescaped = slack["text"].as_str().unwrap().replace("&lt;", "").replace("&amp;", "");
            prop_assert!(!unescaped.contains('&'));
            let discord = json_of(&made(Action::Discord, &[URL], &long));
            prop_assert!(chars(&discord["content"]) <= DISCORD_TEXT);
            let telegram = json_of(&made(Action::Telegram, &[TOKEN], &long));
            prop_assert!(chars(&telegram["text"]) <= TELEGRAM_TEXT);
            let ntfy = json_of(&made(Action::Ntfy, &[URL], &long));
            prop_assert!(ntfy["message"].as_str().unwrap().len() <= NTFY_MESSAGE);
            let matrix = json_of(&made(Action::Matrix, &[URL, TOKEN], &long));
            prop_assert!(matrix["body"].as_str().unwrap().len() <= MATRIX_TEXT);
            let kuma = made(Action::UptimeKuma, &[URL], &long);
            prop_assert!(kuma.url.len() <= KUMA_TEXT * 12 + 100);
            prop_assert!(cut_chars(&text, PUSHOVER_MESSAGE).chars().count() <= PUSHOVER_MESSAGE);
        }
    }
}
