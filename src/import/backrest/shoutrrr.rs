//! Addresses of shoutrrr services as actions of the new config, those that there are.

use super::deeds::{Deed, Setting};

/// A service address, taken apart and decoded.
#[derive(Debug, Default, PartialEq, Eq)]
struct Address {
    service: String,
    user: String,
    password: String,
    host: String,
    path: Vec<String>,
    query: Vec<(String, String)>,
}

/// What the address stands for: one action for each place that is told.
///
/// # Errors
/// Why it stands for none; the address is not repeated, as it is mostly secret.
pub(super) fn deeds(url: &str) -> Result<Vec<Deed>, String> {
    let address = Address::read(url).ok_or("its shoutrrr address cannot be read")?;
    let found = match address.service.as_str() {
        "discord" => discord(&address),
        "telegram" => telegram(&address),
        "gotify" => gotify(&address),
        "ntfy" => ntfy(&address),
        "slack" => slack(&address),
        "smtp" => smtp(&address),
        "pushover" => pushover(&address),
        other => {
            let other: String = other.chars().take(40).collect();
            return Err(format!(
                "the shoutrrr service {other:?} has no action here; a webhook or a command may do"
            ));
        }
    };
    let deeds = found.unwrap_or_default();
    match deeds.is_empty() {
        true => Err(format!("its shoutrrr address of {} cannot be read", address.service)),
        false => Ok(deeds),
    }
}

impl Address {
    fn read(url: &str) -> Option<Self> {
        let (service, rest) = url.trim().split_once("://")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) = place.rsplit_once('@').unwrap_or(("", place));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name).to_ascii_lowercase(), decoded(&value.replace('+', " ")))
        };
        Some(Self {
            service: service.to_ascii_lowercase(),
            user: decoded(user),
            password: decoded(password),
            host: decoded(host),
            path: path.split('/').filter(|part| !part.is_empty()).map(decoded).collect(),
            query: query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect(),
        })
    }

    /// The first of these settings that is there.
    fn setting(&self, names: &[&str]) -> Option<&str> {
        let named = |name: &&str| self.query.iter().find(|(given, _)| given == name);
        names
            .iter()
            .find_map(named)
            .map(|(_, value)| value.as_str())
            .filter(|text| !text.is_empty())
    }

    fn switch(&self, names: &[&str]) -> Option<bool> {
        let given = self.setting(names)?.to_ascii_lowercase();
        Some(matches!(given.as_str(), "yes" | "true" | "1" | "on"))
    }

    fn list(&self, names: &[&str]) -> Vec<String> {
        let texts = self.setting(names).unwrap_or_default().split(',').map(str::trim);
        texts.filter(|text| !text.is_empty()).map(str::to_owned).collect()
    }
}

/// `%41` is `A`; what is none of that stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let code = more.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `discord://TOKEN@WEBHOOK`
fn discord(address: &Address) -> Option<Vec<Deed>> {
    let (token, id) = (&address.user, &address.host);
    let whole = !token.is_empty() && !id.is_empty();
    let url = format!("https://discord.com/api/webhooks/{id}/{token}");
    whole.then(|| vec![Deed::new("discord").secret("url", url)])
}

/// `telegram://NUMBER:TOKEN@telegram?chats=@one,2`
fn telegram(address: &Address) -> Option<Vec<Deed>> {
    let token = format!("{}:{}", address.user, address.password);
    let to =
        |chat: String| Deed::new("telegram").secret("token", token.clone()).text("chat-id", chat);
    let whole = !address.user.is_empty() && !address.password.is_empty();
    whole.then(|| address.list(&["chats", "channels"]).into_iter().map(to).collect())
}

