//! What is said: by the owner's template, else in our words.

use super::{Context, Severity, TemplateError, render};

/// The owner's templates; ours where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wording {
    /// Of the title.
    pub title: Option<String>,
    /// Of the text.
    pub body: Option<String>,
}

/// A message, ready for any service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line.
    pub title: String,
    /// The text below.
    pub body: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about; of several, the first.
    pub context: Context,
    /// Its name: two sendings of one message have the same, where a service can tell by it.
    pub id: String,
    /// The end of the operation's log, for services that keep one.
    pub log: String,
    /// Whose words the text is in.
    pub words: Words,
    /// What each of several is about; of one message nothing.
    pub parts: Vec<Context>,
}

/// Whose words a text is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// Ours.
    Ours,
    /// The owner's: a template.
    Owners,
}

impl Message {
    /// Says an event.
    ///
    /// # Errors
    /// A template of the owner has a fault.
    pub fn new(
        context: Context,
        wording: &Wording,
        id: impl Into<String>,
    ) -> Result<Self, TemplateError> {
        let by = |template: &Option<String>| {
            template.as_ref().map(|text| render(text, &context)).transpose()
        };
        let title = by(&wording.title)?.unwrap_or_else(|| title(&context));
        let body = by(&wording.body)?.unwrap_or_else(|| body(&context));
        // A title with two lines would be two headers of a mail.
        let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
        let (severity, id, log) = (context.severity(), id.into(), String::new());
        let words = if wording.body.is_some() { Words::Owners } else { Words::Ours };
        Ok(Self { title, body, severity, context, id, log, words, parts: Vec::new() })
    }
}

/// Several messages as one: the worst gives its title, each has a paragraph. `None` of none.
#[must_use]
pub fn digest(messages: Vec<Message>) -> Option<Message> {
    let count = messages.len();
    let worst = messages.iter().max_by_key(|message| message.severity)?.clone();
    if count == 1 {
        return Some(worst);
    }
    let paragraph = |message: &Message| {
        let (at, title, body) = (&message.context.at, &message.title, &message.body);
        if body.is_empty() { format!("{at} {title}") } else { format!("{at} {title}\n{body}") }
    };
    let body = messages.iter().map(paragraph).collect::<Vec<_>>().join("\n\n");
    let title = format!("{count} messages, the worst: {}", worst.title);
    let parts = messages.into_iter().map(|message| message.context).collect();
    Some(Message { title, body, log: String::new(), parts, ..worst })
}

fn title(context: &Context) -> String {
    let test = if context.test { "test: " } else { "" };
    let still = if context.reminder { "still: " } else { "" };
    let event = context.event().map_or_else(|| context.event.clone(), |event| event.sentence());
    let subject = match (&context.plan, &context.repo) {
        (Some(plan), _) => format!(" {plan}:"),
        (None, Some(repo)) => format!(" {repo}:"),
        (None, None) => ":".to_owned(),
    };
    format!("{test}{still}{}{subject} {event}", context.instance)
}

fn body(context: &Context) -> String {
    let mut lines = Vec::new();
    if !context.message.is_empty() {
        lines.push(context.message.clone());
    }
    if let Some(stats) = &context.stats {
        lines.push(stats.sentence());
    }
    if let Some(since) = &context.since {
        lines.push(format!("Since {since}."));
    }
    if let Some(remedy) = &context.remedy {
        lines.push(remedy.clone());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::notify::{Event, StatsContext};

    fn context(event: Event) -> Context {
        let mut context = Context::new(event, "nas", Timestamp::EPOCH);
        context.plan = Some("home".to_owned());
        context
    }

    fn message(context: Context) -> Message {
        Message::new(context, &Wording::default(), "1").unwrap()
    }

    #[test]
    fn our_words_say_what_where_and_what_to_do() {
        let mut failed = context(Event::BackupFailed);
        failed.message = "no space".to_owned();
        failed.remedy = Some("Free some.".to_owned());
        let said = message(failed);
        assert_eq!(said.title, "nas home: backup failed");
        assert_eq!(said.body, "no space\nFree some.");
        let mut good = context(Event::BackupSucceeded);
        good.stats = Some(StatsContext { files_new: 2, bytes_added: 1536, ..Default::default() });
        assert_eq!(message(good).body, "2 files, 0 B looked at, 1.5 KiB added");
        let test = Context { test: true, plan: None, ..context(Event::Late) };
        assert_eq!(message(test).title, "test: nas: late");
    }

    #[test]
    fn a_title_is_one_line_whatever_its_template_says() {
        let wording = Wording { title: Some("a\r\nBcc: x\n{{ plan }}".to_owned()), body: None };
        let said = Message::new(context(Event::Late), &wording, "1").unwrap();
        assert_eq!(said.title, "a Bcc: x home");
    }

    #[test]
    fn a_digest_has_every_message_and_the_title_of_the_worst() {
        let all = [Event::BackupSucceeded, Event::BackupFailed, Event::Late].map(context);
        let one = digest(all.into_iter().map(message).collect()).unwrap();
        assert_eq!(one.title, "3 messages, the worst: nas home: backup failed");
        assert_eq!(one.body.matches("nas home").count(), 3);
        assert_eq!(one.severity, Severity::Error);
        assert_eq!(digest(Vec::new()), None);
        let single = message(context(Event::Late));
        assert_eq!(digest(vec![single.clone()]), Some(single));
    }
}
