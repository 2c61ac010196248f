//! `holdfast join`: preview, consent, pairing.

use super::{Client, Context, Exit, Failure, Output, parse, words};
use crate::api::{Grant, JoinRequest, Joined, Offer, PeerRequest, PreviewRequest};
use crate::grant::Grants;
use crate::model::Secret;
use crate::pairing::{Invitation, PeerUrl};
use std::path::PathBuf;

/// Pair with the instance that made a token
///
/// On a terminal it shows what this machine would get and what it is asked for, and asks. Without
/// one it never asks: without --allow or --accept-asks it grants nothing. Joining again changes
/// nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    holdfast join TOKEN --url https://nas.example\n  \
    holdfast join --token-file /run/secrets/token --url https://nas.example --accept-asks")]
pub(crate) struct Args {
    /// The token, or the link that carries it
    #[arg(required_unless_present = "token_file", value_name = "TOKEN")]
    token: Option<String>,
    /// Read it from a file; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// Where the other instance is reached; may be repeated
    #[arg(long, value_name = "URL")]
    url: Vec<PeerUrl>,
    /// What it may do here: PERM[=SCOPE,..]; may be repeated
    #[arg(long, value_name = "GRANT", value_parser = parse::grant)]
    allow: Vec<Grant>,
    /// Grant what it asks for
    #[arg(long)]
    accept_asks: bool,
    /// Where it may restore, or point a plan or a local repo; may be repeated
    #[arg(long, value_name = "DIR", value_parser = parse::path)]
    allow_path: Vec<String>,
}

impl Args {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let invitation = self.invitation()?;
        let token = invitation.token.reveal();
        let urls = self.urls(&invitation)?;
        let client = context.client().await?;
        let output = context.output;
        let mut grants = self.allow.clone();
        let decided = self.accept_asks || !grants.is_empty();
        let mut untold = Untold::default();
        if !decided && output.is_interactive() {
            let offer = preview(&client, &token, &urls).await?;
            match offer.paired {
                true => untold = Untold { asks: offer.asks, ..untold },
                false => grants = consent(output, &offer)?,
            }
        } else if !output.is_json() {
            untold = self.look(&client, &invitation, &urls).await;
        }
        let joined = self.join(&client, &token, urls, grants).await?;
        output.show(&joined, || rendered(&joined))?;
        if let Some(text) = untold.said(&joined) {
            output.note(&text);
        }
        Ok(ending(&joined))
    }

    /// What nobody is asked, before the token may be used up. That the listener does not tell it
    /// again is no failure: it is joined all the same, or that says why not.
    async fn look(&self, client: &Client, invitation: &Invitation, urls: &[String]) -> Untold {
        let peer = invitation.token.listener.to_string();
        let ignored = self.accept_asks && client.peers().show(PeerRequest { peer }).await.is_ok();
        if self.accept_asks && !ignored {
            return Untold::default();
        }
        let offer = preview(client, &invitation.token.reveal(), urls).await;
        Untold { asks: offer.map(|offer| offer.asks).unwrap_or_default(), ignored }
    }

    fn invitation(&self) -> Result<Invitation, Failure> {
        let text = match (&self.token, &self.token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(file)) => parse::secret_file(file)?,
            (None, None) => return Err(Failure::usage("no token", "give it, or --token-file")),
        };
        text.parse::<Invitation>().map_err(|error| {
            Failure::usage(error.to_string(), "copy the token between the quotes, or the link")
        })
    }

    fn urls(&self, invitation: &Invitation) -> Result<Vec<String>, Failure> {
        let urls: Vec<_> =
            self.url.iter().chain(&invitation.url).map(ToString::to_string).collect();
        if urls.is_empty() {
            let message = "the token does not say where its instance is";
            return Err(Failure::usage(message, "add --url https://HOST"));
        }
        Ok(urls)
    }

    async fn join(
        self,
        client: &Client,
        token: &Secret,
        urls: Vec<String>,
        grants: Vec<Grant>,
    ) -> Result<Joined, Failure> {
        let request = JoinRequest {
            token: token.expose().to_owned(),
            urls,
            grants,
            accept_asks: self.accept_asks,
            allowed_paths: self.allow_path,
        };
        Ok(client.peers().join(request).await?.into_inner())
    }
}