/// `gotify://HOST/PATH/TOKEN`
fn gotify(address: &Address) -> Option<Vec<Deed>> {
    let (token, path) = address.path.split_last()?;
    let scheme = if address.switch(&["disabletls"]) == Some(true) { "http" } else { "https" };
    let url = [&[format!("{scheme}://{}", address.host)], path].concat().join("/");
    let deed = Deed::new("gotify").text("url", url).secret("token", token);
    let priority = address.setting(&["priority"]).and_then(|text| text.parse().ok());
    let deed = match priority {
        Some(priority) => deed.number("priority", priority, 0, 10),
        None => deed,
    };
    (!address.host.is_empty()).then(|| vec![deed])
}

/// `ntfy://USER:PASSWORD@HOST/TOPIC`; a token stands for the password of nobody.
fn ntfy(address: &Address) -> Option<Vec<Deed>> {
    let scheme = address.setting(&["scheme"]).unwrap_or("https");
    let topic = address.path.join("/");
    let whole =
        ["http", "https"].contains(&scheme) && !address.host.is_empty() && !topic.is_empty();
    let mut deed = Deed::new("ntfy").secret("url", format!("{scheme}://{}/{topic}", address.host));
    deed = match (address.user.as_str(), address.password.as_str()) {
        (_, "") => deed,
        ("", token) => deed.secret("token", token),
        (user, password) => deed.text("user", user).secret("password", password),
    };
    let priority = address.setting(&["priority"]).and_then(|text| match text {
        "min" => Some(1),
        "low" => Some(2),
        "default" => Some(3),
        "high" => Some(4),
        "max" | "urgent" => Some(5),
        number => number.parse().ok(),
    });
    if let Some(priority) = priority {
        deed = deed.number("priority", priority, 1, 5);
    }
    let tags = address.list(&["tags"]);
    if !tags.is_empty() {
        deed = deed.with("tags", Setting::List(tags));
    }
    whole.then(|| vec![deed])
}

/// `slack://hook:A-B-C@webhook`, or the older `slack://A/B/C`.
fn slack(address: &Address) -> Option<Vec<Deed>> {
    let parts: Vec<String> = match address.user.as_str() {
        "hook" => address.password.split('-').map(str::to_owned).collect(),
        _ => [std::slice::from_ref(&address.host), address.path.as_slice()].concat(),
    };
    let [a, b, c] = parts.as_slice() else { return None };
    let is_plain =
        |part: &&String| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let url = format!("https://hooks.slack.com/services/{a}/{b}/{c}");
    [a, b, c].iter().all(is_plain).then(|| vec![Deed::new("slack").secret("url", url)])
}

/// `smtp://USER:PASSWORD@HOST:PORT/?from=A&to=B,C`
fn smtp(address: &Address) -> Option<Vec<Deed>> {
    let (host, port) = address.host.split_once(':').unwrap_or((&address.host, ""));
    let port: Option<i64> = port.parse().ok();
    let from = address.setting(&["fromaddress", "from"])?;
    let to = address.list(&["toaddresses", "to"]);
    let mut deed = Deed::new("email").text("host", host);
    if let Some(port) = port {
        deed = deed.number("port", port, 1, 65_535);
    }
    deed = deed.text("security", security(address, port));
    if !address.user.is_empty() {
        deed = deed.text("user", &address.user);
        if !address.password.is_empty() {
            deed = deed.secret("password", &address.password);
        }
    }
    let whole = !host.is_empty() && !to.is_empty();
    whole.then(|| vec![deed.text("from", from).with("to", Setting::List(to))])
}

fn security(address: &Address, port: Option<i64>) -> &'static str {
    let starttls = address.switch(&["usestarttls", "starttls"]).unwrap_or(true);
    match address.setting(&["encryption"]).unwrap_or("auto").to_ascii_lowercase().as_str() {
        "implicittls" => "tls",
        "none" => "none",
        "explicittls" => "starttls",
        _ if port == Some(465) => "tls",
        _ if starttls => "starttls",
        _ => "none",
    }
}