async fn preview(client: &Client, token: &Secret, urls: &[String]) -> Result<Offer, Failure> {
    let request = PreviewRequest { token: token.expose().to_owned(), urls: urls.to_vec() };
    Ok(client.peers().preview(request).await?.into_inner())
}

/// What the person grants: all asks, each as edited, or nothing at all happens.
fn consent(output: Output, offer: &Offer) -> Result<Vec<Grant>, Failure> {
    output.note(&offered(offer));
    let question = match offer.asks.is_empty() {
        true => format!("Pair with {}? [yes/no]", offer.instance),
        false => "Grant what it asks for, and pair? [yes/edit/no]".to_owned(),
    };
    loop {
        match output.ask(&question)?.to_lowercase().as_str() {
            "y" | "yes" => return Ok(offer.asks.clone()),
            "e" | "edit" if !offer.asks.is_empty() => return edited(output, &offer.asks),
            "n" | "no" | "" => {
                let message = "not paired; nothing was granted and the token is not used";
                return Err(Failure::local("declined", message, ""));
            }
            _ => {}
        }
    }
}

fn offered(offer: &Offer) -> String {
    let lines = |grants: &[Grant]| match grants {
        [] => "  nothing".to_owned(),
        _ => grants
            .iter()
            .map(|grant| format!("  {}", words::consent_line(grant)))
            .collect::<Vec<_>>()
            .join("\n"),
    };
    format!(
        "{} at {}\n{}\n\nThis machine may there:\n{}\n\nIt asks that it may here:\n{}\n",
        offer.instance,
        offer.url,
        offer.key_id,
        lines(&offer.grants),
        lines(&offer.asks),
    )
}

fn edited(output: Output, asks: &[Grant]) -> Result<Vec<Grant>, Failure> {
    let mut granted = Grants::none();
    for ask in asks {
        output.note(&words::consent_line(ask));
        granted.unite(edited_one(output, ask)?);
    }
    Ok(words::to_api(&granted))
}

fn edited_one(output: Output, ask: &Grant) -> Result<Grants, Failure> {
    loop {
        let question = "  Enter grants it, - drops it, or type other scopes:";
        let answer = output.ask_for_sure(question)?;
        let text = match answer.as_str() {
            "-" => return Ok(Grants::none()),
            "" => words::written(ask),
            scopes => format!("{}={scopes}", ask.permission),
        };
        match Grants::parse([text.as_str()]) {
            Ok(grants) => return Ok(grants),
            Err(error) => output.note(&error.to_string()),
        }
    }
}

/// Asks that nobody was shown.
#[derive(Debug, Default)]
struct Untold {
    asks: Vec<Grant>,
    /// They were accepted at large, but for a peer that is known already that grants nothing.
    ignored: bool,
}

impl Untold {
    /// What was not granted of them, and how that is done.
    fn said(&self, joined: &Joined) -> Option<String> {
        let missing = missing(&self.asks, &joined.granted);
        if missing.is_empty() && (!self.ignored || !self.asks.is_empty()) {
            return None;
        }
        let peer = &joined.peer;
        let why = match self.ignored {
            true => "; --accept-asks grants nothing where the two are paired already",
            false => "",
        };
        let wanted: Vec<_> =
            missing.iter().map(|ask| format!("'{}'", words::written(ask))).collect();
        Some(match wanted.as_slice() {
            [] => format!("nothing more was granted{why}: holdfast peer grant {peer} PERM=SCOPE"),
            some => {
                let some = some.join(" ");
                format!(
                    "asked for and not granted{why}; to grant: holdfast peer grant {peer} {some}"
                )
            }
        })
    }
}