/// `pushover://shoutrrr:TOKEN@USER/?devices=A,B`
fn pushover(address: &Address) -> Option<Vec<Deed>> {
    let (token, user) = (&address.password, &address.host);
    let deed = Deed::new("pushover").secret("token", token).secret("user-key", user);
    let deed = match address.setting(&["devices"]) {
        Some(devices) => deed.text("device", devices),
        None => deed,
    };
    (!token.is_empty() && !user.is_empty()).then(|| vec![deed])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::secrets::Secrets;
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    /// Each action with its settings, secrets in place of their files.
    fn read(url: &str) -> Vec<String> {
        let shown = |deed: &Deed| {
            let mut secrets = Secrets::new(Path::new("/s"));
            let mut text = format!("{} {}", deed.action, deed.value(&mut secrets, "h"));
            for file in &secrets.files {
                let path = format!("{:?}", file.path);
                text = text.replace(&path, &format!("<{}>", *file.content));
            }
            text
        };
        deeds(url).unwrap().iter().map(shown).collect()
    }

    #[test]
    fn the_usual_services_are_translated() {
        for (url, expected) in [
            (
                "discord://tok-en@1234",
                "discord { url-file = <https://discord.com/api/webhooks/1234/tok-en> }",
            ),
            (
                "gotify://g.example:8443/sub/AbC?priority=5",
                "gotify { url = \"https://g.example:8443/sub\", token-file = <AbC>, priority = 5 }",
            ),
            (
                "gotify://g.example/AbC?disableTLS=yes&priority=99",
                "gotify { url = \"http://g.example\", token-file = <AbC> }",
            ),
            (
                "ntfy://ntfy.sh/topic?priority=high&tags=a,b",
                "ntfy { url-file = <https://ntfy.sh/topic>, priority = 4, tags = [\"a\", \"b\"] }",
            ),
            (
                "ntfy://me:p%40ss@n.example/t?scheme=http",
                "ntfy { url-file = <http://n.example/t>, user = \"me\", password-file = <p@ss> }",
            ),
            (
                "ntfy://:tk_1@n.example/t",
                "ntfy { url-file = <https://n.example/t>, token-file = <tk_1> }",
            ),
            (
                "slack://hook:T1-B2-C3@webhook",
                "slack { url-file = <https://hooks.slack.com/services/T1/B2/C3> }",
            ),
            (
                "slack://bot@T1/B2/C3",
                "slack { url-file = <https://hooks.slack.com/services/T1/B2/C3> }",
            ),
            (
                "smtp://me:pw@mail.example:587/?from=a@b.c&to=d@e.f,g@h.i",
                "email { host = \"mail.example\", port = 587, security = \"starttls\", user = \"me\", password-file = <pw>, from = \"a@b.c\", to = [\"d@e.f\", \"g@h.i\"] }",
            ),
            (
                "smtp://mail.example:465/?fromAddress=a@b.c&toAddresses=d@e.f",
                "email { host = \"mail.example\", port = 465, security = \"tls\", from = \"a@b.c\", to = [\"d@e.f\"] }",
            ),
            (
                "pushover://shoutrrr:tok@user/?devices=phone",
                "pushover { token-file = <tok>, user-key-file = <user>, device = \"phone\" }",
            ),
        ] {
            assert_eq!(read(url), [expected], "{url}");
        }
        let chats = read("telegram://12:AA@telegram?chats=@home,-100");
        assert_eq!(chats[0], "telegram { token-file = <12:AA>, chat-id = \"@home\" }");
        assert!(chats[1].ends_with("chat-id = \"-100\" }"));
    }

    #[test]
    fn others_say_why_without_the_address() {
        for url in [
            "teams://secret@x",
            "slack://xoxb:s-e-cret@x",
            "telegram://secret@telegram",
            "nothing",
            "smtp://u:secret@h/",
        ] {
            let why = deeds(url).unwrap_err();
            assert!(!why.contains("secret"), "{why}");
        }
    }

    proptest! {
        #[test]
        fn any_address_is_read_or_refused(url in "(discord|telegram|gotify|ntfy|slack|smtp|pushover|x)://\\PC{0,40}(%[0-9a-g]{0,2})?\\PC{0,9}") {
            let _ = deeds(&url);
        }
    }
}