/// What of the asks is not granted; an exception was made on purpose.
fn missing(asks: &[Grant], granted: &[Grant]) -> Vec<Grant> {
    let left = |ask: &Grant| {
        let Some(held) = granted.iter().find(|grant| grant.permission == ask.permission) else {
            return Some(ask.clone());
        };
        let has = |scope: &str| held.scopes.iter().any(|one| one == scope);
        let scopes = ask.scopes.iter().filter(|scope| !has(scope) && !has("*")).cloned();
        let left = Grant { scopes: scopes.collect(), ..ask.clone() };
        (!left.scopes.is_empty()).then_some(left)
    };
    asks.iter().filter_map(left).collect()
}

/// Paired is done, even if the link is not up yet; a refusal is not.
fn ending(joined: &Joined) -> Exit {
    match joined.state.as_str() {
        "refused" | "incompatible" => Exit::Failed,
        _ => Exit::Done,
    }
}

fn rendered(joined: &Joined) -> String {
    format!(
        "paired with {} ({}) at {}\nstate         {}\nit may here   {}\nwe may there  {}",
        joined.peer,
        joined.key_id,
        joined.url,
        words::marked(&joined.state, &joined.state),
        words::grants(&joined.granted),
        words::received(&joined.received),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_offer_names_both_directions() {
        let ask = Grant { permission: "send-shared-repos".to_owned(), scopes: Vec::new() };
        let offer = Offer {
            instance: "hub".to_owned(),
            url: "https://hub.example".to_owned(),
            asks: vec![ask],
            ..Offer::default()
        };
        let text = offered(&offer);
        assert!(text.contains("may there:\n  nothing"), "{text}");
        assert!(text.contains("may here:\n  send repos (send its shared repos)"), "{text}");
    }

    fn grant(permission: &str, scopes: &[&str]) -> Grant {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        Grant { permission: permission.to_owned(), scopes }
    }

    #[test]
    fn what_was_asked_for_and_not_granted_is_said_with_its_command() {
        let asks = vec![
            grant("read-operations", &["*"]),
            grant("send-shared-repos", &[]),
            grant("read-files", &["repo:a", "repo:b"]),
        ];
        let joined = |granted: &[Grant]| Joined {
            peer: "hub".to_owned(),
            granted: granted.to_vec(),
            ..Joined::default()
        };
        let untold = Untold { asks, ignored: false };
        let some = [grant("read-operations", &["*", "!repo:x"]), grant("read-files", &["repo:a"])];
        assert_eq!(
            untold.said(&joined(&some)).unwrap(),
            "asked for and not granted; to grant: holdfast peer grant hub 'send-shared-repos' \
             'read-files=repo:b'"
        );
        assert_eq!(untold.said(&joined(&untold.asks)), None);
        assert_eq!(Untold::default().said(&joined(&[])), None);
    }

    #[test]
    fn accepted_asks_that_grant_nothing_more_are_said() {
        let hub = Joined { peer: "hub".to_owned(), ..Joined::default() };
        let unknown = Untold { asks: Vec::new(), ignored: true };
        let said = unknown.said(&hub).unwrap();
        assert!(said.ends_with("paired already: holdfast peer grant hub PERM=SCOPE"), "{said}");
        let known = Untold { asks: vec![grant("read-config", &["*"])], ignored: true };
        let said = known.said(&hub).unwrap();
        assert!(said.contains("--accept-asks grants nothing"), "{said}");
        assert!(said.ends_with("holdfast peer grant hub 'read-config=*'"), "{said}");
        let granted = Joined { granted: known.asks.clone(), ..hub };
        assert_eq!(known.said(&granted), None);
    }

    #[test]
    fn a_refused_pairing_fails_and_one_that_is_offline_does_not() {
        let of = |state: &str| ending(&Joined { state: state.to_owned(), ..Joined::default() });
        assert_eq!(of("connected"), Exit::Done);
        assert_eq!(of("offline"), Exit::Done);
        assert_eq!(of("refused"), Exit::Failed);
    }
}
